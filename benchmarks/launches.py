"""How many kernels of a GPU the token mixers are, counted on paper by heracles_mm.roofline.

    python benchmarks/launches.py [--side 56] [--learnt 56] [--channels 64]

Forward, and forward and backward without loss and optimizer, for a map of so many positions a side
whose kernels and filters are learnt on as many or others.
"""

from collections.abc import Callable

import torch
from common import options
from torch import Tensor, nn

from heracles_mm.layers.hss import HSS
from heracles_mm.layers.spectral_mixer import SpectralMixer
from heracles_mm.roofline.recording import forward, record


def both_ways(model: nn.Module, x: Tensor, dtype: torch.dtype) -> Callable[[], object]:
    """Forward and backward, as a workload of the roofline."""
    x.requires_grad_()
    weights = [x, *model.parameters()]

    def call() -> object:
        with torch.autocast('cpu', dtype=dtype, enabled=dtype != torch.float32):
            y = model(x)
        return torch.autograd.grad(y, weights, torch.ones_like(y))

    return call


def main() -> None:
    args = options(__doc__, side=56, learnt=56, channels=64)
    grid, shape = (args.learnt, args.learnt), (2, args.side, args.side, args.channels)
    mixers: dict[str, nn.Module] = {
        f'HSS, {kernel}, {axes}': HSS(args.channels, grid, axes, kernel)
        for kernel in ('complex', 'real')
        for axes in ('tokens', 'grid')
    }
    for kind in (('cosine', 'gate'), ('hartley', 'gate'), ('hartley', 'convolution')):
        mixers[f'spectral mixer, {", ".join(kind)}'] = SpectralMixer(args.channels, grid, *kind)
    print(f'{"":>36}{"float32":>18}{"bfloat16":>18}')
    for name, mixer in mixers.items():
        counts = [
            str(sum(launch.kernels for launch in record(mixer, step, shape, dtype, as_cuda=True)))
            for dtype in (torch.float32, torch.bfloat16)
            for step in (forward, both_ways)
        ]
        print(f'{name:>36}' + ''.join(f'{count:>9}' for count in counts), flush=True)


if __name__ == '__main__':
    main()
