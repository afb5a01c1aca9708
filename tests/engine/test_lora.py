"""Adapters by peft: what is trained, stored, resumed, merged and refused."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, RUNNERS, DefaultScope
from mmengine.runner import Runner
from toy_spectral import ToySpectral

import heracles_mm.engine  # noqa: F401
from heracles_mm.cli import publish_model
from heracles_mm.engine.lora import LoRA, adapt
from heracles_mm.errors import CheckpointError, UsageError, UserError
from heracles_mm.export.building import preprocessing

pytest.importorskip('peft', reason='LoRA needs peft, of the extra lora')
ROOT = Path(__file__).resolve().parents[2]
TOY = ROOT / 'tests' / 'cli' / 'toy'
sys.path.insert(0, str(ROOT / 'tests' / 'configs'))
from batches import BATCHES, SIDE  # noqa: E402

numbers = itertools.count()
TARGETS = ['mixer.q', 'mixer.proj', 'fc1']
EMA = dict(type='EMAHook', momentum=0.5)


@pytest.fixture(autouse=True)
def base(tmp_path, monkeypatch):
    """Weights to start from, of a model whose head has three outputs."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(1)
    weights = ToySpectral(classes=3).state_dict()
    torch.save(dict(state_dict=weights), 'base.pth')
    return weights


def config(steps=4, hooks=(), **lora) -> Config:
    cfg = Config.fromfile(TOY / 'spectral_config.py')
    options = dict(base='base.pth', rank=2, targets=TARGETS, trained=['head'])
    cfg.merge_from_dict(dict(runner_type='LoRARunner', work_dir='run', lora=options | lora))
    cfg.custom_hooks = [dict(type='PlainCheckpointHook'), dict(type='LoadReportHook'), *hooks]
    cfg.train_cfg.max_iters, cfg.randomness = steps, dict(seed=0)
    cfg.experiment_name = f'lora_{next(numbers)}'
    return cfg


def run(load_from=None, resume=False, **options):
    cfg = config(**options)
    cfg.load_from, cfg.resume = load_from, resume
    return RUNNERS.build(cfg)


def saved(step):
    return torch.load(f'run/iter_{step}.pth', weights_only=True)


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_checkpoint_holds_what_is_trained_and_the_rest_is_the_base(base):
    runner = run(steps=2)
    begin = {key: value.clone() for key, value in runner.model.state_dict().items()}
    runner.train()
    stored = saved(2)['state_dict']
    parts = {key.partition('.')[0] for key in stored if 'lora_' not in key}
    statistics = {key for key in base if 'running_' in key or 'batches_tracked' in key}
    assert {k for k in stored if 'lora_' not in k} == {'head.weight', 'head.bias', *statistics}
    assert parts == {'backbone', 'head'}
    assert sum(v.nbytes for v in stored.values()) < sum(v.nbytes for v in base.values()) / 4
    trained = {key for key, value in stored.items() if not torch.equal(value, begin[key])}
    assert {key for key in stored if 'lora_B' in key} | {'head.weight'} <= trained
    for key, value in runner.model.state_dict().items():
        if key not in stored:
            assert torch.equal(value, base[key.replace('base_layer.', '')]), key


@pytest.mark.parametrize('hooks', [(), (EMA,)], ids=['plain', 'averages'])
def test_a_resumed_run_ends_as_the_uninterrupted_one(hooks):
    run(hooks=hooks).train()
    whole = saved(4)
    run(hooks=hooks, steps=2).train()
    run('run/iter_2.pth', resume=True, hooks=hooks).train()
    for part in ('state_dict', *(['ema_state_dict'] if hooks else ())):
        assert equal(saved(4)[part], whole[part])


@pytest.mark.parametrize('hooks', [(), (EMA,)], ids=['plain', 'averages'])
def test_merged_weights_are_an_ordinary_model_that_computes_the_same(hooks, base, capsys):
    """A matrix plus the product of two small ones is a matrix: the sums differ by rounding."""
    runner = run(steps=2, hooks=hooks)
    runner.train()
    cfg = config()
    cfg.dump('lora.py')
    argv = ['run/iter_2.pth', 'whole.pth', '--lora', 'lora.py', '--json']
    assert publish_model.main([*argv, '--ema'] if hooks else argv) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert 'adapters merged' in report['weights']
    plain = ToySpectral()
    merged = torch.load(report['path'], weights_only=True)['state_dict']
    assert merged.keys() == base.keys()
    plain.load_state_dict(merged)
    model = run('run/iter_2.pth', hooks=hooks)
    metrics = model.test()
    batch = dict(x=torch.randn(2, 3), y=torch.zeros(2, 1))
    with torch.no_grad():
        for one, other in zip(plain.eval()(**batch), model.model.eval()(**batch), strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
        plain.load_state_dict({**base, **{k: merged[k] for k in ('head.weight', 'head.bias')}})
        assert not torch.allclose(plain(**batch)[0], model.model(**batch)[0], atol=1e-5)
    assert metrics['count'] == 16


def test_adapters_are_not_taken_for_a_whole_model():
    run(steps=2).train()
    assert publish_model.main(['run/iter_2.pth', 'whole.pth']) == 2
    plain = config()
    plain.pop('runner_type'), plain.pop('lora')
    plain.load_from = 'run/iter_2.pth'
    with pytest.raises(CheckpointError, match=r'publish_model\.py --lora CONFIG'):
        Runner.from_cfg(plain).test()


def other_base():
    torch.manual_seed(2)
    torch.save(ToySpectral(classes=3).state_dict(), 'other.pth')


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (dict(alpha=4), 'lora.alpha was 16.0 and is 4.0'),
        (dict(base='other.pth'), 'sha256 of the weights in lora.base was'),
        (dict(targets=['fc1']), 'lora.targets was'),
    ],
    ids=['alpha', 'base', 'targets'],
)
@pytest.mark.parametrize('resume', [False, True])
def test_adapters_of_another_config_are_refused(change, words, resume):
    """Only some of this shows in names and shapes; the rest would compute something else."""
    other_base()
    run(steps=2).train()
    other = run('run/iter_2.pth', resume, **change)
    with pytest.raises(CheckpointError, match=words):
        other.train() if resume else other.test()


def test_whole_weights_are_named_as_the_base():
    with pytest.raises(CheckpointError, match=r'lora\.base with load_from=None'):
        run('base.pth').train()


MISTAKES = {
    'no base': (dict(base=None), UserError, 'no lora.base'),
    'no file': (dict(base='absent.pth'), CheckpointError, 'absent.pth does not exist'),
    'frozen and random': (dict(trained=[]), CheckpointError, r'2 tensors .*head.weight.*trained'),
    'part': (dict(trained=['heed']), UserError, 'backbone, neck, head'),
    'layer': (dict(targets=['fc1', 'proi']), UserError, "ends in 'proi'.*proj"),
    'kind': (dict(targets=['norm1']), UserError, 'LayerNorm.* is not supported'),
    'option': (dict(ranks=2), UsageError, 'no option ranks; it has targets, base, rank'),
    'rank': (dict(rank=0), UsageError, 'above 0, got 0'),
    'nothing': (dict(targets=[]), UsageError, 'names no layer'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_one_sentence(case):
    change, kind, words = MISTAKES[case]
    with pytest.raises(kind, match=words) as refused:
        run(**change)
    assert '\n' not in str(refused.value)


def test_without_peft_its_name_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, 'peft', None)
    with pytest.raises(UserError, match='pip install'):
        run()


def test_frozen_stages_keep_their_adapters_still():
    cfg = config()
    cfg.model.frozen_stages = 2
    model = RUNNERS.build(cfg).model.train()
    free = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert {name[:17] for name in free if 'lora_' in name} == {
        'backbone.stages.2',
        'backbone.stages.3',
    }


LIBRARIES = {
    'mask_rcnn_hamsa_nano_scenes': ['neck', 'rpn_head', 'roi_head'],
    'upernet_heracles_nano_scenes': ['decode_head', 'auxiliary_head'],
    'heracles_nano_parts': ['neck', 'head'],
}


@pytest.mark.parametrize('name', LIBRARIES)
def test_a_model_of_each_library_trains_its_adapters(name):
    """Fresh adapters are zero, so the first loss is the model's own; one step moves only them."""
    cfg = Config.fromfile(ROOT / 'configs' / f'{name}.py')
    pytest.importorskip(cfg.default_scope)
    lora = LoRA(('mixer.proj', 'fc1', 'fc2'), 'base.pth', trained=LIBRARIES[name])
    torch.manual_seed(0)
    size = dict(size=(SIDE, SIDE)) if cfg.default_scope == 'mmseg' else {}
    cfg.model.data_preprocessor = {**preprocessing(cfg), **size}
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
        torch.save(model.state_dict(), 'base.pth')
        adapters = adapt(model, lora)
    batch = model.data_preprocessor(BATCHES[cfg.default_scope](2), training=True)
    model.parse_losses(model(**batch, mode='loss'))[0].backward()
    moved = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert not moved & adapters.frozen
    assert any('lora_B' in key for key in moved)
    assert {key.partition('.')[0] for key in moved} == {'backbone', *LIBRARIES[name]}


@pytest.mark.slow
def test_two_processes_train_the_same_adapters(tmp_path):
    """DDP sums the gradients of adapters that were there before it looked for parameters."""
    cfg = config(steps=2, hooks=[dict(type='ToyDiary', path='diary_{rank}.json')])
    cfg.model.norm_eval = True  # without a GPU there is no SyncBN
    cfg.dump('lora.py')
    command = [sys.executable, '-m', 'torch.distributed.run', '--nproc-per-node=2']
    command += ['--standalone', ROOT / 'tools/train.py', 'lora.py', '--launcher', 'pytorch']
    environment = {
        'PYTHONPATH': f'{ROOT}:{TOY}',
        'CUDA_VISIBLE_DEVICES': '',
        'OMP_NUM_THREADS': '1',
    }
    done = subprocess.run(
        [*map(str, command), '--cfg-options', 'env_cfg.dist_cfg.backend=gloo'],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    one, two = (json.loads(Path(f'diary_{rank}.json').read_text())['weights'] for rank in (0, 1))
    assert one == two
    assert any(torch.tensor(v).any() for key, v in one.items() if 'lora_B' in key)
