"""A misspelt option is an error that names the right ones."""

from collections.abc import Iterable


def reject_unknown(owner: str, unknown: Iterable[str], allowed: Iterable[str]) -> None:
    """Raise a TypeError that lists the allowed options if any is unknown.

    Args:
        owner: name of the class that was given the options.
        unknown: names of the options nobody took.
        allowed: names of the options there are.

    Raises:
        TypeError: ``unknown`` is not empty.
    """
    names = sorted(unknown)
    if names:
        raise TypeError(f'{owner} has no option {", ".join(names)}; it has {", ".join(allowed)}')
