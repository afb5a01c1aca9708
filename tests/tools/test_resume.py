"""A run that was stopped goes on as if it had not been."""

import json

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from heracles_mm.tools import test as test_module
from heracles_mm.tools import train as train_module


@pytest.fixture
def diary(tmp_path):
    return lambda name: json.loads((tmp_path / name).read_text())


def assert_continues(resumed, whole, from_step):
    """Step by step: loss and learning rate; at the end: weights, optimizer, schedulers, log."""
    assert resumed['steps'] == whole['steps'][from_step:]
    for part in ('weights', 'optimizer', 'schedulers', 'history'):
        assert resumed[part] == whole[part], part


def test_a_killed_run_resumes_to_the_very_same_numbers(train, toy_config, diary, uninterrupted):
    command = (toy_config, '--work-dir', 'w', '--resume')
    killed = train(*command, TOY_KILL_AFTER_STEP='5', TOY_DIARY='resumed.json')
    assert killed.returncode == -9
    assert killed.stderr.count('no checkpoint to resume in w: starting from the beginning') == 1

    resumed = train(*command, TOY_DIARY='resumed.json')
    assert resumed.returncode == 0, resumed.stderr
    assert 'starting from the beginning' not in resumed.stderr
    assert_continues(diary('resumed.json'), uninterrupted, from_step=4)


def test_an_old_checkpoint_resumes_exactly_once_the_user_trusts_it(
    train, toy_config, diary, uninterrupted, tmp_path, monkeypatch, capfd
):
    """mmengine's own files hold HistoryBuffer objects; they are refused until then."""
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile(toy_config)
    cfg.work_dir, cfg.custom_hooks = str(tmp_path / 'old'), []
    Runner.from_cfg(cfg).train()
    old = tmp_path / 'old' / 'iter_4.pth'

    assert train_module.main([str(toy_config), '--resume', str(old)]) == 2
    refused = capfd.readouterr().err
    assert 'train: error: the checkpoint' in refused
    assert '--trust-checkpoint' in refused

    command = (toy_config, '--resume', old, '--trust-checkpoint', '--work-dir', 'trusted')
    resumed = train(*command, TOY_DIARY='resumed.json')
    assert resumed.returncode == 0, resumed.stderr
    assert_continues(diary('resumed.json'), uninterrupted, from_step=4)
    torch.load(tmp_path / 'trusted' / 'iter_6.pth', weights_only=True)


class Payload:
    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return open, (self.target, 'w')


@pytest.mark.parametrize('module', [train_module, test_module])
def test_a_malicious_checkpoint_does_not_run(module, toy_config, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    proof, malicious = tmp_path / 'the_payload_ran', tmp_path / 'malicious.pth'
    torch.save({'meta': Payload(proof), 'state_dict': {}}, malicious)
    flag = ['--resume'] if module is train_module else []
    assert module.main([str(toy_config), *flag, str(malicious)]) == 2
    said = capfd.readouterr().err
    assert 'malicious.pth holds Python objects' in said
    assert 'Traceback' not in said
    assert not proof.exists()


def test_the_work_folder_is_named_after_the_config_and_holds_plain_files(uninterrupted):
    """./work_dirs/<config name> under the folder where the tool was started, as in mmdet."""
    saved = sorted((uninterrupted['folder'] / 'work_dirs' / 'toy_config').glob('*.pth'))
    assert 'iter_6.pth' in [path.name for path in saved]
    for path in saved:
        torch.load(path, weights_only=True)
