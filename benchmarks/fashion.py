"""The 10 Fashion-MNIST classes of the embedded scene parts, and a classifier to learn them with.

2000 training and 500 validation pictures, 28x28, real. Shared by the scripts in this folder.
"""

import argparse
import math
from collections.abc import Callable, Iterator

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


class Classifier(nn.Module):
    """Mean of the backbone's last map, then a linear layer."""

    bfloat16 = False
    """Whether the backbone runs under bfloat16 autocast."""

    def __init__(self, backbone: nn.Module, channels: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(channels, CLASSES)

    def forward(self, pictures: Tensor) -> Tensor:
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=self.bfloat16):
            last = self.backbone(pictures)[-1]
        return self.head(last.float().mean((-2, -1)))


def train(
    model: nn.Module,
    data: tuple[Tensor, Tensor],
    args: argparse.Namespace,
    share: Callable[[int], float],
    seed: int,
    change: Callable[[Tensor], Tensor] = lambda pictures: pictures,
    most_norm: float = math.inf,
) -> Iterator[float]:
    """The loss of each of ``args.steps`` steps on batches of ``args.batch_size``.

    AdamW with weight decay 0.05 on everything but norms and biases, and a learning rate of
    ``share(step)`` of ``args.rate``, steps counted from 1. ``change`` acts on each batch of
    pictures, and gradients of a norm above ``most_norm`` are scaled down to it.
    """
    flat = [p for p in model.parameters() if p.ndim == 1]
    rest = [p for p in model.parameters() if p.ndim != 1]
    groups = [dict(params=rest, weight_decay=0.05), dict(params=flat, weight_decay=0.0)]
    optimizer, (pictures, labels) = torch.optim.AdamW(groups), data
    random, size = torch.Generator().manual_seed(seed), args.batch_size
    order = torch.empty(0, dtype=torch.long)
    for step in range(1, args.steps + 1):
        if len(order) < size:  # one shuffled pass after another
            order = torch.randperm(len(labels), generator=random)
        batch, order = order[:size], order[size:]
        for group in optimizer.param_groups:
            group['lr'] = args.rate * share(step)
        loss = F.cross_entropy(model.train()(change(pictures[batch])), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), most_norm)
        optimizer.step()
        yield loss.item()


@torch.no_grad()
def accuracy(model: nn.Module, pictures: Tensor, labels: Tensor) -> float:
    """Share of the pictures that ``model`` names rightly, 0 to 1; leaves it in eval mode."""
    model.eval()
    right = sum(
        int((model(part).argmax(-1) == truth).sum())
        for part, truth in zip(pictures.split(100), labels.split(100), strict=True)
    )
    return right / len(labels)
