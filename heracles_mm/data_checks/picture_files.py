"""Pictures as a pipeline loads them: can they be read, their sizes, those in train and val."""

import copy
import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mmengine.registry import TRANSFORMS

from heracles_mm.data_checks.findings import Odd, read_each, sampled, shortened


def find_transform(pipeline: Any, scope: str, known: Callable[[type], bool]) -> Any:
    """Build the first transform of ``pipeline`` whose class is ``known``, or return None.

    ``scope`` is the library in whose registry the names of the pipeline stand.
    """
    with TRANSFORMS.switch_scope_and_registry(scope) as registry:
        for options in pipeline or ():
            kind = options.get('type') if isinstance(options, dict) else None
            kind = registry.get(kind) if isinstance(kind, str) else kind
            if isinstance(kind, type) and known(kind):
                return registry.build(copy.deepcopy(options))
    return None


def picture_loader(pipeline: Any, scope: str) -> Any:
    """The ``LoadImageFromFile`` of ``pipeline``; None where something unknown reads its files."""
    from mmcv.transforms import LoadImageFromFile

    def known(kind: type) -> bool:
        return getattr(kind, 'transform', None) is LoadImageFromFile.transform

    return find_transform(pipeline, scope, known)


def loaded_sizes(
    loader: Any, paths: Sequence[str], level: str, named_by: str
) -> Iterator[str | tuple[str, tuple[int, int]]]:
    """Yield each path and its (height, width) as loaded, and findings on what cannot be read."""

    def size(path: str) -> tuple[int, int] | None:
        try:
            return loader.transform({'img_path': path})['img'].shape[:2]
        except Exception:  # whatever a decoder raises; None (ignore_empty) is a TypeError here
            return None

    looked, unread = sampled(paths, level), []
    for path, found in read_each(size, looked, 'pictures'):
        if found is None:
            unread.append(path)
        else:
            yield path, found
    if unread:
        text = (
            f'{len(unread)} of the {len(looked)} pictures of {named_by} that were looked at cannot '
            f'be read ({shortened(unread)}), so they are cut short, damaged or no pictures: copy '
            'them again or take them out of the data'
        )
        yield Odd(text) if loader.ignore_empty else text


def orientation(path: str) -> int:
    """The EXIF orientation of a picture, 1 where it has none; 5 to 8 swap height and width."""
    from PIL import Image  # brought by mmcv

    try:
        with Image.open(path) as picture:
            return picture.getexif().get(0x0112, 1)
    except Exception:  # a format that the pipeline reads and Pillow does not
        return 1


def doubled_pictures(train: Sequence[str], val: Sequence[str], level: str) -> Iterator[str]:
    """Find pictures of ``val`` that are in ``train`` too, under any name."""
    looked = sampled(val, level)
    sizes = {path: os.path.getsize(path) for path in looked if os.path.isfile(path)}
    wanted, known = set(sizes.values()), defaultdict(list)
    for path in train:
        try:
            size = os.path.getsize(path)
        except OSError:
            continue
        if size in wanted:
            known[_digest(path)].append(path)
    doubled = [(path, known[digest][0]) for path in sizes if (digest := _digest(path)) in known]
    if doubled:
        yield Odd(
            f'{len(doubled)} of the {len(looked)} pictures to evaluate on that were looked at are '
            f'training pictures too ({shortened(f"{a} is {b}" for a, b in doubled)}): the metrics '
            'will be too good; take them out of one of the two'
        )


def _digest(path: str) -> bytes:
    with open(path, 'rb') as file:
        return hashlib.blake2b(file.read()).digest()
