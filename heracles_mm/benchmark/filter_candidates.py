"""Global filters on maps (B, C, H, W): ours, torch_dct's, and GFNet's."""

import torch
from torch import Tensor, nn

from heracles_mm.benchmark.candidates import Candidate
from heracles_mm.errors import UserError
from heracles_mm.spectral import SpectralFilter


class TorchDctFilter(nn.Module):
    """torch_dct's dct_2d, one real weight per channel and frequency, its idct_2d."""

    def __init__(self, channels: int, grid: tuple[int, int]) -> None:
        super().__init__()
        try:
            import torch_dct
        except ModuleNotFoundError:
            raise UserError(
                'the filter torch_dct needs torch-dct, which is not installed: pip install '
                "'heracles-mm[benchmark]', or leave it out of --models"
            ) from None
        self.transform, self.inverse = torch_dct.dct_2d, torch_dct.idct_2d
        self.weight = nn.Parameter(torch.randn(channels, *grid) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        return self.inverse(self.transform(x, norm='ortho') * self.weight, norm='ortho')


class Rfft2Filter(nn.Module):
    """rfft2, one complex weight per channel and frequency, stored as real pairs, irfft2, all as in
    GFNet (arXiv 2107.00645)."""

    def __init__(self, channels: int, grid: tuple[int, int]) -> None:
        super().__init__()
        height, width = grid
        self.weight = nn.Parameter(torch.randn(channels, height, width // 2 + 1, 2) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.fft.rfft2(x, norm='ortho') * torch.view_as_complex(self.weight)
        return torch.fft.irfft2(y, s=x.shape[-2:], norm='ortho')


def _filter(name: str, built: str, kind: type[nn.Module], *options: str) -> Candidate:
    ours = kind is SpectralFilter
    return Candidate(name, built, lambda s: kind(s[1], (s[2], s[3]), *options), is_ours=ours)


FILTERS = {
    candidate.name: candidate
    for candidate in (
        _filter('cosine', "SpectralFilter(C, (H, W), 'cosine')", SpectralFilter, 'cosine'),
        _filter('hartley', "SpectralFilter(C, (H, W), 'hartley')", SpectralFilter, 'hartley'),
        _filter('torch_dct', 'torch_dct.dct_2d, real weight, idct_2d', TorchDctFilter),
        _filter('rfft2', 'torch.fft.rfft2, complex weight, irfft2 (as GFNet)', Rfft2Filter),
    )
}
"""Name on the command line -> filter."""


def filter_candidate(name: str) -> Candidate:
    """The filter of a name; a UserError for all else."""
    if name not in FILTERS:
        raise UserError(f'unknown filter {name!r}: choose from {", ".join(FILTERS)}')
    return FILTERS[name]
