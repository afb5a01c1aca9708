"""A classifier's class scores at every position of its last map, and the strongest of them."""

from typing import Any

import torch
from mmpretrain.models import ConvNeXt, GlobalAveragePooling, ImageClassifier, LinearClsHead
from torch import Tensor

from heracles_mm.classification.classifier import ClassTokenClassifier
from heracles_mm.classification.token_label_head import TokenLabelHead
from heracles_mm.errors import LabelMapError

WORKS = (
    'what works is a backbone with a feature map, GlobalAveragePooling and LinearClsHead (ResNet, '
    'Swin, ConvNeXt, ...), or ClassTokenClassifier with TokenLabelHead'
)
PROBED_SIDE = 224


class DenseScores:
    """Class scores of every position of a classifier's last map.

    With global average pooling before one linear layer, that layer on every position is exact: the
    mean of the dense scores is the classifier's own score, because mean and layer are linear. This
    is how the published maps were made. :class:`TokenLabelHead` has its auxiliary layer for it.
    ConvNeXt norms after pooling; here its norm is applied at every position, which is near but not
    the same.

    Args:
        classifier: mmpretrain's; it is put in evaluation mode.

    Attributes:
        num_classes: K.
        stride: px of the picture per position.

    Shapes: normalised pictures (B, 3, H, W) to (B, K, H / stride, W / stride).

    Raises:
        LabelMapError: another kind of classifier.
    """

    def __init__(self, classifier: Any) -> None:
        if not isinstance(classifier, ImageClassifier):
            raise LabelMapError(f'{type(classifier).__name__} is no image classifier: {WORKS}')
        self.classifier = classifier.eval()
        backbone, head = classifier.backbone, classifier.head
        has_aux = isinstance(head, TokenLabelHead)
        pools_itself = isinstance(backbone, ConvNeXt) and backbone.gap_before_final_norm
        pools = isinstance(classifier.neck, GlobalAveragePooling) or pools_itself
        if not has_aux and not (pools and type(head) is LinearClsHead):
            raise LabelMapError(
                f'{_parts(classifier)} has no class scores at every position: {WORKS}'
            )
        self.layer = head.aux if has_aux else head.fc
        self.num_classes: int = head.num_classes
        picture = torch.randn(1, 3, PROBED_SIDE, PROBED_SIDE, device=self.layer.weight.device)
        own = self._score(picture)
        if pools_itself:
            backbone.gap_before_final_norm = False
        dense = self(picture)
        self.stride = PROBED_SIDE // dense.shape[-1]
        exact = not (has_aux or pools_itself)
        if exact and not torch.allclose(dense.mean((2, 3)), own, rtol=1e-3, atol=1e-3):
            raise LabelMapError(
                f'the mean of the dense scores of {_parts(classifier)} is not its score, so they '
                f'are no class scores: {WORKS}'
            )

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        if isinstance(self.classifier, ClassTokenClassifier):
            last, _ = self.classifier.extract_feat(pictures)  # (B, h, w, C)
        else:
            last = self.classifier.extract_feat(pictures, stage='backbone')[-1]  # (B, C, h, w)
            if last.dim() != 4:
                raise LabelMapError(
                    f'{_parts(self.classifier)} gives no feature map but {tuple(last.shape)}: '
                    f'{WORKS}'
                )
            last = last.permute(0, 2, 3, 1)
        return self.layer(last).permute(0, 3, 1, 2)  # (B, K, h, w)

    @torch.no_grad()
    def _score(self, pictures: Tensor) -> Tensor:
        return self.classifier(pictures)


def sparse_scores(logits: Tensor, topk: int) -> tuple[Tensor, Tensor]:
    """The strongest classes of dense scores, relative to all others.

    From the kept logits the log of the mean exp of the left-out ones is subtracted, so that in a
    softmax over all classes in which the left-out have score 0, the kept ones have the very
    probabilities that the classifier gave them, and the others share theirs evenly. (Published maps
    hold the logits as they are, so their left-out classes get e^0 each whatever the logits.)

    Args:
        logits: (B, K, h, w).
        topk: how many to keep; at most K - 1, for the last one is what is left.

    Returns:
        (B, k, h, w) scores and class numbers, the strongest first.
    """
    num_classes = logits.shape[1]
    kept, ids = logits.topk(min(topk, num_classes - 1), dim=1)
    rest = logits.scatter(1, ids, -torch.inf)
    left_out = num_classes - ids.shape[1]
    return kept - rest.logsumexp(1, keepdim=True) + torch.tensor(left_out).log(), ids


def _parts(classifier: Any) -> str:
    names = [
        type(part).__name__
        for part in (getattr(classifier, name, None) for name in ('backbone', 'neck', 'head'))
        if part is not None
    ]
    return ' + '.join(names) or type(classifier).__name__
