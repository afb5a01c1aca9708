"""The one error of this package."""


class BenchmarkError(Exception):
    """Something that the user can put right; the message is one sentence saying how."""
