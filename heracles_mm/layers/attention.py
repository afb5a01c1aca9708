"""Multi-head self-attention over a map or a series."""

import torch.nn.functional as F
from torch import Tensor, nn

from heracles_mm.spectral.eager import keep_traced_size


class Attention(nn.Module):
    """Multi-head self-attention over all H W tokens of (B, H, W, dim), or the T of (B, T, dim),
    with heads of ``head_dim``.

    Scale head_dim^-0.5, biases everywhere, no positional embedding. Source: Heracles, upstream
    ``attn`` of the attention stages.

    ``kv_grid`` (ours, for dense prediction, no parameters) bounds the keys and values: those of a
    map with more than ``kv_grid`` positions along an axis are averaged over as many cells, so the
    cost grows with H W instead of its square, and every token still sees the whole map. A map no
    larger than that is attended to in full, as without it.
    """

    def __init__(self, dim: int, head_dim: int, kv_grid: int | None = None) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.kv_grid = kv_grid
        self.q = nn.Linear(dim, dim)
        self.kv = nn.Linear(dim, 2 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        q = self._heads(self.q(x))  # (B, heads, H W, head_dim)
        # Averaging before the linear layer is averaging its keys and values, and cheaper.
        k, v = map(self._heads, self.kv(self._cells(x)).chunk(2, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v)
        return self.proj(y.transpose(1, 2).reshape(x.shape))

    def _cells(self, x: Tensor) -> Tensor:
        """Averages of ``x`` (B, H, W, C) over at most ``kv_grid`` cells along each axis."""
        if self.kv_grid is None:
            return x
        x = keep_traced_size(x, (-3, -2))
        if max(x.shape[1:3]) <= self.kv_grid:
            return x
        size = min(x.shape[1], self.kv_grid), min(x.shape[2], self.kv_grid)
        return F.adaptive_avg_pool2d(x.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1)

    def _heads(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to (B, heads, H W, head_dim)."""
        return x.flatten(1, -2).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
