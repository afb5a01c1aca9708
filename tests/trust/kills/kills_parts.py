"""A model and data that use every generator of random numbers, and a diary that survives a kill."""

import hashlib
import json
import os
import random
import time

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, HOOKS, METRICS, MODELS
from torch import nn

import heracles_mm  # noqa: F401

POINTS = torch.randn(24, 3, generator=torch.Generator().manual_seed(0))


@DATASETS.register_module()
class JitteredPoints(BaseDataset):
    """Points and their weighted sum; in training, augmentation by Python, numpy and torch."""

    METAINFO = {'classes': ('point',)}

    def load_data_list(self):
        return [{'x': x.tolist(), 'y': [2 * sum(x.tolist()) - 1]} for x in POINTS]

    def __getitem__(self, index):
        x = torch.tensor(self.get_data_info(index)['x'])
        y = torch.tensor(self.get_data_info(index)['y'])
        if not self.test_mode:
            x = x * (-1 if random.random() < 0.5 else 1) + 0.1 * float(np.random.randn())
            x = x + 0.1 * torch.randn(3)
        return {'x': x, 'y': y}


@MODELS.register_module()
class DroppingModel(BaseModel):
    """BatchNorm has buffers, dropout draws in the forward pass."""

    def __init__(self, width=64, init_cfg=None):
        super().__init__(init_cfg=init_cfg)
        self.body = nn.Sequential(
            nn.Linear(3, width), nn.BatchNorm1d(width), nn.GELU(), nn.Dropout(0.3)
        )
        self.head = nn.Linear(width, 1)

    def features(self, x):
        return self.body(x)

    def forward(self, x, y, mode='tensor'):
        prediction = self.head(self.features(torch.stack(list(x))))
        if mode == 'loss':
            return {'loss': (prediction - torch.stack(list(y))).square().mean()}
        return list(prediction)


@MODELS.register_module()
class DroppingNano(DroppingModel):
    """The same around a nano backbone of this package."""

    def __init__(self, kind, size=32, init_cfg=None):
        super().__init__(width=1, init_cfg=init_cfg)
        self.body = MODELS.build(dict(type=kind, arch='nano', img_size=size, drop_path_rate=0.3))
        self.size = size
        self.head = nn.LazyLinear(1)
        self.head(self.features(torch.zeros(2, 3)))

    def features(self, x):
        pictures = x[..., None, None].expand(-1, -1, self.size, self.size)
        return self.body(pictures.contiguous())[-1].mean((-2, -1))


@METRICS.register_module()
class MeanPrediction(BaseMetric):
    """Its value on fixed points tells whether validation saw the right weights."""

    def process(self, data_batch, data_samples):
        self.results.extend(float(sample) for sample in data_samples)

    def compute_metrics(self, results):
        return {'mean': sum(results) / len(results)}


def digests(state):
    """Of each tensor, all bits."""
    return {
        key: hashlib.sha256(torch.as_tensor(value).numpy().tobytes()).hexdigest()[:16]
        for key, value in state.items()
    }


@HOOKS.register_module()
class Diary(Hook):
    """One line for each step and validation, and at the end all that training is made of."""

    priority = 'BELOW_NORMAL'  # a step is in the diary before it is in a checkpoint

    def __init__(self, path, sleep):
        self.path, self.sleep = path, sleep

    def write(self, **line):
        with open(self.path, 'ab', buffering=0) as file:
            file.write(json.dumps(line).encode() + b'\n')

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        x = torch.stack(data_batch['x']).double().sum()
        lr = runner.optim_wrapper.get_lr()['lr']
        self.write(step=runner.iter, loss=outputs['loss'].item(), data=x.item(), lr=lr)
        time.sleep(self.sleep)

    def after_val_epoch(self, runner, metrics=None):
        self.write(val=runner.iter, metrics=metrics)

    def after_train(self, runner):
        averages = next(hook for hook in runner.hooks if type(hook).__name__ == 'EMAHook')
        optimizer = runner.optim_wrapper.state_dict()
        self.write(
            end={
                'weights': digests(runner.model.state_dict()),
                'averages': digests(averages.ema_model.state_dict()),
                'optimizer': {str(k): digests(state) for k, state in optimizer['state'].items()},
                'schedulers': [
                    {key: repr(value) for key, value in one.state_dict().items()}
                    for one in runner.param_schedulers
                ],
                'history': {
                    key: [list(map(float, part)) for part in buffer.data]
                    for key, buffer in runner.message_hub.log_scalars.items()
                    if 'time' not in key and 'memory' not in key
                },
                'best': [
                    runner.message_hub.get_info('best_score'),
                    os.path.basename(runner.message_hub.get_info('best_ckpt')),
                ],
            }
        )
