"""The road of docs/pretrain.md on folders laid out as the data sets are: pretrain, fine-tune, go
dense."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip('mmpretrain', reason='the classifiers are of mmpretrain')

from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from scipy.io import savemat

from heracles_mm import Heracles
from heracles_mm.data_checks.paths import missing_data
from heracles_mm.datasets.parts import PARTS_FILE

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
# No worker processes: they take longer to start than four pictures to load.
IN_PROCESS = [
    f'{split}_dataloader.{option}'
    for split in ('train', 'val')
    for option in ('num_workers=0', 'persistent_workers=False', 'batch_size=2')
]


NANO = ('model.backbone.arch=nano', 'model.neck.in_channels=192', 'model.head.in_channels=192')


@pytest.fixture(scope='module')
def photos() -> list[np.ndarray]:
    """Four real pictures, (56, 56, 3) uint8."""
    with np.load(PARTS_FILE) as archive:
        grey = archive['train_images'][:4]
    return [cv2.cvtColor(cv2.resize(photo, (56, 56)), cv2.COLOR_GRAY2BGR) for photo in grey]


@pytest.fixture
def imagenet(tmp_path, photos) -> Path:
    """Two pictures of two of the thousand classes in each split."""
    root = tmp_path / 'imagenet'
    (root / 'meta').mkdir(parents=True)
    for split, chosen in (('train', photos[:2]), ('val', photos[2:])):
        (root / split).mkdir()
        for label, photo in enumerate(chosen):
            cv2.imwrite(str(root / split / f'{label}.png'), photo)
        (root / 'meta' / f'{split}.txt').write_text('0.png 7\n1.png 998\n')
    return root


@pytest.fixture
def flowers(tmp_path, photos) -> Path:
    """Pictures 1 and 2 to train on, 3 and 4 to test on."""
    root = tmp_path / 'flowers102'
    (root / 'jpg').mkdir(parents=True)
    for number, photo in enumerate(photos, start=1):
        cv2.imwrite(str(root / 'jpg' / f'image_{number:05d}.jpg'), photo)
    savemat(root / 'imagelabels.mat', {'labels': [[1, 102, 50, 3]]})
    savemat(root / 'setid.mat', {'trnid': [[1, 2]], 'valid': [[1, 2]], 'tstid': [[3, 4]]})
    return root


@pytest.mark.slow
def test_one_epoch_on_an_imagenet_folder_gives_a_backbone_to_dense_models(
    train, imagenet, tmp_path
):
    done = train(
        CONFIGS / 'heracles_s_imagenet.py', '--work-dir', 'w',
        '--cfg-options', 'train_cfg.max_epochs=1', *IN_PROCESS, *NANO,
        IMAGENET_ROOT=str(imagenet),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert 'accuracy/top5' in done.stdout
    checkpoint = tmp_path / 'w' / 'epoch_1.pth'
    dense = Heracles(
        'nano', init_cfg=dict(type='Pretrained', checkpoint=str(checkpoint), prefix='backbone.')
    )
    dense.init_weights()
    saved = torch.load(checkpoint, weights_only=True)['state_dict']
    for key, value in dense.state_dict().items():
        torch.testing.assert_close(value, saved[f'backbone.{key}'])


@pytest.mark.slow
@pytest.mark.parametrize('family', ['heracles', 'hamsa'])
def test_a_pretrained_classifier_is_fine_tuned_at_another_size(family, train, flowers, tmp_path):
    """Backbone and class block start as they were, on larger grids; the head is new."""
    config = Config.fromfile(CONFIGS / f'{family}_nano_parts.py')
    if family == 'heracles':
        config.model.backbone.spectral_stages = 1
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        before = MODELS.build(config.model).state_dict()
    torch.save({'state_dict': before}, tmp_path / 'pretrained.pth')
    small = tmp_path / 'small.py'
    small.write_text(
        f'_base_ = {str(CONFIGS / f"{family}_s_flowers102_384.py")!r}\n'
        "model = dict(backbone=dict(arch='nano'), neck=dict(in_channels=192), "
        'head=dict(in_channels=192))\n'
    )
    done = train(
        small, '--work-dir', 'w', '--cfg-options', *IN_PROCESS,
        'train_cfg.max_epochs=1', 'train_cfg.val_interval=1',
        'default_hooks.checkpoint.interval=1', 'optim_wrapper.optimizer.lr=0.0',
        FLOWERS102_ROOT=str(flowers), PRETRAINED='pretrained.pth',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert 'accuracy/top1' in done.stdout
    after = torch.load(tmp_path / 'w' / 'epoch_1.pth', weights_only=True)['state_dict']
    statistics = ('running_mean', 'running_var', 'num_batches_tracked')  # the step changes them
    for key, value in before.items():
        if key.endswith(('filter.weight', 'kernel.weight')):
            assert after[key].shape[-1] == value.shape[-1] * 6  # from 64 to 384 px
        elif not key.startswith('head.') and not key.endswith(statistics):
            torch.testing.assert_close(after[key], value, rtol=0, atol=0, msg=key)
    assert after['head.fc.weight'].shape == (102, 192)
    log = done.stdout + done.stderr
    assert 'stages.0.blocks.0.mixer.' in log  # that grids were resampled
    assert 'head.fc.weight' in log  # that the head stayed behind


@pytest.mark.parametrize(
    ('config', 'side'),
    [
        ('heracles_s_imagenet', 224),
        ('hamsa_s_cars', 224),
        ('heracles_s_flowers102_384', 384),
        ('heracles_s_cifar100', 224),
        ('hamsa_s_cifar10_384', 384),
    ],
)
def test_its_pipelines_make_pictures_of_its_size(config, side, photos, tmp_path):
    """Of any picture; CIFAR's data sets give arrays, the others files."""
    cfg = Config.fromfile(CONFIGS / f'{config}.py')
    path = str(tmp_path / 'photo.png')
    cv2.imwrite(path, photos[0][:40])
    for split in ('train', 'val', 'test'):
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            pipeline = Compose(cfg[f'{split}_dataloader'].dataset.pipeline)
        source = dict(img=photos[0]) if 'cifar' in config else dict(img_path=path)
        packed = pipeline(dict(source, gt_label=3))
        assert packed['inputs'].shape == (3, side, side)
        assert packed['inputs'].dtype == torch.uint8
        assert packed['data_samples'].gt_label.item() == 3


@pytest.mark.parametrize('config', ['heracles_l_imagenet', 'hamsa_s_tokenlabel_imagenet'])
def test_an_imagenet_folder_that_is_not_there_is_named(config, monkeypatch):
    monkeypatch.setenv('IMAGENET_ROOT', '/nowhere/')
    sentence = missing_data(Config.fromfile(CONFIGS / f'{config}.py'), ('train', 'val'))
    assert sentence.startswith('train_dataloader needs /nowhere')
    assert 'set the environment variable IMAGENET_ROOT to the data folder' in sentence
