"""What half precision costs HAMSA's products with spectra: errors against float64.

SASS under autocast, forward and backward, with products in bfloat16, as it computes them, and in
float16, as it does not. Maps are white, like pictures (spectra that fall with frequency, and a
mean) and bright (a mean of 300, as features that nobody normalised). Largest of the seeds, relative
to the norm; nan where a number is none.

    python benchmarks/autocast_errors.py [--side 56] [--channels 64] [--seeds 0 1 2]
"""

import copy
import math
from unittest.mock import patch

import torch
from common import log, options
from torch import Tensor

from heracles_mm.spectral import SASS

AS_IS, FORCED = 'as it computes', 'products forced'
WAYS = {
    'float32': (None, AS_IS),
    'bfloat16': (torch.bfloat16, AS_IS),
    'float16': (torch.float16, AS_IS),
    'float16, products forced': (torch.float16, FORCED),
}


def maps(kind: str, side: int, channels: int) -> Tensor:
    """(2, side, side, channels), float64."""
    x = torch.randn(2, side, side, channels, dtype=torch.float64)
    if kind == 'white':
        return x
    frequency = torch.fft.fftfreq(side).abs()[:, None] + torch.fft.rfftfreq(side)
    falling = 1 / (1 + side * frequency[:, :, None])
    x = torch.fft.irfft2(torch.fft.rfft2(x, dim=(1, 2)) * falling, s=(side, side), dim=(1, 2))
    return x / x.std() + {'like pictures': 1, 'bright': 300}[kind]


def results(sass: SASS, x: Tensor) -> tuple[Tensor, Tensor]:
    """The map, and the gradients of a weighted sum of it, joined."""
    x = x.detach().requires_grad_()
    y = sass(x)
    weights = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).view_as(y)
    with torch.autocast('cpu', enabled=False):  # as training loops do
        gradients = torch.autograd.grad((y * weights).sum(), [x, *sass.parameters()])
    return y, torch.cat([(each / each.norm()).flatten() for each in gradients])


def error(found: Tensor, exact: Tensor) -> float:
    return ((found.double() - exact).norm() / exact.norm()).item()


def larger(a: float, b: float) -> float:
    return a if a > b or math.isnan(a) else b


def main() -> None:
    args = options(__doc__, side=56, channels=64, seeds=[0, 1, 2])
    print(f'{args.side}x{args.side} positions, {args.channels} channels: error of map / gradients')
    for kind in ('white', 'like pictures', 'bright'):
        log(kind)
        worst = dict.fromkeys(WAYS, (0.0, 0.0))
        for seed in args.seeds:
            torch.manual_seed(seed)
            sass = SASS(args.channels, (args.side, args.side)).double()
            x = maps(kind, args.side, args.channels)
            exact = results(sass, x)
            for name, (dtype, how) in WAYS.items():
                single = copy.deepcopy(sass).float()
                with (
                    torch.autocast('cpu', dtype=dtype, enabled=dtype is not None),
                    patch('heracles_mm.spectral.sass.product_dtype', return_value=dtype)
                    if how == FORCED
                    else torch.enable_grad(),
                ):
                    found = results(single, x.float())
                errors = (error(a, b) for a, b in zip(found, exact, strict=True))
                worst[name] = tuple(map(larger, errors, worst[name]))
        for name, (own, gradients) in worst.items():
            print(f'{kind:>14} {name:>25} {own:>9.1e} {gradients:>9.1e}', flush=True)


if __name__ == '__main__':
    main()
