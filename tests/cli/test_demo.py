"""The demo leaves what it promises, and its numbers are those that were measured."""

import json
from contextlib import redirect_stdout
from pathlib import Path

import pytest

pytest.importorskip('mmdet', reason='the demo trains an mmdet model')
pytest.importorskip('mmseg', reason='and one of mmseg')

from heracles_mm.cli.demo import TASKS, main
from heracles_mm.visualization import read_scalars

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / 'configs'
FEW = [
    f'{loader}.dataset.{key}'
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader')
    for key in ('num_train=8', 'num_val=6')
]
STEPS = ['train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'train_dataloader.batch_size=2']
RUNS = {
    'mmdet': [],  # the default
    'mmseg': [str(CONFIGS / 'upernet_heracles_nano_scenes.py')],
}


@pytest.fixture(scope='module', params=RUNS)
def scope(request):
    return request.param


@pytest.fixture(scope='module')
def folder(tmp_path_factory, scope):
    folder = tmp_path_factory.mktemp('demo')
    with pytest.MonkeyPatch.context() as patch, open(folder / 'printed', 'w') as printed:
        patch.setenv('HERACLES_CACHE', str(folder / 'cache'))
        argv = [*RUNS[scope], '--work-dir', str(folder / 'work'), '--cfg-options', *STEPS, *FEW]
        with redirect_stdout(printed):
            assert main(argv) == 0
    return folder / 'work'


@pytest.fixture
def printed(folder):
    return folder.with_name('printed').read_text()


def test_the_report_holds_what_was_logged_before_and_after(folder, scope):
    task, report = TASKS[scope], json.loads((folder / 'report.json').read_text())
    (scalars,) = folder.glob('*/vis_data/scalars.json')
    for name, (key, _) in task.measures.items():
        (first, before), (last, after) = read_scalars(scalars, key)
        assert (first, last) == (0, 2)
        assert report['before'][name] == before / task.full_scale
        assert report[name] == after / task.full_scale
        assert 0 <= report[name] <= 1
    assert report['steps'] == 2
    assert report['seconds'] > 0


def test_curve_and_pictures_are_there(folder, scope):
    for name in (TASKS[scope].curve_file, 'predictions.png'):
        assert (folder / name).read_bytes().startswith(b'\x89PNG')


def test_the_model_that_was_measured_is_kept_and_can_be_looked_at(folder, printed):
    assert (folder / 'iter_2.pth').is_file()
    *_, script, config, checkpoint = printed.splitlines()[-1].split()
    assert script == 'tools/app.py' and (ROOT / script).is_file()
    assert Path(config).is_file() and Path(checkpoint) == folder / 'iter_2.pth'


def test_a_config_of_another_task_is_refused_in_a_sentence(tmp_path, capfd):
    argv = [str(CONFIGS / 'heracles_s_imagenet.py'), '--work-dir', str(tmp_path)]
    assert main(argv) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert 'configs of mmdet and mmseg' in line and 'is of mmpretrain' in line
