"""How exact are the transforms? Largest relative error in float32 and float64 over many sizes.

The oracles are computed in float64: scipy.fft.dctn and idctn, and Re F - Im F of numpy's FFT.

    python benchmarks/transform_errors.py
"""

import numpy as np
import scipy.fft
import torch
from common import machine, options

from heracles_mm.spectral import dct2, dht2, idct2

SIZES = [
    (1, 1), (1, 9), (13, 1), (2, 2), (3, 5), (7, 7), (8, 6), (14, 14), (17, 31), (28, 28),
    (33, 64), (56, 56), (64, 65), (65, 64), (96, 97), (101, 40), (127, 3), (128, 128), (200, 334),
    (256, 255), (320, 200), (400, 667), (1, 1031), (1031, 2), (1025, 1024),
]  # fmt: skip


TRANSFORMS = {
    'dct2': (dct2, lambda x: scipy.fft.dctn(x, norm='ortho', axes=(-2, -1))),
    'idct2': (idct2, lambda x: scipy.fft.idctn(x, norm='ortho', axes=(-2, -1))),
    'dht2': (dht2, lambda x: (f := np.fft.fft2(x, norm='ortho')).real - f.imag),
}


def main() -> None:
    options(__doc__)
    torch.manual_seed(0)
    print(f'{machine()}, {len(SIZES)} sizes from 1x1 to 1025x1024')
    for name, (transform, oracle) in TRANSFORMS.items():
        for dtype in (torch.float32, torch.float64):
            errors = {}
            for size in SIZES:
                x = torch.randn(2, *size, dtype=dtype)
                expected = oracle(x.double().numpy())
                difference = transform(x).double().numpy() - expected
                errors[size] = float(np.linalg.norm(difference) / np.linalg.norm(expected))
            height, width = max(errors, key=errors.get)
            kind = str(dtype).removeprefix('torch.')
            print(f'{name:>6} {kind}: {errors[height, width]:.1e} at {height}x{width}', flush=True)


if __name__ == '__main__':
    main()
