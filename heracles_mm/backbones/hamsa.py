"""HAMSA (arXiv 2604.14724): gated spectral state-space mixing in every stage."""

from collections.abc import Mapping, Sequence

from mmengine.registry import MODELS
from torch import nn

from heracles_mm.backbones.arch import ARCHS, Arch
from heracles_mm.backbones.pyramid import Grid, Pyramid
from heracles_mm.errors import checks_option_names
from heracles_mm.layers.hss import HSS
from heracles_mm.spectral import check_fft_axes, check_kernel


@MODELS.register_module()
class Hamsa(Pyramid):
    """HAMSA backbone: maps of strides 4 to 32 for pictures of any size.

    All four stages mix tokens with :class:`~heracles_mm.layers.hss.HSS`, whose formula is the
    paper's diagram. No code and no weights are public: the skeleton around it is assumed to be
    Heracles', which gives the published sizes (docs/hamsa.md).

    Args:
        arch: ``'s'``, ``'b'``, ``'l'`` (named by the paper, widths and depths assumed), ``'nano'``
            (ours, for the demo) or a dict with the fields of
            :class:`~heracles_mm.backbones.arch.Arch`.
        fft_axes: ``'tokens'`` transforms the H W tokens in row-major order (the paper's tables say
            "1D"), ``'grid'`` over H and W (ours: on a map the two axes have no seam).
        kernel: ``'complex'`` (the paper's diagram) or ``'real'`` (ours): no psi_I, about half the
            spectral work and kernel parameters.
        in_channels: of the pictures. Weights of 3 channels load into any other number: their sum
            for 1, else the three repeated and scaled by 3 / in_channels (as timm does).
        norm_cfg: norms of the stem: ``dict(type='BN')`` (default), ``dict(type='SyncBN')`` or
            ``dict(type='GN', num_groups=...)``, with torch's options and mmcv's ``requires_grad``.
        img_size: side, or (height, width), in px that the kernels' grids are made for; any other
            input size moves the kernels, offset by offset.
        out_indices: stages whose maps are returned, 0 to 3 or, counted from the end, -4 to -1;
            those after the last are not built.
        frozen_stages: -1 trains everything, 0 freezes the stem, k the stem and the first k stages.
        norm_eval: keep the stem's BatchNorm statistics fixed while training.
        with_cp: recompute blocks in the backward pass to save memory.
        drop_path_rate: of the last block, growing linearly from 0 (assumed: Heracles' 0.1 for S and
            B, 0.3 for L).
        strict_loading: False lets weights load that hold only a part of the backbone.
        init_cfg: mmengine's, such as
            ``dict(type='Pretrained', checkpoint=..., prefix='backbone.')``.

    Input: (B, in_channels, H, W), float, H and W of at least 1 px (training needs more than one
    position of stride 2 in the batch: two pictures, or one of 3 px; a BatchNorm has no variance of
    one value).
    Output: tuple of (B, C_i, ceil(H / s), ceil(W / s)), s = 4, 8, 16, 32.

    Raises:
        UsageError: an option or input is out of range; the message names what is allowed.
    """

    @checks_option_names
    def __init__(
        self,
        arch: str | Mapping = 's',
        *,
        fft_axes: str = 'tokens',
        kernel: str = 'complex',
        in_channels: int = 3,
        norm_cfg: Mapping | None = None,
        img_size: int | Sequence[int] = 224,
        out_indices: int | Sequence[int] = (0, 1, 2, 3),
        frozen_stages: int = -1,
        norm_eval: bool = False,
        with_cp: bool = False,
        drop_path_rate: float = 0.1,
        strict_loading: bool = True,
        init_cfg: dict | list | None = None,
    ) -> None:
        check_fft_axes(fft_axes)
        check_kernel(kernel)

        def mixer(stage: int, dim: int, grid: Grid) -> nn.Module:
            return HSS(dim, grid, fft_axes, kernel)

        super().__init__(
            Arch.of(arch, ARCHS),
            mixer,
            in_channels=in_channels,
            norm_cfg=norm_cfg,
            img_size=img_size,
            out_indices=out_indices,
            frozen_stages=frozen_stages,
            norm_eval=norm_eval,
            with_cp=with_cp,
            drop_path_rate=drop_path_rate,
            strict_loading=strict_loading,
            init_cfg=init_cfg,
        )
