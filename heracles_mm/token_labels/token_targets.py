"""What class token and patches should predict, from the packed label maps of a batch."""

from collections.abc import Sequence

import torch
from mmpretrain.structures import DataSample
from torch import Tensor

from heracles_mm.errors import LabelMapError


def token_targets(
    samples: Sequence[DataSample], num_classes: int, smoothing: float, device: torch.device | str
) -> tuple[Tensor, Tensor]:
    """Probabilities for the class token and for every patch.

    softmax over all classes of the pooled scores, in which a class that the map does not name has
    score 0, then smoothing: (1 - s) p + s / K. The class token's scores are the label map's mean
    over the picture, not the data set's label. Source: upstream Token Labeling (``tlt`` 0.2.0,
    ``get_label`` and ``TokenLabelCrossEntropy``, which Wave-ViT's recipe uses); its smoothing adds
    up to 1 + s / K.

    Args:
        samples: as :class:`PackLabelMap` leaves them.
        num_classes: K.
        smoothing: s, 0 to 1.
        device: of the (B, K) and (B, H, W, K) float32 that are returned, each row summing to 1.

    Raises:
        LabelMapError: a sample without a label map, or with a class beyond K.
    """
    for sample in samples:
        picture = sample.get('img_path', 'of a batch')
        if 'token_scores' not in sample:
            raise LabelMapError(
                f'the picture {picture} comes without a label map: token labels need LoadLabelMap '
                'and PackLabelMap in the training pipeline'
            )
        if sample.token_ids.max() >= num_classes:
            raise LabelMapError(
                f'the label map of the picture {picture} names class '
                f'{int(sample.token_ids.max())}, but the model has {num_classes} classes, numbered '
                'from 0: the maps were made for another class list'
            )
    counts = torch.tensor([len(sample.token_ids) for sample in samples])
    rows = torch.arange(len(samples)).repeat_interleave(counts).to(device)
    ids = torch.cat([sample.token_ids for sample in samples]).to(device)

    def dense(scores: list[Tensor]) -> Tensor:
        full = torch.zeros(len(samples), num_classes, *scores[0].shape[1:], device=device)
        full[rows, ids] = torch.cat(scores).to(device)
        return full.softmax(1).mul_(1 - smoothing).add_(smoothing / num_classes)

    classes = dense([sample.class_scores for sample in samples])
    patches = dense([sample.token_scores for sample in samples])
    return classes, patches.permute(0, 2, 3, 1)
