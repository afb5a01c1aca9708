"""The same as ``python -m heracles_mm.cli.roofline``, also where it is not installed."""

from _checkout import run

if __name__ == '__main__':
    run('roofline')
