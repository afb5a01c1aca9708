"""The pictures that a file is compared on, and those that int8 learns from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from heracles_mm.datasets.scenes import compose_scene
from heracles_mm.datasets.spec import ScenesSpec
from heracles_mm.errors import UserError
from heracles_mm.runtime import Description
from heracles_mm.runtime.geometry import geometry, model_input

SCENES = 3
CALIBRATED = 64
SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')


def calibration_files(precision: str, folder: Path | None) -> list[Path]:
    """Pictures of a folder and those in it, evenly taken from all of them; none without a folder.

    Raises:
        UserError: there is no picture, or a folder is needed and not given, or given and not
            needed.
    """
    if (precision == 'int8') != (folder is not None):
        raise UserError(
            'int8 learns from pictures how large numbers are: name a folder of them, '
            '--calibration FOLDER, with --precision int8 and no other'
        )
    if folder is None:
        return []
    found = sorted(path for path in folder.rglob('*') if path.suffix.lower() in SUFFIXES)
    if not found:
        raise UserError(f'the calibration folder {folder} holds no picture ({", ".join(SUFFIXES)})')
    return found[:: max(1, len(found) // CALIBRATED)][:CALIBRATED]


def scenes(about: Description, shape: tuple[int, int]) -> list[Tensor]:
    """Composed scenes as a file of ``shape`` takes them, (1, 3, *shape) each."""
    height, width = shape
    spec = ScenesSpec(size=min(2048, max(160, height, width)))
    pictures = (compose_scene(spec, 'val', index).image for index in range(SCENES))
    return [as_input(picture[:height, :width, ::-1], about, shape) for picture in pictures]


def as_input(picture: np.ndarray, about: Description, shape: tuple[int, int]) -> Tensor:
    """A picture (H, W, 3) as a file of ``shape`` takes it, (1, 3, *shape)."""
    at_shape = replace(about, size=shape)
    where = geometry((picture.shape[0], picture.shape[1]), at_shape)
    return torch.from_numpy(model_input(picture, where, at_shape))
