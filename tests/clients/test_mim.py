"""mim, where it is installed: it finds this package's .mim and trains from it.

openmim reads a wheel's installation, onedl-mim a checkout's (docs/clients.md): what the installed one
can do is tested.
"""

import importlib.util
import json
import os
import subprocess
import sys
from importlib import metadata

import pytest
from small_runs import CONFIGS, ROOT, SCENES

MISSING = 'mim is not installed: docs/clients.md says how to install it'


def mim(folder, *words) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-m', 'mim', *map(str, words)],
        cwd=folder,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'COLUMNS': '300'},
        text=True,
        capture_output=True,
        timeout=300,
    )


def finds_package(name: str) -> bool:
    """Whether this mim finds the module's folder: see the notes in docs/clients.md."""
    files = metadata.files(name) or []
    editable = 'dir_info' in json.loads(
        metadata.distribution(name).read_text('direct_url.json') or '{}'
    )
    if any(True for _ in metadata.distributions(name='onedl-mim')):
        return editable or not str(files[0]).startswith(f'{name}-')
    return not editable


needs_mim = pytest.mark.skipif(importlib.util.find_spec('mim') is None, reason=MISSING)


@needs_mim
@pytest.mark.parametrize('library', ['mmdet', 'mmseg', 'mmpretrain'])
def test_mim_trains_a_librarys_model_from_our_config(library, small_config, tmp_path):
    distribution = {'mmseg': 'mmsegmentation'}.get(library, library)
    if importlib.util.find_spec('mim') and not finds_package(distribution):
        pytest.skip(f'this mim does not find {distribution} (docs/clients.md)')
    done = mim(tmp_path, 'train', distribution, small_config(library), '--gpus', 0)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob('work_dirs/*/*_1.pth'))) == 1


@needs_mim
def test_mim_finds_our_index_and_our_config_by_name(tmp_path):
    if not finds_package('heracles_mm'):
        pytest.skip('this mim does not find heracles_mm as it is installed (docs/clients.md)')
    found = mim(tmp_path, 'search', 'heracles_mm')
    assert found.returncode == 0, found.stderr
    assert 'config id: heracles_s_imagenet' in found.stdout
    name = CONFIGS['mmdet'].name
    options = ['--gpus', 0, '--cfg-options', *SCENES]
    trained = mim(tmp_path, 'train', 'heracles_mm', name, *options)
    assert trained.returncode == 0, trained.stderr
    assert len(list(tmp_path.glob('work_dirs/*/iter_1.pth'))) == 1


def test_everything_that_mim_looks_for_lies_in_dot_mim():
    """Without mim: the index's configs exist, and the tools take the flags that mim passes."""
    modelindex = pytest.importorskip('modelindex')
    folder = ROOT / 'heracles_mm' / '.mim'
    index = modelindex.load(str(folder / 'model-index.yml'))
    index.build_models_with_collections()
    assert index.models
    assert all((folder / model.config).is_file() for model in index.models)
    for tool in ('train', 'test'):
        text = (folder / 'tools' / f'{tool}.py').read_text()
        assert f'heracles_mm.tools.{tool}' in text
