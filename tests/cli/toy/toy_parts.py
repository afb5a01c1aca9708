"""A model and a data set that need mmengine alone: one linear layer that learns y = 2 x - 1."""

import atexit
import json
import os
import signal
from pathlib import Path

import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, HOOKS, METRICS, MODELS
from torch import nn
from torch.utils.data import Dataset


@DATASETS.register_module()
class ToyLine(Dataset):
    METAINFO = {'classes': ('line',)}

    def __init__(self, data_root=None, ann_file='', data_prefix=None):
        self.x = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
        self.metainfo = dict(self.METAINFO)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return {'x': self.x[index], 'y': 2 * self.x[index].sum(0, keepdim=True) - 1}


@MODELS.register_module()
class ToyModel(BaseModel):
    def __init__(self, init_cfg=None):
        super().__init__(init_cfg=init_cfg)
        generator = torch.Generator().manual_seed(1)
        self.layer = nn.Linear(3, 1)
        with torch.no_grad():
            self.layer.weight.copy_(torch.randn(1, 3, generator=generator))
            self.layer.bias.zero_()

    def forward(self, x, y, mode='tensor'):
        prediction = self.layer(torch.stack(list(x)))
        if mode == 'loss':
            return {'loss': (prediction - torch.stack(list(y))).square().mean()}
        return list(prediction)


@MODELS.register_module()
class ToyModelThatMustNotBeBuilt(ToyModel):
    def __init__(self):
        raise AssertionError('the model was built')


@METRICS.register_module()
class ToyMetric(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results.extend(float(sample) for sample in data_samples)

    def compute_metrics(self, results):
        return {'mean': sum(results) / len(results), 'count': len(results)}


@HOOKS.register_module()
class ToyDiary(Hook):
    """Writes down what a training run did, for comparison with another run."""

    priority = 'LOWEST'  # after the checkpoint of the step was written

    def __init__(self, path):
        self.path, self.steps = path, []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.steps.append(
            {
                'iter': runner.iter,
                'loss': outputs['loss'].item(),
                'lr': runner.optim_wrapper.get_lr()['lr'],
                'rank': int(os.environ.get('RANK', '0')),
            }
        )

        if str(runner.iter + 1) == os.environ.get('TOY_KILL_AFTER_STEP'):
            os.kill(os.getpid(), signal.SIGKILL)

    def after_train(self, runner):
        state = runner.optim_wrapper.state_dict()['state']
        Path(self.path.format(rank=os.environ.get('RANK', '0'))).write_text(
            json.dumps(
                {
                    'steps': self.steps,
                    'weights': {name: p.tolist() for name, p in runner.model.state_dict().items()},
                    'optimizer': {
                        k: {n: torch.as_tensor(v).tolist() for n, v in s.items()}
                        for k, s in state.items()
                    },
                    'schedulers': [
                        {key: repr(value) for key, value in s.state_dict().items()}
                        for s in runner.param_schedulers or ()
                    ],
                    'history': {
                        key: [list(map(float, part)) for part in buffer.data]
                        for key, buffer in runner.message_hub.log_scalars.items()
                        if 'time' not in key
                    },
                }
            )
        )


@atexit.register
def _write_down_the_threads():
    """Which threads are still there when the interpreter closes (on Linux)."""
    path = os.environ.get('TOY_THREADS')
    if path:
        names = [file.read_text().strip() for file in Path('/proc/self/task').glob('*/comm')]
        Path(path.format(rank=os.environ['RANK'])).write_text(json.dumps(names))
