"""Do the classes of data and model agree?"""

from collections.abc import Sequence
from typing import Any

from heracles_mm.data_checks.listing import shortened


def class_fault(classes: Any, numbers: Sequence[tuple[str, int]], owner: str) -> str | None:
    """Return one sentence about classes that are no names or not as many as needed, or None.

    Args:
        classes: of the data; None where they do not say.
        numbers: the config's option and its value, for each that must be the number of classes.
        owner: what has the classes.
    """
    if classes is None:
        return None
    if isinstance(classes, str):
        return (
            f'the classes of {owner} are the text {classes!r}: a single class is written with a '
            f'comma, metainfo=dict(classes=({classes!r},))'
        )
    if len(classes) == 0:
        return f'the data of {owner} have no classes: name them with metainfo=dict(classes=(...))'
    for option, number in numbers:
        if number != len(classes):
            return (
                f'{owner} has {len(classes)} classes ({shortened(list(classes))}) and {option} is '
                f'{number}: make them equal, by --cfg-options {option}={len(classes)} or by '
                'metainfo=dict(classes=(...)) of the data sets'
            )
    return None
