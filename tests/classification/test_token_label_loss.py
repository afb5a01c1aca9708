"""Targets and loss of token labels against the published formulas, written down independently."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('mmpretrain', reason='the head is one of mmpretrain')
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torchvision.ops import roi_align

from heracles_mm.classification import TokenLabelHead
from heracles_mm.errors import LabelMapError
from heracles_mm.token_labels import MixToken, PackLabelMap
from heracles_mm.token_labels.label_maps import LabelMap
from heracles_mm.token_labels.token_targets import token_targets

CLASSES = 12


def random_map(seed, side=6, topk=3) -> LabelMap:
    random = np.random.default_rng(seed)
    ids = np.argsort(random.random((CLASSES, side, side)), axis=0)[:topk]
    return LabelMap(random.normal(2, 3, ids.shape).astype(np.float32), ids)


def packed(label_map, side=96) -> DataSample:
    results = {'img': np.zeros((side, side, 3), np.uint8), 'label_map': label_map, 'gt_label': 0}
    return PackLabelMap().transform(results)['data_samples']


def upstream_targets(maps, boxes, cells, smoothing):
    """tlt's get_featuremaps, get_label and smoothing, but with boxes in torchvision's order (x, y),
    a fixed number of points, and smoothing that sums to 1."""
    dense = torch.zeros(len(maps), CLASSES, *maps[0].ids.shape[1:])
    for full, one in zip(dense, maps, strict=True):
        full.scatter_(0, torch.from_numpy(one.ids), torch.from_numpy(one.scores))
    rois = torch.cat([torch.arange(len(maps))[:, None].float(), boxes * dense.shape[-1]], 1)

    def pool(size):
        points = -(-dense.shape[-1] // cells) * (cells // size)
        pooled = roi_align(dense, rois, size, sampling_ratio=points, aligned=True)
        return pooled.softmax(1) * (1 - smoothing) + smoothing / CLASSES

    return pool(1).flatten(1), pool(cells).permute(0, 2, 3, 1)


@settings(max_examples=20)
@given(st.integers(0, 2**16), st.sampled_from([0.0, 0.1]))
def test_targets_are_the_published_ones(seed, smoothing):
    maps = [random_map(seed + i) for i in range(3)]
    random = np.random.default_rng(seed)
    boxes = torch.from_numpy(random.uniform([0, 0, 0.6, 0.6], [0.4, 0.4, 1, 1], (3, 4))).float()
    moved = [
        one.moved(np.array([[right - left, 0, left], [0, bottom - top, top]]))
        for one, (left, top, right, bottom) in zip(maps, boxes.double().numpy(), strict=True)
    ]
    actual = token_targets([packed(one) for one in moved], CLASSES, smoothing, 'cpu')
    expected = upstream_targets(maps, boxes, 3, smoothing)
    for mine, theirs in zip(actual, expected, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(mine.sum(-1), torch.ones(mine.shape[:-1]))


def upstream_loss(classes, aux, target, cut, dense_weight):
    """TokenLabelCrossEntropy and the forward before it: the *logits* of the box are put back to
    where their tokens came from, and lam comes from the box."""
    target_class, target_dense = target
    box = (slice(None), slice(cut.top, cut.bottom), slice(cut.left, cut.right))
    unmixed = aux.clone()
    unmixed[box] = aux.flip(0)[box]
    area = (cut.bottom - cut.top) * (cut.right - cut.left)
    lam = 1 - area / (aux.shape[1] * aux.shape[2])
    target_class = lam * target_class + (1 - lam) * target_class.flip(0)

    def soft(x, y):
        return torch.sum(-y * F.log_softmax(x, dim=-1), dim=-1).mean()

    return soft(classes, target_class) + dense_weight * soft(unmixed, target_dense)


@settings(max_examples=20)
@given(st.integers(0, 2**16))
def test_the_loss_is_the_published_one(seed):
    """Mixing the labels and un-mixing the logits pair the same scores with the same labels."""
    torch.manual_seed(seed)
    head = TokenLabelHead(CLASSES, 8)
    feats = torch.randn(4, 3, 3, 8), torch.randn(4, 8)
    samples = [packed(random_map(seed + i)) for i in range(4)]
    np.random.seed(seed)
    cut = MixToken().draw(24, 24)
    losses = head.loss(feats, samples, cut=cut)
    targets = token_targets(samples, CLASSES, 0.1, 'cpu')
    expected = upstream_loss(head.fc(feats[1]), head.dense_logits(feats), targets, cut, 0.5)
    torch.testing.assert_close(sum(losses.values()), expected)


def test_scores_equal_to_the_targets_have_the_least_loss():
    """Cross entropy with a soft target is lowest at the target: no gradient is left there."""
    samples = [packed(random_map(i)) for i in range(2)]
    classes, dense = token_targets(samples, CLASSES, 0.1, 'cpu')
    head = TokenLabelHead(CLASSES, CLASSES)
    for layer in (head.fc, head.aux):
        torch.nn.init.eye_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    feats = dense.log().requires_grad_(), classes.log().requires_grad_()
    sum(head.loss(feats, samples).values()).backward()
    for feature in feats:
        torch.testing.assert_close(feature.grad, torch.zeros_like(feature), atol=1e-6, rtol=0)


def test_what_does_not_fit_is_said_in_a_sentence():
    head = TokenLabelHead(CLASSES, 8)
    feats = torch.randn(1, 3, 3, 8), torch.randn(1, 8)
    plain = DataSample(metainfo={'img_path': 'n01/a.JPEG'})
    with pytest.raises(LabelMapError, match=r'n01/a\.JPEG comes without a label map.*PackLabelMap'):
        head.loss(feats, [plain])
    with pytest.raises(LabelMapError, match=r'names class 11, but the model has 5 classes'):
        token_targets([packed(random_map(0, topk=12))], 5, 0.1, 'cpu')
    with pytest.raises(LabelMapError, match=r'\(2, 2\) cells.*\(3, 3\) patches.*PackLabelMap'):
        head.loss(feats, [packed(random_map(0), side=64)])


NANO = dict(type='Heracles', arch='nano', img_size=64)
NECK = dict(type='ClassAttentionBlock', in_channels=192)
HEAD = dict(type='TokenLabelHead', num_classes=CLASSES, in_channels=192)


def classifier(**options):
    options = dict(backbone=NANO, neck=NECK, head=HEAD, mix_token=dict(type='MixToken'), **options)
    return MODELS.build(dict(type='ClassTokenClassifier', **options))


@pytest.mark.parametrize('side', [64, 100])
def test_a_training_step_reaches_every_parameter_at_any_size(side):
    """100 px is no multiple of 32: a stem grid of 25, cells of 8, 8, 8 and 1 tokens."""
    torch.manual_seed(0)
    model = classifier()
    samples = [packed(random_map(i), side) for i in range(2)]
    losses = model(torch.randn(2, 3, side, side), samples, mode='loss')
    assert set(losses) == {'loss_class', 'loss_patches'}
    sum(losses.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_the_class_loss_sees_mixed_tokens_and_prediction_does_not():
    """With the whole picture replaced, a picture's features are the other picture's; a prediction
    never mixes."""
    torch.manual_seed(0)
    model = classifier().eval()
    pictures = torch.randn(2, 3, 64, 64)
    alone = model(pictures[:1], mode='tensor')
    torch.testing.assert_close(model(pictures, mode='tensor')[:1], alone, atol=1e-4, rtol=1e-4)
    whole = MixToken()
    whole.draw = lambda height, width: type(MixToken().draw(8, 8))(0, 2, 0, 2, kept=0.0)
    model.mix_token = whole
    seen = []
    model.head.loss = lambda feats, samples, cut: seen.append((feats, cut)) or {}
    model.loss(pictures, None)
    (_, token), cut = seen[0]
    assert cut.kept == 0
    swapped = model.extract_feat(pictures.flip(0))[1]
    torch.testing.assert_close(token, swapped, atol=1e-4, rtol=1e-4)


def test_mix_token_takes_the_place_of_mixup_and_needs_token_labels():
    mixup = dict(augments=[dict(type='Mixup', alpha=0.8)])
    with pytest.raises(ValueError, match='replaces Mixup and CutMix'):
        classifier(train_cfg=mixup, data_preprocessor=dict(num_classes=CLASSES))
    with pytest.raises(ValueError, match='need the head TokenLabelHead'):
        MODELS.build(
            dict(
                type='ClassTokenClassifier',
                backbone=NANO,
                neck=NECK,
                head=dict(type='LinearClsHead', num_classes=CLASSES, in_channels=192),
                mix_token=dict(type='MixToken'),
            )
        )
