"""The embedded data set: scenes composed from real pictures, made once and kept in a cache.

Needs numpy and OpenCV. The data set classes of mmdet and mmseg and the metrics live in
``heracles_mm.datasets.detection``, ``.segmentation`` and ``.metrics``, each of which imports its
library: name them in a config's ``custom_imports``.
"""

from heracles_mm.datasets.cache import CacheError, cache_root, ensure_scenes
from heracles_mm.datasets.parts import LABEL_CLASSES, OBJECT_CLASSES
from heracles_mm.datasets.scenes import Scene, compose_scene
from heracles_mm.datasets.spec import ScenesSpec

__all__ = [
    'LABEL_CLASSES',
    'OBJECT_CLASSES',
    'CacheError',
    'Scene',
    'ScenesSpec',
    'cache_root',
    'compose_scene',
    'ensure_scenes',
]
