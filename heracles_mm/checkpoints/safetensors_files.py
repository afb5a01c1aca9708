"""Checkpoints in the safetensors format, which can hold tensors and text alone.

Importing this lets mmengine read every local file and URL whose name ends in ``.safetensors``.
"""

import json
from typing import Any

from mmengine.fileio import get_local_path
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

from heracles_mm.checkpoints.paths import check_checkpoint_file
from heracles_mm.errors import CheckpointError

META = 'heracles_mm.meta'
"""Entry of the file's metadata under which ``meta`` stands as JSON."""


@CheckpointLoader.register_scheme([r'.*\.safetensors$', r'https?://.*\.safetensors$'])
def load_from_safetensors(filename: str, map_location: Any = 'cpu') -> dict[str, Any]:
    """Our loader of safetensors files for mmengine's CheckpointLoader.

    Returns:
        ``state_dict``, whose tensors are on the CPU whatever ``map_location`` says, and ``meta``.

    Raises:
        CheckpointError: the file is missing or damaged, or the package safetensors is.
    """
    safetensors = _library(filename)
    if '://' not in filename:
        filename = str(check_checkpoint_file(filename))
    try:
        with get_local_path(filename) as path, safetensors.safe_open(path, 'pt') as file:
            state_dict = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return {
                'state_dict': state_dict,
                'meta': json.loads((file.metadata() or {}).get(META, '{}')),
            }
    except (safetensors.SafetensorError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f'the checkpoint {filename} cannot be read, it may be damaged or cut short ({error})'
        ) from error


def safetensors_bytes(state_dict: dict[str, Tensor], meta: dict, filename: str) -> bytes:
    """The content of a safetensors file; ``meta`` must be JSON."""
    _library(filename)
    from safetensors.torch import save

    tensors = {key: tensor.contiguous() for key, tensor in state_dict.items()}
    return save(tensors, {META: json.dumps(meta), 'format': 'pt'})


def _library(filename: str) -> Any:
    try:
        import safetensors
    except ModuleNotFoundError:
        raise CheckpointError(
            f'{filename} needs the package safetensors: pip install safetensors'
        ) from None
    return safetensors
