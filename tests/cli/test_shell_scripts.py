"""The launch scripts: from any folder, with torchrun or Slurm, on CPUs too."""

import json
import re
import socket
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
SCRIPTS = ('dist_train.sh', 'dist_test.sh', 'slurm_train.sh')


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return str(listener.getsockname()[1])


@pytest.mark.parametrize('script', SCRIPTS)
def test_without_arguments_a_script_says_how_to_use_it(script, run):
    done = run(TOOLS / script)
    assert done.returncode == 2
    assert done.stderr.startswith('usage: ')
    assert done.stderr.count('\n') == 1


@pytest.mark.parametrize('script', SCRIPTS)
def test_a_script_stops_at_the_first_error_and_at_unset_names(script):
    assert 'set -euo pipefail' in (TOOLS / script).read_text()


@pytest.fixture
def pretend(tmp_path, run):
    """Run a script with a stand-in for srun or python that writes down its arguments."""

    def run_script(script, *args, **environment):
        stand_in = tmp_path / 'bin' / 'stand_in'
        stand_in.parent.mkdir(exist_ok=True)
        stand_in.write_text('#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n')
        stand_in.chmod(0o755)
        if not (tmp_path / 'bin' / 'srun').exists():
            (tmp_path / 'bin' / 'srun').symlink_to(stand_in)
        path = f'{tmp_path / "bin"}:/usr/bin:/bin'
        done = run(TOOLS / script, *args, PATH=path, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run_script


def test_slurm_gets_one_task_for_each_gpu_and_no_more_on_a_node_than_asked_for(pretend):
    words = pretend(
        'slurm_train.sh',
        'part',
        'job',
        'a config.py',
        '--amp',
        GPUS='4',
        SRUN_ARGS='--quiet --exclusive',
        PYTHON='py',
    )
    for word in (
        '--job-name=job',
        '--ntasks=4',
        '--ntasks-per-node=4',
        '--gres=gpu:4',
        '--quiet',
        '--exclusive',
    ):
        assert word in words
    assert words[:2] == ['-p', 'part']
    assert words[-6:] == [
        '-u',
        str(TOOLS / 'train.py'),
        'a config.py',
        '--launcher',
        'slurm',
        '--amp',
    ]


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh'])
def test_several_machines_are_named_by_the_environment_as_in_mmdet(script, pretend):
    checkpoint = ['x.pth'] if script == 'dist_test.sh' else []
    words = pretend(
        script,
        'c.py',
        *checkpoint,
        '8',
        '--work-dir',
        'w',
        PYTHON='stand_in',
        NNODES='2',
        NODE_RANK='1',
        MASTER_ADDR='head',
        PORT='1234',
    )
    for word in (
        '--nnodes=2',
        '--node_rank=1',
        '--master_addr=head',
        '--master_port=1234',
        '--nproc_per_node=8',
    ):
        assert word in words
    assert words[-5 - len(checkpoint) :] == [
        'c.py',
        *checkpoint,
        '--launcher',
        'pytorch',
        '--work-dir',
        'w',
    ]


@pytest.mark.slow
def test_two_processes_train_and_test_together_on_cpus(run, toy_config, tmp_path):
    """They must see different data and end with the same weights; the config says nccl.

    No thread of gloo may outlive the tool: one that takes the GIL later aborts the process.
    """
    environment = {
        'PORT': free_port(),
        'CUDA_VISIBLE_DEVICES': '',
        'TOY_THREADS': 'threads_{rank}.json',
    }

    def gloo_threads():
        files = [tmp_path / f'threads_{rank}.json' for rank in (0, 1)]
        return [name for file in files for name in json.loads(file.read_text()) if 'gloo' in name]

    done = run(TOOLS / 'dist_train.sh', toy_config, 2, '--work-dir', 'w', **environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count('no GPU is visible: the processes talk through gloo') == 1
    first, second = (json.loads((tmp_path / f'diary_{rank}.json').read_text()) for rank in (0, 1))
    assert first['weights'] == second['weights']
    assert [s['loss'] for s in first['steps']] != [s['loss'] for s in second['steps']]
    assert gloo_threads() == []

    done = run(
        TOOLS / 'dist_test.sh', toy_config, 'w/iter_6.pth', 2, '--out', 'preds.pkl', **environment
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r'count: 16\b', done.stdout)  # every picture once, over both processes
    assert (tmp_path / 'preds.pkl').is_file()
    assert gloo_threads() == []


def test_a_mistake_is_printed_once_for_all_processes(run, toy_config):
    mistake = ('--resume-schedule', 'new')  # without --resume
    done = run(
        TOOLS / 'dist_train.sh', toy_config, 2, *mistake, PORT=free_port(), CUDA_VISIBLE_DEVICES=''
    )
    assert done.returncode != 0
    assert done.stderr.count('train: error: ') == 1
