"""Matrix product or FFT: where does one transform overtake the other on this machine?

Times both routes of the cosine and of the Hartley transform, forward and backward, in turn in one
process, and prints their medians and ratio. ``DCT_MATMUL_LIMIT`` and ``DHT_MATMUL_LIMIT`` of
heracles_mm.spectral.transforms are read off this table.

    python benchmarks/transform_routes.py [--sizes 14 28 56 112 160 224 320] [--channels 32]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from heracles_mm.cli.progress import Steps
from heracles_mm.spectral import transforms
from heracles_mm.spectral.transforms import dct2, dht2


def seconds(transform: Callable[[Tensor], Tensor], x: Tensor, limit: int) -> float:
    """One forward and backward pass with axes up to ``limit`` going through the matrix product."""
    transforms.DCT_MATMUL_LIMIT = transforms.DHT_MATMUL_LIMIT = limit
    start = time.perf_counter()
    transform(x).sum().backward()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--sizes', type=int, nargs='+', default=[14, 28, 56, 112, 160, 224, 320])
    parser.add_argument('--channels', type=int, default=32)
    parser.add_argument('--runs', type=int, default=15)
    args = parser.parse_args()
    print(f'torch {torch.__version__}, {torch.get_num_threads()} threads, float32, CPU, medians')
    print(f'{"transform":>9} {"size":>5} {"matmul ms":>10} {"fft ms":>10} {"matmul/fft":>10}')
    steps = Steps('transform_routes', 2 * len(args.sizes))
    for name, transform in (('cosine', dct2), ('hartley', dht2)):
        for size in args.sizes:
            x = torch.randn(2, args.channels, size, size, requires_grad=True)
            times: dict[int, list[float]] = {10**9: [], 0: []}
            with steps:
                steps.step(f'{name}, {size}x{size}')
                for run in range(args.runs + 2):
                    steps.note(f'run {run}')
                    for limit, values in times.items():
                        taken = seconds(transform, x, limit)
                        if run >= 2:
                            values.append(taken)
            matmul, fft = (statistics.median(values) * 1e3 for values in times.values())
            print(f'{name:>9} {size:>5} {matmul:>10.2f} {fft:>10.2f} {matmul / fft:>10.2f}')


if __name__ == '__main__':
    main()
