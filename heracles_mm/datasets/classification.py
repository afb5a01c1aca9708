"""The objects of the scenes as an mmpretrain data set: one picture each, ten classes."""

from typing import Any

import numpy as np
from mmpretrain.datasets import BaseDataset
from mmpretrain.registry import DATASETS

from heracles_mm.datasets.checked_options import BASE_OPTIONS, check_options
from heracles_mm.datasets.parts import MERGED_CLASSES, PARTS_FILE, check_split

PART_CLASSES = tuple(MERGED_CLASSES)
"""Fashion-MNIST's classes."""


@DATASETS.register_module()
class PartsDataset(BaseDataset):
    """Real product photos of ten classes, embedded in the package; a config names no path.

    2000 pictures to train on, 500 to validate on, the ones that the scenes of the same split are
    composed of. Each is 28x28, grey in three equal channels, uint8, already loaded (``img``).

    Args:
        split: 'train' or 'val'.
        **options: these of mmengine's BaseDataset: pipeline, test_mode, filter_cfg, indices,
            serialize_data, lazy_init, max_refetch, metainfo.

    Raises:
        TypeError: an option that does not exist.
        ValueError: unknown split.
    """

    METAINFO = {'classes': PART_CLASSES}

    def __init__(self, split: str, **options: Any) -> None:
        check_options('PartsDataset', options, ('split', *BASE_OPTIONS))
        check_split(split)
        self.split = split
        super().__init__(ann_file='', **options)

    def load_data_list(self) -> list[dict]:
        """Read the pictures and labels of the split; mmengine calls it."""
        with np.load(PARTS_FILE) as archive:
            pictures = archive[f'{self.split}_images']  # (N, 28, 28) uint8
            labels = archive[f'{self.split}_labels'].tolist()
        colour = np.repeat(pictures[..., None], 3, axis=-1)
        return [dict(img=img, gt_label=label) for img, label in zip(colour, labels, strict=True)]
