"""Matrix product or FFT: where does one transform overtake the other on this machine?

Times both routes of the cosine and of the Hartley transform, forward and backward, in turn in one
process, and prints their medians and ratio. ``DCT_MATMUL_LIMIT`` and ``DHT_MATMUL_LIMIT`` of
heracles_mm.spectral.transforms are read off this table.

    python benchmarks/transform_routes.py [--sizes 14 28 56 112 160 224 320] [--channels 32]
"""

from functools import partial
from unittest.mock import patch

import torch
from common import compare, log, machine, options

from heracles_mm.spectral import transforms
from heracles_mm.spectral.transforms import dct2, dht2


def main() -> None:
    args = options(__doc__, sizes=[14, 28, 56, 112, 160, 224, 320], channels=32, runs=15)
    print(f'{machine()}, float32, medians')
    print(f'{"transform":>9} {"size":>5} {"matmul ms":>10} {"fft ms":>10} {"matmul/fft":>10}')
    for name, transform in (('cosine', dct2), ('hartley', dht2)):
        for size in args.sizes:
            x = torch.randn(2, args.channels, size, size, requires_grad=True)

            def both_ways(limit: int, transform=transform, x=x) -> None:
                """Axes up to ``limit`` go through the matrix product."""
                limits = {'DCT_MATMUL_LIMIT': limit, 'DHT_MATMUL_LIMIT': limit}
                with patch.multiple(transforms, **limits):  # put back for whoever runs next
                    transform(x).sum().backward()

            log(f'{name}, {size}x{size}')
            calls = {'matmul': partial(both_ways, 10**9), 'fft': partial(both_ways, 0)}
            found = compare(calls, args.runs, 'fft')
            (matmul, ratio), (fft, _) = found['matmul'], found['fft']
            print(f'{name:>9} {size:>5} {matmul:>10.2f} {fft:>10.2f} {ratio.median:>10.2f}')


if __name__ == '__main__':
    main()
