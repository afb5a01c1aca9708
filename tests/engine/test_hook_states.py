"""What hooks keep comes back on resume, or the run says that it does not."""

import itertools
import random
import re
from collections import defaultdict, deque
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn

import heracles_mm.engine  # noqa: F401
from heracles_mm.checkpoints import CheckpointError

TOY_CONFIG = Path(__file__).resolve().parents[1] / 'cli' / 'toy' / 'toy_config.py'
numbers = itertools.count()


class Thing:
    """No plain data."""

    def __init__(self):
        self.count = 0


@HOOKS.register_module()
class Keeps(Hook):
    """Everything that can be kept, and an option that the config may change."""

    priority = 'NORMAL'

    def __init__(self, patience=3):
        self.patience = patience
        self.count, self.name, self.array = 0, 'none', np.zeros(2)
        self.queue, self.nested = deque(maxlen=2), {'best': [0.0], 'seen': set()}
        self.tensor = torch.zeros(2)

    def before_run(self, runner):
        self.module = nn.Linear(1, 1)
        nn.init.zeros_(self.module.weight)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.count += 1
        self.name = f'step {self.count}'
        self.queue.append(self.count)
        self.nested['best'].append(outputs['loss'].item())
        self.nested['seen'].add(self.count)
        self.tensor += 1
        self.array += 1
        self.late_attribute = outputs['loss']  # with its graph
        self.module.weight.data += 1


@HOOKS.register_module()
class Loses(Hook):
    """What cannot be kept; the second half does not change."""

    priority = 'NORMAL'

    def __init__(self):
        self.switched, self.thing, self.list = False, Thing(), [Thing()]
        self.other, self.function = Thing(), len

    def before_run(self, runner):
        self.runner, self.model = runner, runner.model
        self.hub, self.optimizer = runner.message_hub, runner.optim_wrapper.optimizer

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.switched = True
        self.thing.count += 1
        self.list.append(Thing())


class Point(NamedTuple):
    x: int = 0


@HOOKS.register_module()
class Typed(Hook):
    """Types that plain data do not have come back as they are, or are named."""

    priority = 'NORMAL'

    def __init__(self):
        self.best = self.nothing = self.queue = None
        self.point, self.frozen, self.counts = Point(), frozenset(), defaultdict(int)
        self.paths, self.scalar, self.data = [], np.float64(0), b''
        self.random, self.rng = random.Random(0), np.random.default_rng(0)
        self.generator = torch.Generator()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.best, self.queue = Path('best.pth'), deque([1], maxlen=2)
        self.point, self.frozen = Point(self.point.x + 1), frozenset({self.point.x})
        self.counts[batch_idx] += 1
        self.paths.append(Path(str(batch_idx)))
        self.scalar, self.data = self.scalar + 1, bytes(2)
        self.random.random(), self.rng.random(), torch.rand(1, generator=self.generator)


@HOOKS.register_module()
class Late(Hook):
    """It counts each step when CheckpointHook has written."""

    priority = 'LOWEST'

    def __init__(self):
        self.count = 0

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.count += 1


@HOOKS.register_module()
class SaysItself(Hook):
    """Its own methods win over its attributes."""

    priority = 'NORMAL'

    def __init__(self):
        self.count = 0

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.count += 1

    def state_dict(self):
        return {'doubled': 2 * self.count}

    def load_state_dict(self, state):
        self.count = state['doubled']


@pytest.fixture
def toy(tmp_path, capfd):
    """Trains the toy config with these hooks and returns them, and what was logged."""

    def run(*hooks, resume=None, **options):
        cfg = Config.fromfile(TOY_CONFIG)
        cfg.work_dir = str(tmp_path / f'run_{next(numbers)}')
        cfg.custom_hooks = [{'type': 'PlainCheckpointHook'}, *hooks]
        cfg.experiment_name = f'hooks_{next(numbers)}'
        cfg.merge_from_dict(options)
        cfg.resume, cfg.load_from = resume is not None, resume and str(resume)
        runner = Runner.from_cfg(cfg)
        capfd.readouterr()
        runner.train()
        ours = [hook for hook in runner.hooks if type(hook).__module__ == __name__]
        return runner, ours, capfd.readouterr().out

    return run


def checkpoint(runner, name='iter_4.pth'):
    return Path(runner.work_dir) / name


def test_plain_attributes_and_modules_go_on(toy):
    runner, (whole,), said = toy({'type': 'Keeps'})
    assert 'changed in training' not in said
    _, (resumed,), said = toy({'type': 'Keeps'}, resume=checkpoint(runner))
    assert 'hooks that go on with their state: Keeps (module, ' in said
    for name in ('count', 'name', 'queue', 'nested'):
        assert getattr(resumed, name) == getattr(whole, name), name
    assert isinstance(resumed.queue, deque) and resumed.queue.maxlen == 2
    assert resumed.tensor.tolist() == [6, 6]
    assert isinstance(resumed.array, np.ndarray) and resumed.array.tolist() == [6, 6]
    assert resumed.module.weight.item() == 6


def test_an_option_of_the_config_has_an_effect(toy):
    runner, *_ = toy({'type': 'Keeps'})
    _, (resumed,), _ = toy({'type': 'Keeps', 'patience': 5}, resume=checkpoint(runner))
    assert (resumed.patience, resumed.count) == (5, 6)


def test_two_hooks_of_a_class_are_told_apart(toy):
    runner, *_ = toy({'type': 'Keeps'}, {'type': 'Keeps'})
    stored = torch.load(checkpoint(runner), weights_only=True)
    assert {'Keeps', 'Keeps 2'} <= set(stored['heracles_mm_run']['hooks'])
    stored['heracles_mm_run']['hooks']['Keeps 2']['plain']['count']['value'] = 40
    torch.save(stored, checkpoint(runner))
    _, (one, two), _ = toy({'type': 'Keeps'}, {'type': 'Keeps'}, resume=checkpoint(runner))
    assert (one.count, two.count) == (6, 42)


def test_what_is_lost_is_named_once(toy):
    runner, _, said = toy({'type': 'Loses'})
    lines = [line for line in said.splitlines() if 'changed in training' in line]
    assert len(lines) == 1
    for name in ('switched (bool)', 'thing (Thing)', 'list (list)'):
        assert f'Loses.{name}' in lines[0]
    for name in ('other', 'function', 'runner', 'model', 'hub', 'optimizer'):
        assert f'Loses.{name}' not in lines[0]
    stored = torch.load(checkpoint(runner), weights_only=True)['heracles_mm_run']['hooks']
    assert 'Loses' not in stored, "the run's own parts are stored once"
    _, (resumed,), _ = toy({'type': 'Loses'}, resume=checkpoint(runner))
    assert resumed.thing.count == 2


def test_types_come_back_or_are_named(toy):
    """A hook that reads the name of its path must not find a text."""
    runner, _, said = toy({'type': 'Typed'})
    lost = {'best', 'queue', 'point', 'frozen', 'paths', 'random', 'rng', 'generator'}
    assert set(re.findall(r'Typed\.(\w+)', said)) == lost
    _, (resumed,), said = toy({'type': 'Typed'}, resume=checkpoint(runner))
    assert 'Typed (counts, scalar, data)' in said
    assert resumed.scalar == 6 and type(resumed.counts) is defaultdict and resumed.data == bytes(2)
    assert type(resumed.best) is type(Path()), 'after two more steps'


def test_a_hook_whose_turn_comes_after_the_file_is_named(toy):
    """Its count in the file would be one behind."""
    runner, _, said = toy({'type': 'Late'})
    assert 'Late.count (it runs after CheckpointHook' in said
    _, (resumed,), _ = toy({'type': 'Late'}, resume=checkpoint(runner))
    assert resumed.count == 2


def test_a_hooks_own_methods_win(toy):
    runner, *_ = toy({'type': 'SaysItself'})
    _, (resumed,), _ = toy({'type': 'SaysItself'}, resume=checkpoint(runner))
    assert resumed.count == 2 * 4 + 2


def test_a_state_that_no_hook_takes_is_named(toy):
    runner, *_ = toy({'type': 'SaysItself'})
    _, _, said = toy(resume=checkpoint(runner))
    assert 'the checkpoint has the state of SaysItself, a hook that this config lacks' in said


def test_a_state_that_does_not_fit_is_refused(toy):
    runner, *_ = toy({'type': 'SaysItself'})
    stored = torch.load(checkpoint(runner), weights_only=True)
    stored['heracles_mm_run']['hooks']['SaysItself']['own'] = {}
    torch.save(stored, checkpoint(runner))
    with pytest.raises(CheckpointError, match=r"SaysItself does not take .*KeyError: 'doubled'"):
        toy({'type': 'SaysItself'}, resume=checkpoint(runner))


@pytest.mark.parametrize('name', ['after_train_iter', '__class__', '__dict__'])
def test_a_file_sets_no_more_than_attributes(name, toy):
    runner, *_ = toy({'type': 'Keeps'})
    stored = torch.load(checkpoint(runner), weights_only=True)
    entry = {'value': 1, 'on_cpu': True}
    stored['heracles_mm_run']['hooks']['Keeps']['plain'][name] = entry
    torch.save(stored, checkpoint(runner))
    with pytest.raises(CheckpointError, match=f'Keeps does not take .*{name} is not to be set'):
        toy({'type': 'Keeps'}, resume=checkpoint(runner))


def test_mmengines_default_hooks_take_nothing(toy):
    """Such as the folder in which files are written and removed."""
    runner, *_ = toy({'type': 'Keeps'})
    stored = torch.load(checkpoint(runner), weights_only=True)
    entry = {'plain': {'out_dir': {'value': '/elsewhere', 'on_cpu': True}}}
    stored['heracles_mm_run']['hooks']['CheckpointHook'] = entry
    torch.save(stored, checkpoint(runner))
    again, _, said = toy({'type': 'Keeps'}, resume=checkpoint(runner))
    assert checkpoint(again).with_name('iter_6.pth').exists()
    assert 'state of CheckpointHook' in said


STOPPING = {'type': 'EarlyStoppingHook', 'monitor': 'mean', 'rule': 'greater', 'patience': 2}


def test_early_stopping_counts_on(toy):
    options = {'train_cfg.val_interval': 1, 'train_cfg.max_iters': 20}
    never = {**STOPPING, 'min_delta': 100.0}  # nothing is an improvement by 100, so it stops at 3
    runner, *_ = toy(never, **options)
    assert runner.iter == 3
    resumed, *_ = toy(never, resume=checkpoint(runner, 'iter_2.pth'), **options)
    assert resumed.iter == 3


def test_early_stopping_knows_a_validation_that_the_checkpoint_was_written_in(toy):
    """A new best score writes the latest checkpoint again, before early stopping has counted."""
    options = {'train_cfg.val_interval': 2, 'train_cfg.max_iters': 8}
    options['default_hooks.checkpoint.rule'] = 'less'
    stopping = {**STOPPING, 'rule': 'less', 'patience': 9, 'min_delta': 100.0}
    runner, *_ = toy(stopping, **options)
    whole = next(hook for hook in runner.hooks if type(hook).__name__ == 'EarlyStoppingHook')
    stored = torch.load(checkpoint(runner), weights_only=True)['heracles_mm_run']
    assert stored['validated'], 'else nothing is tried'
    resumed, *_ = toy(stopping, resume=checkpoint(runner), **options)
    again = next(hook for hook in resumed.hooks if type(hook).__name__ == 'EarlyStoppingHook')
    assert whole.wait_count == 3
    assert (again.best_score, again.wait_count) == (whole.best_score, 3)


def test_plain_mmengine_resumes_such_a_file(toy):
    runner, *_ = toy({'type': 'Keeps'}, {'type': 'SaysItself'})
    cfg = Config.fromfile(TOY_CONFIG)
    cfg.work_dir, cfg.experiment_name = runner.work_dir, f'plain_{next(numbers)}'
    cfg.custom_hooks, cfg.resume, cfg.load_from = [], True, str(checkpoint(runner))
    plain = Runner.from_cfg(cfg)
    plain.train()
    assert plain.iter == 6
