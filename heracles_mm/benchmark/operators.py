"""Global filters on maps (B, C, H, W): ours, torch_dct's, and GFNet's."""

import torch
from torch import Tensor, nn

from heracles_mm.benchmark.models import Candidate
from heracles_mm.errors import UserError
from heracles_mm.spectral import SpectralFilter


class TorchDctFilter(nn.Module):
    """torch_dct's dct_2d, one real weight per channel and frequency, its idct_2d."""

    def __init__(self, channels: int, grid: tuple[int, int]) -> None:
        super().__init__()
        import torch_dct

        self.transform, self.inverse = torch_dct.dct_2d, torch_dct.idct_2d
        self.weight = nn.Parameter(torch.randn(channels, *grid) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        return self.inverse(self.transform(x, norm='ortho') * self.weight, norm='ortho')


class Rfft2Filter(nn.Module):
    """rfft2, one complex weight per channel and frequency, irfft2 (GFNet, arXiv 2107.00645).

    The weight is stored as real pairs, as GFNet stores it.
    """

    def __init__(self, channels: int, grid: tuple[int, int]) -> None:
        super().__init__()
        height, width = grid
        self.weight = nn.Parameter(torch.randn(channels, height, width // 2 + 1, 2) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.fft.rfft2(x, norm='ortho') * torch.view_as_complex(self.weight)
        return torch.fft.irfft2(y, s=x.shape[-2:], norm='ortho')


def _build_torch_dct(shape: tuple[int, ...]) -> nn.Module:
    try:
        return TorchDctFilter(shape[1], (shape[2], shape[3]))
    except ModuleNotFoundError:
        raise UserError(
            "the filter torch_dct needs torch-dct, which is not installed: pip install 'heracles-mm"
            "[benchmark]', or leave it out of --filters"
        ) from None


def _ours(transform: str) -> Candidate:
    return Candidate(
        transform,
        f"SpectralFilter(C, (H, W), '{transform}')",
        lambda shape: SpectralFilter(shape[1], (shape[2], shape[3]), transform),
        True,
    )


FILTERS = {
    'cosine': _ours('cosine'),
    'hartley': _ours('hartley'),
    'torch_dct': Candidate(
        'torch_dct', 'torch_dct.dct_2d, real weight, idct_2d', _build_torch_dct, False
    ),
    'rfft2': Candidate(
        'rfft2',
        'torch.fft.rfft2, complex weight, irfft2 (as GFNet)',
        lambda shape: Rfft2Filter(shape[1], (shape[2], shape[3])),
        False,
    ),
}
"""Name on the command line -> filter."""


def filter_candidate(name: str) -> Candidate:
    """The filter of a name.

    Raises:
        UserError: no such filter.
    """
    if name not in FILTERS:
        raise UserError(f'unknown filter {name!r}: choose from {", ".join(FILTERS)}')
    return FILTERS[name]
