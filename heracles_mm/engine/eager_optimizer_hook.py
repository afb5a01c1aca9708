"""Keep torch's compiler out of the optimizer."""

import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner


@HOOKS.register_module()
class EagerOptimizerHook(Hook):
    """With ``compile`` in a config, compile the model's part of a training step alone.

    mmengine compiles the whole step. Torch's compiler fails at the parameter groups that
    mmengine makes, which are no plain dicts, and would compile the optimizer anew for every
    learning rate.
    """

    def before_train(self, runner: Runner) -> None:
        if runner.cfg.get('compile') and isinstance(runner.optim_wrapper, OptimWrapper):
            optimizer = runner.optim_wrapper.optimizer
            optimizer.step = torch.compiler.disable(optimizer.step)
