"""The tools are run as a user runs them: as processes, from a folder of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.logging import MMLogger
from processes import with_path

from heracles_mm.data_checks import content

ROOT = Path(__file__).resolve().parents[2]
TOY = Path(__file__).resolve().parent / 'toy'
sys.path.insert(0, str(TOY))

LAUNCH_VARIABLES = ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT')


@pytest.fixture(autouse=True)
def _fresh_process_state():
    """What a runner or ``main`` leaves behind in a process, no test must inherit.

    ``main`` sets LOCAL_RANK, as mmdet's tools do; mmengine's loggers keep the stdout of their time,
    which pytest closes; data_checks remembers what it has checked.
    """
    MMLogger._instance_dict.clear()
    content._checked.clear()
    before = {name: os.environ.pop(name, None) for name in LAUNCH_VARIABLES}
    yield
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.fixture
def cause(capfd):
    """Read what stands after an error's traceback about its cause (above it on Python 3.10)."""

    def read(error: BaseException) -> str:
        lines = [*getattr(error, '__notes__', []), *capfd.readouterr().err.splitlines()]
        return '\n'.join(line for line in lines if ': error: ' in line)

    return read


@pytest.fixture
def toy_config() -> Path:
    return TOY / 'toy_config.py'


def run_in(folder: Path, *command: object, **environment: str) -> subprocess.CompletedProcess:
    """Run a command line in ``folder``; the output is text."""
    variables = {
        **os.environ,
        'PYTHONPATH': with_path(ROOT, TOY),
        'PYTHON': sys.executable,
        'OMP_NUM_THREADS': '1',
        **environment,
    }
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=variables,
        text=True,
        capture_output=True,
        timeout=300,
    )


@pytest.fixture
def run(tmp_path):
    """Run a command line in the test's own folder."""
    return lambda *command, **environment: run_in(tmp_path, *command, **environment)


@pytest.fixture(scope='session')
def uninterrupted(tmp_path_factory) -> dict:
    """The diary of a run of the toy config that nothing disturbed; its folder is in 'folder'."""
    folder = tmp_path_factory.mktemp('uninterrupted')
    script, config = ROOT / 'tools' / 'train.py', TOY / 'toy_config.py'
    done = run_in(folder, sys.executable, script, config, TOY_DIARY='diary.json')
    assert done.returncode == 0, done.stderr
    return {'folder': folder, **json.loads((folder / 'diary.json').read_text())}


@pytest.fixture
def train(run):
    """Run tools/train.py."""
    return lambda *args, **env: run(sys.executable, ROOT / 'tools' / 'train.py', *args, **env)


@pytest.fixture
def test_tool(run):
    """Run tools/test.py."""
    return lambda *args, **env: run(sys.executable, ROOT / 'tools' / 'test.py', *args, **env)
