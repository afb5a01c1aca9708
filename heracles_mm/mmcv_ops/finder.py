"""Where `mmcv._ext` comes from when no compiled one is installed.

This file runs in two ways, so that the order of imports does not matter: `import heracles_mm`
imports it, and the wheel carries it as `_heracles_mm_finder`, which a line in site-packages
(`heracles_mm.pth`) imports when Python starts: mmdet's test.py, scripts that begin with
`mmdet.apis` and spawned workers want mmcv's operators before any config names this package. It
imports nothing itself.
"""

import sys


class MmcvOperators:
    """A finder for the one module `mmcv._ext`, after all others: a compiled one wins."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != 'mmcv._ext':
            return None
        from importlib.util import spec_from_file_location

        from heracles_mm import mmcv_ops

        return spec_from_file_location(name, f'{mmcv_ops.__path__[0]}/extension.py')


sys.meta_path.append(MmcvOperators)
