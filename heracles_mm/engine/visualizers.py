"""The libraries' visualizers for configs that give them no name.

mmengine keeps one visualizer of a name per process: with a name in the config, a second run would
log into the first one's folder. Without one, its runner gives the run's own, but the libraries'
tools, which build the visualizer themselves, fail. mmseg's is in segmentation_visualizer.py.
"""

from collections.abc import Callable
from typing import Any

from mmengine.registry import VISUALIZERS
from mmengine.visualization import Visualizer


def _named(library_type: str) -> Callable[..., Visualizer]:
    def build(name: str = 'visualizer', **options: Any) -> Visualizer:
        return VISUALIZERS.build(dict(type=library_type, name=name, **options))

    return build


for _library, _type in (('mmdet', 'DetLocalVisualizer'), ('mmpretrain', 'UniversalVisualizer')):
    VISUALIZERS.register_module(f'Named{_type}', module=_named(f'{_library}.{_type}'))
