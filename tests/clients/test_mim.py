"""mim, where it is installed: it finds this package's .mim and trains from it.

openmim serves the official line, onedl-mim the forks (docs/clients.md).
"""

import os
import subprocess
import sys
from importlib import metadata

import pytest
from small_runs import CONFIGS, ROOT, SCENES


def installed(distribution: str) -> bool:
    return any(metadata.distributions(name=distribution))


LIBRARIES = {'mmdet': 'mmdet', 'mmseg': 'mmsegmentation', 'mmpretrain': 'mmpretrain'}
if installed('onedl-mim'):
    LIBRARIES = {
        'mmdet': 'onedl-mmdetection',
        'mmseg': 'onedl-mmsegmentation',
        'mmpretrain': 'onedl-mmpretrain',
    }

needs_mim = pytest.mark.skipif(
    not (installed('openmim') or installed('onedl-mim')),
    reason='mim is not installed: docs/clients.md says how to install it',
)


def mim(folder, *words) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-m', 'mim', *map(str, words)],
        cwd=folder,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'COLUMNS': '300'},
        text=True,
        capture_output=True,
        timeout=300,
    )


@needs_mim
@pytest.mark.slow
@pytest.mark.parametrize('library', LIBRARIES)
def test_mim_trains_and_tests_a_librarys_model_from_our_config(library, small_config, tmp_path):
    if not installed(LIBRARIES[library]):
        pytest.skip(f'{LIBRARIES[library]}, which this mim serves, is not installed')
    words = (LIBRARIES[library], small_config(library), '--gpus', 0)
    trained = mim(tmp_path, 'train', *words)
    assert trained.returncode == 0, trained.stderr
    (checkpoint,) = tmp_path.glob('work_dirs/*/*_1.pth')
    tested = mim(tmp_path, 'test', *words, '--checkpoint', checkpoint)
    assert tested.returncode == 0, tested.stderr


@needs_mim
@pytest.mark.slow
def test_mim_finds_our_index_and_our_config_by_name(tmp_path):
    direct = metadata.distribution('heracles_mm').read_text('direct_url.json') or ''
    if installed('onedl-mim') or '"editable": true' in direct:
        pytest.skip('openmim finds this package when it is installed from a wheel')
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
        assert f'heracles_mm.cli.{tool}' in text
