"""The backbones are in mmengine's registry, whichever of the two packages is imported first.

`heracles_mm.runtime` runs exported models where neither torch nor mmengine is installed, and
importing it imports `heracles_mm` first: so that import brings in neither of them, and waits.
"""

import importlib.util
import sys

NAMES = ('Hamsa', 'Heracles')


class Models(dict):
    """Of a registry, by name: the backbones are imported when one of them is looked for. Not with
    mmengine: a room of this package that they need may be what imports it."""

    def __contains__(self, name):
        if name in NAMES and not super().__contains__(name):
            import heracles_mm.backbones  # noqa: F401
        return super().__contains__(name)


class AfterMmengine:
    """A finder for the one module `mmengine`, before all others: what it finds has :class:`Models`
    in its registry."""

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

        def execute_and_extend(module):
            execute(module)
            sys.meta_path.remove(cls)
            from mmengine.registry import MODELS

            MODELS._module_dict = Models(MODELS._module_dict)

        spec.loader.exec_module = execute_and_extend  # type: ignore[method-assign]
        return spec


if sys.modules.get('mmengine'):
    import heracles_mm.backbones  # noqa: F401
else:
    sys.meta_path.insert(0, AfterMmengine)
