"""The rehearsal finds what would fail later, and leaves no trace where nothing does."""

import random

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, HOOKS, METRICS, MODELS
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

import heracles_mm.engine  # noqa: F401  (registers the hook)
from heracles_mm.errors import UserError


@DATASETS.register_module('RehearsedPictures')
class Augmented(Dataset):
    """Pictures with noise of all three generators, and a memory of what was asked for."""

    METAINFO = {}

    def __init__(self):
        self.asked = []

    def __len__(self):
        return 12

    def __getitem__(self, index):
        self.asked.append(index)
        noise = random.random() + np.random.rand() + torch.rand(3, 8, 8)
        return {'inputs': index + noise, 'count': len(self.asked)}


@MODELS.register_module('RehearsedNet')
class Net(BaseModel):
    """BatchNorm, dropout, and a number that forward changes and no state dict holds."""

    def __init__(self, fails_in=None):
        super().__init__()
        self.fails_in, self.calls = fails_in, 0
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(144, 1)
        )

    def forward(self, inputs, count, mode='tensor'):
        if mode == self.fails_in:
            raise ZeroDivisionError(f'in {mode}')
        self.calls += 1
        out = self.layers(torch.stack(inputs))
        scale = 1 + self.calls + sum(count)
        return {'loss': out.square().mean() / scale} if mode == 'loss' else list(out)


@METRICS.register_module('RehearsedMean')
class Mean(BaseMetric):
    default_prefix = 'toy'

    def process(self, data_batch, data_samples):
        self.results.extend(float(sample) for sample in data_samples)

    def compute_metrics(self, results):
        return {'mean': sum(results) / len(results), 'count': len(results)}


@METRICS.register_module('RehearsedNothing')
class Nothing(Mean):
    def compute_metrics(self, results):
        return {}


@HOOKS.register_module('RehearsedWeight')
class SetsWeight(Hook):
    """Gives the model what it needs in ``before_train``, as a user's hook may."""

    priority = 'LOWEST'

    def before_train(self, runner):
        runner.model.scale = 1.0


@MODELS.register_module('RehearsedScaled')
class Scaled(Net):
    """It reads what a hook sets and what mmengine writes when training begins."""

    def forward(self, inputs, count, mode='tensor'):
        hub = MessageHub.get_current_instance()
        assert hub.get_info('iter') < hub.get_info('max_iters')
        return super().forward([self.scale * one for one in inputs], count, mode)


@MODELS.register_module('RehearsedKinds')
class Kinds(Net):
    """It notes the kind of numbers that each mode gives, on a list that its copies share."""

    noted = []

    def forward(self, inputs, count, mode='tensor'):
        self.noted.append((mode, self.layers(torch.stack(inputs)).dtype))
        return super().forward(inputs, count, mode)


@MODELS.register_module('RehearsedBatch')
class Batch(Net):
    """It needs two pictures of a batch, as a BatchNorm of single values does."""

    def forward(self, inputs, count, mode='tensor'):
        if mode == 'loss' and len(inputs) == 1:
            raise ZeroDivisionError('one picture')
        return super().forward(inputs, count, mode)


MISSPELT = {'monitor': 'toy/meen', 'rule': 'greater'}
EARLY = {'type': 'EarlyStoppingHook', **MISSPELT}
PLATEAU = {'type': 'ReduceOnPlateauParamScheduler', 'param_name': 'lr', **MISSPELT}


def runner(
    folder, *, hook, model=None, workers=0, by_epoch=False, metric='Mean', more=None, **checkpoint
):
    torch.manual_seed(0)
    loader = {
        'batch_size': 4,
        'num_workers': workers,
        'persistent_workers': workers > 0,
        'collate_fn': {'type': 'pseudo_collate'},
        'dataset': {'type': 'RehearsedPictures'},
    }
    if workers:
        loader['prefetch_factor'] = 2
    length = {'max_epochs': 2} if by_epoch else {'max_iters': 5, 'val_interval': 2}
    shuffled = {'type': 'DefaultSampler' if by_epoch else 'InfiniteSampler', 'shuffle': True}
    cfg = Config(
        dict(
            model={'type': 'RehearsedNet', **(model or {})},
            work_dir=str(folder),
            train_dataloader={**loader, 'sampler': shuffled},
            val_dataloader={**loader, 'sampler': {'type': 'DefaultSampler', 'shuffle': False}},
            train_cfg={'by_epoch': by_epoch, **length},
            val_cfg={},
            val_evaluator={'type': f'Rehearsed{metric}'},
            optim_wrapper={'optimizer': {'type': 'AdamW', 'lr': 0.01}},
            default_hooks={'checkpoint': {'type': 'CheckpointHook', 'interval': 99, **checkpoint}},
            custom_hooks=[{'type': 'RehearsalHook', 'enabled': hook}],
            randomness={'seed': 3},
            default_scope='mmengine',
            experiment_name=f'{folder.parent.name}_{folder.name}',  # else two share a message hub
            log_level='ERROR',
        )
    )
    for key, value in (more or {}).items():
        cfg.merge_from_dict({key: value})
    return Runner.from_cfg(cfg)


@pytest.mark.parametrize('by_epoch', [True, False])
@pytest.mark.parametrize('workers', [0, 1])
def test_a_rehearsed_run_is_the_run(workers, by_epoch, tmp_path):
    """Weights, statistics, random numbers, data asked for and metrics are bit by bit those of a run
    without it: one may leave it on."""
    runs = []
    for hook in (True, False):
        run = runner(tmp_path / f'{hook}', hook=hook, workers=workers, by_epoch=by_epoch)
        run.train()
        scalars = {k: v.data[0].tolist() for k, v in run.message_hub.log_scalars.items()}
        runs.append(
            {
                'weights': {k: v.tolist() for k, v in run.model.state_dict().items()},
                'calls': run.model.calls,
                'asked': run.train_dataloader.dataset.asked,
                'losses': scalars['train/loss'],
                'metrics': [scalars['val/toy/mean'], scalars['val/toy/count']],
                'draws': [random.random(), np.random.rand(), float(torch.rand(()))],
            }
        )
    assert runs[0] == runs[1]


@pytest.mark.parametrize('mode', ['loss', 'predict'])
def test_what_would_fail_later_fails_before_the_first_step(mode, tmp_path):
    """The error is the model's own, a failing evaluation after the first epoch too."""
    run = runner(tmp_path / mode, hook=True, model={'fails_in': mode})
    with pytest.raises(ZeroDivisionError, match=f'in {mode}'):
        run.train()
    assert run.iter == run.model.calls == 0


def test_evaluation_is_rehearsed_in_the_numbers_of_the_run(tmp_path, monkeypatch):
    """With mixed precision steps are in bfloat16, evaluation in float32: mmdet rounds boxes of
    bfloat16 to places beyond the picture, and raises."""
    seen = []
    for hook in (False, True):
        monkeypatch.setattr(Kinds, 'noted', [])
        more = {'optim_wrapper.type': 'CpuAmpOptimWrapper'}
        model = {'type': 'RehearsedKinds'}
        runner(tmp_path / f'{hook}', hook=hook, model=model, more=more).train()
        seen.append(set(Kinds.noted))
    assert seen[0] == seen[1] == {('loss', torch.bfloat16), ('predict', torch.float32)}


def test_a_metric_that_nobody_gives_is_named_with_those_that_are(tmp_path):
    run = runner(tmp_path / 'best', hook=True, save_best='toy/top5', rule='greater')
    with pytest.raises(UserError, match=r"save_best is 'toy/top5'.*toy/mean, toy/count"):
        run.train()


@pytest.mark.parametrize(
    ('waits', 'more'),
    [
        (
            'EarlyStoppingHook',
            {'custom_hooks': [{'type': 'RehearsalHook'}, EARLY]},
        ),
        (
            'ReduceOnPlateauParamScheduler',
            {'param_scheduler': [PLATEAU]},
        ),
    ],
)
def test_everybody_who_waits_for_a_metric_is_asked(waits, more, tmp_path):
    """mmengine stops with a KeyError after the first evaluation, or never stops early."""
    run = runner(tmp_path / waits[:5], hook=True, by_epoch=True, more=more)
    with pytest.raises(UserError, match=rf"{waits}.monitor is 'toy/meen'.*toy/mean, toy/count"):
        run.train()


def test_a_best_without_a_rule_fails_before_the_first_step(tmp_path):
    """mmengine says so after the first epoch."""
    run = runner(tmp_path / 'rule', hook=True, save_best='auto')
    with pytest.raises(ValueError, match='rule must be specified'):
        run.train()
    assert run.iter == 0


def test_what_is_there_when_training_begins_is_there(tmp_path):
    """Hooks have done what they do in before_train, and the message hub has the numbers."""
    hooks = {'custom_hooks': [{'type': 'RehearsalHook'}, {'type': 'RehearsedWeight'}]}
    for by_epoch in (True, False):
        model = {'type': 'RehearsedScaled'}
        folder = tmp_path / f'set_{by_epoch}'
        run = runner(folder, hook=True, model=model, by_epoch=by_epoch, more=hooks)
        run.train()
        assert run.iter > 0


def test_a_last_batch_of_one_picture_is_tried(tmp_path):
    """Of 12 pictures, 11 by 11 leave one."""
    model, size = {'type': 'RehearsedBatch'}, {'train_dataloader.batch_size': 11}
    run = runner(tmp_path / 'one', hook=True, model=model, by_epoch=True, more=size)
    with pytest.raises(ZeroDivisionError, match='one picture'):
        run.train()
    assert run.iter == 0
    dropped = {**size, 'train_dataloader.drop_last': True}
    run = runner(tmp_path / 'dropped', hook=True, model=model, by_epoch=True, more=dropped)
    run.train()
    assert run.iter == 2
    one_batch = {**size, 'train_dataloader.num_batch_per_epoch': 1}  # the last is left out
    run = runner(tmp_path / 'short', hook=True, model=model, by_epoch=True, more=one_batch)
    run.train()
    assert run.iter == 2


def test_an_epoch_without_a_step_is_refused(tmp_path):
    """mmengine evaluates and writes a checkpoint of weights that were never trained."""
    more = {'train_dataloader.batch_size': 13, 'train_dataloader.drop_last': True}
    with pytest.raises(UserError, match='no step: train_dataloader has 12 pictures, batch_size=13'):
        runner(tmp_path / 'none', hook=True, by_epoch=True, more=more).train()
    control = runner(tmp_path / 'control', hook=False, by_epoch=True, more=more)
    control.train()
    assert control.iter == 0


@pytest.mark.parametrize(
    ('metric', 'best'), [('Mean', 'toy/mean'), ('Mean', 'auto'), ('Nothing', 'toy/mean')]
)
def test_sound_choices_of_the_best_train(metric, best, tmp_path):
    """An untrained detector may find nothing, so that its evaluator gives nothing yet."""
    name = f'{metric}_{best[:4]}'
    options = {'save_best': best, 'rule': 'greater'} if metric == 'Mean' else {}
    run = runner(tmp_path / name, hook=True, metric=metric, **options)
    run.train()
    assert run.iter == 5


def test_a_model_that_trains_in_its_own_way_is_left_alone(tmp_path):
    @MODELS.register_module('RehearsedOwn')
    class Own(Net):
        def train_step(self, data, optim_wrapper):
            return super().train_step(data, optim_wrapper)

    model = {'type': 'RehearsedOwn', 'fails_in': 'predict'}
    run = runner(tmp_path / 'own', hook=True, model=model)
    with pytest.raises(ZeroDivisionError):
        run.train()
    assert run.iter > 0


@pytest.mark.parametrize('by_epoch', [True, False])
@pytest.mark.parametrize('rehearsal_first', [True, False])
def test_a_step_is_tried_before_the_fresh_model_is_evaluated(rehearsal_first, by_epoch, tmp_path):
    """Wherever the config lists the two, what would fail has failed before a long evaluation."""
    hooks = [{'type': 'RehearsalHook'}, {'type': 'EvaluateFirstHook'}]
    hooks = hooks if rehearsal_first else hooks[::-1]
    model = {'fails_in': 'loss'}
    run = runner(tmp_path, hook=True, by_epoch=by_epoch, model=model, more={'custom_hooks': hooks})
    with pytest.raises(ZeroDivisionError, match='in loss'):
        run.train()
    assert 'val/toy/mean' not in run.message_hub.log_scalars


@pytest.mark.parametrize(('by_epoch', 'later'), [(True, 2), (False, 3)])
def test_the_fresh_model_is_evaluated_once(by_epoch, later, tmp_path):
    """Beside the later evaluations: of 2 epochs, or after steps 2, 4 and 5."""
    hooks = [{'type': 'RehearsalHook'}, {'type': 'EvaluateFirstHook'}]
    run = runner(tmp_path, hook=True, by_epoch=by_epoch, more={'custom_hooks': hooks})
    run.train()
    values, _ = run.message_hub.log_scalars['val/toy/mean'].data
    assert len(values) == 1 + later
