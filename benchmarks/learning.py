"""Do the backbones learn? Both families at nano size and a plain baseline of about their size.

One loop for all three on the 10 Fashion-MNIST classes of the embedded scene parts (2000 training
and 500 validation pictures, real): accuracy on the validation pictures over steps, for each seed.
The baseline is mmpretrain's ConvNeXt at the same widths, without its layer scale, which would hold
so short a training back. This shows that each one learns; 500 pictures and so few steps rank
nothing.

    python benchmarks/learning.py [--seeds 0 1 2] [--picture docs/images/learning.png]
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from fashion import Classifier, accuracy, batches, flip_some, load, optimizer
from torch import nn

from heracles_mm import Hamsa, Heracles
from heracles_mm.cli.progress import Steps
from heracles_mm.visualization import plot_curves

Points = list[tuple[int, float]]


def heracles(side: int) -> Classifier:
    backbone = Heracles('nano', spectral_stages=2, img_size=side, drop_path_rate=0.0)
    return Classifier(backbone, backbone.out_channels[-1])


def hamsa(side: int) -> Classifier:
    backbone = Hamsa('nano', img_size=side, drop_path_rate=0.0)
    return Classifier(backbone, backbone.out_channels[-1])


def convnext(side: int) -> Classifier:
    from mmpretrain.models.backbones import ConvNeXt

    arch = dict(depths=[2, 2, 5, 2], channels=[32, 64, 128, 256])
    backbone = ConvNeXt(arch, layer_scale_init_value=0.0, gap_before_final_norm=False)
    return Classifier(backbone, 256)


MODELS: dict[str, Callable[[int], Classifier]] = {
    'Heracles nano': heracles,
    'HAMSA nano': hamsa,
    'ConvNeXt, same size': convnext,
}


def train(
    model: nn.Module, args: argparse.Namespace, seed: int, note: Callable[[str], None]
) -> Points:
    """(step, validation accuracy) from before the first step to the last."""
    pictures, labels = load('train', args.side)
    val = load('val', args.side)
    optim, random = optimizer(model, args.rate), torch.Generator().manual_seed(seed)
    warmup, points = max(args.steps // 10, 1), [(0, accuracy(model, *val))]
    for step, chosen in enumerate(batches(len(labels), args.batch_size, args.steps, seed), start=1):
        for group in optim.param_groups:
            cosine = (1 + math.cos(math.pi * step / args.steps)) / 2
            group['lr'] = args.rate * min(cosine, step / warmup)
        batch = flip_some(pictures[chosen], random)
        loss = F.cross_entropy(model.train()(batch), labels[chosen])
        optim.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optim.step()
        note(f'{step} of {args.steps} steps')
        if step % args.interval == 0 or step == args.steps:
            points.append((step, accuracy(model, *val)))
    return points


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--steps', type=int, default=300)
    parser.add_argument('--interval', type=int, default=50, help='steps between evaluations')
    parser.add_argument('--batch-size', type=int, default=16)
    parser.add_argument('--side', type=int, default=64, help='of the enlarged pictures, px')
    parser.add_argument('--rate', type=float, default=1e-3)
    parser.add_argument('--picture', type=Path, default=Path('docs/images/learning.png'))
    args = parser.parse_args()
    print(
        f'{args.side} px, {args.steps} steps of {args.batch_size}, AdamW {args.rate}, seeds '
        f'{args.seeds}: accuracy on 500 val pictures, mean (lowest to highest); chance is 0.100'
    )
    means: dict[str, Points] = {}
    steps = Steps('learning', len(MODELS) * len(args.seeds))
    for name, make in MODELS.items():
        start, runs = time.perf_counter(), []
        for seed in args.seeds:
            torch.manual_seed(seed)
            model = make(args.side)
            with steps:
                steps.step(f'{name}, seed {seed}')
                runs.append(train(model, args, seed, steps.note))
        size = sum(p.numel() for p in model.parameters())
        seconds = (time.perf_counter() - start) / len(args.seeds)
        print(f'\n{name}: {size:,} parameters, {seconds:.0f} s a run')
        means[name] = []
        for points in zip(*runs, strict=True):
            step, values = points[0][0], [value for _, value in points]
            mean = statistics.mean(values)
            means[name].append((step, mean))
            print(f'{step:>6} {mean:.3f} ({min(values):.3f} to {max(values):.3f})', flush=True)
    args.picture.parent.mkdir(parents=True, exist_ok=True)
    label = f'val accuracy, mean of {len(args.seeds)} seeds'
    plot_curves(means, ylabel=label).savefig(args.picture, dpi=120)
    print(f'\n{args.picture}')


if __name__ == '__main__':
    main()
