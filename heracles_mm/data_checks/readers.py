"""A data set before it reads its data, and what its pipeline reads with."""

import copy
from typing import Any, cast

from mmengine.dataset import Compose
from mmengine.registry import DATASETS, TRANSFORMS

from heracles_mm.data_checks.paths import LIBRARIES
from heracles_mm.data_checks.picture_files import find_transform, picture_loader


class Readers:
    """What the pipeline of a data set reads with, and how much of the data is read."""

    def __init__(self, scope: str, pipeline: list, level: str) -> None:
        self.scope, self.pipeline, self.level = scope, pipeline, level
        self.loader = picture_loader(pipeline, scope)

    def labels(self, library_class: type, method: str) -> Any:
        """The ``LoadAnnotations`` of the pipeline if its ``method`` is that of the library."""
        own = getattr(library_class, method)
        return find_transform(
            self.pipeline, self.scope, lambda kind: getattr(kind, method, None) is own
        )

    def known(self) -> bool:
        """Whether each transform of the pipeline is one of the libraries'."""
        with TRANSFORMS.switch_scope_and_registry(self.scope) as registry:
            kinds = [one.get('type') for one in self.pipeline]
            kinds = [registry.get(kind) if isinstance(kind, str) else kind for kind in kinds]
            return all(getattr(k, '__module__', '').split('.')[0] in LIBRARIES for k in kinds)

    def tried(self, item: dict) -> dict:
        """What the whole pipeline makes of an item."""
        with TRANSFORMS.switch_scope_and_registry(self.scope) as registry:
            made = Compose([registry.build(copy.deepcopy(one)) for one in self.pipeline])(item)
        return cast(dict, made)


def lazy_dataset(scope: str, options: dict, level: str) -> tuple[Any, Readers] | None:
    """A data set before it reads its data, or None for a remote one and where it cannot be built,
    about which the runner will say why."""
    named = (options.get(key) for key in ('data_root', 'ann_file', 'data_prefix'))
    if options.get('backend_args') or any('://' in str(value) for value in named):
        return None
    lazy = {**copy.deepcopy(options), 'lazy_init': True, 'pipeline': []}
    try:
        with DATASETS.switch_scope_and_registry(scope) as registry:
            return registry.build(lazy), Readers(scope, options.get('pipeline') or [], level)
    except Exception:
        return None
