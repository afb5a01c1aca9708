"""mmpretrain's transforms of geometry with the label map taken along, and its loading and packing.

They take the options of the transforms they are named after and do the same to the picture;
``results['label_map']`` learns how each picture was made from the one before.
"""

import os
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform, RandomFlip
from mmpretrain.datasets.transforms import PackInputs, RandAugment, RandomResizedCrop
from mmpretrain.datasets.transforms.auto_augment import (
    RANDAUG_POLICIES,
    BaseAugTransform,
    Rotate,
    Shear,
    Translate,
)
from mmpretrain.registry import TRANSFORMS

from heracles_mm.errors import UsageError
from heracles_mm.token_labels.label_map_files import label_map_name, read_label_map

Matrix = Sequence[Sequence[float]] | np.ndarray
"""(2, 3)."""

FLIPS = {
    'horizontal': ((-1, 0, 1), (0, 1, 0)),
    'vertical': ((1, 0, 0), (0, -1, 1)),
    'diagonal': ((-1, 0, 1), (0, -1, 1)),
}
"""Where a point of a flipped picture was, in fractions."""

FOLLOWED = ('Shear', 'Translate', 'Rotate')
"""mmpretrain's policies that move pixels; ``LabelMap...`` takes the label map along."""

IN_PLACE = (
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
)
"""mmpretrain's transforms after which every pixel is where it was."""


@TRANSFORMS.register_module()
class LoadLabelMap(BaseTransform):
    """Load the label map of ``results['img_path']`` into ``results['label_map']``.

    Args:
        folder: with the label maps, published or ours.
        pictures: the folder of pictures that it mirrors. By default the map's path is the last two
            parts of the picture's, class and name, as published.
    """

    def __init__(self, folder: str, pictures: str | None = None) -> None:
        self.folder, self.pictures = folder, pictures

    def path(self, picture: str) -> str:
        """The label map's file for a picture's."""
        if self.pictures is None:
            name = os.path.join(*os.path.normpath(picture).split(os.sep)[-2:])
        else:
            name = os.path.relpath(picture, self.pictures)
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
        matrix = ((columns / width, 0, left / width), (0, rows / height, top / height))
        return _moved(results, matrix)


@TRANSFORMS.register_module()
class LabelMapRandomFlip(RandomFlip):
    """mmcv's ``RandomFlip`` with the label map."""

    def transform(self, results: dict) -> dict:
        results = super().transform(results)
        return _moved(results, FLIPS[results['flip_direction']]) if results['flip'] else results


class _Warp(BaseAugTransform):
    """One of RandAugment's moves, with the label map.

    ``matrix(magnitude, height, width)``, of each move, is (2, 3) from old to new positions, both in
    px with pixel centres on whole numbers.
    """

    def random_negative(self, value: float) -> float:
        """The last thing drawn before the picture is moved."""
        self.drawn = super().random_negative(value)
        return self.drawn

    def transform(self, results: dict) -> dict:
        self.drawn = None
        results = super().transform(results)
        if self.drawn is None:
            return results
        height, width = results['img'].shape[:2]
        forth = np.array(self.matrix(self.drawn, height, width), float)
        back = cv2.invertAffineTransform(forth)
        size, linear, offset = np.array([width, height]), back[:, :2], back[:, 2]
        # (linear (point size - 1/2) + offset + 1/2) / size
        offset = (0.5 - linear @ [0.5, 0.5] + offset) / size
        return _moved(results, np.column_stack([linear * size / size[:, None], offset]))


@TRANSFORMS.register_module()
class LabelMapShear(_Warp, Shear):
    """mmpretrain's ``Shear`` with the label map."""

    def matrix(self, magnitude: float, height: int, width: int) -> Matrix:
        x, y = (magnitude, 0) if self.direction == 'horizontal' else (0, magnitude)
        return (1, x, 0), (y, 1, 0)


@TRANSFORMS.register_module()
class LabelMapTranslate(_Warp, Translate):
    """mmpretrain's ``Translate`` with the label map."""

    def matrix(self, magnitude: float, height: int, width: int) -> Matrix:
        x, y = (magnitude, 0) if self.direction == 'horizontal' else (0, magnitude)
        return (1, 0, x * width), (0, 1, y * height)


@TRANSFORMS.register_module()
class LabelMapRotate(_Warp, Rotate):
    """mmpretrain's ``Rotate`` with the label map."""

    def matrix(self, magnitude: float, height: int, width: int) -> Matrix:
        center = self.center or ((width - 1) * 0.5, (height - 1) * 0.5)
        return cv2.getRotationMatrix2D(center, -magnitude, self.scale)


@TRANSFORMS.register_module()
class LabelMapRandAugment(RandAugment):
    """mmpretrain's ``RandAugment`` with the label map.

    A ValueError refuses policies that move pixels in another way than :data:`FOLLOWED`.
    """

    def __init__(self, policies: str | list[dict], *args: Any, **kwargs: Any) -> None:
        if isinstance(policies, str) and policies not in RANDAUG_POLICIES:
            raise UsageError(
                f'policies must be one of {sorted(RANDAUG_POLICIES)} or a list, got {policies!r}'
            )
        followed = []
        for policy in RANDAUG_POLICIES[policies] if isinstance(policies, str) else policies:
            name = policy['type']
            if name not in (*FOLLOWED, *IN_PLACE):
                raise UsageError(
                    f'{name} may move pixels without their label map; allowed in '
                    f'LabelMapRandAugment are {", ".join(sorted((*FOLLOWED, *IN_PLACE)))}'
                )
            followed.append({**policy, 'type': f'LabelMap{name}' if name in FOLLOWED else name})
        super().__init__(followed, *args, **kwargs)


@TRANSFORMS.register_module()
class PackLabelMap(PackInputs):
    """mmpretrain's ``PackInputs`` with the label map pooled to the cells of a backbone's last map.

    The data sample gets ``token_ids`` (n,) int64, the classes that occur, ``token_scores``
    (n, H / stride, W / stride) float32, rounded up, and ``class_scores`` (n,), their mean over the
    whole picture. Cells are ``stride`` px wide, the last ones narrower where the picture ends.
    """

    def __init__(self, stride: int = 32, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stride = stride

    def transform(self, results: dict) -> dict:
        packed = super().transform(results)
        edges = [
            np.append(np.arange(0, side, self.stride), side) / side
            for side in results['img'].shape[:2]
        ]
        fields = ('token_ids', 'class_scores', 'token_scores')
        for name, values in zip(fields, results['label_map'].cells(*edges)):
            packed['data_samples'].set_field(torch.from_numpy(values), name)
        return packed


def _moved(results: dict, matrix: Matrix) -> dict:
    return {**results, 'label_map': results['label_map'].moved(np.array(matrix))}
