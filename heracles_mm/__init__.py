"""heracles_mm: the spectral vision backbones Heracles and HAMSA for OpenMMLab and plain torch.

Importing this package answers for mmcv's operators where none are compiled, and makes the
backbones known to mmengine's root registry, whichever of the two is imported first. It imports
neither torch nor mmengine itself: `heracles_mm.runtime` needs none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from heracles_mm import mmcv_ops, registration  # noqa: F401  (both act when imported)

if TYPE_CHECKING:
    from heracles_mm.backbones import Hamsa, Heracles
    from heracles_mm.configs import config_path
    from heracles_mm.inference import optimize_for_inference

__version__ = '0.1.0'
__all__ = ['Hamsa', 'Heracles', '__version__', 'config_path', 'optimize_for_inference']

PLACES = {
    'Hamsa': 'heracles_mm.backbones',
    'Heracles': 'heracles_mm.backbones',
    'config_path': 'heracles_mm.configs',
    'optimize_for_inference': 'heracles_mm.inference',
}


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first asked for."""
    if name not in PLACES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    try:
        value = getattr(import_module(PLACES[name]), name)
    except ModuleNotFoundError as error:
        if (error.name or '').partition('.')[0] != 'mmengine':
            raise
        raise ModuleNotFoundError(
            "heracles_mm needs mmengine: pip install 'heracles-mm[openmmlab]' for the official "
            "line or 'heracles-mm[onedl]' for the maintained forks (never both in one environment)",
            name='mmengine',
        ) from None
    globals()[name] = value
    return value
