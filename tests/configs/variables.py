"""What a config file sets: sections, which a runner reads, and names for the file's own use."""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from mmengine.runner import Runner

READ_ELSEWHERE = {
    '_base_': 'Config.fromfile',
    'check_data': 'CheckDataHook',
    'custom_imports': 'Config.fromfile',
    'env_cfg.dist_cfg.backend': 'a run of several processes',
    'lora': 'LoRARunner',
    'runner_type': 'RUNNERS.build',
    'strategy': 'a FlexibleRunner',
    'sync_bn': 'a run of several processes',
    'tta_model': 'tools/test.py --tta',
    'tta_pipeline': 'tools/test.py --tta',
}
"""Options that a runner of one process does not ask for, and who does."""

SECTIONS = {*inspect.signature(Runner.__init__).parameters, *READ_ELSEWHERE}


def idle_names(path: Path, files: list[Path]) -> set[str]:
    """Names that the file sets and neither reads itself nor hands to an heir among ``files``.

    They are misspelt sections, or overrides without effect: a ``train_pipeline`` in a config does
    not reach the data set of its base.
    """
    heirs = [file for file in files if path in family(file)]
    asked = set().union(*(_asked_of_bases(heir) for heir in heirs))
    return _set_by(path) - SECTIONS - _read_in(path) - asked


def own_names(config: Path) -> set[str]:
    """Names that a config and its bases set for the files' use; ``idle_names`` finds idle ones."""
    return set().union(*(_set_by(path) for path in family(config))) - SECTIONS


@cache
def family(config: Path) -> list[Path]:
    """The file and all that it inherits."""
    tree = _parsed(config)
    found = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == '_base_'
    ]
    bases = found[0] if found else []
    bases = [bases] if isinstance(bases, str) else bases
    return [config, *(file for base in bases for file in family((config.parent / base).resolve()))]


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _set_by(path: Path) -> set[str]:
    """Names that the file assigns at its top level; mmengine drops functions."""
    assignments = [node for node in _parsed(path).body if isinstance(node, ast.Assign)]
    return {name for node in assignments for name in _names(node, ast.Store)}


def _read_in(path: Path) -> set[str]:
    return set(_names(_parsed(path), ast.Load))


def _asked_of_bases(path: Path) -> set[str]:
    """Names that the file reads as ``_base_.name``."""
    return {
        node.attr
        for node in ast.walk(_parsed(path))
        if isinstance(node, ast.Attribute) and getattr(node.value, 'id', '') == '_base_'
    }


def _names(tree: ast.AST, context: type) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, context):
            yield node.id
