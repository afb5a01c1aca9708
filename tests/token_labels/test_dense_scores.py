"""Dense scores: exact where pooling and layer are linear, and cut to the strongest without loss."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('mmpretrain', reason='the classifiers are those of mmpretrain')
from mmpretrain.registry import MODELS

import heracles_mm.classification  # noqa: F401  (registers ours)
from heracles_mm.errors import LabelMapError
from heracles_mm.token_labels.dense_scores import DenseScores, sparse_scores

CLASSES = 7


def classifier(backbone, channels, neck=True, head='LinearClsHead', kind='ImageClassifier'):
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type=kind,
            backbone=backbone,
            neck=dict(type='GlobalAveragePooling') if neck is True else neck,
            head=dict(type=head, num_classes=CLASSES, in_channels=channels),
        )
    )
    torch.nn.init.normal_(model.head.fc.weight)
    return model.eval()


HERACLES = dict(type='Heracles', arch='nano', img_size=64, out_indices=(3,))
CLASS_BLOCK = dict(type='ClassAttentionBlock', in_channels=192)
EXACT = {
    'ResNet': (dict(type='ResNet', depth=18, base_channels=8), 64),
    'Swin': (
        dict(
            type='SwinTransformer',
            arch=dict(embed_dims=24, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1]),
            window_size=4,
        ),
        192,
    ),
    'Heracles': (HERACLES, 192),
}


@pytest.mark.parametrize('name', EXACT)
def test_the_mean_of_the_dense_scores_is_the_classifiers_score(name):
    """mean(fc(x)) = fc(mean(x)): the layer is linear, the mean too. Also at another size."""
    model = classifier(*EXACT[name])
    scores = DenseScores(model)
    assert scores.stride == 32
    pictures = torch.randn(2, 3, 192, 192)
    dense = scores(pictures)
    assert dense.shape == (2, CLASSES, 6, 6)
    with torch.no_grad():
        torch.testing.assert_close(dense.mean((2, 3)), model(pictures), atol=1e-4, rtol=1e-4)


def test_our_auxiliary_head_gives_what_it_was_trained_to():
    model = classifier(HERACLES, 192, CLASS_BLOCK, 'TokenLabelHead', 'ClassTokenClassifier')
    pictures = torch.randn(1, 3, 96, 96)
    dense = DenseScores(model)(pictures)
    with torch.no_grad():
        features = model.extract_feat(pictures)
        expected = model.head.fc(features[1]) + 0.5 * dense.amax((2, 3))
        torch.testing.assert_close(model(pictures), expected)


def test_convnext_norms_every_position():
    """Its norm comes after pooling, so the scores are near the classifier's and not the same; with
    one position there is nothing to pool, and they are."""
    arch = dict(depths=[1, 1, 1, 1], channels=[8, 16, 24, 32])
    model = classifier(dict(type='ConvNeXt', arch=arch), 32, neck=None)
    picture = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        own = model(picture)
    scores = DenseScores(model)
    torch.testing.assert_close(scores(picture)[..., 0, 0], own)
    assert scores(torch.randn(1, 3, 96, 96)).shape == (1, CLASSES, 3, 3)


VIT = dict(
    type='VisionTransformer',
    arch=dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=24),
    img_size=224,
)
REFUSED = {
    'no pooling': (dict(EXACT['ResNet'][0]), 64, None, 'LinearClsHead', 'ImageClassifier'),
    'two layers': (HERACLES, 192, True, 'StackedLinearClsHead', 'ImageClassifier'),
    'a class token of mmpretrain': (VIT, 24, None, 'LinearClsHead', 'ImageClassifier'),
    'our class token alone': (
        HERACLES,
        192,
        CLASS_BLOCK,
        'LinearClsHead',
        'ClassTokenClassifier',
    ),
}


@pytest.mark.parametrize('name', REFUSED)
def test_a_classifier_without_dense_scores_is_refused_in_a_sentence(name):
    backbone, channels, neck, head, kind = REFUSED[name]
    options = dict(num_classes=CLASSES, in_channels=channels)
    if head == 'StackedLinearClsHead':
        options['mid_channels'] = [8]
    neck = dict(type='GlobalAveragePooling') if neck is True else neck
    model = MODELS.build(
        dict(type=kind, backbone=backbone, neck=neck, head=dict(type=head, **options))
    )
    with pytest.raises(LabelMapError, match=rf'{backbone["type"]}.*{head}.*: what works is') as e:
        DenseScores(model)
    assert '\n' not in str(e.value)


@settings(deadline=None)
@given(st.integers(2, 9), st.integers(1, 9), st.integers(0, 2**16))
def test_the_kept_classes_keep_their_probabilities(num_classes, topk, seed):
    """A softmax with 0 for the left-out classes gives each kept class its own probability, and
    the left-out ones the rest, evenly; with all but one kept nothing is lost."""
    torch.manual_seed(seed)
    logits = 4 * torch.randn(2, num_classes, 3, 2, dtype=torch.float64) - 5
    scores, ids = sparse_scores(logits, topk)
    assert scores.shape[1] == min(topk, num_classes - 1)
    dense = torch.zeros_like(logits).scatter(1, ids, scores)
    kept = torch.zeros_like(logits).scatter(1, ids, 1).bool()
    truth, mine = logits.softmax(1), dense.softmax(1)
    torch.testing.assert_close(mine[kept], truth[kept])
    if topk >= num_classes - 1:
        torch.testing.assert_close(mine, truth)
