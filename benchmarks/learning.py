"""Do the backbones learn? Both families at nano size and a plain baseline of about their size.

One loop for all three on the 10 Fashion-MNIST classes of the embedded scene parts (2000 training
and 500 validation pictures, real): accuracy on the validation pictures over steps, for each seed.
The baseline is mmpretrain's ConvNeXt at the same widths, without its layer scale, which would hold
so short a training back. This shows that each one learns; 500 pictures and so few steps rank
nothing.

    python benchmarks/learning.py [--seeds 0 1 2] [--picture docs/images/learning.png] [--bfloat16]
"""

import argparse
import math
import time
from pathlib import Path

import torch
from common import Points, log, mean_curve, options, save_curves
from fashion import Classifier, accuracy, load, train
from torch import Tensor, nn

from heracles_mm import Hamsa, Heracles


def heracles(side: int) -> Classifier:
    return Classifier(Heracles('nano', spectral_stages=2, img_size=side, drop_path_rate=0.0), 192)


def hamsa(side: int) -> Classifier:
    return Classifier(Hamsa('nano', img_size=side, drop_path_rate=0.0), 192)


def convnext(side: int) -> Classifier:
    from mmpretrain.models.backbones import ConvNeXt

    arch = dict(depths=[2, 2, 5, 2], channels=[32, 64, 128, 256])
    return Classifier(ConvNeXt(arch, layer_scale_init_value=0, gap_before_final_norm=False), 256)


MODELS = {'Heracles nano': heracles, 'HAMSA nano': hamsa, 'ConvNeXt, same size': convnext}


def learn(model: nn.Module, args: argparse.Namespace, seed: int) -> Points:
    """(step, validation accuracy) from before the first step to the last."""
    val, random = load('val', args.side), torch.Generator().manual_seed(seed)
    warmup, points = max(args.steps // 10, 1), [(0, accuracy(model, *val))]

    def share(step: int) -> float:
        return min((1 + math.cos(math.pi * step / args.steps)) / 2, step / warmup)

    def flip_some(pictures: Tensor) -> Tensor:
        chosen = torch.rand(len(pictures), generator=random) < 0.5
        return torch.where(chosen[:, None, None, None], pictures.flip(-1), pictures)

    data = load('train', args.side)
    losses = train(model, data, args, share, seed, flip_some, most_norm=5.0)
    for step, _ in enumerate(losses, start=1):
        if step % args.interval == 0 or step == args.steps:
            points.append((step, accuracy(model, *val)))
    return points


def main() -> None:
    sizes = dict(steps=300, interval=50, batch_size=16, side=64, rate=1e-3, bfloat16=False)
    args = options(__doc__, seeds=[0, 1, 2], picture=Path('docs/images/learning.png'), **sizes)
    dtype = 'bfloat16' if args.bfloat16 else 'float32'
    print(
        f'{args.side} px, {args.steps} steps of {args.batch_size} in {dtype}, AdamW {args.rate}, '
        f'seeds {args.seeds}: accuracy on 500 val pictures, mean (lowest to highest); chance 0.100'
    )
    means: dict[str, Points] = {}
    for name, make in MODELS.items():
        start, runs = time.perf_counter(), []
        for seed in args.seeds:
            log(f'{name}, seed {seed}')
            torch.manual_seed(seed)
            model = make(args.side)
            model.bfloat16 = args.bfloat16
            runs.append(learn(model, args, seed))
        size = sum(p.numel() for p in model.parameters())
        seconds = (time.perf_counter() - start) / len(args.seeds)
        print(f'\n{name}: {size:,} parameters, {seconds:.0f} s a run')
        means[name] = mean_curve(runs)
        for (step, mean), points in zip(means[name], zip(*runs, strict=True), strict=True):
            values = [value for _, value in points]
            print(f'{step:>6} {mean:.3f} ({min(values):.3f} to {max(values):.3f})', flush=True)
    save_curves(means, f'val accuracy, mean of {len(args.seeds)} seeds', args.picture)


if __name__ == '__main__':
    main()
