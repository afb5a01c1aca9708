"""MixToken: a box of every picture's tokens, after the stem, is replaced by another picture's."""

import math
from dataclasses import dataclass

import numpy as np
from mmpretrain.registry import MODELS
from torch import Tensor

from heracles_mm.errors import UsageError


@dataclass(frozen=True)
class Cut:
    """The box that is replaced: rows ``top`` to before ``bottom`` of the label grid's cells, and
    columns alike; ``kept`` is the share of each picture's own tokens that stays, 0 to 1."""

    top: int
    bottom: int
    left: int
    right: int
    kept: float

    def mix(self, x: Tensor, stride: int = 1) -> Tensor:
        """``x`` (B, H, W, C), ``stride`` rows to a cell, with the box of the reversed batch."""
        rows = slice(self.top * stride, self.bottom * stride)
        columns = slice(self.left * stride, self.right * stride)
        mixed = x.clone()
        mixed[:, rows, columns] = x.flip(0)[:, rows, columns]
        return mixed


@MODELS.register_module()
class MixToken:
    """Cuts a box out of every picture of a training batch and puts another picture's there.

    lam ~ Beta(alpha, alpha); the box has about the area 1 - lam, its middle is drawn uniformly, and
    it is clipped to the picture; its borders lie on multiples of ``stride`` tokens, so that every
    label cell belongs to one picture. The other picture is the one at the mirrored place in the
    batch. Source: Jiang et al. 2021; upstream ``rand_bbox`` with ``scale=8`` (Wave-ViT, Heracles).

    Args:
        alpha: of the Beta distribution.
        stride: tokens per label cell: 8 for labels of stride 32 on a stem of stride 4.

    Shapes: (B, H, W, C) to the same and a :class:`Cut`; the last cells are narrower where H or W is
    no multiple of ``stride``.
    """

    def __init__(self, alpha: float = 1.0, stride: int = 8) -> None:
        if alpha <= 0 or stride < 1:
            raise UsageError(
                f'MixToken needs alpha above 0 and a stride of at least 1, got {alpha} and {stride}'
            )
        self.alpha = alpha
        self.stride = stride

    def __call__(self, tokens: Tensor) -> tuple[Tensor, Cut]:
        cut = self.draw(*tokens.shape[1:3])
        return cut.mix(tokens, self.stride), cut

    def draw(self, height: int, width: int) -> Cut:
        """A random box for tokens (B, height, width, C); numpy's generator decides."""
        side = math.sqrt(1 - np.random.beta(self.alpha, self.alpha))
        spans, replaced = [], 1.0
        for tokens in (height, width):
            cells = math.ceil(tokens / self.stride)
            half, middle = int(cells * side) // 2, np.random.randint(cells)
            start, end = max(middle - half, 0), min(middle + half, cells)
            spans.append((start, end))
            replaced *= (min(end * self.stride, tokens) - start * self.stride) / tokens
        (top, bottom), (left, right) = spans
        return Cut(top, bottom, left, right, kept=1 - replaced)
