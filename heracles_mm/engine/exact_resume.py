"""A resumed run does what the uninterrupted one would have done.

mmengine brings back weights, optimizer, schedulers, averages and logs, and repeats the order of
the data. This is the rest: the random numbers, which augmentation and drop path go on with, what
hooks keep, and a validation that was due when the run stopped.
"""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from heracles_mm.engine import resume_config
from heracles_mm.engine.hook_states import HookStates, hooks_after_checkpoint
from heracles_mm.engine.random_state import random_state, separate_ranks, set_random_state
from heracles_mm.errors import CheckpointError

RUN_STATE = 'heracles_mm_run'
"""The checkpoint's entry with ``random``, ``validated`` and ``optimizer_states``, and, since they
are noted, ``sizes`` and ``hooks``."""


class ExactResume(Hook):
    """Notes in each checkpoint what mmengine does not store, and goes on from it.

    Validation is kept from using up the random numbers of training: a run that validates more
    often trains the same, and a checkpoint written during a validation goes on as one before it.
    """

    def __init__(self) -> None:
        self._before_val: dict[str, Any] | None = None
        self._resumed: dict[str, Any] | None = None
        self._epoch_ends = False
        self._last_step = 0, 0
        self.hook_states = HookStates(self)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Note epoch and steps done in it by the time a checkpoint of this step is written."""
        self._last_step = runner.epoch, batch_idx + 1

    def before_val(self, runner: Runner) -> None:
        """Put the random numbers of training aside."""
        self._before_val = random_state()

    def after_val(self, runner: Runner) -> None:
        """Go on with them."""
        if self._before_val is not None:
            set_random_state(self._before_val)
            self._before_val = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Add RUN_STATE."""
        epoch, done = self._last_step
        stage = 'after_train_iter'
        if epoch != checkpoint['meta'].get('epoch'):  # it is over
            done, stage = 0, 'after_train_epoch'
        if self._before_val is not None:  # the rest of after_val_epoch is made up for
            stage = 'after_val'
        checkpoint[RUN_STATE] = {
            'random': self._before_val or random_state(),
            'validated': self._before_val is not None,
            'optimizer_states': [*checkpoint.get('optimizer', {}).get('state', ())],
            'sizes': {**resume_config.run_sizes(runner), 'done': done},
            'hooks': self.hook_states.collect(runner, stage),
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
        sizes = (state or {}).get('sizes')
        self._epoch_ends = resume_config.take_up(runner, checkpoint, sizes)
        self._resumed = state

    def before_train(self, runner: Runner) -> None:
        """Catch up on a validation, and go on with hooks and random numbers of the checkpoint."""
        self.hook_states.begin(runner)
        state, self._resumed = self._resumed, None
        if state is not None:
            self.hook_states.give_back(runner, state.get('hooks', {}))
            _go_on_with_numbers(runner, state['random'])
        if self._epoch_ends:  # the checkpoint was written before that
            self._epoch_ends = False
            runner.train_loop._epoch -= 1
            runner.call_hook('after_train_epoch')
            runner.train_loop._epoch += 1
        if state is None:
            return
        if state['validated']:
            _finish_validation(runner)
        elif _validation_is_due(runner):
            runner.val_loop.run()


def _go_on_with_numbers(runner: Runner, state: dict[str, Any]) -> None:
    """Take up the random numbers, in a loop by iteration when the data done are loaded again."""
    loop = runner.train_loop

    def go_on() -> None:
        try:
            set_random_state(state)
        except Exception as error:
            raise CheckpointError(
                f'the states of random numbers in the checkpoint are damaged ({error})'
            ) from error
        if runner._randomness_cfg.get('diff_rank_seed'):
            separate_ranks()

    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    if by_epoch and loop.iter and loop.dataloader.persistent_workers:
        runner.logger.warning(
            'the loader has persistent_workers, whose random numbers start anew: augmentation will '
            'not be that of the uninterrupted run'
        )
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


def _finish_validation(runner: Runner) -> None:
    """Call the hooks that come after the one that wrote the checkpoint, such as early stopping."""
    values = runner.message_hub.log_scalars.items()
    metrics = {k.removeprefix('val/'): v.current() for k, v in values if k.startswith('val/')}
    for hook in hooks_after_checkpoint(runner):
        hook.after_val_epoch(runner, metrics)


def _validation_is_due(runner: Runner) -> bool:
    """Whether the uninterrupted run would validate at the step of the checkpoint."""
    loop = runner.train_loop
    if runner.val_loop is None or type(loop) not in (EpochBasedTrainLoop, IterBasedTrainLoop):
        return False
    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    done, end = (loop.epoch, loop.max_epochs) if by_epoch else (loop.iter, loop.max_iters)
    loop._decide_current_val_interval()
    return done >= loop.val_begin and (done % loop.val_interval == 0 or done == end)
