"""heracles_mm: the spectral vision backbones Heracles and HAMSA for OpenMMLab and plain torch.

Importing this package registers the backbones in mmengine's root registry, and answers for mmcv's
operators where none are compiled; it needs torch and mmengine alone.
"""

try:
    import mmengine  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != 'mmengine':
        raise
    raise ModuleNotFoundError(
        "heracles_mm needs mmengine: pip install 'heracles-mm[openmmlab]' for the official line or "
        "'heracles-mm[onedl]' for the maintained forks (never both in one environment)",
        name='mmengine',
    ) from None

from heracles_mm import mmcv_ops  # noqa: F401  (mmcv's operators, where no compiled ones are)
from heracles_mm.backbones import Hamsa, Heracles
from heracles_mm.configs import config_path
from heracles_mm.inference import optimize_for_inference

__version__ = '0.1.0'
__all__ = ['Hamsa', 'Heracles', '__version__', 'config_path', 'optimize_for_inference']
