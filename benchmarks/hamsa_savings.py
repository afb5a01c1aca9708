"""What HAMSA's real arithmetic saves, and that it changes no number.

Holds each saving, and the whole of SASS, against the formula as the paper's diagram gives it (full
complex transforms, complex products): the largest error in float64 over several sizes, both axes,
and the time of a forward and backward pass in float32 against the literal formula's.

    python benchmarks/hamsa_savings.py [--side 56] [--channels 64]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from heracles_mm.cli.progress import Steps
from heracles_mm.spectral import SAGU, SASS
from heracles_mm.spectral.fourier import NORMALISATION, from_half_spectrum, half_spectrum

SIZES = [(1, 1), (1, 7), (6, 1), (4, 4), (5, 7), (8, 6), (14, 14), (15, 16), (28, 28)]
CHANNELS = 8


def literal_fft(x: Tensor, fft_axes: str, norm: str) -> Tensor:
    x = x.to(x.dtype.to_complex())
    if fft_axes == 'tokens':
        return torch.fft.fft(x.flatten(1, 2), dim=1, norm=norm)
    return torch.fft.fft2(x, dim=(1, 2), norm=norm)


def literal_ifft(z: Tensor, grid: tuple[int, int], norm: str) -> Tensor:
    dims = tuple(range(1, z.dim() - 1))
    return torch.fft.ifftn(z, dim=dims, norm=norm).reshape(len(z), *grid, z.shape[-1])


def literal_pulse(sass: SASS, v: Tensor) -> Tensor:
    return v * torch.sigmoid(v.abs() @ sass.pulse.gate.weight.mT + sass.pulse.gate.bias)


def literal_sagu(sagu: SAGU, y: Tensor, left_out: Tensor) -> Tensor:
    """``left_out``: an imaginary part for the W_1 that a real kernel needs no such part of."""
    w1 = torch.complex(sagu.w1[0], sagu.w1[1] if len(sagu.w1) == 2 else left_out)
    return (y @ w1) * torch.sigmoid(y.abs() @ sagu.w2)


def literal_kernel(sass: SASS) -> Tensor:
    weight = sass.kernel.weight
    psi = torch.complex(weight[0], weight[1] if len(weight) == 2 else torch.zeros_like(weight[0]))
    psi = psi.permute(1, 2, 0)[None]  # (1, H, W, C)
    if sass.fft_axes == 'tokens':
        return torch.fft.fft(psi.flatten(1, 2), dim=1, norm=NORMALISATION.kernels)
    return torch.fft.fft2(psi, dim=(1, 2), norm=NORMALISATION.kernels)


def literal_sass(sass: SASS, x: Tensor, left_out: Tensor) -> Tensor:
    v = literal_pulse(sass, literal_fft(x, sass.fft_axes, NORMALISATION.maps))
    z = literal_sagu(sass.sagu, literal_kernel(sass) * v, left_out)
    return literal_ifft(z, (x.shape[1], x.shape[2]), NORMALISATION.maps).real


def error(result: Tensor, expected: Tensor) -> float:
    return (result - expected).abs().max().item()


@torch.no_grad()
def errors(fft_axes: str, kernel: str, grid: tuple[int, int]) -> dict[str, float]:
    """Largest absolute difference of each saving; weights and maps of order 1, float64."""
    sass = SASS(CHANNELS, grid, fft_axes, kernel).double()
    for parameter in sass.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(2, *grid, CHANNELS, dtype=torch.float64)
    left_out = torch.randn(CHANNELS, CHANNELS, dtype=torch.float64)
    v = half_spectrum(x, fft_axes, NORMALISATION.maps)
    literal_v = literal_fft(x, fft_axes, NORMALISATION.maps)
    bins = v.shape[-2]
    found = {'map on half of the bins': error(v, literal_v[..., :bins, :])}
    literal_v = literal_pulse(sass, literal_v)
    gated = v * sass.pulse(v.abs())
    found['SpectralPulseNet on half of the bins'] = error(gated, literal_v[..., :bins, :])
    spectrum = sass.kernel(grid, torch.float64)
    literal_spectrum = literal_kernel(sass)
    ours = torch.complex(spectrum.real[0], spectrum.imaginary[0])
    found['kernel from real transforms'] = error(ours, literal_spectrum[0, ..., :bins, :])
    if kernel == 'complex':
        y = literal_spectrum * literal_v
        z = literal_sagu(sass.sagu, y, left_out)
        dims = tuple(range(1, z.dim() - 1))

        def negated(spectrum: Tensor) -> Tensor:
            return spectrum.flip(dims).roll((1,) * len(dims), dims).conj()

        hermitian = (z + negated(z)) / 2
        both = torch.stack((y, negated(y)))
        ours = torch.complex(*sass.sagu(both.real, both.imag, both.abs()))
        found['Hermitian part of SAGU in real products'] = error(ours, hermitian)
        half = hermitian[..., :bins, :].contiguous()
        result = from_half_spectrum(half, grid, fft_axes, NORMALISATION.maps)
        expected = literal_ifft(z, grid, NORMALISATION.maps).real
        found['inverse of the Hermitian half'] = error(result, expected)
    found[f'whole SASS, {kernel} kernel'] = error(sass(x), literal_sass(sass, x, left_out))
    return found


def milliseconds(mixing: Callable[[Tensor], Tensor], x: Tensor) -> float:
    start = time.perf_counter()
    mixing(x).sum().backward()
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--side', type=int, default=56)
    parser.add_argument('--channels', type=int, default=64)
    parser.add_argument('--batch-size', type=int, default=2)
    parser.add_argument('--runs', type=int, default=7)
    args = parser.parse_args()
    torch.manual_seed(0)
    worst: dict[str, float] = {}
    steps = Steps('hamsa_savings', 8)
    for fft_axes in ('tokens', 'grid'):
        for kernel in ('complex', 'real'):
            with steps:
                steps.step(f'errors, {fft_axes}, {kernel}')
                for grid in SIZES:
                    for name, value in errors(fft_axes, kernel, grid).items():
                        worst[name] = max(worst.get(name, 0.0), value)
    print(f'torch {torch.__version__}, float64, {len(SIZES)} sizes, both axes: largest error')
    for name, value in worst.items():
        print(f'{name:>38} {value:.1e}')
    shape = (args.batch_size, args.side, args.side, args.channels)
    print(
        f'\nfloat32, CPU, {torch.get_num_threads()} threads, {shape}, forward and backward, medians'
    )
    print(f'{"axes":>8} {"kernel":>8} {"literal ms":>10} {"ours ms":>8} {"ours/literal":>12}')
    for fft_axes in ('tokens', 'grid'):
        for kernel in ('complex', 'real'):
            sass = SASS(args.channels, (args.side, args.side), fft_axes, kernel)
            x = torch.randn(*shape, requires_grad=True)
            left_out = torch.zeros(args.channels, args.channels)
            formula = partial(literal_sass, sass, left_out=left_out)
            times: tuple[list[float], list[float]] = ([], [])
            with steps:
                steps.step(f'times, {fft_axes}, {kernel}')
                for run in range(args.runs + 1):
                    steps.note(f'run {run}')
                    literal = milliseconds(formula, x)
                    ours = milliseconds(sass, x)
                    if run:
                        times[0].append(literal)
                        times[1].append(ours)
            literal, ours = (statistics.median(values) for values in times)
            print(
                f'{fft_axes:>8} {kernel:>8} {literal:>10.1f} {ours:>8.1f} {ours / literal:>12.2f}'
            )


if __name__ == '__main__':
    main()
