"""The 10 Fashion-MNIST classes of the embedded scene parts, and a classifier to learn them with.

2000 training and 500 validation pictures, 28x28, real. Shared by the scripts in this folder.
"""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heracles_mm.datasets.parts import PARTS_FILE

CLASSES = 10


def load(split: str, side: int) -> tuple[Tensor, Tensor]:
    """Pictures (N, 3, side, side), about zero mean and unit variance, and labels (N,)."""
    with np.load(PARTS_FILE) as archive:
        pictures = torch.from_numpy(archive[f'{split}_images'])[:, None].float()  # (N, 1, 28, 28)
        labels = torch.from_numpy(archive[f'{split}_labels']).long()
    pictures = F.interpolate(pictures, (side, side), mode='bilinear', align_corners=False)
    return ((pictures - 73) / 90).expand(-1, 3, -1, -1), labels


def batches(count: int, size: int, steps: int, seed: int) -> Iterator[Tensor]:
    """Indices of ``steps`` batches: one shuffled pass over ``count`` pictures after another."""
    random = torch.Generator().manual_seed(seed)
    order = torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        if len(order) < size:
            order = torch.randperm(count, generator=random)
        yield order[:size]
        order = order[size:]


def flip_some(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Mirror each picture (B, 3, H, W) with probability 1/2."""
    chosen = torch.rand(len(pictures), generator=random) < 0.5
    return torch.where(chosen[:, None, None, None], pictures.flip(-1), pictures)


class Classifier(nn.Module):
    """Mean of the backbone's last map, then a linear layer."""

    def __init__(self, backbone: nn.Module, channels: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(channels, CLASSES)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.head(self.backbone(pictures)[-1].mean((-2, -1)))


def optimizer(model: nn.Module, rate: float) -> torch.optim.Optimizer:
    """AdamW with weight decay 0.05 on everything but norms and biases."""
    flat = [p for p in model.parameters() if p.ndim == 1]
    rest = [p for p in model.parameters() if p.ndim != 1]
    groups = [dict(params=rest, weight_decay=0.05), dict(params=flat, weight_decay=0.0)]
    return torch.optim.AdamW(groups, lr=rate)


@torch.no_grad()
def accuracy(model: nn.Module, pictures: Tensor, labels: Tensor) -> float:
    """Share of the pictures that ``model`` names rightly, 0 to 1; leaves it in eval mode."""
    model.eval()
    right = sum(
        int((model(part).argmax(-1) == truth).sum())
        for part, truth in zip(pictures.split(100), labels.split(100), strict=True)
    )
    return right / len(labels)
