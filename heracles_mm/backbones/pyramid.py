"""The contract of every backbone here: four stages, maps out, freezing, checkpointing, depth of a
parameter. A family says only which mixer stands in which stage."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from heracles_mm.backbones.arch import STAGES, Arch, as_int
from heracles_mm.checkpoints import CheckedLoading
from heracles_mm.errors import UsageError
from heracles_mm.layers.block import BLOCK_NORM_EPS, Block
from heracles_mm.layers.embed import Downsample, Stem
from heracles_mm.layers.init import init_weights
from heracles_mm.spectral.eager import AsMade, is_traced

SMALLEST_INPUT = 1
"""Pixels of a side: every stage rounds up, so one position is left at any size."""

GROUP_BYTES = 2**20
"""Of maps that pass through a stage at a time in inference on a CPU: a large batch in pieces that
the cache holds."""

STRIDES = (4, 8, 16, 32)

Grid = tuple[int, int]
Change = Callable[[Tensor], Tensor]
MixerFactory = Callable[[int, int, Grid], nn.Module]
"""From (stage, channels, grid of the maps at ``img_size``) to a mixer of (B, H, W, C)."""


class Stage(AsMade):
    """Embedding, blocks, norm: (B, H, W, C) to (B, H / 2, W / 2, dim), the stem from a picture."""

    with_cp = False

    def __init__(self, embed: nn.Module, blocks: Sequence[Block], dim: int) -> None:
        super().__init__()
        self.embed = embed
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(dim, eps=BLOCK_NORM_EPS)
        self.made = repr(self)

    def forward(self, x: Tensor, *, change: Change | None = None, norm: bool = True) -> Tensor:
        """``change`` acts on the embedded map, ``norm=False`` gives the raw one at the end."""
        x = self.embed(x)
        if change is not None:
            x = change(x)
        groups = [self._mix(group) for group in self._groups(x)]
        x = torch.cat(groups) if len(groups) > 1 else groups[0]
        return self.norm(x) if norm else x

    def _groups(self, x: Tensor) -> Sequence[Tensor]:
        """Pictures that go through the blocks together."""
        if self.training or torch.is_grad_enabled() or is_traced():
            return [x]
        pictures = max(1, GROUP_BYTES // max(1, x[:1].nbytes))
        if len(x) <= pictures or not self.on_cpu_as_made(x):
            return [x]
        return x.split(pictures)

    def _mix(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            if self.with_cp and self.training and torch.is_grad_enabled():
                x = checkpoint(block, x, use_reentrant=False)
            else:
                x = block(x)
        return x


class Pyramid(CheckedLoading):
    """A four-stage backbone with strides 4, 8, 16 and 32.

    Args:
        arch: sizes.
        mixer: makes the token mixer of every block.
        in_channels: of the pictures. Weights of 3 channels load into any other number
            (:func:`~heracles_mm.layers.embed.input_adaptation`).
        norm_cfg: the norms of the stem (:func:`~heracles_mm.layers.embed.build_norm`).
        img_size: side, or (height, width), of the pictures the filters' grids are made for, in px.
        out_indices: stages whose maps are returned, 0 to 3, or -1 for the last and so on. Stages
            after the last of them are not built.
        frozen_stages: -1 trains everything, 0 freezes the stem, k the stem and the first k stages.
        norm_eval: keep the stem's BatchNorm statistics fixed while training.
        with_cp: recompute blocks in the backward pass to save memory.
        drop_path_rate: stochastic depth of the last block, growing linearly from 0.
        strict_loading: refuse weights that leave a part of the backbone as it was.
        init_cfg: mmengine's, such as
            ``dict(type='Pretrained', checkpoint=..., prefix='backbone.')``.

    Input: (B, in_channels, H, W), floating point, H and W of at least 1, multiples of nothing.
    Output: for each of ``out_indices`` a map (B, C_i, ceil(H / s), ceil(W / s)), s = 4, 8, 16, 32,
    after that stage's LayerNorm.

    Attributes:
        for_inference: whether :func:`heracles_mm.optimize_for_inference` made it, so that it cannot
            be trained.
        inference_dtype: which that cast it to; pictures and maps keep theirs.
    """

    for_inference = False
    inference_dtype: torch.dtype | None = None

    def __init__(
        self,
        arch: Arch,
        mixer: MixerFactory,
        *,
        in_channels: int,
        norm_cfg: Mapping | None,
        img_size: int | Sequence[int],
        out_indices: int | Sequence[int],
        frozen_stages: int,
        norm_eval: bool,
        with_cp: bool,
        drop_path_rate: float,
        strict_loading: bool,
        init_cfg: dict | list | None,
    ) -> None:
        super().__init__(init_cfg, strict_loading)
        self.arch = arch
        self.in_channels = _checked_in_channels(in_channels)
        self.img_size = _checked_img_size(img_size)
        self.out_indices = _checked_out_indices(out_indices)
        self.frozen_stages = _checked_frozen_stages(frozen_stages)
        self.norm_eval = norm_eval
        if not 0 <= drop_path_rate < 1:
            raise UsageError(f'drop_path_rate must be in [0, 1), got {drop_path_rate!r}')
        last = max(sum(arch.depths) - 1, 1)
        rates = (drop_path_rate * block / last for block in range(sum(arch.depths)))
        self.stages = nn.ModuleList(
            self._make_stage(stage, mixer, rates, norm_cfg)
            for stage in range(self.out_indices[-1] + 1)
        )
        self.set_grad_checkpointing(with_cp)
        self.apply(init_weights)
        self._freeze()

    def _make_stage(
        self, stage: int, mixer: MixerFactory, rates: Iterator[float], norm_cfg: Mapping | None
    ) -> Stage:
        arch, dim = self.arch, self.arch.embed_dims[stage]
        embed: nn.Module
        if stage == 0:
            embed = Stem(self.in_channels, arch.stem_width, dim, norm_cfg)
        else:
            embed = Downsample(arch.embed_dims[stage - 1], dim)
        height, width = (math.ceil(side / STRIDES[stage]) for side in self.img_size)
        blocks = [
            Block(dim, mixer(stage, dim, (height, width)), arch.mlp_ratios[stage], next(rates))
            for _ in range(arch.depths[stage])
        ]
        return Stage(embed, blocks, dim)

    @property
    def strides(self) -> tuple[int, ...]:
        """Pixels of the picture per position of each map that is returned."""
        return tuple(STRIDES[stage] for stage in self.out_indices)

    @property
    def out_channels(self) -> tuple[int, ...]:
        """Channels of the maps that are returned, in their order."""
        return tuple(self.arch.embed_dims[stage] for stage in self.out_indices)

    @property
    def num_features(self) -> int:
        """Channels of the last stage."""
        return self.arch.embed_dims[len(self.stages) - 1]

    @property
    def feature_info(self) -> list[dict]:
        """Of each stage, as timm's models have it: channels, stride and name of its module."""
        return [
            dict(num_chs=dim, reduction=stride, module=f'stages.{index}')
            for index, dim, stride in zip(range(len(self.stages)), self.arch.embed_dims, STRIDES)
        ]

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Recompute blocks in the backward pass, as ``with_cp`` does, or no more."""
        for module in self.modules():
            if isinstance(module, Stage):
                module.with_cp = enable

    def forward(
        self,
        x: Tensor,
        *,
        change_tokens: Change | None = None,
        last_norm: bool = True,
        out_indices: Sequence[int] | None = None,
    ) -> tuple[Tensor, ...]:
        """Maps of pictures.

        Args:
            x: pictures (B, in_channels, H, W).
            change_tokens: acts on the stem's tokens (B, H / 4, W / 4, C_1), as MixToken does.
            last_norm: False for a last map as it is before ``self.last_norm``, which the caller
                then applies: a class token is made from that map.
            out_indices: stages (0 to 3, increasing, those that are built) in the place of
                ``self.out_indices``. No stage after the last of them is computed.
        """
        self._check_picture(x)
        wanted, given = self.out_indices if out_indices is None else out_indices, x.dtype
        x = x.to(self.inference_dtype or given)
        maps, last = [], len(self.stages) - 1
        for index, stage in enumerate(self.stages):
            change = None if index else change_tokens
            x = stage(x, change=change, norm=index < last or last_norm)  # (B, H / s, W / s, C)
            if index in wanted:
                maps.append(x.permute(0, 3, 1, 2).to(given).contiguous())  # (B, C, H / s, W / s)
            if len(maps) == len(wanted):
                break
        return tuple(maps)

    def forward_features(self, x: Tensor) -> Tensor:
        """The last stage's map (B, C, H / 32, W / 32) of pictures, after its norm."""
        return self(x, out_indices=(len(self.stages) - 1,))[0]

    def _check_picture(self, x: Tensor) -> None:
        shape = f'(B, {self.in_channels}, H, W)'
        if not isinstance(x, Tensor):
            raise UsageError(f'expected a tensor {shape}, got {type(x).__name__}')
        if not x.is_floating_point():
            raise UsageError(
                f'expected floating-point pictures, got {x.dtype}: normalise or use .float()'
            )
        if x.dim() != 4 or x.shape[1] != self.in_channels:
            raise UsageError(f'expected pictures of shape {shape}, got {tuple(x.shape)}')
        if min(x.shape[-2:]) < SMALLEST_INPUT:
            raise UsageError(
                f'expected pictures of at least {SMALLEST_INPUT}x{SMALLEST_INPUT} px, '
                f'got {x.shape[-2]}x{x.shape[-1]}: leave empty ones out'
            )

    @property
    def last_norm(self) -> nn.LayerNorm:
        """The norm after the last stage that was built."""
        return self.stages[-1].norm  # type: ignore[return-value]

    def train(self, mode: bool = True) -> 'Pyramid':
        if mode and self.for_inference:
            raise UsageError(
                'this backbone came from optimize_for_inference and cannot be trained: train the '
                'model that it was made of'
            )
        super().train(mode)
        self._freeze()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def _freeze(self) -> None:
        if self.frozen_stages < 0:
            return
        stem = self.stages[0].get_submodule('embed')
        for module in [stem] if self.frozen_stages == 0 else self.stages[: self.frozen_stages]:
            module.eval()
            module.requires_grad_(False)

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter for layer-wise learning-rate decay, as mmpretrain asks for it.

        Args:
            param_name: its full name in the model.
            prefix: name of this backbone in the model, with the dot, such as ``'backbone.'``.

        Returns:
            (depth, number of depths): 0 for the stem, 1 for the first block, and so on; a
            downsampling counts with the block after it, a stage's norm with the block before it;
            the last stage's norm and everything outside the backbone have the last depth.
        """
        depths = self.arch.depths[: len(self.stages)]
        count = sum(depths) + 2
        if not param_name.startswith(prefix + 'stages.'):
            return count - 1, count
        stage, part, *rest = param_name[len(prefix + 'stages.') :].split('.')
        before = sum(depths[: int(stage)])
        if part == 'embed':
            return (before + 1 if before else 0), count
        if part == 'blocks':
            return before + 1 + int(rest[0]), count
        last = int(stage) == len(self.stages) - 1
        return (count - 1 if last else before + depths[int(stage)]), count


def _checked_in_channels(in_channels: int) -> int:
    count = as_int(in_channels)
    if count is None or count < 1:
        raise UsageError(f'in_channels must be a whole number of at least 1, got {in_channels!r}')
    return count


def _checked_img_size(img_size: int | Sequence[int]) -> Grid:
    side = as_int(img_size)
    sides = [side, side] if side is not None else [as_int(each) for each in _listed(img_size)]
    if len(sides) != 2 or any(each is None or each < SMALLEST_INPUT for each in sides):
        raise UsageError(
            f'img_size must be one or two whole numbers of at least {SMALLEST_INPUT} px, '
            f'got {img_size!r}'
        )
    return sides[0], sides[1]  # type: ignore[return-value]


def _checked_out_indices(out_indices: int | Sequence[int]) -> tuple[int, ...]:
    index = as_int(out_indices)
    indices = [index] if index is not None else [as_int(each) for each in _listed(out_indices)]
    known = range(-STAGES, STAGES)
    stages = [each % STAGES for each in indices if each is not None and each in known]
    if not indices or len(stages) < len(indices) or stages != sorted(set(stages)):
        raise UsageError(
            f'out_indices must be increasing stages out of {list(range(STAGES))} or, counted from '
            f'the end, of {list(range(-STAGES, 0))}, got {out_indices!r}'
        )
    return tuple(stages)


def _listed(values: object) -> list:
    return list(values) if isinstance(values, Iterable) else [values]


def _checked_frozen_stages(frozen_stages: int) -> int:
    count = as_int(frozen_stages)
    if count is None or not -1 <= count <= STAGES:
        raise UsageError(
            f'frozen_stages must be a whole number from -1 to {STAGES}, got {frozen_stages!r}'
        )
    return count
