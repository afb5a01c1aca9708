"""Peak memory of detections in large pictures, slice by slice: flat beside the picture itself.

Each size is a process of its own: scenes side by side as one picture, given as an array.

    python benchmarks/sliced_memory.py --model demo.onnx
    python benchmarks/sliced_memory.py --model demo.onnx --sides 800 1600 --slice 160
"""

import resource
import subprocess
import sys

import numpy as np
from common import log, options

from heracles_mm.datasets.scenes import compose_scene
from heracles_mm.datasets.spec import ScenesSpec
from heracles_mm.runtime import Model
from heracles_mm.runtime.sliced import detect_in_slices

TILE = 160


def main() -> None:
    args = options(__doc__, model='', sides=[1000, 2000, 4000, 8000], slice=800, score=0.5)
    if len(args.sides) == 1:
        print(row(args.sides[0], args.model, args.slice, args.score))
        return
    print('| picture, px | itself, MB | slices | found | peak of the process, MB |')
    print('|---|---|---|---|---|')
    for side in args.sides:
        log(f'{side} px')
        words = '--model', args.model, '--slice', args.slice, '--score', args.score, '--sides', side
        command = [sys.executable, __file__, *map(str, words)]
        print(subprocess.check_output(command, text=True).strip(), flush=True)


def row(width: int, model: str, slice: int, score: float) -> str:
    """Look at one picture, four by three, and say what it took."""
    height = width * 3 // 4
    tiles = [compose_scene(ScenesSpec(size=TILE), 'val', i).image[..., ::-1] for i in range(16)]
    block = np.concatenate([np.concatenate(tiles[4 * i : 4 * i + 4], 1) for i in range(4)])
    counts = (-(-height // block.shape[0]), -(-width // block.shape[1]), 1)
    picture = np.ascontiguousarray(np.tile(block, counts)[:height, :width])
    done: list[int] = []
    found = detect_in_slices(
        Model(model, threads=1),
        picture,
        slice,
        least_score=score,
        on_slice=lambda at, count: done.append(count),
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3  # kB on Linux
    cells = f'{width}x{height}', f'{picture.nbytes / 1e6:.0f}', done[-1], len(found), f'{peak:.0f}'
    return f'| {" | ".join(map(str, cells))} |'


if __name__ == '__main__':
    main()
