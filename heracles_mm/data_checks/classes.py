"""Do the classes of data and model agree, and has each class its pictures?"""

import os
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from heracles_mm.data_checks.findings import Odd, missing_files, missing_pictures, shortened


def class_findings(
    classes: Any,
    counts: Sequence[tuple[str, int]],
    holder: str,
    least: float,
    most: float,
    key: str = 'classes',
) -> Iterator[str]:
    """Find ``classes`` of ``holder`` that are no names, or not as many as each of ``counts``.

    ``classes`` is None where the data do not say; ``counts`` are options and their values. Below
    ``least`` and above ``most`` another number is certainly wrong, and between them odd; where both
    are the number of classes, every other one is wrong. ``key`` is that of ``metainfo``.
    """
    if isinstance(classes, str):
        yield (
            f'the classes of {holder} are the text {classes!r}: a single class is written with a '
            f'comma, metainfo=dict(classes=({classes!r},))'
        )
    elif classes is not None and len(classes) == 0 and key == 'classes':
        yield f'the data of {holder} have no classes: name them with metainfo=dict(classes=(...))'
    elif classes is not None:
        for option, number in counts:
            if number != len(classes):
                text = (
                    f'{holder} has {len(classes)} {key} ({shortened(classes)}) and '
                    f'{option} is {number}: make them equal, by --cfg-options '
                    f'{option}={len(classes)} or by metainfo=dict({key}=(...)) of the data sets'
                )
                yield Odd(text) if least <= number <= most else text


def metainfo_findings(option: str, metainfo: Any) -> Iterator[str]:
    """Find names in ``metainfo``, of the data set at ``option`` of a config, that nobody reads."""
    for old, new in (('CLASSES', 'classes'), ('PALETTE', 'palette')):
        if isinstance(metainfo, dict) and old in metainfo and new not in metainfo:
            text = f'{option}.metainfo has {old}, which is not read: call it {new}'
            yield text if new == 'classes' else Odd(text)


def label_name_findings(first: tuple[str, list], other: tuple[str, list]) -> Iterator[str]:
    """Find classes that are other labels in the ``other`` data set than in the ``first``.

    Each is the config key of a data set and its classes.
    """
    (option, classes), (other_option, others) = first, other
    for name in others:
        if name in classes and classes.index(name) != others.index(name):
            yield (
                f'the class {name!r} is label {classes.index(name)} of {option} and '
                f'{others.index(name)} of {other_option}, so that one would be taken for another: '
                'name the classes in one order everywhere, with metainfo=dict(classes=(...))'
            )
            return
    if classes != others:
        yield Odd(
            f'{option} has the classes {shortened(classes)} and {other_option} '
            f'{shortened(others)}: a label of the one is taken for the same label of the other'
        )


def folder_findings(
    folder: str,
    endings: tuple[str, ...],
    named: Sequence | None,
    counts: Sequence[tuple[str, int]],
    train: bool,
) -> Generator[str, None, tuple[list[str], list[str]]]:
    """Find what is wrong with folders in ``folder``, which mmpretrain sorts into labels 0, 1, ...

    ``endings`` are those of picture files, ``named`` the classes of ``metainfo``, ``counts`` as for
    :func:`class_findings`. A label beyond a head fails in a loss, so only where ``train``.

    Returns:
        The names of the classes, and the paths of the pictures.
    """
    classes = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    pictures = [picture_files(os.path.join(folder, name), endings) for name in classes]
    if not any(pictures):
        what = 'no pictures in folders' if classes else 'no folders'
        yield (
            f'{folder} holds {what}: it needs one folder per class with the pictures in it (they '
            f'end in {", ".join(endings)}), or the data set an ann_file of lines "picture label"'
        )
    elif empty := [name for name, files in zip(classes, pictures, strict=True) if not files]:
        yield Odd(
            f'{len(empty)} of the {len(classes)} class folders of {folder} hold no picture '
            f'({shortened(empty)}; pictures end in {", ".join(endings)})'
        )
    used = max((i + 1 for i, files in enumerate(pictures) if files), default=0)
    if named:
        option = [('the number of classes in metainfo', len(named))]
        yield from class_findings(classes, option, folder, len(classes), len(classes))
    else:
        least = used if train else 0
        yield from class_findings(classes or None, counts, folder, least, float('inf'))
    return classes, [path for files in pictures for path in files]


def picture_files(folder: str, endings: tuple[str, ...]) -> list[str]:
    """The pictures at any depth in ``folder`` that mmpretrain takes."""
    return [
        os.path.join(place, name)
        for place, _, names in os.walk(folder, followlinks=True)
        for name in sorted(names)
        if name.lower().endswith(endings) and not name.startswith('.')
    ]


def label_findings(
    path: str, folder: str, num_classes: int | None, with_label: bool, loader: Any, train: bool
) -> Generator[str, None, list[str]]:
    """Find the first wrong line of the list ``path``, or pictures that are not in ``folder``.

    Lines are "picture label" or, without labels, "picture"; labels are 0 to ``num_classes - 1``,
    which a loss needs and so only where ``train``.

    Returns:
        The paths of the pictures that are there.
    """
    names, labels = [], set()
    try:
        with open(path, encoding='utf-8') as file:
            lines = [line.strip() for line in file]
    except UnicodeDecodeError as error:
        where = f'{error.reason} at byte {error.start}'
        yield f'the list {path} is no text in UTF-8 ({where}): save it so'
        return []
    for number, line in enumerate(lines, start=1):
        name, _, label = line.rpartition(' ') if with_label else (line, '', '0')
        if not name or not label.lstrip('+-').isdecimal():
            yield f'line {number} of {path} is not "picture label": {line[:80]!r}'
            return []
        if train and (int(label) < 0 or int(label) >= (num_classes or float('inf'))):
            allowed = 'from 0' if num_classes is None else f'0 to {num_classes - 1}'
            yield (
                f'line {number} of {path} has the label {label}, and labels are {allowed}: '
                "correct it, or set the head's num_classes"
            )
            return []
        names.append(os.path.join(folder, name))
        labels.add(int(label))
    if not names:
        yield f'the list {path} is empty: copy or make it again'
    if not with_label or num_classes is None:
        pass
    elif foreign := [label for label in labels if not 0 <= label < num_classes]:
        yield Odd(
            f'{len(foreign)} of the {len(labels)} labels in {path} are none of the '
            f"head's {num_classes} ({shortened(foreign)}), and no prediction will be right there"
        )
    elif absent := [label for label in range(num_classes) if names and label not in labels]:
        yield Odd(
            f'{len(absent)} of the {num_classes} labels of the head are in no line of {path} '
            f'({shortened(absent)})'
        )
    if loader is None:
        return []
    for finding in missing_pictures(names, path):
        yield Odd(finding) if loader.ignore_empty else finding
    return [name for name in names if name not in set(missing_files(names))]


def numbering_findings(train: tuple[str, list], other: tuple[str, list]) -> Iterator[str]:
    """Find classes whose folders have other numbers in the ``other`` data than in ``train``.

    Each is a folder and the classes in it.
    """
    (folder, classes), (other_folder, others) = train, other
    if absent := [name for name in others if name not in classes]:
        yield Odd(
            f'{len(absent)} of the {len(others)} classes of {other_folder} have no folder in '
            f'{folder} ({shortened(absent)})'
        )
    for name in others:
        if name in classes and classes.index(name) != others.index(name):
            yield (
                f'the class {name!r} is label {classes.index(name)} in {folder} and '
                f'{others.index(name)} in {other_folder}, since labels are numbers of the folders '
                'in the order of their names: make a folder for each class in both, an empty one '
                'where there is no picture'
            )
            return
