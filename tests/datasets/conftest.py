import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heracles_mm.datasets import ScenesSpec, ensure_scenes


@pytest.fixture(scope='session')
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('scenes')


@pytest.fixture(autouse=True)
def cache(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test of this folder touches the user's cache; all share what they make."""
    monkeypatch.setenv('HERACLES_CACHE', str(shared_cache))
    return shared_cache


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for a test that damages it."""
    monkeypatch.setenv('HERACLES_CACHE', str(tmp_path / 'cache'))
    return tmp_path / 'cache'


@pytest.fixture(scope='session')
def spec() -> ScenesSpec:
    return ScenesSpec(num_train=24, num_val=24, size=128, seed=3)


@pytest.fixture
def folder(spec: ScenesSpec) -> Path:
    return ensure_scenes(spec)


@pytest.fixture
def coco_json(folder: Path) -> Callable[[str], dict[str, Any]]:
    def read(split: str) -> dict[str, Any]:
        return json.loads((folder / f'annotations/instances_{split}.json').read_bytes())

    return read
