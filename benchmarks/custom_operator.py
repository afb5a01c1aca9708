"""Should the spectral filter be one custom operator? What torch.compile makes of both forms.

A spectral mixer (local convolution beside the filter, interleaved) is compiled as it is, in plain
torch, and with its filter wrapped as one operator of torch.library; the two take turns. The plain
form lets the compiler fuse the weight's product, the copies and the interleaving.

    python benchmarks/custom_operator.py [--maps 8x56x56x64 1x200x320x64] [--rounds 15]
"""

from functools import partial

import torch
from common import compare, log, machine, options
from torch import Tensor

from heracles_mm.layers.spectral_mixer import SpectralMixer
from heracles_mm.spectral import SpectralFilter, dct2, idct2


@torch.library.custom_op('heracles_mm_benchmark::cosine_filter', mutates_args=())
def cosine_filter(x: Tensor, weight: Tensor) -> Tensor:
    """``x`` (B, H, W, C) through a cosine filter ``weight`` (H, W, C)."""
    return idct2(dct2(x, (-3, -2)) * weight, (-3, -2)).contiguous()


@cosine_filter.register_fake
def _(x: Tensor, weight: Tensor) -> Tensor:
    return x.new_empty(x.shape)


class Opaque(SpectralFilter):
    """A filter as one operator."""

    def forward(self, x: Tensor, channels_last: bool) -> Tensor:
        return cosine_filter(x, self.weight.permute(1, 2, 0))


@torch.no_grad()
def main() -> None:
    args = options(__doc__, maps=['8x56x56x64', '1x200x320x64'], rounds=15, backend='inductor')
    print(f'{machine()}, float32, medians')
    print(f'{"map":>14} {"plain ms":>9} {"operator ms":>12} {"operator / plain":>17}')
    for shape in args.maps:
        size = [int(number) for number in shape.split('x')]
        channels, grid = size[3], (size[1], size[2])
        mixers = {n: SpectralMixer(channels, grid, 'cosine', 'gate') for n in ('plain', 'operator')}
        mixers['operator'].filter = Opaque(channels // 2, grid)
        mixers['operator'].load_state_dict(mixers['plain'].state_dict())
        x = torch.randn(size)
        calls = {
            name: partial(torch.compile(mixer, backend=args.backend, fullgraph=True), x)
            for name, mixer in mixers.items()
        }
        log(f'{shape}: compiling')
        torch.testing.assert_close(calls['plain'](), calls['operator'](), rtol=1e-4, atol=1e-5)
        found = compare(calls, args.rounds, 'plain')
        (plain, _), (operator, ratio) = found['plain'], found['operator']
        print(f'{shape:>14} {plain:>9.2f} {operator:>12.2f} {ratio.median:>17.2f}')


if __name__ == '__main__':
    main()
