"""Tokens of windows: patches, their embedding with positions, blocks, a norm."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heracles_mm.checkpoints import CheckedLoading
from heracles_mm.errors import UsageError
from heracles_mm.forecasting.series_dataset import check_lengths

MixerFactory = Callable[[int, int, int], nn.Module]
"""From (layer, channels, tokens) to a mixer of (N, tokens, channels)."""


class SeriesBlock(nn.Module):
    """``x += mixer(LN(x))``, then ``x += FFN(LN(x))`` on (N, tokens, dim), each with dropout.

    The FFN is Linear, exact GELU, Linear, as PatchTST's; the norms stand where Heracles' and
    HAMSA's blocks have them.
    """

    def __init__(self, dim: int, mixer: nn.Module, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.mixer = mixer
        self.norm2 = nn.LayerNorm(dim)
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.mixer(self.norm1(x)))
        hidden = self.dropout(F.gelu(self.fc1(self.norm2(x))))
        return x + self.dropout(self.fc2(hidden))


class SeriesBackbone(CheckedLoading):
    """PatchTST's skeleton around the mixers of a family.

    A window is lengthened by ``stride`` copies of its last value and cut into overlapping patches.
    Columns are windows of their own, so the weights are the same for all of them, however many.

    Args:
        mixer: makes the token mixer of every layer.
        look_back: values of a window.
        patch, stride: values of a patch, and from the begin of a patch to the next.
        dim: channels of a token.
        depth: layers.
        hidden: channels inside of a layer's FFN.
        dropout: of the embedding and of both branches of a layer.
        strict_loading: refuse weights that leave a part of the backbone as it was.
        init_cfg: mmengine's.

    Attributes:
        tokens: (look_back - patch) // stride + 2.

    Shapes: (N, look_back) to (N, tokens, dim).
    """

    def __init__(
        self,
        mixer: MixerFactory,
        *,
        look_back: int,
        patch: int,
        stride: int,
        dim: int,
        depth: int,
        hidden: int,
        dropout: float,
        strict_loading: bool,
        init_cfg: dict | list | None,
    ) -> None:
        super().__init__(init_cfg, strict_loading)
        check_lengths(
            look_back=look_back, patch=patch, stride=stride, dim=dim, depth=depth, hidden=hidden
        )
        if patch > look_back:
            raise UsageError(
                f'patch must be at most look_back, {look_back}, got {patch}: give a smaller '
                'model.backbone.patch, or look back further'
            )
        if not 0 <= dropout < 1:
            raise UsageError(f'dropout must be in [0, 1), got {dropout!r}')
        self.look_back, self.patch, self.stride, self.dim = look_back, patch, stride, dim
        self.tokens = (look_back - patch) // stride + 2
        self.embed = nn.Linear(patch, dim)
        self.position = nn.Parameter(torch.empty(self.tokens, dim).uniform_(-0.02, 0.02))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            SeriesBlock(dim, mixer(layer, dim, self.tokens), hidden, dropout)
            for layer in range(depth)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (N, tokens, dim) of windows (N, look_back).

        Raises:
            UsageError: the windows have another length.
        """
        if x.dim() != 2 or x.shape[1] != self.look_back:
            raise UsageError(f'expected windows (N, {self.look_back}), got {tuple(x.shape)}')
        x = torch.cat((x, x[:, -1:].expand(-1, self.stride)), dim=1)
        x = x.unfold(1, self.patch, self.stride)  # (N, tokens, patch)
        x = self.dropout(self.embed(x) + self.position)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)
