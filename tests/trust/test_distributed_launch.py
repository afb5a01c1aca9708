"""Several processes from their start by torchrun or Slurm to their end, with DDP and FSDP."""

import json
import os
import socket
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.model import convert_sync_batchnorm, revert_sync_batchnorm
from mmengine.registry import RUNNERS, STRATEGIES
from processes import with_path
from torch import nn

from heracles_mm import Heracles
from heracles_mm.cli import train
from heracles_mm.engine import ShardedRunner, ShardedStrategy
from heracles_mm.engine.launchers import prepare_launcher
from heracles_mm.errors import UserError

pytestmark = pytest.mark.trust
ROOT = Path(__file__).parents[2]
TOY = ROOT / 'tests' / 'cli' / 'toy'
sys.path.insert(0, str(TOY))


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return str(listener.getsockname()[1])


def start(folder: Path, *command: object, **environment: str) -> subprocess.Popen:
    """Without a GPU, and without the variables of another launcher."""
    launchers = ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_', 'NNODES', 'NODE_RANK', 'PORT')
    return subprocess.Popen(
        [str(word) for word in command],
        cwd=folder,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith(launchers)},
            'PYTHONPATH': with_path(ROOT, TOY),
            'PYTHON': sys.executable,
            'OMP_NUM_THREADS': '1',
            'CUDA_VISIBLE_DEVICES': '',
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def output_of(processes: list[subprocess.Popen]) -> list[str]:
    try:
        return [process.communicate(timeout=240)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()


OPTIONS = (
    'model.norm_eval=True',  # without a GPU there is no SyncBN
    'model.drop_path_rate=0.0',
    'optim_wrapper.optimizer.eps=1e-3',  # else gradients of rounding errors count
    'optim_wrapper.optimizer.weight_decay=0.5',
    'optim_wrapper.paramwise_cfg.flat_decay_mult=0.0',
)
CONFIG = TOY / 'spectral_config.py'


@pytest.fixture(scope='module')
def options(tmp_path_factory) -> tuple[str, ...]:
    """All start from one file: mmengine's two runners draw weights in different orders."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('start') / 'weights.pth'
    torch.save(import_module('toy_spectral').ToySpectral().state_dict(), path)
    return (*OPTIONS, f'load_from={path}')


@pytest.fixture(scope='module')
def alone(options, tmp_path_factory) -> dict:
    """What one process trains on whole batches."""
    folder = tmp_path_factory.mktemp('alone')
    tool = ROOT / 'tools' / 'train.py'
    process = start(
        folder, sys.executable, tool, CONFIG, '--work-dir', 'w', '--cfg-options', *options
    )
    told = output_of([process])
    assert process.returncode == 0, told
    return trained(folder)


def trained(folder: Path) -> dict:
    return {
        'losses': [
            [step['loss'] for step in json.loads(diary.read_text())['steps']]
            for diary in sorted(folder.glob('diary_*.json'))
        ],
        'weights': torch.load(folder / 'w' / 'iter_2.pth', weights_only=True)['state_dict'],
    }


def check_same_training(found: dict, alone: dict) -> None:
    """mmengine's sampler deals one process's batches out, and the losses are means."""
    one, two = found['losses']
    assert one != two
    assert [(a + b) / 2 for a, b in zip(one, two)] == pytest.approx(*alone['losses'], rel=1e-5)
    torch.testing.assert_close(found['weights'], alone['weights'], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_two_machines_train_as_one_process_does(alone, options, tmp_path, trust_report):
    """Two launches with NNODES=2 that meet at MASTER_ADDR, each with half of every batch."""
    port, script = free_port(), ROOT / 'tools' / 'dist_train.sh'
    machines = [
        start(
            tmp_path,
            *(script, CONFIG, 1, '--work-dir', ('w', 'other')[rank]),
            *('--cfg-options', *options, 'train_dataloader.batch_size=2'),
            NNODES='2',
            NODE_RANK=str(rank),
            MASTER_ADDR='127.0.0.1',
            PORT=port,
        )
        for rank in range(2)
    ]
    told = output_of(machines)
    assert [machine.returncode for machine in machines] == [0, 0], told
    check_same_training(trained(tmp_path), alone)
    trust_report('2 launches of dist_train.sh with NNODES=2 trained what one process does')


@pytest.mark.slow
def test_sharded_processes_train_and_save_what_one_process_does(
    alone, options, tmp_path, trust_report
):
    """Weight decay among it, which hangs on the shapes of parameters; then they go on."""
    sharded = Config.fromfile(ROOT / 'configs' / '_base_' / 'strategies' / 'fsdp.py')
    given = (
        '--cfg-options',
        *options,
        'train_dataloader.batch_size=2',
        f'runner_type={sharded.runner_type}',
        f'strategy.type={sharded.strategy.type}',
    )
    command = [ROOT / 'tools' / 'dist_train.sh', CONFIG, 2, '--work-dir', 'w']
    first = start(tmp_path, *command, *given, PORT=free_port())
    told = output_of([first])
    assert first.returncode == 0, told
    check_same_training(trained(tmp_path), alone)
    resumed = start(
        tmp_path, *command, '--resume', *given, 'train_cfg.max_iters=3', PORT=free_port()
    )
    (told,) = output_of([resumed])
    assert resumed.returncode == 0, told
    assert 'resumed epoch: 0, iter: 2' in told
    assert len(trained(tmp_path)['losses'][0]) == 3, 'the diary goes on too'
    trust_report('2 processes under FSDP trained what one does, and went on from their checkpoint')


@pytest.mark.parametrize('name', ['mask_rcnn_heracles_l_coco', 'upernet_hamsa_l_ade20k'])
def test_a_config_of_a_large_model_takes_fsdp_as_one_more_base(name, tmp_path):
    """As docs/distributed.md writes it: nothing of the two clashes."""
    bases = [str(ROOT / 'configs' / path) for path in (f'{name}.py', '_base_/strategies/fsdp.py')]
    (tmp_path / 'sharded.py').write_text(f'_base_ = {bases}')
    config = Config.fromfile(tmp_path / 'sharded.py', import_custom_modules=False)
    assert config.model.backbone.arch == 'l'
    assert RUNNERS.get(config.runner_type) is ShardedRunner
    assert STRATEGIES.get(config.strategy.type) is ShardedStrategy


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh'])
@pytest.mark.parametrize('known', [{}, {'NODE_RANK': '1'}, {'MASTER_ADDR': 'head'}])
def test_several_machines_must_know_their_number_and_where_to_meet(script, known, tmp_path):
    """With the defaults each would be the first, and wait for the others at itself."""
    words = ['c.py', 'x.pth', '1'] if script == 'dist_test.sh' else ['c.py', '1']
    process = start(tmp_path, ROOT / 'tools' / script, *words, NNODES='2', PYTHON='false', **known)
    (told,) = output_of([process])
    assert process.returncode == 2
    assert 'NNODES=2 needs NODE_RANK' in told
    assert told.count('\n') == 1


@pytest.fixture
def gpus(monkeypatch):
    """A machine with two GPUs, as far as one asks."""
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)


SLURM = {'SLURM_PROCID': '5', 'SLURM_NTASKS': '8', 'SLURM_NODELIST': 'n[1-4]', 'SLURM_LOCALID': '1'}
MPI = {
    'OMPI_COMM_WORLD_RANK': '5',
    'OMPI_COMM_WORLD_LOCAL_RANK': '1',
    'OMPI_COMM_WORLD_SIZE': '8',
    'MASTER_ADDR': 'head',
}


@pytest.fixture(params=[('slurm', SLURM), ('mpi', MPI)], ids=lambda param: param[0])
def job(request, monkeypatch):
    launcher, variables = request.param
    monkeypatch.delenv('LOCAL_RANK', raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield launcher, variables
    os.environ.pop('LOCAL_RANK', None)


def test_a_launcher_without_its_variables_is_refused_by_the_first_that_is_missing(
    job, gpus, monkeypatch
):
    launcher, variables = job
    for name in variables:
        if name == 'SLURM_LOCALID':  # mmengine does without it
            continue
        with monkeypatch.context() as context:
            context.delenv(name)
            with pytest.raises(UserError, match=f'{name} is not set.*start with'):
                prepare_launcher(Config({'launcher': launcher}))
    assert prepare_launcher(Config({'launcher': launcher})) is None


def test_slurm_and_mpi_name_the_process_of_a_machine(job, gpus, monkeypatch):
    """So that one process of a machine speaks, and each has a GPU of its own."""
    launcher, _ = job
    train.main.parser().parse_args(['c.py', '--launcher', launcher])
    assert os.environ['LOCAL_RANK'] == '1'
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    with pytest.raises(UserError, match='more processes than GPUs'):
        prepare_launcher(Config({'launcher': launcher}))


CRASH = """
import atexit, sys, torch
from pathlib import Path
from mmengine.config import Config
from heracles_mm.engine.launchers import prepare_launcher
from heracles_mm.cli.running import run_tool

@atexit.register
def threads():
    print([name for file in Path('/proc/self/task').glob('*/comm')
           if 'gloo' in (name := file.read_text().strip())])

def tool():
    prepare_launcher(Config({'launcher': 'pytorch'}))
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 1))
    try:
        model(torch.ones(1, 2)).sum().backward()
        raise RuntimeError('the first')
    except RuntimeError as error:
        raise ArithmeticError('a mistake in a model') from error

sys.exit(run_tool('train', tool))
"""


@pytest.mark.skipif(not Path('/proc/self/task').is_dir(), reason='lists the threads of Linux')
def test_a_crash_ends_with_its_traceback(tmp_path):
    """The frames of the traceback hold the model, and the model the group: gloo's threads would
    abort the closing interpreter ("terminate called without an active exception")."""
    process = start(
        tmp_path,
        *(sys.executable, '-c', CRASH),
        RANK='0',
        LOCAL_RANK='0',
        WORLD_SIZE='1',
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=free_port(),
    )
    (told,) = output_of([process])
    assert process.returncode == 1, told
    assert 'RuntimeError: the first' in told
    lines = [line.removeprefix('[rank0]: ') for line in told.splitlines()]  # torch puts it there
    assert lines[-2:] == ['ArithmeticError: a mistake in a model', '[]']


@pytest.fixture
def backbone() -> Heracles:
    torch.manual_seed(0)
    model = Heracles(arch='nano', img_size=32, drop_path_rate=0.0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return model


def test_sync_bn_reaches_the_stem_and_goes_again(backbone):
    """mmengine's conversion for `sync_bn='torch'`, and back for a single GPU: the weights keep
    their values and names."""
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    joined = convert_sync_batchnorm(backbone, 'torch')
    norms = [m for m in joined.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert [type(norm) for norm in norms] == [nn.SyncBatchNorm] * 3
    torch.testing.assert_close(joined.state_dict(), before, rtol=0, atol=0)
    x = torch.randn(1, 3, 32, 32)
    apart = revert_sync_batchnorm(joined)
    assert not [m for m in apart.modules() if isinstance(m, nn.SyncBatchNorm)]
    torch.testing.assert_close(apart.eval()(x), joined.eval()(x))


def test_a_joined_stem_asks_its_norms_in_training_and_folds_them_in_inference(backbone):
    """In training the statistics come from all processes, so nothing can be folded before; in
    inference they may be, unless somebody listens."""
    joined, asked, x = convert_sync_batchnorm(backbone, 'torch'), [], torch.randn(2, 3, 32, 32)
    stem = joined.stages[0].embed
    hooks = [m.register_forward_hook(lambda *_: asked.append(1)) for m in stem.convs[1::3]]
    stem.train()(x)
    assert len(asked) == 3
    stem.eval()(x)
    assert len(asked) == 6
    for hook in hooks:
        hook.remove()
    assert stem.is_as_made()
    folded = stem(x)
    torch.testing.assert_close(
        folded, stem.norm(stem.proj(stem.convs(x)).permute(0, 2, 3, 1)), rtol=1e-4, atol=1e-5
    )
