"""mmpretrain's LoRAModel saves its adapters alone: the weights beside them come from init_cfg."""

import itertools
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from mmengine.runner import Runner
from toy_spectral import ARCH, ToySpectral

import heracles_mm.engine  # noqa: F401
from heracles_mm.checkpoints import CheckpointError, load_weights, loading

peft = pytest.importorskip('mmpretrain.models.peft')
TOY = Path(__file__).resolve().parents[1] / 'cli' / 'toy'
TARGETS = [dict(type='.*mixer.q'), dict(type='.*fc1')]
numbers = itertools.count()


@MODELS.register_module()
class ToyAdapted(ToySpectral):
    def __init__(self, pretrained=None):
        super().__init__()
        init_cfg = pretrained and dict(type='Pretrained', checkpoint=pretrained)
        options = dict(arch=ARCH, img_size=32, norm_eval=True, init_cfg=init_cfg)
        module = dict(type='mmengine.Heracles', **options)
        self.backbone = peft.LoRAModel(module, alpha=8, rank=2, targets=TARGETS)


@pytest.fixture
def log(monkeypatch):
    messages = []
    monkeypatch.setattr(loading, 'print_log', lambda text, **options: messages.append(text))
    return messages


@pytest.fixture
def pretrained(tmp_path):
    torch.manual_seed(1)
    torch.save(ToySpectral().backbone.state_dict(), tmp_path / 'pretrained.pth')
    return str(tmp_path / 'pretrained.pth')


@pytest.fixture
def runner(tmp_path):
    def build(pretrained, load_from=None, resume=False, steps=4):
        cfg = Config.fromfile(TOY / 'spectral_config.py')
        cfg.model = dict(type='ToyAdapted', pretrained=pretrained)
        cfg.custom_hooks = [dict(type='PlainCheckpointHook'), dict(type='LoadReportHook')]
        cfg.work_dir, cfg.load_from, cfg.resume = str(tmp_path / 'run'), load_from, resume
        cfg.randomness = dict(seed=0)
        cfg.train_cfg.max_iters = steps
        cfg.experiment_name = f'adapted_{next(numbers)}'
        return Runner.from_cfg(cfg)

    return build


def saved(path, step):
    return torch.load(path / 'run' / f'iter_{step}.pth', weights_only=True)['state_dict']


def base_of(runner):
    return {
        key.replace('original_layer.', ''): value
        for key, value in runner.model.backbone.module.state_dict().items()
        if 'lora_' not in key
    }


def test_a_resumed_run_ends_as_the_uninterrupted_one(runner, pretrained, tmp_path, log):
    runner(pretrained).train()
    whole = saved(tmp_path, 4)
    assert all('lora_' in key for key in whole if key.startswith('backbone.'))
    runner(pretrained, steps=2).train()
    log.clear()
    resumed = runner(pretrained, str(tmp_path / 'run' / 'iter_2.pth'), resume=True)
    resumed.train()
    assert all(torch.equal(value, whole[key]) for key, value in saved(tmp_path, 4).items())
    assert any('the other 100 stay as they were loaded before' in text for text in log)
    for key, value in torch.load(pretrained, weights_only=True).items():
        torch.testing.assert_close(base_of(resumed)[key], value, rtol=0, atol=0)


def test_adapters_can_be_tested_beside_the_weights_of_init_cfg(runner, pretrained, tmp_path):
    one = runner(pretrained, steps=2)
    one.train()
    before = one.test()
    file = str(tmp_path / 'run' / 'iter_2.pth')
    assert runner(pretrained, file).test() == before
    model = ToyAdapted(pretrained)
    assert load_weights(model, file).complete
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in saved(tmp_path, 2).items())


@pytest.mark.parametrize('resume', [False, True])
def test_adapters_beside_random_weights_are_refused(resume, runner, pretrained, tmp_path):
    """Nothing holds the weights beside which they were trained."""
    runner(None, steps=2).train()
    file = str(tmp_path / 'run' / 'iter_2.pth')
    with pytest.raises(CheckpointError, match=r'adapters \(LoRA\) alone.*init_cfg') as refused:
        run = runner(None, file, resume)
        run.train() if resume else run.test()
    assert '\n' not in str(refused.value)
    with pytest.raises(CheckpointError, match=r'adapters \(LoRA\) alone'):
        load_weights(ToyAdapted(), file)


def test_half_of_the_adapters_is_refused(runner, pretrained, tmp_path):
    runner(pretrained, steps=2).train()
    state = saved(tmp_path, 2)
    del state[next(key for key in state if 'lora_up' in key)]
    torch.save(state, tmp_path / 'half.pth')
    with pytest.raises(CheckpointError, match=r'1 missing \(.*lora_up'):
        runner(pretrained, str(tmp_path / 'half.pth')).test()
