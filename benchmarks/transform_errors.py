"""How exact are the transforms? Largest relative error in float32 and float64 over many sizes.

The oracles are computed in float64: scipy.fft.dctn and idctn, and Re F - Im F of numpy's FFT.

    python benchmarks/transform_errors.py
"""

from collections.abc import Callable

import numpy as np
import scipy.fft
import torch
from torch import Tensor

from heracles_mm.cli.progress import Steps
from heracles_mm.spectral import dct2, dht2, idct2

SIZES = [
    (1, 1), (1, 9), (13, 1), (2, 2), (3, 5), (7, 7), (8, 6), (14, 14), (17, 31), (28, 28),
    (33, 64), (56, 56), (64, 65), (65, 64), (96, 97), (101, 40), (127, 3), (128, 128), (200, 334),
    (256, 255), (320, 200), (400, 667), (1, 1031), (1031, 2), (1025, 1024),
]  # fmt: skip


def hartley(x: np.ndarray) -> np.ndarray:
    spectrum = np.fft.fft2(x, norm='ortho')
    return spectrum.real - spectrum.imag


TRANSFORMS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[np.ndarray], np.ndarray]]] = {
    'dct2': (dct2, lambda x: scipy.fft.dctn(x, norm='ortho', axes=(-2, -1))),
    'idct2': (idct2, lambda x: scipy.fft.idctn(x, norm='ortho', axes=(-2, -1))),
    'dht2': (dht2, hartley),
}


def main() -> None:
    torch.manual_seed(0)
    print(f'torch {torch.__version__}, {len(SIZES)} sizes from 1x1 to 1025x1024')
    steps = Steps('transform_errors', 2 * len(TRANSFORMS))
    for name, (transform, oracle) in TRANSFORMS.items():
        for dtype in (torch.float32, torch.float64):
            kind = str(dtype).removeprefix('torch.')
            worst = (0.0, (0, 0))
            with steps:
                steps.step(f'{name} {kind}')
                for size in SIZES:
                    x = torch.randn(2, *size, dtype=dtype)
                    expected = oracle(x.double().numpy())
                    difference = transform(x).double().numpy() - expected
                    error = float(np.linalg.norm(difference) / np.linalg.norm(expected))
                    worst = max(worst, (error, size))
            print(f'{name:>6} {kind}: {worst[0]:.1e} at {worst[1][0]}x{worst[1][1]}')


if __name__ == '__main__':
    main()
