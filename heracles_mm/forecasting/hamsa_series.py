"""HAMSA over a series: gated spectral state-space mixing in every layer."""

from mmengine.registry import MODELS
from torch import Tensor, nn

from heracles_mm.errors import checks_option_names
from heracles_mm.forecasting.series_backbone import SeriesBackbone
from heracles_mm.layers.hss import HSS
from heracles_mm.spectral import check_kernel


class RowHSS(HSS):
    """:class:`~heracles_mm.layers.hss.HSS` over tokens (N, tokens, dim), which are a map of one
    row: there the transform over tokens is the one along the row."""

    def __init__(self, dim: int, tokens: int, kernel: str) -> None:
        super().__init__(dim, (1, tokens), 'tokens', kernel)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.unsqueeze(1)).squeeze(1)


@MODELS.register_module()
class HamsaSeries(SeriesBackbone):
    """Tokens of windows by HAMSA's mixer in PatchTST's skeleton.

    HAMSA's paper is about pictures, so this is ours.

    Args:
        look_back: values of a window.
        kernel: ``'complex'`` or ``'real'``, as in :class:`~heracles_mm.Hamsa`.
        patch, stride, dim, depth, hidden, dropout, strict_loading, init_cfg: of
            :class:`~heracles_mm.forecasting.series_backbone.SeriesBackbone`.

    Shapes: (N, look_back) to (N, tokens, dim).

    Raises:
        UsageError: an option is out of range; the message names what is allowed.
    """

    @checks_option_names
    def __init__(
        self,
        look_back: int,
        *,
        kernel: str = 'complex',
        patch: int = 16,
        stride: int = 8,
        dim: int = 16,
        depth: int = 3,
        hidden: int = 32,
        dropout: float = 0.2,
        strict_loading: bool = True,
        init_cfg: dict | list | None = None,
    ) -> None:
        check_kernel(kernel)

        def mixer(layer: int, dim: int, tokens: int) -> nn.Module:
            return RowHSS(dim, tokens, kernel)

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
