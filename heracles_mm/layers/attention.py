"""Full multi-head self-attention over a map."""

import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head self-attention over all H W tokens of (B, H, W, dim), heads of ``head_dim``.

    Scale head_dim^-0.5, biases everywhere, no positional embedding. Source: Heracles, upstream
    ``attn`` of the attention stages.
    """

    def __init__(self, dim: int, head_dim: int) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.q = nn.Linear(dim, dim)
        self.kv = nn.Linear(dim, 2 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(1, 2)  # (B, N, C), N = H W
        q = self._heads(self.q(tokens))
        k, v = map(self._heads, self.kv(tokens).chunk(2, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v)  # (B, heads, N, head_dim)
        return self.proj(y.transpose(1, 2).reshape(x.shape))

    def _heads(self, tokens: Tensor) -> Tensor:
        """(B, N, C) to (B, heads, N, head_dim)."""
        return tokens.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
