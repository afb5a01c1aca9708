"""A model that every kind of hook has an effect on, and hooks of a user that keep something."""

from collections import deque

import mmdet.engine.hooks  # noqa: F401  (registers them)
import mmpretrain.engine.hooks  # noqa: F401
import torch
from kills_parts import DroppingModel, JitteredPoints
from mmcv.transforms import TRANSFORMS, BaseTransform
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, HOOKS, MODELS
from torch import nn


@TRANSFORMS.register_module()
class Shift(BaseTransform):
    def __init__(self, by):
        self.by = by

    def transform(self, results):
        return {**results, 'x': results['x'] + self.by}


@DATASETS.register_module()
class SwitchedPoints(JitteredPoints):
    """Points through a pipeline, some of which is skipped."""

    skipped = ()

    def __getitem__(self, index):
        point = self.pipeline(super().__getitem__(index))
        return {**point, 'x': point['x'] * (0.9 if self.skipped else 1)}

    def update_skip_type_keys(self, names):
        self.skipped = names


@MODELS.register_module()
class HookedModel(BaseModel):
    """A student and its teacher; each number that a hook sets is a part of the loss."""

    def __init__(self, data_preprocessor):
        super().__init__(data_preprocessor)
        self.student, self.teacher = DroppingModel(), DroppingModel()
        self.bbox_head = nn.Module()  # YOLOX's and WarmupParamHook's
        self.bbox_head.use_l1, self.bbox_head.strength = False, 0.5
        self.loss_lambda = 0.7
        self.gain, self.anchor = 1.0, 0.0

    def forward(self, x, y, mode='tensor'):
        if mode != 'loss':
            return self.student(x, y, mode)
        loss = self.student(x, y, 'loss')['loss'] * self.gain * (1 + self.bbox_head.strength)
        with torch.no_grad():
            target = torch.stack(self.teacher(x, y))
        far = (torch.stack(self.student(x, y)) - target).abs().mean()
        augmented = 0.3 * len(str(self.data_preprocessor.batch_augments))
        return {
            'loss': loss + self.loss_lambda * far + self.anchor,
            'more': far * (augmented + 10 * self.bbox_head.use_l1),
        }


class Preprocessor(nn.Module):
    """SwitchRecipeHook changes its ``batch_augments``."""

    batch_augments = None

    def forward(self, data, training=False):
        return data


MODELS.register_module(module=Preprocessor, name='KillsPreprocessor')


@HOOKS.register_module()
class Counts(Hook):
    """Plain attributes of several types."""

    priority = 'NORMAL'

    def __init__(self):
        self.calls, self.recent, self.seen = 0, deque(maxlen=3), {'most': 0.0}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        runner.model.gain = 1 + 0.01 * self.calls + 0.1 * sum(self.recent) + 0.1 * self.seen['most']

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.calls += 1
        self.recent.append(min(outputs['loss'].item(), 1.0))
        self.seen['most'] = max(self.seen['most'], self.recent[-1])


@HOOKS.register_module()
class OwnAverage(Hook):
    """A module, which has a state of its own."""

    def before_run(self, runner):
        self.average = nn.Linear(3, 1)
        nn.init.zeros_(self.average.weight)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        weights = runner.model.student.body[0].weight.detach().mean(0, keepdim=True)
        self.average.weight.data.lerp_(weights, 0.1)
        runner.model.anchor = self.average.weight.detach().sum().abs()

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        runner.model.anchor = self.average.weight.detach().sum().abs()


@HOOKS.register_module()
class SaysItself(Hook):
    """An object that is no plain data, and methods for it."""

    def __init__(self):
        self.things = [iter(range(1000))]
        self.drawn = 0

    def state_dict(self):
        return {'drawn': self.drawn}

    def load_state_dict(self, state):
        self.drawn = state['drawn']
        self.things = [iter(range(self.drawn, 1000))]

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.drawn = next(self.things[0]) + 1
        runner.model.loss_lambda = 0.7 + 0.01 * self.drawn

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        runner.model.loss_lambda = 0.7 + 0.01 * self.drawn
