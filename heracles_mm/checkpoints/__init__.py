"""Checkpoints of plain data only, written whole, and read without running anything in them."""

from .atomic import AtomicLocalBackend
from .latest import latest_checkpoint
from .loading import CheckpointError, read_plain_checkpoints_only
from .plain import from_plain, to_plain

__all__ = [
    'AtomicLocalBackend',
    'CheckpointError',
    'from_plain',
    'latest_checkpoint',
    'read_plain_checkpoints_only',
    'to_plain',
]
