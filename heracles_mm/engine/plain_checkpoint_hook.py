"""Runner checkpoints that can be resumed safely."""

from typing import Any

from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from heracles_mm.checkpoints import from_plain, to_plain
from heracles_mm.checkpoints.atomic import ATOMIC_LOCAL
from heracles_mm.engine.exact_resume import ExactResume
from heracles_mm.engine.resume_check import check_resumable


@HOOKS.register_module()
class PlainCheckpointHook(ExactResume):
    """Write checkpoints as plain data and whole files, and build mmengine's objects on resume.

    With it in ``custom_hooks`` every checkpoint of the runner, the best and the published ones too,
    loads with ``torch.load(weights_only=True)``, so ``--resume`` works under torch >= 2.6 with no
    unsafe load. Without it the file is still good: plain mmengine loads its weights and resumes
    from it, only the smoothed losses of the log and the random numbers start anew.

    A run that resumes goes on to the very losses that it would have had (see
    :class:`~heracles_mm.engine.exact_resume.ExactResume`), or refuses a checkpoint that does not
    hold its whole state.

    It runs last (priority LOWEST, and after all others of it), so that it sees what other hooks put
    into the checkpoint.
    """

    priority = 'LOWEST'

    def __init__(self) -> None:
        super().__init__()
        self._reported: set[str] = set()

    def before_run(self, runner: Runner) -> None:
        """Let local checkpoints appear whole or not at all, unless the config chose a storage."""
        runner._hooks = [*(hook for hook in runner.hooks if hook is not self), self]
        for hook in runner.hooks:
            if (
                isinstance(hook, CheckpointHook)
                and hook.backend_args is None
                and hook.file_client_args is None
                and '://' not in str(hook.out_dir)
            ):
                hook.backend_args = {'backend': ATOMIC_LOCAL}

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Replace everything in ``checkpoint`` by plain data; say once what had to be left out."""
        super().before_save_checkpoint(runner, checkpoint)
        left_out: list[str] = []
        plain = to_plain(checkpoint, 'checkpoint', left_out)
        checkpoint.clear()
        checkpoint.update(plain)
        for entry in left_out:
            if entry not in self._reported:
                self._reported.add(entry)
                runner.logger.warning(
                    f'{entry} is no plain data and is left out of the checkpoints: on resume it '
                    'comes from the config again'
                )

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Build the objects that mmengine expects when it resumes.

        ``meta.config`` of very old checkpoints is dropped: Runner.resume would run that text as
        Python, which no plain-data check can make safe.
        """
        for key, value in checkpoint.items():
            checkpoint[key] = from_plain(value)
        if isinstance(checkpoint.get('meta'), dict):
            checkpoint['meta'].pop('config', None)
        if runner._resume:
            check_resumable(runner, checkpoint)
        super().after_load_checkpoint(runner, checkpoint)
