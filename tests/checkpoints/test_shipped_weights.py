"""The weights that come with the package: whole, small, found by every library, unchanged."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner.checkpoint import CheckpointLoader, load_checkpoint

import heracles_mm.engine  # noqa: F401  (lets mmengine read heracles_mm://)
from heracles_mm import Hamsa, Heracles, config_path
from heracles_mm.checkpoints import read_checkpoint
from heracles_mm.checkpoints.shipped import FOLDER, SCHEME, shipped_file, shipped_weights
from heracles_mm.datasets.parts import PARTS_FILE
from heracles_mm.errors import CheckpointError

NAMES = ('hamsa_nano_imagenette', 'heracles_nano_imagenette')
ROOT = Path(__file__).resolve().parents[2]
SCORES = FOLDER / 'scores.json'
"""Of each model on the photographs of the scenes, which may be shipped: class scores in order."""


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def photos() -> dict[str, np.ndarray]:
    """Name -> (H, W, 3) uint8 BGR."""
    with np.load(PARTS_FILE) as parts:
        return {
            key.removeprefix('photo_'): cv2.imdecode(parts[key], cv2.IMREAD_COLOR)
            for key in parts
            if key.startswith('photo_')
        }


def scores_of(name: str) -> dict[str, list[float]]:
    """By mmpretrain's own inference, from the name alone."""
    mmpretrain = pytest.importorskip('mmpretrain', reason='it is the classifier of mmpretrain')
    import heracles_mm.classification  # noqa: F401  (adds the names to its hub)

    model = mmpretrain.get_model(name, pretrained=True)
    found = {photo: mmpretrain.inference_model(model, pixels) for photo, pixels in photos().items()}
    assert model._dataset_meta['classes'][0] == 'tench'
    return {photo: result['pred_scores'].tolist() for photo, result in found.items()}


def test_they_are_there_whole_and_small():
    assert tuple(shipped_weights()) == NAMES
    for path in shipped_weights().values():
        assert path.stem.rpartition('-')[2] == hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 12e6


def test_they_are_finite_float16(name):
    weights = read_checkpoint(SCHEME + name)['state_dict']
    floats = [tensor for tensor in weights.values() if tensor.is_floating_point()]
    assert {tensor.dtype for tensor in floats} == {torch.float16}
    assert all(tensor.isfinite().all() for tensor in floats)


def test_they_give_the_scores_that_they_gave(name):
    recorded = json.loads(SCORES.read_text())[name]
    found = scores_of(name)
    assert found.keys() == recorded.keys()
    for photo, scores in found.items():
        np.testing.assert_allclose(scores, recorded[photo], atol=2e-3, err_msg=photo)


def test_init_cfg_load_from_and_timm_find_the_same(name):
    weights = read_checkpoint(SCHEME + name)['state_dict']
    cfg = Config.fromfile(config_path(name), import_custom_modules=False)
    options = {key: value for key, value in cfg.model.backbone.items() if key != 'type'}
    family = Heracles if name.startswith('heracles') else Hamsa
    init = dict(type='Pretrained', checkpoint=SCHEME + name, prefix='backbone.')
    backbone = family(**options, init_cfg=init)
    backbone.init_weights()
    by_runner = family(**options)
    load_checkpoint(torch.nn.ModuleDict({'backbone': by_runner}), SCHEME + name)
    timm = pytest.importorskip('timm')
    import heracles_mm.timm  # noqa: F401

    classifier = timm.create_model(name, pretrained=True)
    for key, tensor in backbone.state_dict().items():
        stored = weights[f'backbone.{key}']
        assert torch.equal(tensor, stored.to(tensor.dtype)), key
        assert torch.equal(by_runner.state_dict()[key], tensor), key
        assert torch.equal(classifier.backbone.state_dict()[key], tensor), key
    assert torch.equal(classifier.head.fc.weight, weights['head.fc.weight'].float())
    other = timm.create_model(name, pretrained=True, num_classes=3, img_size=160, in_chans=1)
    assert other(torch.zeros(1, 1, 160, 160)).shape == (1, 3)


@pytest.mark.parametrize('read', [read_checkpoint, CheckpointLoader.load_checkpoint, shipped_file])
def test_a_name_that_is_not_shipped_is_a_sentence(read):
    with pytest.raises(CheckpointError) as raised:
        read(f'{SCHEME}heracles_s_imagenet')
    assert str(raised.value) == (
        "no weights 'heracles_s_imagenet' come with heracles_mm, choose one of "
        'heracles_mm://hamsa_nano_imagenette, heracles_mm://heracles_nano_imagenette'
    )


def test_their_card_and_metafile_state_the_accuracy_that_was_measured(name):
    """Of the run whose weights they are: its file in benchmarks/results."""
    result = json.loads((ROOT / f'benchmarks/results/{run_of(name)}.json').read_text())
    top1 = f'{result["scores"]["accuracy/top1"]:.1f}'
    card = (FOLDER / 'MODEL_CARD.md').read_text()
    assert f'| `{name}` | {top1} |' in card
    pytest.importorskip('mmpretrain', reason='the model hub is of mmpretrain')
    from mmpretrain.apis.model import ModelHub

    import heracles_mm.classification  # noqa: F401

    metainfo = ModelHub.get(name)
    assert metainfo.weights == SCHEME + name
    assert metainfo.results[0].metrics == {'Top 1 Accuracy': float(top1)}


def run_of(name: str) -> str:
    return f'imagenette_20e_{name.removesuffix("_imagenette")}_0'


if __name__ == '__main__':  # python tests/checkpoints/test_shipped_weights.py, after new weights
    SCORES.write_text(json.dumps({name: scores_of(name) for name in NAMES}, indent=1) + '\n')
