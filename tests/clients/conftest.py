"""The libraries' own tools, in this process: their imports cost more than their work here."""

import os
from pathlib import Path

import pytest
from mmengine.config import Config
from small_runs import CONFIGS, ROOT, SMALL, forget_instances, run_tool


@pytest.fixture(autouse=True)
def _fresh_process_state(monkeypatch, scenes_cache):
    """mmengine's named instances (loggers, visualizers, scopes) end with the run that made them."""
    forget_instances()
    monkeypatch.delenv('LOCAL_RANK', raising=False)
    yield
    forget_instances()
    os.environ.pop('LOCAL_RANK', None)  # the libraries' tools set it


@pytest.fixture(scope='session', autouse=True)
def scenes_cache(tmp_path_factory):
    """Composed once for all clients."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('HERACLES_CACHE', str(tmp_path_factory.mktemp('cache')))
        yield


@pytest.fixture(scope='session')
def trained(tmp_path_factory):
    """Library -> the checkpoint that its own train.py writes; each is trained once."""
    made: dict[str, Path] = {}

    def train(library: str) -> Path:
        if library not in made:
            folder = tmp_path_factory.mktemp(library)
            config = CONFIGS[library].relative_to(ROOT)
            run_tool(f'python ${library.upper()}/train.py {config}', folder)
            forget_instances()
            (made[library],) = folder.glob('work_dirs/*/*_1.pth')
        return made[library]

    return train


@pytest.fixture
def small_config(tmp_path):
    """Library -> its config with the small options written in, as a file far from ours."""

    def write(library: str) -> Path:
        pytest.importorskip(library)
        cfg = Config.fromfile(CONFIGS[library])
        options = dict(option.split('=') for option in SMALL[library])
        cfg.merge_from_dict({key: int(value) for key, value in options.items()})
        path = tmp_path / f'small_{library}.py'
        cfg.dump(path)
        return path

    return write
