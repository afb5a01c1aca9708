"""What token mixing costs: each backbone beside the same skeleton without any mixer.

Interleaved forward passes in inference mode; a mixer of the skeleton gives zeros, so embedding,
norms and feed-forward networks are all that runs. The last columns say how the time splits.

    python benchmarks/mixer_cost.py [--arch s] [--sizes 224 512] [--rounds 7]
"""

import argparse
import statistics
import time

import torch
from torch import Tensor, nn

from heracles_mm import Hamsa, Heracles
from heracles_mm.cli.progress import Steps
from heracles_mm.layers.block import Block


class NoMixer(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


def skeleton(arch: str) -> nn.Module:
    backbone = Hamsa(arch)
    for block in blocks(backbone):
        block.mixer = NoMixer()
    return backbone.eval()


def blocks(backbone: nn.Module) -> list[Block]:
    return [module for module in backbone.modules() if isinstance(module, Block)]


class Split:
    """Seconds spent in mixers and in feed-forward networks, by hooks."""

    def __init__(self, backbone: nn.Module) -> None:
        self.seconds = {'mixer': 0.0, 'ffn': 0.0}
        self.hooks = []
        for block in blocks(backbone):
            for name in self.seconds:
                part = getattr(block, name)
                self.hooks += [
                    part.register_forward_pre_hook(lambda *_, name=name: self._count(name, -1)),
                    part.register_forward_hook(lambda *_, name=name: self._count(name, 1)),
                ]

    def _count(self, name: str, sign: int) -> None:
        self.seconds[name] += sign * time.perf_counter()

    def remove(self) -> None:
        for hook in self.hooks:
            hook.remove()


def seconds(backbone: nn.Module, x: Tensor) -> float:
    start = time.perf_counter()
    backbone(x)
    return time.perf_counter() - start


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--arch', default='s')
    parser.add_argument('--sizes', type=int, nargs='+', default=[224, 512])
    parser.add_argument('--rounds', type=int, default=7)
    args = parser.parse_args()
    with torch.inference_mode(False):
        models = {
            'skeleton': skeleton(args.arch),
            'heracles': Heracles(args.arch).eval(),
            'hamsa, complex': Hamsa(args.arch).eval(),
            'hamsa, real': Hamsa(args.arch, kernel='real').eval(),
        }
    print(f'torch {torch.__version__}, float32, CPU, {torch.get_num_threads()} threads, batch 1')
    print(f'{"size":>5} {"":>15} {"ms":>8} {"/ skeleton":>10} {"mixers":>7} {"FFNs":>7}')
    steps = Steps('mixer_cost', len(args.sizes))
    for size in args.sizes:
        x = torch.randn(1, 3, size, size)
        times: dict[str, list[float]] = {name: [] for name in models}
        with steps:
            steps.step(f'{size} px')
            for round_ in range(args.rounds + 1):
                steps.note(f'round {round_}')
                for name, model in models.items():
                    taken = seconds(model, x)
                    if round_:
                        times[name].append(taken)
        for name, model in models.items():
            split = Split(model)
            whole = seconds(model, x)
            split.remove()
            ratio = statistics.median(
                a / b for a, b in zip(times[name], times['skeleton'], strict=True)
            )
            shares = ' '.join(f'{part / whole:>7.0%}' for part in split.seconds.values())
            ms = statistics.median(times[name]) * 1e3
            print(f'{size:>5} {name:>15} {ms:>8.1f} {ratio:>10.2f} {shares}')


if __name__ == '__main__':
    main()
