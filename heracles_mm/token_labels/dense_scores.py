"""A classifier's class scores at every position of its last map, and the strongest of them."""

from typing import Any

import torch
from mmpretrain.models import ConvNeXt, GlobalAveragePooling, ImageClassifier, LinearClsHead
from torch import Tensor

from heracles_mm.errors import LabelMapError

PROBED_SIDE = 224


class DenseScores:
    """Class scores of every position of a classifier's last map.

    With global average pooling before one linear layer, that layer on every position is exact: the
    mean of the dense scores is the classifier's own score, because mean and layer are linear. This
    is how the published maps were made. A head that offers ``dense_logits(features)``, logits (B,
    H / stride, W / stride, K) of what the classifier's ``extract_feat`` gives it, is asked for
    them. ConvNeXt norms after pooling; here its norm is applied at every position, which is near
    but not the same.

    Shapes: normalised pictures (B, 3, H, W) to (B, num_classes, H / stride, W / stride).

    Raises:
        LabelMapError: the classifier is of another kind.
    """

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier.eval()
        if not isinstance(classifier, ImageClassifier):
            raise self._refusal('is no image classifier')
        backbone, head = classifier.backbone, classifier.head
        self.asks_head = hasattr(head, 'dense_logits')
        pools_itself = isinstance(backbone, ConvNeXt) and backbone.gap_before_final_norm
        pools = isinstance(classifier.neck, GlobalAveragePooling) or pools_itself
        if not self.asks_head and not (pools and type(head) is LinearClsHead):
            raise self._refusal('has no class scores at every position')
        self.num_classes: int = head.num_classes
        device = next(classifier.parameters()).device
        picture = torch.randn(1, 3, PROBED_SIDE, PROBED_SIDE, device=device)
        with torch.no_grad():
            own = classifier(picture)
        if pools_itself:
            backbone.gap_before_final_norm = False
        dense = self(picture)
        self.stride = PROBED_SIDE // dense.shape[-1]
        exact = not (self.asks_head or pools_itself)
        if exact and not torch.allclose(dense.mean((2, 3)), own, rtol=1e-3, atol=1e-3):
            raise self._refusal('has dense scores whose mean is not its score')

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        if self.asks_head:
            dense = self.classifier.head.dense_logits(self.classifier.extract_feat(pictures))
        else:
            last = self.classifier.extract_feat(pictures, stage='backbone')[-1]  # (B, C, h, w)
            if last.dim() != 4:
                raise self._refusal(f'gives no feature map but {tuple(last.shape)}')
            dense = self.classifier.head.fc(last.permute(0, 2, 3, 1))
        return dense.permute(0, 3, 1, 2)  # (B, K, h, w)

    def _refusal(self, why: str) -> LabelMapError:
        parts = [getattr(self.classifier, name, None) for name in ('backbone', 'neck', 'head')]
        names = [type(part).__name__ for part in parts if part is not None]
        return LabelMapError(
            f'{" + ".join(names) or type(self.classifier).__name__} {why}: what works is a '
            'backbone with a feature map, GlobalAveragePooling and LinearClsHead (ResNet, Swin, '
            'ConvNeXt, ...), or ClassTokenClassifier with TokenLabelHead'
        )


def sparse_scores(logits: Tensor, topk: int) -> tuple[Tensor, Tensor]:
    """The strongest classes of dense scores, relative to all others.

    From the kept logits the log of the mean exp of the left-out ones is subtracted, so that in a
    softmax over all classes in which the left-out have score 0, the kept ones have the very
    probabilities that the classifier gave them, and the others share theirs evenly. (Published maps
    hold the logits as they are, so their left-out classes get e^0 each whatever the logits.)

    Shapes: (B, K, h, w) to scores and class numbers (B, min(topk, K - 1), h, w), strongest first.
    """
    num_classes = logits.shape[1]
    kept, ids = logits.topk(min(topk, num_classes - 1), dim=1)
    rest = logits.scatter(1, ids, -torch.inf)
    left_out = num_classes - ids.shape[1]
    return kept - rest.logsumexp(1, keepdim=True) + torch.tensor(left_out).log(), ids
