"""What the normalisation of HAMSA's transforms does to activations and to the first steps.

Trains nano Hamsa on the Fashion-MNIST pictures with each choice in turn and prints, per stage, the
scale of the mixing (standard deviation behind over before SASS) and how much of each gate is
saturated (below 0.05 or above 0.95), at initialisation and after the last step, and the loss.
``NORMALISATION`` of heracles_mm.spectral.fourier is read off this table.

    python benchmarks/hamsa_normalisation.py [--steps 100] [--side 112] [--seeds 0 1]
"""

import argparse
import math
import statistics

import torch
import torch.nn.functional as F
from fashion import CLASSES, Classifier, accuracy, batches, load, optimizer
from torch import Tensor, nn

from heracles_mm import Hamsa
from heracles_mm.cli.progress import Steps
from heracles_mm.spectral import SAGU, SASS, SpectralPulseNet, fourier
from heracles_mm.spectral.fourier import Normalisation

CHOICES = {
    'ortho maps, ortho kernel': Normalisation('ortho', 'ortho'),
    'unnormalised maps, unnormalised kernel': Normalisation('backward', 'backward'),
    'ortho maps, unnormalised kernel': Normalisation('ortho', 'backward'),
}


def saturated(gate: Tensor) -> float:
    return ((gate < 0.05) | (gate > 0.95)).float().mean().item()


class Probe:
    """Reads scale and saturation per stage off one forward pass, averaged over a stage's blocks."""

    def __init__(self, backbone: Hamsa) -> None:
        self.values: dict[tuple[int, str], list[float]] = {}
        for stage, module in enumerate(backbone.stages):
            for part in module.modules():
                if isinstance(part, (SASS, SpectralPulseNet, SAGU)):
                    part.register_forward_hook(self._reader(stage))
        self.active = False

    def _reader(self, stage: int):
        def read(part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if not self.active:
                return
            if isinstance(part, SASS):
                name, value = 'scale', (output.std() / inputs[0].std()).item()
            elif isinstance(part, SpectralPulseNet):
                name, value = 'pulse', saturated(output)
            else:
                name, value = 'sagu', saturated((inputs[-1] @ part.w2).sigmoid())
            self.values.setdefault((stage, name), []).append(value)

        return read

    def read(self, model: nn.Module, pictures: Tensor) -> list[tuple[float, float, float]]:
        """Per stage: scale, saturated share of SpectralPulseNet's gate, and of SAGU's."""
        self.values.clear()
        self.active = True
        with torch.no_grad():
            model.eval()(pictures)
        self.active = False
        mean = {key: statistics.mean(values) for key, values in self.values.items()}
        return [(mean[s, 'scale'], mean[s, 'pulse'], mean[s, 'sagu']) for s in range(4)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--steps', type=int, default=100)
    parser.add_argument('--side', type=int, default=112, help='pictures and kernels, px')
    parser.add_argument('--batch-size', type=int, default=16)
    parser.add_argument('--rate', type=float, default=1e-3)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1])
    args = parser.parse_args()
    pictures, labels = load('train', args.side)
    val = load('val', args.side)
    print(f'nano Hamsa, {args.side} px, {args.steps} steps of {args.batch_size}, AdamW {args.rate}')
    steps = Steps('hamsa_normalisation', len(CHOICES) * len(args.seeds))
    for name, choice in CHOICES.items():
        fourier.NORMALISATION = choice
        for seed in args.seeds:
            with steps:
                steps.step(f'{name}, seed {seed}')
                torch.manual_seed(seed)
                backbone = Hamsa('nano', img_size=args.side, drop_path_rate=0.0)
                model = Classifier(backbone, backbone.out_channels[-1])
                probe, optim = Probe(backbone), optimizer(model, args.rate)
                before = probe.read(model, pictures[:64])
                losses = []
                order = batches(len(labels), args.batch_size, args.steps, seed)
                for index, chosen in enumerate(order):
                    for group in optim.param_groups:
                        group['lr'] = args.rate * min(1, (index + 1) / 20)
                    loss = F.cross_entropy(model.train()(pictures[chosen]), labels[chosen])
                    optim.zero_grad()
                    loss.backward()
                    optim.step()
                    losses.append(loss.item())
                    steps.note(f'{index + 1} of {args.steps} steps')
                after = probe.read(model, pictures[:64])
                score = accuracy(model, *val)
            last = statistics.mean(losses[-20:])
            print(
                f'\n{name}, seed {seed}: loss {losses[0]:.2f} -> {last:.2f} (mean of the last 20), '
                f'val accuracy {score:.3f} (chance {1 / CLASSES:.1f})'
            )
            print(
                f'{"stage":>5} {"tokens":>6} | {"scale":>8} {"pulse sat.":>10} {"SAGU sat.":>9} | '
                f'{"scale":>8} {"pulse sat.":>10} {"SAGU sat.":>9}   (at start | at the end)'
            )
            for stage, (old, new) in enumerate(zip(before, after, strict=True)):
                tokens = math.ceil(args.side / backbone.strides[stage]) ** 2
                cells = [f'{s:>8.4f} {p:>10.1%} {g:>9.1%}' for s, p, g in (old, new)]
                print(f'{stage:>5} {tokens:>6} | {cells[0]} | {cells[1]}')


if __name__ == '__main__':
    main()
