"""The demo leaves what it promises, and its numbers are those that were measured."""

import json

import pytest

pytest.importorskip('mmdet', reason='the demo trains an mmdet model')

from heracles_mm.tools.demo import MEASURES, main
from heracles_mm.visualization import read_scalars

FEW = [
    f'{loader}.dataset.{key}'
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader')
    for key in ('num_train=8', 'num_val=6')
]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('demo')
    steps = ['train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'train_dataloader.batch_size=2']
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('HERACLES_CACHE', str(folder / 'cache'))
        assert main(['--work-dir', str(folder / 'work'), '--cfg-options', *steps, *FEW]) == 0
    return folder / 'work'


def test_the_report_holds_what_was_logged_before_and_after(folder):
    report = json.loads((folder / 'report.json').read_text())
    (scalars,) = folder.glob('*/vis_data/scalars.json')
    for name, (key, _) in MEASURES.items():
        first, last = read_scalars(scalars, key)
        assert first == (0, report['before'][name])
        assert last == (2, report[name])
    assert report['steps'] == 2
    assert report['seconds'] > 0


def test_curve_and_pictures_are_there(folder):
    for name in ('ap_over_steps.png', 'predictions.png'):
        assert (folder / name).read_bytes().startswith(b'\x89PNG')


def test_the_model_that_was_measured_is_kept(folder):
    assert (folder / 'iter_2.pth').is_file()
