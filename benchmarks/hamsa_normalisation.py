"""What the normalisation of HAMSA's transforms does to activations and to the first steps.

Trains nano Hamsa on the Fashion-MNIST pictures with each choice in turn and prints, per stage, the
scale of the mixing (standard deviation after over before SASS) and how much of each gate is
saturated (below 0.05 or above 0.95), at initialisation and after the last step, and the loss.
``NORMALISATION`` of heracles_mm.spectral.fourier is read off this table.

    python benchmarks/hamsa_normalisation.py [--steps 100] [--side 112] [--seeds 0 1]
"""

import math
from collections import defaultdict
from functools import partial
from statistics import mean

import torch
from common import log, options
from fashion import CLASSES, Classifier, accuracy, load, train
from torch import Tensor, nn

from heracles_mm import Hamsa
from heracles_mm.spectral import SAGU, SASS, SpectralPulseNet, fourier
from heracles_mm.spectral.fourier import Normalisation

CHOICES = {
    'ortho maps, ortho kernel': Normalisation('ortho', 'ortho'),
    'unnormalised maps, unnormalised kernel': Normalisation('backward', 'backward'),
    'ortho maps, unnormalised kernel': Normalisation('ortho', 'backward'),
}


def saturated(gate: Tensor) -> float:
    return ((gate < 0.05) | (gate > 0.95)).float().mean().item()


READ = {
    SASS: lambda part, inputs, output: (output.std() / inputs[0].std()).item(),
    SpectralPulseNet: lambda part, inputs, output: saturated(output),
    SAGU: lambda part, inputs, output: saturated((inputs[-1] @ part.w2).sigmoid()),
}


@torch.no_grad()
def read(model: nn.Module, backbone: Hamsa, pictures: Tensor) -> list[str]:
    """Per stage, the mean over its blocks: scale, saturated share of SpectralPulseNet's gate, and
    of SAGU's. A hook sees all pictures at once, so each of them has the same weight."""
    values: dict[tuple, list[float]] = defaultdict(list)

    def hook(stage: int, part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        values[stage, type(part)].append(READ[type(part)](part, inputs, output))

    handles = [
        part.register_forward_hook(partial(hook, index))
        for index, stage in enumerate(backbone.stages)
        for part in stage.modules()
        if type(part) in READ
    ]
    model.eval()(pictures)
    for handle in handles:
        handle.remove()
    return [
        '{:>8.4f} {:>10.1%} {:>9.1%}'.format(*(mean(values[stage, kind]) for kind in READ))
        for stage in range(len(backbone.stages))
    ]


def main() -> None:
    args = options(__doc__, steps=100, side=112, batch_size=16, rate=1e-3, seeds=[0, 1])
    data, val = load('train', args.side), load('val', args.side)
    print(f'nano Hamsa, {args.side} px, {args.steps} steps of {args.batch_size}, AdamW {args.rate}')
    for name, fourier.NORMALISATION in CHOICES.items():
        for seed in args.seeds:
            torch.manual_seed(seed)
            backbone = Hamsa('nano', img_size=args.side, drop_path_rate=0.0)
            model = Classifier(backbone, backbone.out_channels[-1])
            log(f'{name}, seed {seed}')
            before = read(model, backbone, data[0][:64])
            losses = [*train(model, data, args, lambda step: min(1, step / 20), seed)]
            after, score = read(model, backbone, data[0][:64]), accuracy(model, *val)
            print(
                f'\n{name}, seed {seed}: loss {losses[0]:.2f} -> {mean(losses[-20:]):.2f} (mean of '
                f'the last 20), val accuracy {score:.3f} (chance {1 / CLASSES:.1f})'
            )
            columns = f'{"scale":>8} {"pulse sat.":>10} {"SAGU sat.":>9}'
            print(f'{"stage":>5} {"tokens":>6} | {columns} | {columns}   (at start | at the end)')
            for stage, cells in enumerate(zip(before, after, strict=True)):
                tokens = math.ceil(args.side / backbone.strides[stage]) ** 2
                print(f'{stage:>5} {tokens:>6} | {" | ".join(cells)}')


if __name__ == '__main__':
    main()
