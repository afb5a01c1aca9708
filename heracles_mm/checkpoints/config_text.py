"""The config that a checkpoint carries, read without running it."""

import ast
from typing import Any

from heracles_mm.errors import CheckpointError


def config_of(checkpoint: Any) -> dict[str, Any]:
    """The sections of the config under which a checkpoint of mmengine's runner was trained.

    Its text (``meta.cfg``) holds assignments of literals and of ``dict(...)``, as mmengine writes
    them; it is parsed and never executed, so it may come from a stranger. What it asks to be built
    is another matter: look at each ``type`` before.

    Raises:
        CheckpointError: the checkpoint has none, or other than such assignments.
    """
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    text = meta.get('cfg') if isinstance(meta, dict) else None
    if not isinstance(text, str):
        raise CheckpointError('the checkpoint carries no config')
    try:
        lines = ast.parse(text).body
        return {_name(line): _value(line.value) for line in lines if isinstance(line, ast.Assign)}
    except (SyntaxError, ValueError, RecursionError) as error:
        raise CheckpointError(f'the config of the checkpoint cannot be read: {error}') from error


def _name(line: ast.Assign) -> str:
    (target,) = line.targets
    if not isinstance(target, ast.Name):
        raise ValueError(f'line {line.lineno} sets no name')
    return target.id


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call):
        named = {word.arg: _value(word.value) for word in node.keywords}
        whole = [_value(value) for value in node.args]
        if not isinstance(node.func, ast.Name) or node.func.id != 'dict' or None in named:
            raise ValueError(f'line {node.lineno} calls something other than dict')
        return dict(*whole, **named)  # type: ignore[arg-type]
    if isinstance(node, (ast.List, ast.Tuple)):
        values = [_value(value) for value in node.elts]
        return tuple(values) if isinstance(node, ast.Tuple) else values
    if isinstance(node, ast.Dict):
        keys = [ast.literal_eval(key) for key in node.keys if key is not None]
        return dict(zip(keys, map(_value, node.values), strict=True))
    return ast.literal_eval(node)
