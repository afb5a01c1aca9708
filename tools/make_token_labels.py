"""The same as ``python -m heracles_mm.cli.make_token_labels``, also where it is not installed."""

from _checkout import run

if __name__ == '__main__':
    run('make_token_labels')
