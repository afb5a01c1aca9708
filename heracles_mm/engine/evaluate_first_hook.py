"""Evaluate before the first training step."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from heracles_mm.engine.first_step import before_first_step


@HOOKS.register_module()
class EvaluateFirstHook(Hook):
    """Run the validation loop on the model as it was initialised, so that a curve starts at step 0.

    Nothing happens in a run that is resumed.
    """

    def before_train(self, runner: Runner) -> None:
        def evaluate() -> None:
            runner.val_loop.run()
            runner.model.train()

        if runner.iter == 0 and runner.val_loop is not None:
            before_first_step(runner.train_loop, evaluate)
