"""The scenes as an mmdet data set: boxes and instance masks."""

from typing import Any

from mmdet.datasets import CocoDataset
from mmdet.registry import DATASETS

from heracles_mm.datasets.cache import ensure_scenes, scenes_folder
from heracles_mm.datasets.checked_options import take_spec
from heracles_mm.datasets.parts import OBJECT_CLASSES, OBJECT_PALETTE


@DATASETS.register_module()
class ScenesDataset(CocoDataset):
    """Composed scenes with exact boxes and masks; a config names no path.

    The scenes are made on first use, in the cache folder (see ``ensure_scenes``). The meta
    information carries the spec and split under ``scenes``, from which ``ScenesMetric`` finds the
    ground truth.

    Args:
        split: 'train' or 'val'.
        **options: those of :class:`ScenesSpec` (num_train, num_val, size, objects, object_px, seed)
            and these of mmengine's BaseDataset: pipeline, test_mode, filter_cfg, indices,
            serialize_data, lazy_init, max_refetch, metainfo.

    Raises:
        TypeError: an option that does not exist, or of the wrong type.
        ValueError: unknown split, or an option out of range.
        CacheError: the cache folder cannot be written.
    """

    METAINFO = {'classes': OBJECT_CLASSES, 'palette': OBJECT_PALETTE}

    def __init__(self, split: str, **options: Any) -> None:
        self._spec = spec = take_spec('ScenesDataset', split, options)
        metainfo = options.pop('metainfo', None) or {}
        super().__init__(
            data_root=str(scenes_folder(spec).absolute()),
            ann_file=f'annotations/instances_{split}.json',
            data_prefix={'img': f'images/{split}', 'seg': f'labels/{split}'},
            metainfo={**metainfo, 'scenes': {'split': split, **spec.as_dict()}},
            **options,
        )

    def load_data_list(self) -> list[dict]:
        """Make the scenes if need be, and list them; with ``lazy_init`` not before it must be."""
        ensure_scenes(self._spec)
        return super().load_data_list()
