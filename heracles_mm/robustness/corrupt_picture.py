"""A picture corrupted between its reading and every other step of a pipeline.

The corruptions are those of ImageNet-C (arXiv 1903.12261), by the package imagecorruptions-imaug.
"""

import inspect
import zlib
from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
from mmengine.registry import TRANSFORMS

from heracles_mm.errors import DataError, UserError

GROUPS = ('noise', 'blur', 'weather', 'digital')
LEAST_SIDE = 32
"""Of the pictures that the package takes, px."""


def corruption_names(words: Iterable[str]) -> list[str]:
    """The corruptions that words stand for, each once.

    Args:
        words: names, ``noise``, ``blur``, ``weather`` or ``digital`` for a group of them, ``all``
            for the fifteen of these groups, over which papers give means.

    Raises:
        UserError: a word is unknown, or the package is not installed.
    """
    package = _package()
    groups = {group: package.get_corruption_names(group) for group in GROUPS}
    meant = {'all': [*chain(*groups.values())], **groups}
    meant |= {name: [name] for name in package.get_corruption_names('all')}
    if unknown := [word for word in words if word not in meant]:
        raise UserError(f'no corruption is called {unknown[0]!r}, allowed are {", ".join(meant)}')
    return list(dict.fromkeys(name for word in words for name in meant[word]))


@TRANSFORMS.register_module()
class CorruptPicture:
    """Corrupt ``img`` of a pipeline's results by ``corruption`` at ``severity``.

    It does nothing until its two attributes are set, which may be done between two passes over the
    data. Random numbers are drawn from a seed that the picture's pixels give, so that a test gives
    the same scores again, in any order of the pictures and with any number of workers.

    Args:
        bgr: whether colours are in OpenCV's order, as mmcv reads them; else they are RGB. (mmdet's
            Corrupt takes BGR for RGB, which changes frost, snow and spatter.)

    ``img``: (H, W), (H, W, 1) or (H, W, 3) of at least 32 px a side, values 0 to 255 of any dtype,
    which it keeps. A grey picture becomes the green of its corrupted colours.

    Raises:
        DataError: no picture, or one that the corruptions do not take.
        UserError: the package is not installed.
    """

    def __init__(self, bgr: bool = True) -> None:
        self.bgr = bgr
        self.corruption: str | None = None
        self.severity = 0  # 1 to 5

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        if self.corruption is not None:
            if 'img' not in results:
                raise DataError(
                    'a corruption finds no picture: the step of the pipeline that reads it must '
                    'have a name that begins with LoadImage'
                )
            where = results.get('img_path') or f'picture {results.get("sample_idx", "")}'
            results['img'] = self._corrupted(results['img'], where)
        return results

    def _corrupted(self, picture: np.ndarray, where: str) -> np.ndarray:
        pixels = picture.astype(np.uint8)
        if (pixels != picture).any() or (picture.ndim == 3 and picture.shape[2] not in (1, 3)):
            raise DataError(
                f'{where} has {picture.dtype} values in shape {picture.shape}: corruptions take '
                'grey or colour pictures of whole numbers from 0 to 255'
            )
        if min(picture.shape[:2]) < LEAST_SIDE:
            height, width = picture.shape[:2]
            raise DataError(
                f'{where} has {width}x{height} px: corruptions take pictures of at least '
                f'{LEAST_SIDE}x{LEAST_SIDE}'
            )
        if picture.ndim == 2 or picture.shape[2] == 1:
            grey = pixels.reshape(picture.shape[:2])
            found = _repeatable(grey, self.corruption, self.severity)[..., 1]
        else:
            order = -1 if self.bgr else 1
            rgb = np.ascontiguousarray(pixels[..., ::order])
            found = _repeatable(rgb, self.corruption, self.severity)[..., ::order]
        return np.ascontiguousarray(found.reshape(picture.shape), picture.dtype)


def _repeatable(rgb: np.ndarray, corruption: str | None, severity: int) -> np.ndarray:
    """Of (H, W, 3) or (H, W) uint8, the corrupted (H, W, 3), which is the same in every call.

    Most of the package draws from numpy's global generator, two functions from a ``seed``.
    """
    package, seed = _package(), zlib.crc32(rgb.tobytes())
    takes = inspect.signature(package.corruption_dict[corruption]).parameters
    own = {'seed': seed} if 'seed' in takes else {}
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        return package.corrupt(rgb, severity, corruption, **own)
    finally:
        np.random.set_state(state)


def _package() -> Any:
    try:
        import imagecorruptions
    except ModuleNotFoundError as error:
        raise UserError(
            f'corruptions need the package imagecorruptions-imaug ({error}): pip install '
            "'heracles-mm[corruptions]'"
        ) from None
    return imagecorruptions
