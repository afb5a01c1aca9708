"""The backbones join mmengine's registry once both packages are imported, whichever comes first.

`heracles_mm.runtime` runs exported models where neither torch nor mmengine is installed, and
importing it imports `heracles_mm` first: so that import brings in neither of them, and waits.
"""

import importlib.util
import sys


class AfterMmengine:
    """A finder for the one module `mmengine`, before all others: what it finds has its registry
    import the backbones when it is first asked for a model. Not at once: a room of this package
    that they need may be what imports mmengine."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != 'mmengine':
            return None
        sys.meta_path.remove(cls)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, cls)  # who only looks for it imports it perhaps later
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_register(module):
            execute(module)
            sys.meta_path.remove(cls)
            from mmengine.registry import MODELS

            MODELS._locations = [*MODELS._locations, 'heracles_mm.backbones']

        spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec


if sys.modules.get('mmengine'):
    import heracles_mm.backbones  # noqa: F401
else:
    sys.meta_path.insert(0, AfterMmengine)
