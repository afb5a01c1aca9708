"""A resumed run says which options of the config have no effect, and takes them where asked to."""

import itertools
import logging
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

import heracles_mm.engine  # noqa: F401
from heracles_mm.checkpoints import CheckpointError
from heracles_mm.cli import train
from heracles_mm.engine import resume_config
from heracles_mm.errors import UserError

TOY_CONFIG = Path(__file__).resolve().parents[1] / 'cli' / 'toy' / 'toy_config.py'
numbers = itertools.count()


@HOOKS.register_module()
class Rates(Hook):
    """What each step was made with."""

    def __init__(self):
        self.rates, self.moments = {}, None

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.rates[runner.iter] = runner.optim_wrapper.get_lr()['lr'][0]
        if self.moments is None:
            state = runner.optim_wrapper.state_dict()['state']
            self.moments = {k: v['exp_avg'].clone() for k, v in state.items()}


@pytest.fixture
def toy(tmp_path):
    """Builds a runner of the toy config, with what it logs as ``said`` and a Rates hook."""

    def build(resume=None, loop='iter', **options):
        cfg = Config.fromfile(TOY_CONFIG)
        cfg.work_dir = str(tmp_path / f'run_{next(numbers)}')
        cfg.custom_hooks = [{'type': 'PlainCheckpointHook'}, {'type': 'Rates'}]
        cfg.experiment_name = f'resumed_toy_{next(numbers)}'
        if loop == 'epoch':  # of four steps
            cfg.train_cfg = {'type': 'EpochBasedTrainLoop', 'max_epochs': 2}
            cfg.train_dataloader.sampler.type = 'DefaultSampler'
        cfg.merge_from_dict(options)
        cfg.resume, cfg.load_from = resume is not None, resume and str(resume)
        runner = Runner.from_cfg(cfg)
        runner.said = []
        handler = logging.Handler()
        handler.emit = lambda record: runner.said.append((record.levelname, record.getMessage()))
        runner.logger.addHandler(handler)
        return runner

    return build


def hook(runner):
    return next(hook for hook in runner.hooks if isinstance(hook, Rates))


def warnings(runner):
    about_resuming = ('no effect', 'pictures', 'nothing is left', 'middle')
    return [
        text
        for level, text in runner.said
        if level == 'WARNING' and any(words in text for words in about_resuming)
    ]


@pytest.fixture
def saved(toy):
    """Checkpoints of the toy config after two, four and six steps."""
    runner = toy()
    runner.train()
    return Path(runner.work_dir)


@pytest.fixture
def saved_by_epoch(toy):
    """At the end of the first epoch, and in the middle of it."""
    folders = []
    for by_epoch in (True, False):
        options = {'by_epoch': by_epoch, 'interval': 1 if by_epoch else 3}
        runner = toy(
            loop='epoch', **{f'default_hooks.checkpoint.{k}': v for k, v in options.items()}
        )
        runner.train()
        folders.append(Path(runner.work_dir))
    return folders[0] / 'epoch_1.pth', folders[1] / 'iter_3.pth'


def test_an_unchanged_config_is_no_news(toy, saved):
    runner = toy(saved / 'iter_4.pth')
    runner.train()
    assert warnings(runner) == []
    assert not any('changed since' in text for _, text in runner.said)


def test_what_has_an_effect_is_named_without_a_warning(toy, saved):
    options = {'train_cfg.val_interval': 2, 'default_hooks.logger.interval': 2}
    runner = toy(saved / 'iter_4.pth', **options)
    runner.train()
    assert warnings(runner) == []
    (line,) = [text for level, text in runner.said if text.startswith('changed since')]
    assert 'train_cfg.val_interval 3 -> 2' in line
    assert 'default_hooks.logger.interval 1 -> 2' in line
    assert 'work_dir' not in line


def test_a_longer_run_names_the_schedule_that_ends_before(toy, saved):
    runner = toy(saved / 'iter_4.pth', **{'train_cfg.max_iters': 8})
    runner.train()
    assert 'MultiStepLR.end 6 -> 8' in warnings(runner)[0]
    assert runner.iter == 8


NO_EFFECT = {
    'optim_wrapper.optimizer.lr': (0.01, 'lr 0.05 -> 0.01'),
    'optim_wrapper.optimizer.weight_decay': (0.3, 'weight_decay 0.01 -> 0.3'),
    'optim_wrapper.optimizer.betas': ([0.8, 0.9], 'betas [0.9, 0.999] -> [0.8, 0.9]'),
    'optim_wrapper.optimizer.foreach': (True, 'foreach None -> True'),
    'param_scheduler.0.end': (2, 'LinearLR.end 3 -> 2'),
    'param_scheduler.1.gamma': (0.9, 'MultiStepLR.gamma 0.5 -> 0.9'),
    'param_scheduler.1.milestones': ([5], 'MultiStepLR.milestones [4] -> [5]'),
}


@pytest.mark.parametrize('option', NO_EFFECT)
def test_what_has_no_effect_is_named_with_old_and_new_value(option, toy, saved):
    value, words = NO_EFFECT[option]
    runner = toy(saved / 'iter_4.pth', **{option: value})
    runner.train()
    (warning,) = warnings(runner)
    assert words.replace('[', '(').replace(']', ')') in warning.replace('[', '(').replace(']', ')')
    assert '--resume-schedule new' in warning
    assert hook(runner).rates == {4: 0.025, 5: 0.025}, 'as the checkpoint has it'


def test_the_warning_comes_without_the_text_of_the_config_too(toy, saved, tmp_path):
    checkpoint = torch.load(saved / 'iter_4.pth', weights_only=True)
    for text in (None, 'def broken(', 'a = 1' + '+1' * 5000, 7):
        checkpoint['meta']['cfg'] = text
        torch.save(checkpoint, tmp_path / 'without.pth')
        runner = toy(tmp_path / 'without.pth', **{'optim_wrapper.optimizer.lr': 0.01})
        runner.train()
        assert 'lr 0.05 -> 0.01' in warnings(runner)[0]


def test_the_text_of_the_config_is_not_run(toy, saved, tmp_path):
    checkpoint = torch.load(saved / 'iter_4.pth', weights_only=True)
    checkpoint['meta']['cfg'] = f'open({str(tmp_path / "ran")!r}, "w")\na = open("ran", "w")\n'
    torch.save(checkpoint, tmp_path / 'hostile.pth')
    toy(tmp_path / 'hostile.pth').train()
    assert not (tmp_path / 'ran').exists()


SCHEDULES = {
    'longer': {'param_scheduler.1.milestones': [7], 'param_scheduler.1.gamma': 0.1},
    'another rate': {'optim_wrapper.optimizer.lr': 0.2},
    'cosine': {'param_scheduler': [{'type': 'CosineAnnealingLR', 'T_max': 10, 'by_epoch': False}]},
    'three': {
        'param_scheduler': [
            {'type': 'LinearLR', 'start_factor': 0.1, 'end': 5, 'by_epoch': False},
            {'type': 'PolyLR', 'begin': 5, 'end': 10, 'by_epoch': False},
            {'type': 'CosineAnnealingMomentum', 'T_max': 10, 'by_epoch': False},
        ]
    },
    'one cycle': {
        'param_scheduler': [
            {'type': 'OneCycleLR', 'eta_max': 0.1, 'total_steps': 12, 'by_epoch': False}
        ]
    },
    'by epoch': {'param_scheduler': [{'type': 'ExponentialLR', 'gamma': 0.5}]},
    'none': {'param_scheduler': None},
}


@pytest.mark.parametrize('name', SCHEDULES)
@pytest.mark.parametrize('loop', ['iter', 'epoch'])
def test_a_new_schedule_goes_on_as_if_it_had_been_there_from_the_start(name, loop, toy):
    end = {'train_cfg.max_iters': 10} if loop == 'iter' else {'train_cfg.max_epochs': 3}
    saving = {'default_hooks.checkpoint.interval': 4}
    first = toy(loop=loop, **saving)
    first.train()
    checkpoint = Path(first.work_dir) / 'iter_4.pth'
    whole = toy(loop=loop, **end, **saving, **SCHEDULES[name])
    whole.train()

    resumed = toy(checkpoint, loop=loop, resume_schedule='new', **end, **saving, **SCHEDULES[name])
    resumed.train()
    assert warnings(resumed) == []
    steps = {step: rate for step, rate in hook(whole).rates.items() if step >= 4}
    assert len(steps) >= 6
    assert hook(resumed).rates == steps
    for key, moments in hook(resumed).moments.items():
        stored = torch.load(checkpoint, weights_only=True)['optimizer']['state'][key]
        assert torch.equal(moments, stored['exp_avg']), 'the moments stay'
    for ours, theirs in zip(resumed.param_schedulers or (), whole.param_schedulers or ()):
        assert ours.last_step == theirs.last_step
        assert ours.get_last_value() == theirs.get_last_value()

    again = toy(  # a second resume, with the same options or without the flag
        Path(resumed.work_dir) / 'iter_8.pth', loop=loop, **end, **saving, **SCHEDULES[name]
    )
    again.train()
    assert hook(again).rates == {k: v for k, v in steps.items() if k >= 8}


def test_another_optimizer_option_is_taken_with_the_new_schedule(toy, saved):
    options = {'optim_wrapper.optimizer.weight_decay': 0.3, 'optim_wrapper.optimizer.foreach': True}
    runner = toy(saved / 'iter_4.pth', resume_schedule='new', **options)
    runner.train()
    group = runner.optim_wrapper.param_groups[0]
    assert (group['weight_decay'], group['foreach']) == (0.3, True)


def test_other_groups_of_parameters_are_taken_with_the_new_schedule(toy, saved):
    options = {'optim_wrapper.paramwise_cfg': {'bias_decay_mult': 0, 'bias_lr_mult': 2}}
    options['optim_wrapper.optimizer.weight_decay'] = 0.01
    with pytest.raises(CheckpointError, match='optimizer has 1 entries where this run has 2'):
        toy(saved / 'iter_4.pth', **options).train()
    runner = toy(saved / 'iter_4.pth', resume_schedule='new', **options)
    runner.train()
    stored = torch.load(saved / 'iter_4.pth', weights_only=True)['optimizer']['state']
    assert all(torch.equal(stored[key]['exp_avg'], m) for key, m in hook(runner).moments.items())
    groups = runner.optim_wrapper.optimizer.param_groups
    assert sorted(group['lr'] for group in groups) == [0.025, 0.05]


def test_reduce_on_plateau_starts_anew(toy, saved):
    schedule = {'type': 'ReduceOnPlateauLR', 'monitor': 'mean'}
    runner = toy(saved / 'iter_4.pth', resume_schedule='new', param_scheduler=[schedule])
    runner.train()
    assert hook(runner).rates == {4: 0.05, 5: 0.05}


def test_a_schedule_of_another_kind_is_refused_with_the_flag_named(toy, saved):
    runner = toy(saved / 'iter_4.pth', **SCHEDULES['cosine'])
    with pytest.raises(CheckpointError, match='--resume-schedule new'):
        runner.train()


def test_a_misspelled_choice_is_refused(toy, saved):
    with pytest.raises(UserError, match="'checkpoint' or 'new', not 'neu'"):
        toy(saved / 'iter_4.pth', resume_schedule='neu').train()


def test_another_batch_size_by_iteration_is_named(toy, saved):
    runner = toy(saved / 'iter_4.pth', **{'train_dataloader.batch_size': 8})
    runner.train()
    (warning,) = warnings(runner)
    assert 'batch size 4 -> 8' in warning
    assert 'step 4 does not mean the same pictures' in warning


def test_another_number_of_processes_is_named(toy, saved, monkeypatch):
    monkeypatch.setattr(resume_config, 'get_world_size', lambda: 2)
    runner = toy(saved / 'iter_4.pth')
    runner.train()
    assert 'processes 1 -> 2' in warnings(runner)[0]


def test_another_seed_is_named(toy, saved):
    runner = toy(saved / 'iter_4.pth', **{'randomness.seed': 4})
    runner.train()
    assert 'seed of the order 3 -> 4' in warnings(runner)[0]


def test_older_checkpoints_know_the_batch_size_by_their_config(toy, saved, tmp_path):
    checkpoint = torch.load(saved / 'iter_4.pth', weights_only=True)
    for part in ('sizes', 'hooks'):
        del checkpoint['heracles_mm_run'][part]
    torch.save(checkpoint, tmp_path / 'older.pth')
    runner = toy(tmp_path / 'older.pth', **{'train_dataloader.batch_size': 8})
    runner.train()
    assert 'batch size 4 -> 8' in warnings(runner)[0]
    runner = toy(tmp_path / 'older.pth')
    runner.train()
    assert warnings(runner) == []


def test_at_the_end_of_an_epoch_another_batch_size_is_right(toy, saved_by_epoch):
    runner = toy(saved_by_epoch[0], loop='epoch', **{'train_dataloader.batch_size': 8})
    runner.train()
    assert not any('middle' in text or 'pictures' in text for text in warnings(runner))
    assert runner.epoch == 2


def test_in_the_middle_of_an_epoch_the_true_cause_is_named(toy, saved_by_epoch):
    runner = toy(saved_by_epoch[1], loop='epoch')
    runner.train()
    assert 'in the middle of epoch 1, which starts over' in warnings(runner)[0]
    runner = toy(saved_by_epoch[1], loop='epoch', **{'train_dataloader.batch_size': 8})
    runner.train()
    assert 'middle of epoch 1 (changed: batch size 4 -> 8)' in warnings(runner)[0]


def test_a_schedule_by_epochs_of_another_length_is_named(toy, saved_by_epoch):
    schedule = {
        'param_scheduler': [
            {'type': 'CosineAnnealingLR', 'T_max': 2, 'convert_to_iter_based': True}
        ]
    }
    first = toy(loop='epoch', **schedule, **{'default_hooks.checkpoint.interval': 4})
    first.train()
    path = Path(first.work_dir) / 'iter_4.pth'
    options = {**schedule, 'train_dataloader.batch_size': 8}
    runner = toy(path, loop='epoch', **options)
    runner.train()
    (warning,) = warnings(runner)
    assert 'T_max 8 -> 4' in warning
    assert 'an epoch has 2 steps, it had 4' in warning
    runner = toy(path, loop='epoch', resume_schedule='new', **options)
    runner.train()
    assert [*hook(runner).rates.values()] == pytest.approx([0.025, 0.025 * (1 - 2**-0.5)])


def test_a_run_that_is_complete_says_so(toy, saved):
    runner = toy(saved / 'iter_6.pth')
    runner.train()
    assert warnings(runner) == ['nothing is left to train: the checkpoint is at step 6 of 6']


def test_the_best_of_another_metric_is_no_limit(toy, saved):
    """mmengine compares the scores of any two metrics."""
    runner = toy(
        saved / 'iter_4.pth',
        **{
            f'default_hooks.checkpoint.{k}': v
            for k, v in {'save_best': 'count', 'rule': 'less'}.items()
        },
    )
    runner.train()
    assert runner.message_hub.get_info('best_score') == 16


def test_the_tool_has_a_flag(saved, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    argv = [str(TOY_CONFIG), '--resume-schedule', 'new']
    assert train.main(argv) == 2
    assert '--resume-schedule goes with --resume' in capfd.readouterr().err
    options = ['--cfg-options', 'optim_wrapper.optimizer.lr=0.02']
    assert train.main([*argv, '--resume', str(saved / 'iter_4.pth'), *options]) == 0
    assert (
        "rates and schedule are the config's from here on: lr 1.0000e-02" in capfd.readouterr().out
    )
