"""MixToken: a box of every picture's tokens is replaced by another picture's, behind the stem."""

import math
from dataclasses import dataclass

import numpy as np
from mmpretrain.registry import MODELS
from torch import Tensor

from heracles_mm.errors import UsageError


@dataclass(frozen=True)
class Cut:
    """The box that is replaced, in cells of the label grid.

    Attributes:
        top, bottom, left, right: rows ``top`` to before ``bottom``, and columns alike.
        kept: the share of each picture's own tokens that stays, 0 to 1.
    """

    top: int
    bottom: int
    left: int
    right: int
    kept: float

    def mix(self, x: Tensor, stride: int = 1) -> Tensor:
        """``x`` (B, H, W, C) with the box taken from the batch in reverse order.

        Args:
            x: tokens, or labels with ``stride=1``.
            stride: tokens per cell, on each axis.
        """
        box = (
            slice(None),
            slice(self.top * stride, self.bottom * stride),
            slice(self.left * stride, self.right * stride),
        )
        mixed = x.clone()
        mixed[box] = x.flip(0)[box]
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

    ``mix(tokens)`` takes tokens (B, H, W, C) of any size, the last cells being narrower where H or
    W is no multiple of ``stride``, and returns the mixed tokens and the :class:`Cut`.
    """

    def __init__(self, alpha: float = 1.0, stride: int = 8) -> None:
        if alpha <= 0 or stride < 1:
            raise UsageError(
                f'MixToken needs alpha above 0 and a stride of at least 1, got {alpha} and {stride}'
            )
        self.alpha = alpha
        self.stride = stride

    def __call__(self, tokens: Tensor) -> tuple[Tensor, Cut]:
        height, width = tokens.shape[1:3]
        cut = self.draw(height, width)
        return cut.mix(tokens, self.stride), cut

    def draw(self, height: int, width: int) -> Cut:
        """A random box for tokens (B, height, width, C); numpy's generator decides."""
        side = math.sqrt(1 - np.random.beta(self.alpha, self.alpha))
        top, bottom = self._span(height, side)
        left, right = self._span(width, side)
        rows = min(bottom * self.stride, height) - min(top * self.stride, height)
        columns = min(right * self.stride, width) - min(left * self.stride, width)
        return Cut(top, bottom, left, right, kept=1 - rows * columns / (height * width))

    def _span(self, tokens: int, side: float) -> tuple[int, int]:
        cells = math.ceil(tokens / self.stride)
        half = int(cells * side) // 2
        middle = np.random.randint(cells)
        return max(middle - half, 0), min(middle + half, cells)
