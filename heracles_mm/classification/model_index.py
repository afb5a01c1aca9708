"""The classifiers' names for ``mmpretrain.get_model``, ``list_models`` and ``inference_model``."""

from pathlib import Path

from mmpretrain.apis.model import ModelHub

MIM = Path(__file__).parents[1] / '.mim'
METAFILES = ('metafile_heracles.yml', 'metafile_hamsa.yml')


def register_models() -> None:
    """Add the configs of this package to mmpretrain's hub, under their file names.

    Importing ``heracles_mm.classification`` calls it; calling it again changes nothing.
    """
    if ModelHub.has('heracles_s_imagenet'):
        return
    for metafile in METAFILES:
        ModelHub.register_model_index(MIM / 'configs' / metafile, config_prefix=MIM)
