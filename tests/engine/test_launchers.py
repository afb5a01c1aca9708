"""A launcher that cannot work is refused in a sentence, before any process waits for another."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from torch.nn.parallel import DistributedDataParallel

from heracles_mm.engine.launchers import prepare_launcher
from heracles_mm.engine.process_group import close_process_group
from heracles_mm.errors import UserError


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)


@pytest.fixture
def alone_with_torchrun(monkeypatch, tmp_path):
    variables = {'RANK': '0', 'LOCAL_RANK': '0', 'WORLD_SIZE': '1', 'MASTER_ADDR': '127.0.0.1'}
    for name, value in {**variables, 'MASTER_PORT': '29741'}.items():
        monkeypatch.setenv(name, value)
    yield
    close_process_group()


def test_without_a_launcher_nothing_is_touched():
    cfg = Config({'launcher': 'none'})
    assert prepare_launcher(cfg) is None
    assert dict(cfg) == {'launcher': 'none'}


def test_the_pytorch_launcher_outside_of_torchrun_names_the_script_to_use(monkeypatch):
    monkeypatch.delenv('RANK', raising=False)
    with pytest.raises(UserError, match=r'RANK is not set.*dist_train.sh'):
        prepare_launcher(Config({'launcher': 'pytorch'}))


@pytest.mark.parametrize('launcher', ['slurm', 'mpi'])
def test_slurm_and_mpi_need_gpus(launcher, no_gpu):
    with pytest.raises(UserError, match=r'needs a GPU.*dist_train.sh'):
        prepare_launcher(Config({'launcher': launcher}))


def test_more_processes_than_gpus_is_said(monkeypatch, alone_with_torchrun):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    monkeypatch.setenv('LOCAL_RANK', '2')
    with pytest.raises(UserError, match='more processes than GPUs'):
        prepare_launcher(Config({'launcher': 'pytorch'}))


@pytest.mark.parametrize('backend', ['nccl', 'gloo'])
def test_on_cpus_gloo_is_used_and_a_change_is_told(backend, no_gpu, alone_with_torchrun):
    cfg = Config({'launcher': 'pytorch', 'env_cfg': {'dist_cfg': {'backend': backend}}})
    told = prepare_launcher(cfg)
    assert torch.distributed.get_backend() == 'gloo'
    assert cfg.env_cfg.dist_cfg.backend == 'gloo'
    assert cfg.model_wrapper_cfg.device_ids is None
    assert (told is None) == (backend == 'gloo')


def test_batchnorm_is_not_joined_over_processes_that_have_no_gpu(no_gpu, alone_with_torchrun):
    """torch's SyncBatchNorm refuses a CPU's pictures at the first training step."""
    cfg = Config({'launcher': 'pytorch', 'sync_bn': 'torch'})
    prepare_launcher(cfg)
    assert cfg.sync_bn is None


def test_a_model_wrapper_of_the_config_is_kept(no_gpu, alone_with_torchrun):
    wrapper = {'type': 'MMDistributedDataParallel', 'find_unused_parameters': True}
    cfg = Config({'launcher': 'pytorch', 'model_wrapper_cfg': wrapper})
    prepare_launcher(cfg)
    assert dict(cfg.model_wrapper_cfg) == {**wrapper, 'device_ids': None}


@pytest.mark.skipif(not Path('/proc/self/task').is_dir(), reason='lists the threads of Linux')
def test_closing_the_group_ends_its_threads_though_a_cycle_holds_the_model(
    no_gpu, alone_with_torchrun
):
    """A runner and its hooks hold each other, so that only the garbage collector ends them."""

    def gloo_threads():
        return [
            name
            for file in Path('/proc/self/task').glob('*/comm')
            if 'gloo' in (name := file.read_text())
        ]

    prepare_launcher(Config({'launcher': 'pytorch'}))
    runner = SimpleNamespace(model=DistributedDataParallel(torch.nn.Linear(2, 1)))
    runner.itself = runner
    del runner
    assert gloo_threads()
    close_process_group()
    assert gloo_threads() == []
