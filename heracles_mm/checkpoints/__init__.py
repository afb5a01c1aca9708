"""Checkpoints of plain data only, written whole, and read without running anything in them."""

from heracles_mm.checkpoints.atomic import AtomicLocalBackend
from heracles_mm.checkpoints.latest import latest_checkpoint
from heracles_mm.checkpoints.loading import CheckedLoading, load_weights
from heracles_mm.checkpoints.plain import from_plain, to_plain
from heracles_mm.checkpoints.reading import read_checkpoint, read_plain_checkpoints_only
from heracles_mm.checkpoints.whole import check_checkpoint_file
from heracles_mm.errors import CheckpointError

__all__ = [
    'AtomicLocalBackend',
    'CheckedLoading',
    'CheckpointError',
    'check_checkpoint_file',
    'from_plain',
    'latest_checkpoint',
    'load_weights',
    'read_checkpoint',
    'read_plain_checkpoints_only',
    'to_plain',
]
