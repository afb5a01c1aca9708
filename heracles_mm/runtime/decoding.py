"""Pictures of any kind as arrays (H, W, 3) uint8, RGB, upright.

The values are those that OpenCV reads, and so OpenMMLab: transparency is dropped, 16 bits become
their upper 8, and the turn that a camera noted is made.
"""

import io
import warnings
from os import PathLike
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from heracles_mm.errors import DataError

Source: TypeAlias = str | PathLike[str] | bytes | np.ndarray | Image.Image


def read_picture(source: Source) -> np.ndarray:
    """Read a picture, (H, W, 3) uint8, RGB.

    Args:
        source: path of a file, its bytes, a Pillow picture, or an array (H, W) or (H, W, 1, 3 or
            4), RGB, uint8 or uint16.

    Raises:
        DataError: it is none, broken, without a pixel, or too large for Pillow to trust it.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return _from_pillow(source)
    if not isinstance(source, str | PathLike | bytes):
        raise DataError(
            f'a {type(source).__name__} is no picture: give a path, bytes, an array or a Pillow '
            'picture'
        )
    name = 'the picture' if isinstance(source, bytes) else str(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            file = io.BytesIO(source) if isinstance(source, bytes) else source
            with Image.open(file) as picture:
                return _from_pillow(picture)
    except UnidentifiedImageError as error:
        raise DataError(f'{name} is no picture that Pillow can read') from error
    except Image.DecompressionBombError as error:
        raise DataError(f'{name} is refused: {error}') from error
    except (OSError, SyntaxError, ValueError) as error:  # of Pillow, for broken files
        reason = getattr(error, 'strerror', None) or error
        raise DataError(f'{name} cannot be read: {reason}') from error


def _from_pillow(picture: Image.Image) -> np.ndarray:
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith('I'):  # 16 bits, which convert() would cut off at 255
        return _from_array(np.asarray(picture).astype(np.uint16))
    if picture.mode == 'CMYK':
        inks = np.asarray(picture).astype(np.int32)
        white = 255 - inks[..., 3:]
        return (white - (inks[..., :3] * white >> 8)).astype(np.uint8)
    return _from_array(np.asarray(picture.convert('RGB')))


def _from_array(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    if array.ndim == 2:
        array = array[..., None]
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise DataError(
            f'an array of shape {array.shape} and dtype {array.dtype} is no picture: give (H, W) '
            'or (H, W, 3), RGB, uint8'
        )
    if array.size == 0:
        raise DataError(f'a picture of {array.shape[1]}x{array.shape[0]} px has no pixel')
    return np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array[..., :3]
