"""Write checkpoints of plain data, whole or not at all."""

import io
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from heracles_mm.checkpoints.atomic import AtomicLocalBackend
from heracles_mm.errors import CheckpointError, UserError

SUFFIXES = ('.pth', '.safetensors')
META = 'heracles_mm.meta'
"""Entry of a safetensors file's metadata under which ``meta`` stands as JSON."""


def check_suffix(path: Path) -> None:
    """Raise a CheckpointError for a name that does not say in which format to write."""
    if path.suffix not in SUFFIXES:
        raise CheckpointError(f'{path} must end in {" or ".join(SUFFIXES)}, which says the format')


def checkpoint_bytes(weights: dict[str, Tensor], meta: dict[str, Any], path: Path) -> bytes:
    """The content of a checkpoint: PyTorch's format or safetensors, as ``path`` ends.

    Args:
        weights: stored under ``state_dict``, on the CPU and without what else shares their memory.
        meta: plain data; JSON for safetensors.
        path: where it will be written.
    """
    weights = {key: tensor.detach().cpu().clone() for key, tensor in weights.items()}
    if path.suffix == '.safetensors':
        import_safetensors(path)
        from safetensors.torch import save

        weights = {key: tensor.contiguous() for key, tensor in weights.items()}
        return save(weights, {META: json.dumps(meta), 'format': 'pt'})
    file = io.BytesIO()
    torch.save({'state_dict': weights, 'meta': meta}, file)
    return file.getvalue()


def import_safetensors(filename: str | Path) -> Any:
    """The package, or a CheckpointError that ``filename`` needs it."""
    try:
        import safetensors
    except ModuleNotFoundError:
        raise CheckpointError(
            f'{filename} needs the package safetensors: pip install safetensors'
        ) from None
    return safetensors


def check_output(out: str | Path, *inputs: str | Path | None) -> None:
    """Raise a UserError for a file to write that is one of those to read, also by a link."""
    target = Path(out).expanduser()
    sources = [Path(one).expanduser() for one in inputs if one]
    if target.exists() and any(one.exists() and target.samefile(one) for one in sources):
        raise UserError(f'{out} is a file that is read here: give what is written another name')


def write_whole(content: bytes, path: Path) -> None:
    """Write a file that appears whole or not at all.

    Raises:
        CheckpointError: the folder or the disk refuses it.
    """
    try:
        AtomicLocalBackend().put(content, path)
    except OSError as error:
        raise CheckpointError(f'{path} cannot be written: {error.strerror}') from error
