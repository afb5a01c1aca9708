"""The hook inside mmengine's own runner, without any tool of ours."""

import itertools
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.registry import HOOKS
from mmengine.runner import Runner

import heracles_mm.engine  # noqa: F401
from heracles_mm.checkpoints import CheckpointError
from heracles_mm.engine.random_state import random_state

TOY_CONFIG = Path(__file__).resolve().parents[1] / 'cli' / 'toy' / 'toy_config.py'
numbers = itertools.count()


@HOOKS.register_module()
class AddsToCheckpoint(Hook):
    """Another hook that stores things of its own, as EMAHook does."""

    def before_save_checkpoint(self, runner, checkpoint):
        checkpoint['added'] = HistoryBuffer([1.0], [1])


@pytest.fixture
def runner(tmp_path):
    def build(*hooks, plain=True, **options):
        cfg = Config.fromfile(TOY_CONFIG)
        cfg.work_dir = str(tmp_path)
        cfg.custom_hooks = [*([{'type': 'PlainCheckpointHook'}] if plain else []), *hooks]
        cfg.experiment_name = (
            f'toy_{next(numbers)}'  # else two runs of a second share a message hub
        )
        cfg.merge_from_dict(options)
        return Runner.from_cfg(cfg)

    return build


def test_every_file_of_a_run_loads_with_weights_only(runner, tmp_path):
    """The best and the published checkpoint take other ways through mmengine than the latest."""
    runner(**{'default_hooks.checkpoint.published_keys': ['meta', 'state_dict']}).train()
    files = {path.name: torch.load(path, weights_only=True) for path in tmp_path.glob('*.pth')}
    assert {'iter_2.pth', 'iter_4.pth', 'iter_6.pth', 'best_mean_iter_3.pth'} <= set(files)
    assert any(name.startswith('iter_6-') for name in files)  # published
    assert not list(tmp_path.glob('*.part'))


def test_what_other_hooks_add_is_made_plain_and_given_back(runner, tmp_path):
    """The hook must run after them when saving, whatever the order in the config."""
    runner({'type': 'AddsToCheckpoint'}).train()
    torch.load(tmp_path / 'iter_6.pth', weights_only=True)
    loaded = runner().load_checkpoint(str(tmp_path / 'iter_6.pth'))
    assert loaded['added'].current() == 1.0


def test_plain_mmengine_resumes_our_file_without_the_hook(runner, tmp_path):
    """Nobody is locked in: weights, optimizer and step come back, only the log starts anew."""
    runner(**{'train_cfg.max_iters': 4}).train()
    other = runner(plain=False)
    other.resume(str(tmp_path / 'iter_4.pth'))
    assert other.iter == 4
    saved = torch.load(tmp_path / 'iter_4.pth', weights_only=True)['state_dict']
    assert all(torch.equal(v, saved[k]) for k, v in other.model.state_dict().items())


def test_a_config_text_inside_a_checkpoint_is_not_run(runner, tmp_path):
    """mmengine's resume runs ``meta.config`` as Python: plain data alone does not make it safe."""
    runner().train()
    checkpoint = torch.load(tmp_path / 'iter_6.pth', weights_only=True)
    proof = tmp_path / 'the_payload_ran'
    checkpoint['meta']['config'] = f'open({str(proof)!r}, "w")\n'
    torch.save(checkpoint, tmp_path / 'hostile.pth')
    runner().resume(str(tmp_path / 'hostile.pth'))
    assert not proof.exists()


def test_the_config_text_would_run_without_the_hook(runner, tmp_path):
    """Else the test above proves nothing."""
    runner().train()
    checkpoint = torch.load(tmp_path / 'iter_6.pth', weights_only=True)
    proof = tmp_path / 'the_payload_ran'
    checkpoint['meta']['config'] = f'open({str(proof)!r}, "w")\n'
    torch.save(checkpoint, tmp_path / 'hostile.pth')
    runner(plain=False).resume(str(tmp_path / 'hostile.pth'))
    assert proof.exists()


def test_a_scheduler_that_holds_a_function_can_be_saved_and_resumed(runner, tmp_path, capfd):
    """OneCycleLR does; the function comes from the config again, and is reported once."""
    schedule = {
        'param_scheduler': [
            {'type': 'OneCycleLR', 'eta_max': 0.05, 'total_steps': 6, 'by_epoch': False}
        ]
    }
    whole = runner(**schedule)
    whole.train()
    torch.load(tmp_path / 'iter_4.pth', weights_only=True)
    assert sum('anneal_func' in line for line in capfd.readouterr().out.splitlines()) == 1

    resumed = runner(**schedule)
    resumed._resume, resumed._load_from = True, str(tmp_path / 'iter_4.pth')
    resumed.train()
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name])


def test_a_storage_chosen_by_the_config_is_kept(runner):
    one = runner(**{'default_hooks.checkpoint.backend_args': {'backend': 'local'}})
    one.train()
    hook = next(h for h in one.hooks if type(h).__name__ == 'CheckpointHook')
    assert hook.backend_args == {'backend': 'local'}


def test_a_checkpoint_without_the_optimizer_is_not_resumed_in_silence(runner, tmp_path):
    """mmengine takes best_*.pth and starts the optimizer anew without a word."""
    runner().train()
    again = runner()
    again._resume, again._load_from = True, str(tmp_path / 'best_mean_iter_3.pth')
    with pytest.raises(CheckpointError, match='it has no optimizer'):
        again.train()


def test_validation_leaves_the_random_numbers_of_training_alone(runner):
    """Else a run resumed from before a validation would go on with others."""
    one = runner()
    one.train()
    before = random_state()['torch']
    one.val()
    assert torch.equal(before, random_state()['torch'])
