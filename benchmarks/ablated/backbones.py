"""Backbones that leave out or rearrange a part, for benchmarks/ablations.py alone."""

from collections.abc import Callable
from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from heracles_mm import Hamsa, Heracles
from heracles_mm.layers.init import init_weights
from heracles_mm.layers.spectral_mixer import SpectralMixer
from heracles_mm.spectral import SASS, SpectralFilter


class Local(nn.Module):
    """The depthwise convolution of :class:`SpectralMixer` over all channels."""

    def __init__(self, dim: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)

    def forward(self, x: Tensor) -> Tensor:  # (B, H, W, dim)
        return self.conv(x.movedim(-1, 1)).movedim(1, -1)


class Global(nn.Module):
    """Its cosine filter over all channels."""

    def __init__(self, dim: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.filter = SpectralFilter(dim, grid)

    def forward(self, x: Tensor) -> Tensor:  # (B, H, W, dim)
        return self.filter(x, channels_last=True)


def sequence(dim: int, grid: tuple[int, int]) -> nn.Module:
    return nn.Sequential(Local(dim, grid), Global(dim, grid))


MIXERS: dict[str, Callable[[int, tuple[int, int]], nn.Module]] = {
    'sequence': sequence,
    'local': Local,
    'global': Global,
}


@MODELS.register_module()
class RearrangedHeracles(Heracles):
    """Heracles whose spectral stages have another mixer than local and global in parallel."""

    def __init__(self, *args: Any, mixer: str, **options: Any) -> None:
        super().__init__(*args, **options)
        for stage in self.stages:
            for block in stage.blocks:
                if isinstance(block.mixer, SpectralMixer):
                    half, *grid = block.mixer.filter.weight.shape
                    block.mixer = MIXERS[mixer](2 * half, tuple(grid)).apply(init_weights)


class NoPulse(nn.Module):
    """In place of SpectralPulseNet: every bin passes."""

    def forward(self, magnitude: Tensor) -> Tensor:
        return torch.ones_like(magnitude)


class NoSAGU(nn.Module):
    """In place of SAGU: Z = Y, of which the Hermitian part is the mean of Y(f) and conj Y(-f)."""

    def forward(self, real: Tensor, imaginary: Tensor, magnitude: Tensor) -> tuple[Tensor, Tensor]:
        return real.mean(0), imaginary.mean(0)


@MODELS.register_module()
class ReducedHamsa(Hamsa):
    """HAMSA without one of its gates: ``without`` is 'pulse' or 'sagu'."""

    def __init__(self, *args: Any, without: str, **options: Any) -> None:
        super().__init__(*args, **options)
        for module in self.modules():
            if isinstance(module, SASS):
                setattr(module, without, {'pulse': NoPulse, 'sagu': NoSAGU}[without]())
