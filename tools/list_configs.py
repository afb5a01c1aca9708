"""The same as ``python -m heracles_mm.cli.list_configs``, also where it is not installed."""

from _checkout import run

if __name__ == '__main__':
    run('list_configs')
