"""What a class token learns from the patches: their attention, or their spectral mixing."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heracles_mm.errors import UsageError
from heracles_mm.layers.hss import HSS

HEAD_DIM = 32
"""Width of an attention head, as in the backbones."""


class ClassAttention(nn.Module):
    """Attention whose only query is the class token; keys and values are the token and all patches.

    Scale 32^-0.5, biases everywhere. Source: Heracles, upstream ``post_network.0.attn``.

    Shapes: token (B, C) and patches (B, H, W, C) to (B, C); C a multiple of 32.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        if dim % HEAD_DIM:
            raise UsageError(
                f'class attention needs channels in heads of {HEAD_DIM}, got {dim} channels'
            )
        self.q = nn.Linear(dim, dim)
        self.kv = nn.Linear(dim, 2 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, token: Tensor, patches: Tensor) -> Tensor:
        tokens = torch.cat((token[:, None], patches.flatten(1, 2)), dim=1)  # (B, 1 + H W, C)
        q = _heads(self.q(token[:, None]))  # (B, heads, 1, 32)
        k, v = map(_heads, self.kv(tokens).chunk(2, dim=-1))  # (B, heads, 1 + H W, 32)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.proj(y.flatten(1))  # one query, so (heads, 1, 32) lie in the order of C


class ClassHSS(nn.Module):
    """Mean over the patches of what HAMSA's mixer makes of them.

    Assumed: the paper shows no class block, and the published sizes leave room for one with an HSS
    of the last stage's grid. A class token among the patches would break their grid, so the token
    is not mixed itself; the mean of u * SASS(v) over the positions reads every frequency of both.

    Shapes: token (B, C), which is not used, and patches (B, H, W, C) to (B, C).
    """

    def __init__(self, dim: int, grid: tuple[int, int], fft_axes: str, kernel: str) -> None:
        super().__init__()
        self.hss = HSS(dim, grid, fft_axes, kernel)

    def forward(self, token: Tensor, patches: Tensor) -> Tensor:
        return self.hss(patches).mean((1, 2))


def _heads(tokens: Tensor) -> Tensor:
    """(B, N, C) to (B, heads, N, 32)."""
    return tokens.unflatten(-1, (-1, HEAD_DIM)).transpose(1, 2)
