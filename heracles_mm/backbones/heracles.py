"""Heracles (arXiv 2403.18063): spectral mixing in the first stages, self-attention after them."""

from collections.abc import Mapping, Sequence

from mmengine.registry import MODELS
from torch import nn

from heracles_mm.backbones.arch import ARCHS, HEAD_DIM, STAGES, Arch, as_int
from heracles_mm.backbones.pyramid import Grid, Pyramid
from heracles_mm.errors import UsageError, checks_option_names
from heracles_mm.layers.attention import Attention
from heracles_mm.layers.spectral_mixer import SpectralMixer
from heracles_mm.spectral import check_kind

HERACLES_ARCHS = {
    **ARCHS,
    # Assumed: the paper names H (published top-1 86.4) without its size, widths or depths; the
    # first two widths are inferred, everything else is our choice.
    'h': Arch(96, (192, 384, 576, 768), (3, 6, 18, 3)),
}


@MODELS.register_module()
class Heracles(Pyramid):
    """Heracles backbone: maps of strides 4 to 32 for pictures of any size.

    The first ``spectral_stages`` stages mix tokens with a local convolution beside a global
    spectral filter, the others with full self-attention.

    Args:
        arch: ``'s'``, ``'b'``, ``'l'`` (paper, table of variants), ``'h'`` (sizes assumed),
            ``'nano'`` (ours, for the demo) or a dict with the fields of
            :class:`~heracles_mm.backbones.arch.Arch`.
        spectral_stages: the paper's alpha, 0 to 4. 1 is what was trained according to the published
            log of B, 2 is what the released code says.
        transform: ``'cosine'`` (the paper's "-C", better in its tables) or ``'hartley'``.
        hartley_product: ``'gate'`` (default) multiplies the Hartley spectrum bin by bin with the
            weight: the paper's formula, so its weights mean the same. ``'convolution'`` makes
            the same weights a true circular convolution (even and odd parts), which commutes with
            shifts. Only with ``transform='hartley'``.
        kv_grid: bound on the keys and values of the attention stages, for dense prediction (ours,
            off by default): on maps of more than ``kv_grid`` positions along an axis they are
            averaged over as many cells. Same weights; with 28 nothing changes at 224 px.
        in_channels: of the pictures. Weights of 3 channels load into any other number: their sum
            for 1, else the three repeated and scaled by 3 / in_channels (as timm does).
        norm_cfg: norms of the stem: ``dict(type='BN')`` (default), ``dict(type='SyncBN')`` or
            ``dict(type='GN', num_groups=...)``, with torch's options and mmcv's ``requires_grad``.
        img_size: side, or (height, width), in px that the filters' grids are made for; any other
            input size resamples them.
        out_indices: stages whose maps are returned, 0 to 3 or, counted from the end, -4 to -1;
            those after the last are not built.
        frozen_stages: -1 trains everything, 0 freezes the stem, k the stem and the first k stages.
        norm_eval: keep the stem's BatchNorm statistics fixed while training.
        with_cp: recompute blocks in the backward pass to save memory.
        drop_path_rate: of the last block, growing linearly from 0 (published: 0.1 for S and B, 0.3
            for L).
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
        spectral_stages: int = 1,
        transform: str = 'cosine',
        hartley_product: str = 'gate',
        kv_grid: int | None = None,
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
        if as_int(spectral_stages) not in range(STAGES + 1):
            raise UsageError(f'spectral_stages must be 0 to {STAGES}, got {spectral_stages!r}')
        check_kind(transform, hartley_product)
        if kv_grid is not None and not (as_int(kv_grid) or 0) > 0:
            raise UsageError(f'kv_grid must be None or a positive whole number, got {kv_grid!r}')
        if kv_grid is not None and spectral_stages == STAGES:
            raise UsageError(
                f'kv_grid bounds attention, and spectral_stages={STAGES} has none: leave it out'
            )

        def mixer(stage: int, dim: int, grid: Grid) -> nn.Module:
            if stage < spectral_stages:
                return SpectralMixer(dim, grid, transform, hartley_product)
            return Attention(dim, HEAD_DIM, kv_grid)

        super().__init__(
            Arch.of(arch, HERACLES_ARCHS),
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
