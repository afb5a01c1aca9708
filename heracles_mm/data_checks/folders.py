"""What is wrong with a classification data set: a folder per class, or a list of labels."""

import os

from heracles_mm.data_checks.listing import missing_pictures, shortened


def class_folders_fault(folder: str, extensions: tuple[str, ...]) -> str | None:
    """Return one sentence about a folder that should hold one folder per class, or None."""
    classes = class_folders(folder)
    if not classes:
        return (
            f'{folder} holds no folders: it needs one per class with the pictures in it, or the '
            'data set an ann_file of lines "picture label"'
        )
    empty = [name for name in classes if not _holds_picture(os.path.join(folder, name), extensions)]
    if empty:
        return (
            f'{len(empty)} of the {len(classes)} class folders of {folder} hold no picture '
            f'({shortened(empty)}; pictures end in {", ".join(extensions)}): fill or remove them'
        )
    return None


def class_folders(folder: str) -> list[str]:
    """The names of the folders in ``folder``, which mmpretrain sorts into labels 0, 1, ..."""
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())


def label_list_fault(path: str, folder: str, num_classes: int | None) -> str | None:
    """Return one sentence about a list of lines "picture label", or None.

    Args:
        path: the list.
        folder: where the pictures are.
        num_classes: of the head; labels are 0 to one less.
    """
    names = []
    with open(path, encoding='utf-8') as file:
        for number, line in enumerate(file, start=1):
            name, _, label = line.strip().rpartition(' ')
            if not name or not label.lstrip('-').isdigit():
                return f'line {number} of {path} is not "picture label": {line.strip()[:80]!r}'
            if int(label) < 0 or (num_classes is not None and int(label) >= num_classes):
                allowed = 'from 0' if num_classes is None else f'0 to {num_classes - 1}'
                return (
                    f'line {number} of {path} has the label {label}, and labels are {allowed}: '
                    "correct it, or set the head's num_classes"
                )
            names.append(name)
    if not names:
        return f'the list {path} is empty: copy or make it again'
    return missing_pictures(folder, names, path)


def _holds_picture(folder: str, extensions: tuple[str, ...]) -> bool:
    return any(
        name.lower().endswith(extensions) for _, _, files in os.walk(folder) for name in files
    )
