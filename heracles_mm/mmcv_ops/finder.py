"""Where modules come from that the libraries ask for and no index has for today's Python, and
mmpretrain beside a transformers that it was not written for.

`mmcv._ext` when no compiled one is installed, and `panopticapi`, which mmdet wants for panoptic
data. This file runs in two ways, so that the order of imports does not matter: `import heracles_mm`
imports it, and the wheel carries it as `_heracles_mm_finder`, which a line in site-packages
(`heracles_mm.pth`) imports when Python starts: mmdet's test.py, scripts that begin with
`mmdet.apis` and spawned workers want mmcv's operators before any config names this package. It
imports nothing itself.
"""

import sys

STAND_INS = {
    'mmcv._ext': 'mmcv_ops/extension.py',
    'panopticapi': 'panoptic_quality.py',
    'panopticapi.evaluation': 'panoptic_quality.py',
    'panopticapi.utils': 'panoptic_quality.py',
}
"""Module -> file of heracles_mm."""


class StandIns:
    """A finder for these modules alone, after all others: an installed one wins."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in STAND_INS:
            return None
        from importlib.util import spec_from_file_location

        import heracles_mm

        file = f'{heracles_mm.__path__[0]}/{STAND_INS[name]}'
        inside: list[str] | None = [] if name == 'panopticapi' else None  # of its modules
        return spec_from_file_location(name, file, submodule_search_locations=inside)


class MmpretrainAlone:
    """Finds nothing, but tells mmpretrain (1.2.0 is the last) in time that it is to do without its
    multimodal models: they take from transformers what left it in 4.50, so that beside a newer one,
    as peft brings it, neither mmpretrain nor mmdet, which imports it, could be imported at all."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != 'mmpretrain.models':
            return
        from importlib.metadata import PackageNotFoundError, version

        try:
            version('mmpretrain')  # the OneDL fork has another name
            major, minor = (int(part) for part in version('transformers').split('.')[:2])
        except PackageNotFoundError:
            return
        if (major, minor) >= (4, 50):
            from mmpretrain.utils import dependency

            dependency.WITH_MULTIMODAL = False


sys.meta_path.append(StandIns)
sys.meta_path.insert(0, MmpretrainAlone)
