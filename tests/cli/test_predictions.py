"""Predictions are drawn beside the ground truth of the picture that the data set holds."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

pytest.importorskip('mmdet', reason='predictions of a detector are drawn')
pytest.importorskip('mmseg', reason='and of a segmentor')
pytest.importorskip('mmpretrain', reason='and of a classifier')

from matplotlib.figure import Figure  # which comes with mmdet
from mmengine.structures import BaseDataElement, InstanceData, PixelData

from heracles_mm.cli import visualize
from heracles_mm.cli.visualize import main
from heracles_mm.datasets.pictures import write_pictures
from heracles_mm.errors import UserError
from heracles_mm.visualization.predictions import plot_predictions

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
DRAWN = {
    'mask_rcnn_heracles_nano_scenes.py': 'dataset.num_train=1 dataset.num_val=3',
    'upernet_hamsa_nano_scenes.py': 'dataset.num_train=1 dataset.num_val=3',
    'heracles_nano_pictures.py': '',
}


@pytest.fixture
def options(tmp_path, monkeypatch):
    """--cfg-options of a small data set for every config of ``DRAWN``."""
    write_pictures(tmp_path / 'pictures', train=1, val=1)
    monkeypatch.setenv('PICTURES', f'{tmp_path}/pictures/')
    monkeypatch.setenv('HERACLES_CACHE', str(tmp_path / 'cache'))

    def of(name):
        few = [f'val_dataloader.{option}' for option in DRAWN[name].split()]
        return ['--cfg-options', *few] if few else []

    return of


def weights_of(name: str, path: Path) -> Path:
    cfg = Config.fromfile(CONFIGS / name)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        torch.save({'state_dict': MODELS.build(cfg.model).state_dict()}, path)
    return path


@pytest.mark.parametrize('name', DRAWN)
def test_the_tool_draws_for_every_library(name, options, tmp_path, capsys):
    weights, out = weights_of(name, tmp_path / 'w.pth'), tmp_path / 'found.png'
    argv = ['predictions', str(CONFIGS / name), str(weights), '--out', str(out), '--index', '2']
    assert main([*argv, '--score', '0', *options(name)]) == 0
    assert out.read_bytes().startswith(b'\x89PNG')
    out.unlink()
    count = len([*(tmp_path / 'pictures' / 'val').iterdir()]) if 'pictures' in name else 3
    assert main([*argv[:-1], str(count), *options(name)]) == 2
    assert f'--index takes 0 to {count - 1}' in capsys.readouterr().err
    assert not out.exists()


def test_pictures_are_taken_from_all_of_the_data(options, tmp_path, monkeypatch):
    """The first of class folders are of one class, and the first of a film are one picture."""
    name, drawn = 'heracles_nano_pictures.py', []
    weights, out = weights_of(name, tmp_path / 'w.pth'), tmp_path / 'found.png'
    monkeypatch.setattr(visualize, 'PICTURES', 3)

    def figure(cfg, model, dataset, indices, score):
        drawn.extend(dataset[index]['data_samples'].gt_label.item() for index in indices)
        return Figure()

    monkeypatch.setattr(visualize.visualization, 'plot_predictions', figure)
    assert main(['predictions', str(CONFIGS / name), str(weights), '--out', str(out)]) == 0
    classes = len([*(tmp_path / 'pictures' / 'val').iterdir()])
    assert drawn == [0, classes // 3, 2 * classes // 3]


def test_a_checkpoint_of_another_model_draws_nothing(options, tmp_path, capsys):
    name, other = 'mask_rcnn_heracles_nano_scenes.py', 'upernet_hamsa_nano_scenes.py'
    weights, out = weights_of(other, tmp_path / 'w.pth'), tmp_path / 'found.png'
    argv = ['predictions', str(CONFIGS / name), str(weights), '--out', str(out)]
    assert main([*argv, *options(name)]) == 2
    assert str(weights) in capsys.readouterr().err
    assert not out.exists()


SMALL = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)  # RGB


def sample(**fields):
    """An item of a data set whose pipeline doubled a 4 x 6 picture and padded it to 10 x 12."""
    inputs = np.full((10, 12, 3), 255, np.uint8)
    inputs[:8] = SMALL.repeat(2, 0).repeat(2, 1)
    meta = dict(img_shape=(8, 12), ori_shape=(4, 6), pad_shape=(10, 12))
    element = BaseDataElement(metainfo=meta, **fields)
    bgr = torch.from_numpy(inputs[..., ::-1].copy())
    return dict(inputs=bgr.permute(2, 0, 1), data_samples=element)


class Data(list):
    metainfo = dict(classes=('shoe', 'bag'))


def drawn(scope, item, **found):
    """What is drawn when the model finds ``found`` in the item."""
    cfg = Config(dict(default_scope=scope, model=dict(data_preprocessor=dict(bgr_to_rgb=True))))
    model = SimpleNamespace(eval=lambda: None, test_step=lambda batch: [BaseDataElement(**found)])
    return plot_predictions(cfg, model, Data([item]), [0])


def instances(boxes, **fields):
    return InstanceData(bboxes=torch.tensor(boxes), labels=torch.tensor([1] * len(boxes)), **fields)


def test_boxes_stand_on_the_picture_in_its_own_size_and_colours():
    truth = instances([[1.0, 1.0, 3.0, 3.0]])
    found = instances([[0.0, 0.0, 2.0, 2.0], [4.0, 2.0, 6.0, 4.0]], scores=torch.tensor([0.9, 0.4]))
    figure = drawn('mmdet', sample(gt_instances=truth), pred_instances=found)
    above, below = figure.axes
    for axes in (above, below):
        assert np.allclose(axes.images[0].get_array() * 255, SMALL)
    assert [box.get_bbox().bounds for box in above.patches] == [(0.5, 0.5, 2, 2)]
    assert [box.get_bbox().bounds for box in below.patches] == [(-0.5, -0.5, 2, 2)]  # 0.4 < 0.5
    assert [text.get_text() for text in below.texts] == ['bag 0.90']


def test_label_maps_are_those_of_the_original_size():
    truth, found = torch.zeros(1, 4, 6, dtype=int), torch.ones(1, 4, 6, dtype=int)
    figure = drawn(
        'mmseg', sample(gt_sem_seg=PixelData(data=truth)), pred_sem_seg=PixelData(data=found)
    )
    picture, above, below = (axes.images[0].get_array() for axes in figure.axes)
    assert picture.tolist() == SMALL.tolist()
    assert above.shape == below.shape == (4, 6, 3)
    assert not (above == below).all(-1).any()


def test_without_ground_truth_there_is_nothing_to_compare():
    with pytest.raises(UserError, match='packs no ground truth'):
        drawn('mmseg', sample(), pred_sem_seg=PixelData(data=torch.ones(1, 4, 6)))


def test_another_library_is_refused():
    with pytest.raises(UserError, match='not for mmaction'):
        drawn('mmaction', sample())
