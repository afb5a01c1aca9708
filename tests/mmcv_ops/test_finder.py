"""Where `mmcv._ext` comes from: ours last, whatever is imported first."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
installed = pytest.mark.skipif(
    importlib.util.find_spec('_heracles_mm_finder') is None,
    reason='heracles_mm is on the path but not installed: only then must it be imported first',
)


def run(code: str, *paths: Path, cwd: Path = ROOT) -> list[str]:
    done = subprocess.run(
        [sys.executable, '-c', code],
        cwd=cwd,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@installed
@pytest.mark.parametrize('library', ['mmdet', 'mmseg', 'mmpretrain'])
def test_a_library_may_be_imported_first(library, tmp_path):
    pytest.importorskip(library)
    code = f'import {library}.apis, heracles_mm, mmcv._ext; print(mmcv._ext.__file__)'
    assert run(code, cwd=tmp_path)[-1].endswith(('extension.py', '.so', '.pyd'))


@installed
def test_an_interpreter_starts_with_nothing_but_the_finder():
    code = 'import sys; print(*sorted(name for name in sys.modules if "heracles" in name))'
    assert run(code) == ['_heracles_mm_finder']


def test_after_a_library_failed_it_imports_once_heracles_mm_is_there(tmp_path):
    """A notebook on a checkout that is not installed: the first cell fails, the second helps."""
    pytest.importorskip('mmdet')
    code = (
        'import sys\n'
        'sys.meta_path[:] = [each for each in sys.meta_path if "StandIns" not in repr(each)]\n'
        'try: import mmdet.apis\n'
        'except ImportError as error: print(error.name)\n'
        'import heracles_mm\n'
        'import mmdet.apis, mmcv._ext\n'
        'print(mmcv._ext.nms)'
    )
    assert run(code, ROOT, cwd=tmp_path)


def fake_mmcv(folder: Path) -> Path:
    (folder / 'mmcv').mkdir()
    (folder / 'mmcv' / '__init__.py').touch()
    return folder


def test_operators_of_mmcvs_own_win(tmp_path):
    """A file in mmcv's folder stands for the compiled one: both are found by Python itself."""
    (fake_mmcv(tmp_path) / 'mmcv' / '_ext.py').write_text('own = True')
    for first, second in (('heracles_mm', 'mmcv._ext'), ('mmcv._ext', 'heracles_mm')):
        code = f'import {first}, {second}, mmcv._ext; print(mmcv._ext.own)'
        assert run(code, tmp_path, ROOT) == ['True']


def test_it_answers_for_nothing_else(tmp_path):
    code = (
        'import heracles_mm, importlib.util as util\n'
        'print(util.find_spec("mmcv._ext") is not None, util.find_spec("mmcv._other"),'
        ' util.find_spec("_ext"))'
    )
    assert run(code, fake_mmcv(tmp_path), ROOT) == ['True None None']


def test_mmengine_takes_mmcv_for_a_whole_one():
    """It looks for the module without importing it, and then asks for deformable layers."""
    pytest.importorskip('mmcv.ops')
    code = (
        'import heracles_mm\n'
        'from mmengine.utils.dl_utils import mmcv_full_available\n'
        'print(mmcv_full_available())'
    )
    assert run(code) == ['True']


def test_mmpretrain_does_without_a_transformers_that_is_too_new_for_it(tmp_path):
    """Of 4.49 and older it takes what it wants; of a newer one its import would end in an error."""
    pytest.importorskip('mmpretrain')
    from importlib.metadata import PackageNotFoundError, version

    try:
        version('mmpretrain')
    except PackageNotFoundError:
        pytest.skip('the OneDL fork of mmpretrain looks for transformers by itself')
    code = (
        'import heracles_mm, mmpretrain.models\n'
        'from mmpretrain.utils import dependency\n'
        'print(dependency.WITH_MULTIMODAL)'
    )
    package = tmp_path / 'transformers-4.50.0.dist-info'
    package.mkdir()
    (package / 'METADATA').write_text('Name: transformers\nVersion: 4.50.0\n')
    assert run(code, tmp_path, ROOT)[-1] == 'False'
