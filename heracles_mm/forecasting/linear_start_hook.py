"""A forecaster's linear map, set before its training."""

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from heracles_mm.forecasting.baselines import LinearMap


@HOOKS.register_module()
class LinearStartHook(Hook):
    """Let a :class:`~heracles_mm.forecasting.forecaster.Forecaster` begin as the best linear map.

    Before the first step its ``linear`` becomes the closed-form map of the training windows, and
    its ``drift``, if there is one, that map's bias, while its head is zero: training starts at what
    a linear map reaches and finds the rest (ours). A run that resumes or that starts from a
    checkpoint is left as it is, and so is a model without such a map.
    """

    def before_train(self, runner: Runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if runner.iter or runner.cfg.get('load_from') or model.linear is None:
            return
        dataset = runner.train_dataloader.dataset
        bias = model.drift is not None
        weight = LinearMap(dataset.values, dataset.look_back, dataset.horizon, bias=bias).weight
        weight, drift = weight.split((dataset.look_back, int(bias)))
        weight[-1] += 1 - weight.sum(0)  # of the window itself, in the place of less its last value
        with torch.no_grad():
            model.linear.weight.copy_(weight.mT)
            if bias:
                model.drift.copy_(drift.mT)
