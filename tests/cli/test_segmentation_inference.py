"""Whole pictures, windows and augmented tests give a label map of the picture's own size."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

pytest.importorskip('mmseg')

from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import MODELS, DefaultScope
from mmseg.models import EncoderDecoder
from mmseg.structures import SegDataSample

from heracles_mm.cli import test as test_tool
from heracles_mm.cli import train

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
NANO = {family: CONFIGS / f'upernet_{family}_nano_scenes.py' for family in ('heracles', 'hamsa')}
CLASSES = 9


def build(config: Path) -> EncoderDecoder:
    cfg = Config.fromfile(config)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(cfg.model).eval()


@pytest.fixture(scope='module', params=NANO)
def model(request):
    return build(NANO[request.param])


def logits(model: EncoderDecoder, height: int, width: int, **test_cfg) -> torch.Tensor:
    """(9, height, width) for a made picture that is shown at two thirds of its size."""
    shown = (2 * height // 3, 2 * width // 3)
    picture = torch.randint(256, (3, *shown), generator=torch.Generator().manual_seed(1))
    meta = dict(ori_shape=(height, width), img_shape=shown, flip=False)
    batch = dict(inputs=[picture.byte()], data_samples=[SegDataSample(metainfo=meta)])
    model.test_cfg = Config(test_cfg)
    with torch.no_grad():
        (found,) = model.test_step(batch)
    assert found.pred_sem_seg.data.shape == (1, height, width)
    assert torch.equal(found.pred_sem_seg.data[0], found.seg_logits.data.argmax(0))
    return found.seg_logits.data


@settings(max_examples=6)
@given(height=st.integers(48, 150), width=st.integers(48, 150))
def test_one_window_over_all_is_the_whole_picture_at_any_size(model, height, width):
    """Sides that no stride divides, and windows larger than the picture, change nothing."""
    whole = logits(model, height, width, mode='whole')
    window = logits(model, height, width, mode='slide', crop_size=(160, 160), stride=(107, 107))
    assert whole.shape == (CLASSES, height, width)
    torch.testing.assert_close(window, whole)


def test_smaller_windows_cover_the_picture_and_see_less(model):
    whole = logits(model, 150, 101, mode='whole')
    windows = logits(model, 150, 101, mode='slide', crop_size=(48, 48), stride=(32, 32))
    assert windows.shape == whole.shape and windows.isfinite().all()
    assert not torch.allclose(windows, whole)


@pytest.mark.parametrize('options', [(), ('slide',)], ids=['whole', 'slide'])
def test_the_tool_tests_with_flips_and_sizes(options, tmp_path, monkeypatch, capfd):
    """The command of the guide; the answer has the picture's size, not one of the six shown."""
    monkeypatch.setenv('HERACLES_CACHE', str(tmp_path / 'cache'))
    torch.save({'state_dict': build(NANO['heracles']).state_dict()}, tmp_path / 'x.pth')
    slide = ('model.test_cfg.mode=slide', 'model.test_cfg.crop_size=(96,96)',
             'model.test_cfg.stride=(64,64)')  # fmt: skip
    argv = [NANO['heracles'], tmp_path / 'x.pth', '--work-dir', tmp_path / 'w', '--tta']
    argv += ['--out', tmp_path / 'found.pkl', '--cfg-options', 'test_dataloader.batch_size=1']
    argv += ['test_dataloader.dataset.num_val=5', 'test_dataloader.dataset.num_train=5']
    argv += slide if options else ()
    assert test_tool.main([str(word) for word in argv]) == 0
    assert 'mIoU: ' in capfd.readouterr().out
    found = pickle.loads((tmp_path / 'found.pkl').read_bytes())
    assert len(found) == 5
    for sample in found:
        assert sample['pred_sem_seg']['data'].shape[-2:] == (160, 160)


SMALL = [
    'model.backbone.arch=nano', 'model.decode_head.in_channels=[32,64,128,192]',
    'model.decode_head.channels=16', 'model.auxiliary_head.in_channels=128',
    'model.auxiliary_head.channels=16', 'model.data_preprocessor.size=(64,64)',
    'train_dataloader.dataset.pipeline.2.scale=(128,64)',
    'train_dataloader.dataset.pipeline.3.crop_size=(64,64)',
    'val_dataloader.dataset.pipeline.1.scale=(128,64)',
    'train_dataloader.num_workers=0', 'train_dataloader.persistent_workers=False',
    'val_dataloader.num_workers=0', 'val_dataloader.persistent_workers=False',
    'train_cfg.max_iters=1', 'train_cfg.val_interval=1',
]  # fmt: skip


@pytest.fixture
def ade20k(tmp_path, monkeypatch) -> Path:
    """Two pictures of each split, laid out as ADEChallengeData2016 is; 0 is unlabelled."""
    root, random = tmp_path / 'ade', np.random.default_rng(0)
    for split in ('training', 'validation'):
        for kind, shape, top, suffix in (
            ('images', (50, 70, 3), 256, 'jpg'),
            ('annotations', (50, 70), 151, 'png'),
        ):
            (root / kind / split).mkdir(parents=True)
            for name in ('a', 'b'):
                pixels = random.integers(0, top, shape, dtype=np.uint8)
                Image.fromarray(pixels).save(root / kind / split / f'{name}.{suffix}')
    monkeypatch.setenv('ADE20K_ROOT', str(root))
    return root


def test_an_iteration_on_an_ade20k_folder_runs_to_its_evaluation(ade20k, tmp_path, capfd):
    config = CONFIGS / 'upernet_hamsa_s_ade20k.py'
    argv = [config, '--work-dir', tmp_path / 'w', '--cfg-options', *SMALL]
    assert train.main([str(word) for word in argv]) == 0
    shown = capfd.readouterr().out
    assert 'mIoU: ' in shown and 'floor: ' in shown
    assert 'IoU/' not in shown  # 150 more names a line: `classwise=True` asks for them


def test_ade20ks_augmented_test_shows_six_sizes_and_their_mirror_images(ade20k):
    """Ratios 0.5 to 1.75 of a short side of 512, as where multi-scale results are published."""
    with DefaultScope.overwrite_default_scope('mmseg'):
        pipeline = Compose(Config.fromfile(CONFIGS / 'upernet_heracles_s_ade20k.py').tta_pipeline)
        views = pipeline(
            dict(
                img_path=str(ade20k / 'images/validation/a.jpg'),
                seg_map_path=str(ade20k / 'annotations/validation/a.png'),
                reduce_zero_label=True,
                label_map=None,
                seg_fields=[],
            )
        )
    shown = {}
    for pixels, sample in zip(views['inputs'], views['data_samples'], strict=True):
        assert sample.ori_shape == (50, 70)
        shown[sample.flip, min(pixels.shape[1:])] = pixels
    sizes = [int(512 * ratio) for ratio in (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)]
    assert sorted(shown) == [(flip, size) for flip in (False, True) for size in sizes]
    for size in sizes:
        assert torch.equal(shown[True, size], shown[False, size].flip(-1))
