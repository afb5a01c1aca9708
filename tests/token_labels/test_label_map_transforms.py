"""The pipeline's transforms do to the picture what mmpretrain's do, and to its map too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('mmpretrain', reason='label maps are read in mmpretrain pipelines')
from mmpretrain.registry import TRANSFORMS

from heracles_mm.token_labels.label_map_transforms import FOLLOWED, LabelMapRandAugment
from heracles_mm.token_labels.label_maps import LabelMap

WARP = dict(prob=1.0, pad_val=0, interpolation='bilinear')
MOVES = {
    'crop': dict(type='LabelMapRandomResizedCrop', scale=(60, 90), crop_ratio_range=(0.3, 0.9)),
    'flip': dict(type='LabelMapRandomFlip', prob=1.0, direction='horizontal'),
    'flip, vertical': dict(type='LabelMapRandomFlip', prob=1.0, direction='vertical'),
    'flip, both': dict(type='LabelMapRandomFlip', prob=1.0, direction='diagonal'),
    'shear': dict(type='LabelMapShear', magnitude=0.3, **WARP),
    'shear, vertical': dict(type='LabelMapShear', magnitude=0.2, direction='vertical', **WARP),
    'translate': dict(type='LabelMapTranslate', magnitude=0.4, **WARP),
    'translate, whole number': dict(type='LabelMapTranslate', magnitude=0, **WARP),
    'translate, vertical': dict(
        type='LabelMapTranslate', magnitude=0.3, direction='vertical', **WARP
    ),
    'rotate': dict(type='LabelMapRotate', angle=30.0, **WARP),
    'rotate about a corner': dict(type='LabelMapRotate', angle=9.0, center=(0.0, 0.0), **WARP),
}
EMPTY = LabelMap(np.zeros((1, 1, 1), np.float32), np.zeros((1, 1, 1), np.int64))


def coordinates(height, width) -> np.ndarray:
    """A picture whose pixels say where they are: (H, W, 3) float32 of x, y in px, and 1."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.stack([x, y, np.ones_like(x)], axis=-1).astype(np.float32)


def came_from(label_map, height, width) -> tuple[np.ndarray, np.ndarray]:
    """Where the map believes every pixel was, in fractions, and whether that was inside."""
    points = coordinates(height, width)[..., :2] / (width, height)
    inside = np.ones((height, width), bool)
    for matrix in reversed(label_map.steps):
        points = points @ matrix[:, :2].T + matrix[:, 2]
        inside &= ((points > 0) & (points < 1)).all(-1)
    return points, inside


def check_that_the_map_knows(results, height, width) -> None:
    """Every pixel with nothing of the filling in it holds the coordinates the map expects."""
    picture = results['img']
    points, inside = came_from(results['label_map'], *picture.shape[:2])
    whole = picture[..., 2] > 0.999
    whole[[0, -1]] = whole[:, [0, -1]] = False  # a resize clamps at the border
    assert whole.sum() > 0.1 * whole.size
    assert inside[whole].all()
    error = np.abs(points * (width, height) - picture[..., :2])[whole]
    assert error.max() < 0.3, error.max()  # OpenCV rounds to 1/32 px at every step
    assert np.median(error) < 0.05
    empty = picture[..., 2] < 0.001
    assert not inside[empty].any()


@pytest.mark.parametrize('name', MOVES)
def test_the_map_knows_where_every_pixel_came_from(name):
    """The picture itself is the witness: its pixels hold their coordinates."""
    move = TRANSFORMS.build(MOVES[name])
    for seed in range(4):
        np.random.seed(seed)
        results = move({'img': coordinates(70, 110), 'label_map': EMPTY})
        if 'crop' in name:
            results['img'] = results['img'][6:-6, 6:-6]
            step = results['label_map'].steps[0]
            inner = np.array([[78 / 90, 0, 6 / 90], [0, 48 / 60, 6 / 60]])
            results['label_map'] = EMPTY.moved(step).moved(inner)
        check_that_the_map_knows(results, 70, 110)


@settings(max_examples=20)
@given(st.lists(st.sampled_from([name for name in MOVES if name != 'crop']), max_size=4))
def test_the_map_follows_any_chain_of_moves(names):
    np.random.seed(len(names))
    results = {'img': coordinates(80, 80), 'label_map': EMPTY}
    for name in names:
        results = TRANSFORMS.build(MOVES[name])(results)
    picture = results['img']
    points, _ = came_from(results['label_map'], *picture.shape[:2])
    whole = picture[..., 2] > 0.999
    error = np.abs(points * 80 - picture[..., :2])[whole]
    assert np.median(error) < 0.1 if len(error) else True


PLAIN = {
    'LabelMapRandomResizedCrop': 'RandomResizedCrop',
    'LabelMapRandomFlip': 'RandomFlip',
    **{f'LabelMap{name}': name for name in FOLLOWED},
}


@pytest.mark.parametrize('name', MOVES)
def test_the_picture_is_what_mmpretrain_makes_of_it(name):
    """Same seed, same picture: taking the map along draws no random number."""
    picture = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    pictures = []
    for kind in (MOVES[name]['type'], PLAIN[MOVES[name]['type']]):
        np.random.seed(3)
        results = {'img': picture.copy(), 'label_map': EMPTY}
        pictures.append(TRANSFORMS.build({**MOVES[name], 'type': kind})(results)['img'])
    np.testing.assert_array_equal(*pictures)


def test_rand_augment_draws_and_paints_as_mmpretrains_does():
    picture = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    options = dict(policies='timm_increasing', num_policies=2, magnitude_level=9, magnitude_std=0.5)
    ours = TRANSFORMS.build(dict(type='LabelMapRandAugment', **options))
    theirs = TRANSFORMS.build(dict(type='RandAugment', **options))
    moved = 0
    for seed in range(60):
        pictures = []
        for transform in (ours, theirs):
            np.random.seed(seed)
            results = transform({'img': picture.copy(), 'label_map': EMPTY})
            pictures.append(results['img'])
            moved += len(results['label_map'].steps) if transform is ours else 0
        np.testing.assert_array_equal(*pictures)
    assert moved > 10  # 5 of the 15 policies move, half of the time, and 120 are drawn


def test_a_switched_off_move_leaves_the_map_alone():
    for name in ('shear', 'translate', 'rotate', 'flip'):
        move = TRANSFORMS.build({**MOVES[name], 'prob': 0.0})
        assert move({'img': coordinates(9, 9), 'label_map': EMPTY})['label_map'] is EMPTY


@pytest.mark.parametrize('kind', ['RandomCrop', 'Pad', 'Resize'])
def test_a_policy_that_moves_pixels_without_the_map_is_refused(kind):
    with pytest.raises(ValueError, match=rf'{kind} may move pixels .*allowed .*Shear'):
        LabelMapRandAugment([dict(type=kind)], num_policies=1, magnitude_level=5)
    with pytest.raises(ValueError, match='timm_increasing'):
        LabelMapRandAugment('timm', num_policies=1, magnitude_level=5)


def blob(y, x):
    """A picture with one bright square, 8 px wide, and the map of a classifier that saw it."""
    picture = np.full((64, 64, 3), 20, np.uint8)
    picture[8 * y : 8 * y + 8, 8 * x : 8 * x + 8] = 250
    scores = np.zeros((1, 8, 8), np.float32)
    scores[0, y, x] = 10
    return picture, LabelMap(scores, np.full((1, 8, 8), 4))


@settings(max_examples=40)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**20))
def test_the_class_stays_on_the_object_through_a_training_pipeline(y, x, seed):
    """Where the packed map has the class, the packed picture has the bright square."""
    from mmcv.transforms import Compose

    picture, label_map = blob(y, x)
    policies = [
        dict(type='Rotate', magnitude_range=(0, 30)),
        dict(type='Shear', magnitude_range=(0, 0.3), direction='vertical'),
        dict(type='Translate', magnitude_range=(0, 0.3)),
    ]
    steps = [
        dict(type='LabelMapRandomResizedCrop', scale=64, crop_ratio_range=(0.4, 1.0)),
        dict(type='LabelMapRandomFlip', prob=0.5),
        dict(
            type='LabelMapRandAugment',
            policies=policies,
            num_policies=2,
            magnitude_level=9,
            hparams=dict(pad_val=20, interpolation='bilinear'),
        ),
        dict(type='PackLabelMap', stride=8),
    ]
    np.random.seed(seed)
    pipeline = Compose([TRANSFORMS.build(step) for step in steps])
    packed = pipeline({'img': picture, 'label_map': label_map, 'gt_label': 4})
    sample = packed['data_samples']
    assert sample.token_ids.tolist() == [4] and int(sample.gt_label) == 4
    light = packed['inputs'][0].float() - 20  # (64, 64)
    light = light.reshape(8, 8, 8, 8).mean((1, 3)) / 230  # (8, 8), share of the cell that is bright
    scores = sample.token_scores[0] / 10
    if light.sum() < 0.5:
        return  # cropped or moved away
    rows, columns = np.mgrid[:8, :8]

    def middle(weight):
        weight = weight.numpy().clip(0)
        return (weight * rows).sum() / weight.sum(), (weight * columns).sum() / weight.sum()

    if light[[0, -1]].sum() + light[:, [0, -1]].sum() < 0.05:  # not cut off by the border
        np.testing.assert_allclose(middle(scores), middle(light), atol=0.5)
