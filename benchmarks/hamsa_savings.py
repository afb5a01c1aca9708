"""What HAMSA's real arithmetic saves, and that it changes no number.

Holds SASS against the formula as the paper's diagram gives it (full complex transforms, complex
products): the largest error in float64 over several sizes, and the time of a forward and backward
pass in float32 over the literal formula's. tests/spectral/test_sass.py holds each single saving.

    python benchmarks/hamsa_savings.py [--side 56] [--channels 64]
"""

from functools import partial
from itertools import product

import torch
from common import compare, log, machine, options
from torch import Tensor

from heracles_mm.spectral import SASS
from heracles_mm.spectral.fourier import FFT_AXES, NORMALISATION

SIZES = [(1, 1), (1, 7), (6, 1), (4, 4), (5, 7), (8, 6), (14, 14), (15, 16), (28, 28)]


def literal(sass: SASS, left_out: Tensor, x: Tensor) -> Tensor:
    """The formula; ``left_out`` is an imaginary part of W_1, which a real kernel does not need."""
    dims = (1,) if sass.fft_axes == 'tokens' else (1, 2)

    def fft(values: Tensor, norm: str) -> Tensor:  # (B, H, W, C)
        values = values.flatten(1, 2) if len(dims) == 1 else values
        return torch.fft.fftn(values.to(values.dtype.to_complex()), dim=dims, norm=norm)

    weight, w1, gate = sass.kernel.weight, sass.sagu.w1, sass.pulse.gate
    imaginary = weight[1] if len(weight) == 2 else torch.zeros_like(weight[0])
    kernel = torch.complex(weight[0], imaginary).permute(1, 2, 0)[None]
    w1 = torch.complex(w1[0], w1[1] if len(w1) == 2 else left_out)
    v = fft(x, NORMALISATION.maps)
    y = fft(kernel, NORMALISATION.kernels) * v * torch.sigmoid(v.abs() @ gate.weight.mT + gate.bias)
    z = (y @ w1) * torch.sigmoid(y.abs() @ sass.sagu.w2)
    return torch.fft.ifftn(z, dim=dims, norm=NORMALISATION.maps).real.reshape(x.shape)


@torch.no_grad()
def error(fft_axes: str, kernel: str, grid: tuple[int, int], channels: int = 8) -> float:
    """The largest difference of weights and maps of order 1, float64."""
    sass = SASS(channels, grid, fft_axes, kernel).double()
    for parameter in sass.parameters():
        torch.nn.init.normal_(parameter)
    left_out = torch.randn(channels, channels, dtype=torch.float64)
    x = torch.randn(2, *grid, channels, dtype=torch.float64)
    return (sass(x) - literal(sass, left_out, x)).abs().max().item()


def main() -> None:
    args = options(__doc__, side=56, channels=64, batch_size=2, runs=7)
    torch.manual_seed(0)
    shape = (args.batch_size, args.side, args.side, args.channels)
    print(f'{machine()}, medians of float32, {shape}, forward and backward')
    print(f'{"axes":>8} {"kernel":>8} {"error":>8} {"literal ms":>10} {"ours ms":>8} ours/literal')
    for fft_axes, kernel in product(FFT_AXES, ('complex', 'real')):
        log(f'{fft_axes}, {kernel}')
        worst = max(error(fft_axes, kernel, grid) for grid in SIZES)
        sass = SASS(args.channels, shape[1:3], fft_axes, kernel)
        formula = partial(literal, sass, torch.zeros(args.channels, args.channels))
        x = torch.randn(*shape, requires_grad=True)
        calls = {
            name: lambda mixing=mixing, x=x: mixing(x).sum().backward()
            for name, mixing in (('literal', formula), ('ours', sass))
        }
        found = compare(calls, args.runs, 'literal')
        times = f'{found["literal"][0]:>10.1f} {found["ours"][0]:>8.1f}'
        ratio = found['ours'][1].median
        print(f'{fft_axes:>8} {kernel:>8} {worst:>8.1e} {times} {ratio:>12.2f}', flush=True)


if __name__ == '__main__':
    main()
