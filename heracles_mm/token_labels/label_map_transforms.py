"""mmpretrain's transforms of geometry with the label map taken along, and its loading and packing.

They take the options of the transforms they are named after and do the same to the picture; the
label map in ``results['label_map']`` is told how each picture was made from the one before.
"""

import math
import os
from abc import ABC, abstractmethod
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform, RandomFlip
from mmpretrain.datasets.transforms import PackInputs, RandAugment, RandomResizedCrop
from mmpretrain.datasets.transforms.auto_augment import (
    RANDAUG_POLICIES,
    Rotate,
    Shear,
    Translate,
)
from mmpretrain.registry import TRANSFORMS

from heracles_mm.errors import UsageError
from heracles_mm.token_labels.label_map_files import label_map_name, read_label_map

FLIPS = {
    'horizontal': ((-1, 0, 1), (0, 1, 0)),
    'vertical': ((1, 0, 0), (0, -1, 1)),
    'diagonal': ((-1, 0, 1), (0, -1, 1)),
}
"""Where a point of a flipped picture was, in fractions."""

FOLLOWED = {'Shear': 'LabelMapShear', 'Translate': 'LabelMapTranslate', 'Rotate': 'LabelMapRotate'}
"""RandAugment's moves, and the same with the label map."""

STAYS = {
    'AutoContrast',
    'Brightness',
    'ColorJitter',
    'ColorTransform',
    'Contrast',
    'Cutout',
    'Equalize',
    'GaussianBlur',
    'Invert',
    'Lighting',
    'Posterize',
    'RandomErasing',
    'Sharpness',
    'Solarize',
    'SolarizeAdd',
}
"""mmpretrain's transforms after which every pixel is where it was."""


@TRANSFORMS.register_module()
class LoadLabelMap(BaseTransform):
    """Load the label map of ``results['img_path']`` into ``results['label_map']``.

    Args:
        folder: with the label maps, published or ours.
        pictures: the folder of pictures that it mirrors. By default the map's path is the last two
            parts of the picture's, class and name, as published.

    Raises:
        LabelMapError: the map is missing, damaged or of another shape.
    """

    def __init__(self, folder: str, pictures: str | None = None) -> None:
        self.folder = folder
        self.pictures = pictures

    def path(self, picture: str) -> str:
        """The label map's file for a picture's."""
        if self.pictures is not None:
            name = os.path.relpath(picture, self.pictures)
        else:
            name = os.path.join(*os.path.normpath(picture).split(os.sep)[-2:])
        return os.path.join(self.folder, label_map_name(name))

    def transform(self, results: dict) -> dict:
        results['label_map'] = read_label_map(self.path(results['img_path']))
        return results


@TRANSFORMS.register_module()
class LabelMapRandomResizedCrop(RandomResizedCrop):
    """mmpretrain's ``RandomResizedCrop`` with the label map."""

    def rand_crop_params(self, img: np.ndarray) -> tuple[int, int, int, int]:
        self.box = super().rand_crop_params(img)
        return self.box

    def transform(self, results: dict) -> dict:
        height, width = results['img'].shape[:2]
        results = super().transform(results)
        top, left, rows, columns = self.box
        results['label_map'] = results['label_map'].moved(
            np.array([[columns / width, 0, left / width], [0, rows / height, top / height]])
        )
        return results


@TRANSFORMS.register_module()
class LabelMapRandomFlip(RandomFlip):
    """mmcv's ``RandomFlip`` with the label map."""

    def transform(self, results: dict) -> dict:
        results = super().transform(results)
        if results['flip']:
            matrix = np.array(FLIPS[results['flip_direction']])
            results['label_map'] = results['label_map'].moved(matrix)
        return results


class _Warp(ABC):
    """One of RandAugment's moves, with the label map."""

    drawn: float | None

    @abstractmethod
    def matrix(self, magnitude: float, height: int, width: int) -> np.ndarray:
        """(2, 3) from old to new positions, both in px with pixel centres on whole numbers."""

    def random_negative(self, value: float) -> float:
        """The last thing drawn before the picture is moved."""
        self.drawn = super().random_negative(value)  # type: ignore[misc]
        return self.drawn

    def transform(self, results: dict) -> dict:
        self.drawn = None
        results = super().transform(results)  # type: ignore[misc]
        if self.drawn is not None:
            height, width = results['img'].shape[:2]
            back = cv2.invertAffineTransform(self.matrix(self.drawn, height, width))
            results['label_map'] = results['label_map'].moved(_in_fractions(back, height, width))
        return results


@TRANSFORMS.register_module()
class LabelMapShear(_Warp, Shear):
    """mmpretrain's ``Shear`` with the label map."""

    def matrix(self, magnitude: float, height: int, width: int) -> np.ndarray:
        if self.direction == 'horizontal':
            return np.array([[1, magnitude, 0], [0, 1, 0.0]])
        return np.array([[1, 0, 0], [magnitude, 1, 0.0]])


@TRANSFORMS.register_module()
class LabelMapTranslate(_Warp, Translate):
    """mmpretrain's ``Translate`` with the label map."""

    def matrix(self, magnitude: float, height: int, width: int) -> np.ndarray:
        if self.direction == 'horizontal':
            return np.array([[1, 0, magnitude * width], [0, 1, 0]])
        return np.array([[1, 0, 0], [0, 1, magnitude * height]])


@TRANSFORMS.register_module()
class LabelMapRotate(_Warp, Rotate):
    """mmpretrain's ``Rotate`` with the label map."""

    def matrix(self, magnitude: float, height: int, width: int) -> np.ndarray:
        center = self.center or ((width - 1) * 0.5, (height - 1) * 0.5)
        return cv2.getRotationMatrix2D(center, -magnitude, self.scale)


@TRANSFORMS.register_module()
class LabelMapRandAugment(RandAugment):
    """mmpretrain's ``RandAugment`` with the label map.

    Args:
        policies: mmpretrain's, by name (``'timm_increasing'``) or as a list of dicts. Shear,
            Translate and Rotate take the label map along; what leaves pixels in their places needs
            nothing.
        *args, **kwargs: mmpretrain's.

    Raises:
        ValueError: a policy that may move pixels in a way that is not followed.
    """

    def __init__(self, policies: str | list[dict], *args: Any, **kwargs: Any) -> None:
        if isinstance(policies, str) and policies not in RANDAUG_POLICIES:
            raise UsageError(
                f'policies must be one of {sorted(RANDAUG_POLICIES)} or a list, got {policies!r}'
            )
        named = RANDAUG_POLICIES[policies] if isinstance(policies, str) else policies
        super().__init__([_followed(policy) for policy in named], *args, **kwargs)


@TRANSFORMS.register_module()
class PackLabelMap(PackInputs):
    """mmpretrain's ``PackInputs`` with the label map pooled to the cells of a backbone's last map.

    The data sample gets ``token_ids`` (n,) int64, the classes that occur, ``token_scores``
    (n, H / stride, W / stride) float32, rounded up, and ``class_scores`` (n,), their mean over the
    whole picture. Cells are ``stride`` px wide, the last ones narrower where the picture ends.

    Args:
        stride: of the last map, px.
        **kwargs: mmpretrain's.
    """

    def __init__(self, stride: int = 32, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stride = stride

    def transform(self, results: dict) -> dict:
        packed = super().transform(results)
        height, width = results['img'].shape[:2]
        ids, whole, cells = results['label_map'].cells(self._edges(height), self._edges(width))
        sample = packed['data_samples']
        sample.set_field(torch.from_numpy(ids), 'token_ids')
        sample.set_field(torch.from_numpy(whole), 'class_scores')
        sample.set_field(torch.from_numpy(cells), 'token_scores')
        return packed

    def _edges(self, side: int) -> np.ndarray:
        cells = math.ceil(side / self.stride)
        return np.minimum(np.arange(cells + 1) * self.stride, side) / side


def _followed(policy: dict) -> dict:
    name = policy['type']
    if name in FOLLOWED:
        return {**policy, 'type': FOLLOWED[name]}
    if name in STAYS:
        return policy
    raise UsageError(
        f'{name} may move pixels without their label map; allowed in LabelMapRandAugment are '
        f'{", ".join(sorted({*FOLLOWED, *STAYS}))}'
    )


def _in_fractions(matrix: np.ndarray, height: int, width: int) -> np.ndarray:
    """From px, pixel centres on whole numbers, to fractions of (width, height)."""
    size = np.array([width, height])
    linear, offset = matrix[:, :2], matrix[:, 2]
    # (linear (point size - 1/2) + offset + 1/2) / size
    return np.column_stack(
        [linear * size / size[:, None], (0.5 - linear @ [0.5, 0.5] + offset) / size]
    )
