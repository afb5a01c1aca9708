"""What token mixing costs: each backbone beside the same skeleton without any mixer.

Interleaved forward passes in inference mode; a mixer of the skeleton gives zeros, so embedding,
norms and feed-forward networks are all that runs. The last columns say how the time splits in one
more pass, by hooks.

    python benchmarks/mixer_cost.py [--arch s] [--sizes 224 512] [--rounds 7]
"""

import time
from collections import Counter
from functools import partial

import torch
from common import compare, log, machine, options
from torch import Tensor, nn

from heracles_mm import Hamsa, Heracles
from heracles_mm.layers.block import Block


class NoMixer(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


def blocks(backbone: nn.Module) -> list[Block]:
    return [module for module in backbone.modules() if isinstance(module, Block)]


def shares(backbone: nn.Module, x: Tensor) -> list[float]:
    """Of mixers and of feed-forward networks in the time of a forward pass."""
    spent: Counter = Counter()

    def look(name: str, sign: int, *_: object) -> None:
        spent[name] += sign * time.perf_counter()

    hooks = []
    for block in blocks(backbone):
        for name, part in (('mixer', block.mixer), ('ffn', block.ffn)):
            hooks.append(part.register_forward_pre_hook(partial(look, name, -1)))
            hooks.append(part.register_forward_hook(partial(look, name, 1)))
    look('all', -1)
    backbone(x)
    look('all', 1)
    for hook in hooks:
        hook.remove()
    return [spent[name] / spent['all'] for name in ('mixer', 'ffn')]


def main() -> None:
    args = options(__doc__, arch='s', sizes=[224, 512], rounds=7)
    models = {
        'skeleton': Hamsa(args.arch).eval(),
        'heracles': Heracles(args.arch).eval(),
        'hamsa, complex': Hamsa(args.arch).eval(),
        'hamsa, real': Hamsa(args.arch, kernel='real').eval(),
    }
    for block in blocks(models['skeleton']):
        block.mixer = NoMixer()
    print(f'{machine()}, float32, batch 1, medians')
    print(f'{"size":>5} {"":>15} {"ms":>8} {"/ skeleton":>10} {"mixers":>7} {"FFNs":>7}')
    for size in args.sizes:
        x = torch.randn(1, 3, size, size)
        calls = {name: partial(model, x) for name, model in models.items()}
        log(f'{size} px')
        with torch.inference_mode():
            found = compare(calls, args.rounds, 'skeleton')
            split = {name: shares(model, x) for name, model in models.items()}
        for name, (ms, ratio) in found.items():
            parts = ' '.join(f'{part:>7.0%}' for part in split[name])
            print(f'{size:>5} {name:>15} {ms:>8.1f} {ratio.median:>10.2f} {parts}')


if __name__ == '__main__':
    main()
