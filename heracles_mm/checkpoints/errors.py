"""What goes wrong with checkpoints, told in one sentence for the user."""


class CheckpointError(RuntimeError):
    """A checkpoint is missing, damaged or refused; the message is one sentence for the user."""


class DamagedCheckpointError(CheckpointError):
    """The file is cut short or changed, or never was a checkpoint."""
