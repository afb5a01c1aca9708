"""A run that was stopped goes on as if it had not been."""

import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from heracles_mm.cli import test as test_module
from heracles_mm.cli import train as train_module
from heracles_mm.cli.common import plain


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


def test_the_last_line_of_a_test_is_its_metrics(test_tool, toy_config, uninterrupted):
    """As the run's own validation had them, of the same weights and data."""
    folder = uninterrupted['folder'] / 'work_dirs' / 'toy_config'
    done = test_tool(toy_config, folder / 'iter_6.pth', '--json')
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    scalars = max(folder.glob('*/vis_data/scalars.json')).read_text().splitlines()
    last = json.loads(scalars[-1])
    assert found == {'mean': pytest.approx(last['mean']), 'count': 16}


def test_a_metric_without_a_value_is_null_and_arrays_are_lists():
    """Such as the IoU of a class that no picture has: NaN is no JSON."""
    metrics = {'a': float('nan'), 'b': np.float32(0.5), 'c': torch.tensor([1.0, torch.inf]), 'd': 3}
    found = {name: plain(value) for name, value in metrics.items()}
    assert found == {'a': None, 'b': 0.5, 'c': [1.0, None], 'd': 3}
    json.dumps(found, allow_nan=False)


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
