"""A resumed run does what the uninterrupted one would have done.

mmengine brings back weights, optimizer, schedulers, averages and logs, and repeats the order of
the data. This is the rest: the random numbers, which augmentation and drop path go on with, and a
validation that was due when the run stopped.
"""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from heracles_mm.engine.random_state import random_state, separate_ranks, set_random_state
from heracles_mm.errors import CheckpointError

RUN_STATE = 'heracles_mm_run'
"""The checkpoint's entry with ``random``, ``validated`` and ``optimizer_states``."""


class ExactResume(Hook):
    """Notes in each checkpoint what mmengine does not store, and goes on from it.

    Validation is kept from using up the random numbers of training: a run that validates more
    often trains the same, and a checkpoint written during a validation goes on as one before it.
    """

    def __init__(self) -> None:
        self._before_val: dict[str, Any] | None = None
        self._resumed: dict[str, Any] | None = None

    def before_val(self, runner: Runner) -> None:
        """Put the random numbers of training aside."""
        self._before_val = random_state()

    def after_val(self, runner: Runner) -> None:
        """Go on with them."""
        if self._before_val is not None:
            set_random_state(self._before_val)
            self._before_val = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        checkpoint[RUN_STATE] = {
            'random': self._before_val or random_state(),
            'validated': self._before_val is not None,
            'optimizer_states': [*checkpoint.get('optimizer', {}).get('state', ())],
        }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        state = checkpoint.pop(RUN_STATE, None)
        if not runner._resume:
            return
        if state is None:
            runner.logger.warning(
                'the checkpoint holds no states of random numbers (PlainCheckpointHook writes '
                'them): the run goes on, but not with the losses that it would have had'
            )
        self._resumed = state

    def before_train(self, runner: Runner) -> None:
        """Catch up on a validation, and go on with the random numbers of the checkpoint."""
        state, self._resumed = self._resumed, None
        if state is None:
            return
        loop = runner.train_loop
        _to_whole_epochs(runner)
        if not state['validated'] and _validation_is_due(runner):
            runner.val_loop.run()

        def go_on() -> None:
            try:
                set_random_state(state['random'])
            except Exception as error:
                raise CheckpointError(
                    f'the states of random numbers in the checkpoint are damaged ({error})'
                ) from error
            if runner._randomness_cfg.get('diff_rank_seed'):
                separate_ranks()

        # A loop of the OneDL fork may be told not to repeat the order of the data.
        repeats = not getattr(loop, 'fast_forward_on_resume', False)
        if isinstance(loop, IterBasedTrainLoop) and loop.iter and repeats:
            loop.dataloader_iterator = _Advanced(loop, go_on)
        else:
            go_on()


class _Advanced:
    """mmengine's data iterator of a resumed run, which is first advanced over the batches done.

    Loading them again uses random numbers; after the last one ``go_on`` sets them right.
    """

    def __init__(self, loop: IterBasedTrainLoop, go_on: Any) -> None:
        self.loop, self.go_on = loop, go_on
        self.iterator, self.left = loop.dataloader_iterator, loop.iter

    def __next__(self) -> Any:
        batch = next(self.iterator)
        self.left -= 1
        if not self.left:
            self.go_on()
            self.loop.dataloader_iterator = self.iterator
        return batch

    def skip_iter(self, count: int) -> None:
        """What the OneDL fork's loop calls; its own iterator would start the workers anew."""
        for _ in range(count):
            next(self)


def _to_whole_epochs(runner: Runner) -> None:
    """A loop by epoch starts whole epochs: warn about a checkpoint from the middle of one."""
    loop = runner.train_loop
    if not isinstance(loop, EpochBasedTrainLoop):
        return
    if loop.iter and loop.dataloader.persistent_workers:
        runner.logger.warning(
            'the loader has persistent_workers, whose random numbers start anew: augmentation will '
            'not be that of the uninterrupted run'
        )
    length = len(loop.dataloader)
    if loop.iter == (loop.epoch + 1) * length:
        loop._epoch += 1
    elif loop.iter != loop.epoch * length:
        runner.logger.warning(
            f'the checkpoint was written in the middle of epoch {loop.epoch + 1}, which starts '
            'over: its first pictures are seen twice (let CheckpointHook save by_epoch)'
        )


def _validation_is_due(runner: Runner) -> bool:
    """Whether the uninterrupted run would validate at the step of the checkpoint."""
    loop = runner.train_loop
    if runner.val_loop is None or type(loop) not in (EpochBasedTrainLoop, IterBasedTrainLoop):
        return False
    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    done, end = (loop.epoch, loop.max_epochs) if by_epoch else (loop.iter, loop.max_iters)
    loop._decide_current_val_interval()
    return done >= loop.val_begin and (done % loop.val_interval == 0 or done == end)
