"""What leaves the checkout: the wheel's content, and what an import costs."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import heracles_mm

ROOT = Path(__file__).parents[1]
INFO = f'heracles_mm-{heracles_mm.__version__}.dist-info'


def build(target: str, source: Path, folder: Path) -> Path:
    """Build with the installed hatchling: no isolated environment, so no network."""
    command = [sys.executable, '-m', 'hatchling', 'build', '-t', target, '-d', str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.iterdir())


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    return build('wheel', ROOT, tmp_path_factory.mktemp('wheel'))


@pytest.fixture(scope='module')
def files(wheel):
    """Path inside the wheel -> content."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def printed_by(wheel: Path, folder: Path, code: str) -> str:
    """What a program prints that finds the wheel's files in the folder where it runs."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    done = subprocess.run([sys.executable, '-c', code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    'pattern', ['configs/**/*.py', 'configs/**/*.yml', 'tools/**/*.py', 'tools/**/*.sh']
)
def test_configs_and_tools_are_where_mim_looks(files, pattern):
    expected = {
        f'heracles_mm/.mim/{path.relative_to(ROOT)}': path.read_bytes()
        for path in ROOT.glob(pattern)
        if path.name != 'setup_env.py'  # serves a checkout
    }
    folder, suffix = pattern.split('/')[0], Path(pattern).suffix
    carried = {
        name: content
        for name, content in files.items()
        if name.startswith(f'heracles_mm/.mim/{folder}/') and name.endswith(suffix)
    }
    assert carried == expected


def test_the_model_index_is_readable_from_the_wheel(wheel, tmp_path):
    modelindex = pytest.importorskip('modelindex')
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    modelindex.load(str(tmp_path / 'heracles_mm' / '.mim' / 'model-index.yml'))


def test_the_wheel_lists_its_configs_and_gives_their_paths(wheel, tmp_path):
    code = (
        'import heracles_mm\n'
        'from heracles_mm.cli.list_configs import listed_configs\n'
        'for config in listed_configs(): print(heracles_mm.config_path(config.name))'
    )
    said = printed_by(wheel, tmp_path, code)
    folder = tmp_path / 'heracles_mm/.mim/configs'
    assert sorted(map(Path, said.splitlines())) == sorted(folder.glob('*.py'))


def test_mmpretrain_builds_a_classifier_of_the_wheel_by_its_name(wheel, tmp_path):
    """The metafiles' paths and the configs' bases hold in the wheel's own folder."""
    pytest.importorskip('mmpretrain')
    code = (
        'import heracles_mm.classification, mmpretrain\n'
        "assert 'hamsa_b_imagenet' in mmpretrain.list_models('hamsa*')\n"
        "print(mmpretrain.get_model('heracles_nano_parts')._config.filename)"
    )
    said = printed_by(wheel, tmp_path, code)
    config = Path(said.splitlines()[-1])
    assert config == tmp_path / 'heracles_mm/.mim/configs/heracles_nano_parts.py'


def test_the_data_and_its_notice_travel_together(files):
    for path in (ROOT / 'heracles_mm' / 'datasets').iterdir():
        if path.suffix in ('.npz', '.md'):
            assert files[f'heracles_mm/datasets/{path.name}'] == path.read_bytes()
    assert 'heracles_mm/datasets/scene_parts.npz' in files
    assert b'Zalando' in files['heracles_mm/datasets/SCENE_PARTS_NOTICE.md']


def test_the_licence_travels_and_is_named(files):
    assert files[f'{INFO}/licenses/LICENSE'] == (ROOT / 'LICENSE').read_bytes()
    assert 'License-Expression: Apache-2.0' in files[f'{INFO}/METADATA'].decode().splitlines()


def test_the_wheel_answers_for_mmcv_from_the_start(wheel, tmp_path):
    """Python reads the line of `heracles_mm.pth` in site-packages before it runs anything."""
    pytest.importorskip('mmcv.ops')
    code = (
        'import sys, site\n'
        'sys.meta_path[:] = [each for each in sys.meta_path if "StandIns" not in repr(each)]\n'
        'sys.modules.pop("_heracles_mm_finder", None)\n'
        f'sys.path.insert(0, {str(tmp_path)!r})\n'
        f'site.addsitedir({str(tmp_path)!r})\n'
        'assert "torch" not in sys.modules\n'
        'import mmcv.ops, mmcv._ext\n'
        'print(mmcv._ext.__file__)'
    )
    said = printed_by(wheel, tmp_path, code)
    assert said.strip() == f'{tmp_path}/heracles_mm/mmcv_ops/extension.py'


def test_nothing_else_travels(files):
    startup = {'_heracles_mm_finder.py', 'heracles_mm.pth'}
    assert {name.split('/')[0] for name in files} == {'heracles_mm', INFO, *startup}
    assert not [name for name in files if 'tests' in name or '__pycache__' in name]


def test_the_source_archive_gives_the_same_wheel(wheel, tmp_path):
    with tarfile.open(build('sdist', ROOT, tmp_path / 'sdist')) as archive:
        archive.extractall(tmp_path / 'source', filter='data')
    again = build('wheel', next((tmp_path / 'source').iterdir()), tmp_path / 'again')
    assert again.read_bytes() == wheel.read_bytes()


def run_python(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)


def test_the_backbones_work_without_the_mm_libraries():
    names = ('mmcv', 'mmdet', 'mmseg', 'mmpretrain', 'torchvision', 'scipy')
    done = run_python(
        f'import sys; sys.modules.update(dict.fromkeys({names})); from heracles_mm import Heracles'
    )
    assert done.returncode == 0, done.stderr


def test_without_mmengine_a_backbone_says_how_to_get_it():
    done = run_python(
        'import sys\n'
        'class Without:\n'
        '    def find_spec(self, name, path=None, target=None):\n'
        '        if name == "mmengine":\n'
        '            raise ModuleNotFoundError("No module named mmengine", name=name)\n'
        'sys.meta_path.insert(0, Without())\n'
        'from heracles_mm import Heracles'
    )
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith('ModuleNotFoundError: heracles_mm needs mmengine')
    assert "pip install 'heracles-mm[openmmlab]'" in message
    assert "'heracles-mm[onedl]'" in message
    assert 'During handling' not in done.stderr
