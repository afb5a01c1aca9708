"""mmseg's visualizer for configs that give it no name; see visualizers.py."""

from typing import Any

import numpy as np
from mmseg.registry import VISUALIZERS
from mmseg.visualization import SegLocalVisualizer


@VISUALIZERS.register_module()
class NamedSegLocalVisualizer(SegLocalVisualizer):
    """SegLocalVisualizer, called 'visualizer' where no runner names it.

    It also draws on a picture that is not contiguous, such as mmseg's browse_dataset.py hands over
    and OpenCV refuses.
    """

    @classmethod
    def get_instance(cls, name: str = 'visualizer', **options: Any) -> 'NamedSegLocalVisualizer':
        return super().get_instance(name, **options)

    def add_datasample(self, name: str, image: np.ndarray, *args: Any, **options: Any) -> None:
        super().add_datasample(name, np.ascontiguousarray(image), *args, **options)
