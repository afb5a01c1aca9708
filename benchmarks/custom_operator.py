"""Should the spectral filter be one custom operator? What torch.compile makes of both forms.

A spectral mixer (local convolution beside the filter, interleaved) is compiled as it is, in plain
torch, and with its filter wrapped as one operator of torch.library; the two take turns. The plain
form lets the compiler fuse the weight's product, the copies and the interleaving.

    python benchmarks/custom_operator.py [--maps 8x56x56x64 1x200x320x64] [--rounds 15]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from heracles_mm.cli.progress import Steps
from heracles_mm.layers.spectral_mixer import SpectralMixer
from heracles_mm.spectral import dct2, idct2


@torch.library.custom_op('heracles_mm_benchmark::cosine_filter', mutates_args=())
def cosine_filter(x: Tensor, weight: Tensor) -> Tensor:
    """``x`` (B, H, W, C) through a cosine filter ``weight`` (H, W, C)."""
    return idct2(dct2(x, (-3, -2)) * weight, (-3, -2)).contiguous()


@cosine_filter.register_fake
def _(x: Tensor, weight: Tensor) -> Tensor:
    return x.new_empty(x.shape)


class Opaque(SpectralMixer):
    """The mixer with its filter as one operator."""

    def forward(self, x: Tensor) -> Tensor:
        local, spectral = x.chunk(2, dim=-1)
        spectral = cosine_filter(spectral, self.filter.weight.permute(1, 2, 0))
        return torch.stack((self.local(local), spectral), dim=-1).flatten(-2)


def seconds(mixer: Callable[[Tensor], Tensor], x: Tensor) -> float:
    start = time.perf_counter()
    mixer(x)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--maps', nargs='+', default=['8x56x56x64', '1x200x320x64'])
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--backend', default='inductor')
    args = parser.parse_args()
    print(f'torch {torch.__version__}, float32, CPU, {torch.get_num_threads()} threads, medians')
    print(f'{"map":>14} {"plain ms":>9} {"operator ms":>12} {"operator / plain":>17}')
    steps = Steps('custom_operator', 2 * len(args.maps))
    for shape in args.maps:
        size = [int(number) for number in shape.split('x')]
        options = (size[3], (size[1], size[2]), 'cosine', 'gate')
        mixers = [SpectralMixer(*options), Opaque(*options)]
        mixers[1].load_state_dict(mixers[0].state_dict())
        compiled = [torch.compile(mixer, backend=args.backend, fullgraph=True) for mixer in mixers]
        x = torch.randn(size)
        with torch.no_grad(), steps:
            steps.step(f'{shape}: compiling')
            torch.testing.assert_close(compiled[0](x), compiled[1](x), rtol=1e-4, atol=1e-5)
            steps.step(f'{shape}: {args.rounds} rounds')
            rounds = [[seconds(mixer, x) for mixer in compiled] for _ in range(args.rounds)]
        plain, opaque = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratio = statistics.median(b / a for a, b in rounds)
        print(f'{shape:>14} {plain * 1e3:>9.2f} {opaque * 1e3:>12.2f} {ratio:>17.2f}')


if __name__ == '__main__':
    main()
