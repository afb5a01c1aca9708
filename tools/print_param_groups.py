"""The same as ``python -m heracles_mm.cli.print_param_groups``, also where it is not installed."""

from _checkout import run

if __name__ == '__main__':
    run('print_param_groups')
