"""What is known about the cause of some errors of the libraries."""

import difflib
import re
from traceback import format_exception, walk_tb

from mmengine import registry

PICTURES = {
    r'^AssertionError: failed to load image: (.+)$': (
        'the picture {} cannot be decoded, so it is cut short, damaged or no picture: copy it '
        'again or take it out of the data'
    ),
    r"^FileNotFoundError: .*No such file or directory: '(.+)'$": (
        'the picture {} does not exist: copy the rest of the data'
    ),
    r'^cv2\.error: .*(buf\.empty\(\))': (
        'a picture is an empty file: "find FOLDER -size 0" names it, copy it again'
    ),
}
"""The last line of a traceback through mmcv's reader of pictures, and what it means."""


def known_cause(error: Exception) -> str | None:
    """One sentence about the cause of an error that the libraries raised, or None."""
    if 'Expected more than 1 value per channel when training' in str(error):
        return (
            'a BatchNorm has one value for each channel, which has no variance: give '
            'train_dataloader batch_size=2 or more, and drop_last=True where the last batch of an '
            'epoch has one picture, or the heads a norm of single pictures, '
            "norm_cfg=dict(type='GN', num_groups=32)"
        )
    if '`epoch_length` must be a positive integer, but got 0' in str(error):
        return (
            'an epoch has no step: train_dataloader has fewer pictures than its batch_size, and '
            'drop_last=True: give a smaller batch_size, or drop_last=False'
        )
    return _unknown_type(error) or _unread_picture(error) or _empty_dataset(error)


def _unknown_type(error: Exception) -> str | None:
    found = re.search(r'(\S+) is not in the (?:\S+?::)?(\S+) registry', str(error))
    if found is None or not isinstance(error, KeyError):
        return None
    name, kind = (word.strip('"\'') for word in found.groups())
    near = ', '.join(difflib.get_close_matches(name, _registered(kind), 3))
    return (
        f'the config asks for the {kind.replace("_", " ")} {name!r}, which nothing registered: '
        f'look for a misspelling{near and f" of {near}"}, and for the package that brings it in '
        'custom_imports (heracles_mm for the parts of this package)'
    )


def _registered(kind: str) -> set[str]:
    """Names in the registry of a kind of part, such as 'hook', and in those of the libraries."""
    names: set[str] = set()
    waiting = [one for one in vars(registry).values() if getattr(one, 'name', None) == kind]
    for one in waiting:
        names |= {*one.module_dict}
        waiting += one.children.values()
    return names


def _unread_picture(error: Exception) -> str | None:
    """Text, because a worker of a DataLoader hands its traceback on as such."""
    text = ''.join(format_exception(error))
    if 'mmcv/transforms/loading.py' in text:
        for pattern, sentence in PICTURES.items():
            if found := re.findall(pattern, text, re.MULTILINE):
                return sentence.format(found[-1])
    return None


def _empty_dataset(error: Exception) -> str | None:
    *_, (frame, _) = walk_tb(error.__traceback__)
    if frame.f_code.co_name != '_serialize_data':  # of mmengine's BaseDataset
        return None
    dataset = frame.f_locals['self']
    prefix, suffix = dataset.data_prefix, getattr(dataset, 'img_suffix', None)
    folder = prefix.get('img_path') or prefix.get('img') or dataset.data_root
    where = f'{folder} with names that end in {suffix!r}' if suffix else folder
    return (
        f'the data set {type(dataset).__name__} found no picture in {where}: look at its '
        f'data_root, data_prefix, {"img_suffix" if suffix else "ann_file"} and filter_cfg'
    )
