"""The command lines of this package, each a module with ``main(argv=None)``."""
