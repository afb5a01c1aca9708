"""The scenes as an mmseg data set: label maps in ADE20K's style."""

from typing import Any

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from heracles_mm.datasets.cache import ensure_scenes, scenes_folder
from heracles_mm.datasets.checked_options import take_spec
from heracles_mm.datasets.parts import LABEL_CLASSES, LABEL_PALETTE


@DATASETS.register_module()
class ScenesSegDataset(BaseSegDataset):
    """Composed scenes with label maps of nine classes; a config names no path.

    The maps hold 1 to 9, and 0 would mean unlabelled, as in ADE20K; ``reduce_zero_label`` is always
    on, so a model sees 0 to 8 and 255 for what is ignored.

    Arguments and errors are those of :class:`~heracles_mm.datasets.detection.ScenesDataset`.
    """

    METAINFO = {'classes': LABEL_CLASSES, 'palette': [list(colour) for colour in LABEL_PALETTE]}

    def __init__(self, split: str, **options: Any) -> None:
        self._spec = take_spec('ScenesSegDataset', split, options)
        super().__init__(
            data_root=str(scenes_folder(self._spec).absolute()),
            data_prefix={'img_path': f'images/{split}', 'seg_map_path': f'labels/{split}'},
            img_suffix='.png',
            seg_map_suffix='.png',
            reduce_zero_label=True,
            **options,
        )

    def load_data_list(self) -> list[dict]:
        """Make the scenes if need be, and list them; with ``lazy_init`` not before it must be."""
        ensure_scenes(self._spec)
        return super().load_data_list()
