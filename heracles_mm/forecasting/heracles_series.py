"""Heracles over a series: spectral mixing in the first layers, self-attention after them."""

from mmengine.registry import MODELS
from torch import nn

from heracles_mm.errors import UsageError, checks_option_names
from heracles_mm.forecasting.series_backbone import SeriesBackbone
from heracles_mm.layers.attention import Attention
from heracles_mm.layers.spectral_mixer import SpectralMixer
from heracles_mm.spectral import check_kind


@MODELS.register_module()
class HeraclesSeries(SeriesBackbone):
    """Tokens of windows by Heracles' mixers in PatchTST's skeleton.

    The paper forecasts series and describes no model for them, so all of this is assumed: the
    skeleton (that a neighbouring paper of the author's, SiMBA, built on), the mixers as they are
    for pictures with one axis in the place of two, and every size.

    Args:
        look_back: values of a window.
        spectral_layers: the first so many layers mix by
            :class:`~heracles_mm.layers.spectral_mixer.SpectralMixer`, the others by attention.
        transform: ``'cosine'`` or ``'hartley'``.
        hartley_product: ``'gate'`` or ``'convolution'``, as in :class:`~heracles_mm.Heracles`.
        head_dim: channels of an attention head.
        patch, stride, dim, depth, hidden, dropout, strict_loading, init_cfg: of
            :class:`~heracles_mm.forecasting.series_backbone.SeriesBackbone`; PatchTST's sizes for
            ETTh but for ``hidden`` and ``dropout``.

    Shapes: (N, look_back) to (N, tokens, dim).

    Raises:
        UsageError: an option is out of range; the message names what is allowed.
    """

    @checks_option_names
    def __init__(
        self,
        look_back: int,
        *,
        spectral_layers: int = 1,
        transform: str = 'cosine',
        hartley_product: str = 'gate',
        head_dim: int = 4,
        patch: int = 16,
        stride: int = 8,
        dim: int = 16,
        depth: int = 3,
        hidden: int = 32,
        dropout: float = 0.2,
        strict_loading: bool = True,
        init_cfg: dict | list | None = None,
    ) -> None:
        check_kind(transform, hartley_product)
        if spectral_layers not in range(depth + 1):
            raise UsageError(f'spectral_layers must be 0 to {depth}, got {spectral_layers!r}')
        if dim % 2 or dim % head_dim:
            raise UsageError(
                f'dim must be even and a multiple of head_dim, {head_dim}, got {dim!r}'
            )

        def mixer(layer: int, dim: int, tokens: int) -> nn.Module:
            if layer < spectral_layers:
                return SpectralMixer(dim, (tokens,), transform, hartley_product)
            return Attention(dim, head_dim)

        super().__init__(
            mixer,
            look_back=look_back,
            patch=patch,
            stride=stride,
            dim=dim,
            depth=depth,
            hidden=hidden,
            dropout=dropout,
            strict_loading=strict_loading,
            init_cfg=init_cfg,
        )
