"""mmcv's operators by torchvision and plain torch beside a compiled mmcv: differences and times.

    python benchmarks/mmcv_operators.py [--compiled mmcv-2.1.0-*.whl] [--rounds 7] [--threads 1]

Sizes are those of a detector on a picture of 800 x 1344. Each operator runs forward, and backward
where it has gradients, in interleaved rounds; a difference is the largest one over the largest
value. The last row is a training step of Mask R-CNN with our nano backbone, as the demo trains it.
"""

import glob
import importlib.util
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import torch
from common import compare, machine, options
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch import Tensor

import heracles_mm.mmcv_ops.extension as ours
from heracles_mm import config_path

ROOT = Path(__file__).parents[1]
WHEELS = ROOT.parent / 'shared' / 'wheels' / 'mmcv-2.1.0-*.whl'


def load_compiled(pattern: str = '') -> ModuleType:
    """Load the compiled operators of this wheel, of COMPILED_MMCV, or of one beside the checkout.

    Raises:
        FileNotFoundError: there is no such wheel.
        ImportError: it was compiled for another Python, platform or torch.
    """
    pattern = pattern or os.environ.get('COMPILED_MMCV') or str(WHEELS)
    wheel = next(iter(glob.glob(pattern)), None)
    if wheel is None:
        raise FileNotFoundError(f'no wheel of a compiled mmcv at {pattern}')
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.startswith('mmcv/_ext'))
        spec = importlib.util.spec_from_file_location('mmcv._ext', archive.extract(name, folder))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    try:
        module.nms(torch.zeros(1, 4), torch.zeros(1), iou_threshold=0.5, offset=0)
    except RuntimeError as error:
        raise ImportError(f'{wheel} was compiled for another torch: {error}') from error
    return module


@contextmanager
def operators(extension: ModuleType) -> Iterator[None]:
    """Let all of `mmcv.ops` use one set of operators."""
    import mmcv.ops  # noqa: F401

    with ExitStack() as stack:
        for name, module in list(sys.modules.items()):
            if name.startswith('mmcv.ops.') and hasattr(module, 'ext_module'):
                stack.enter_context(patch.object(module, 'ext_module', extension))
        yield


def random_boxes(count: int) -> Tensor:
    """(N, 4) float32 boxes of a picture of 1344 x 800, many of them over each other."""
    start = torch.rand(count, 2) * torch.tensor([1200.0, 700.0])
    start = start[torch.randint(count // 4, (count,))] + 30 * torch.rand(count, 2)
    return torch.cat([start, start + 16 + 128 * torch.rand(count, 2)], dim=1)


def cases(device: str = 'cpu') -> dict[str, tuple]:
    """Operator -> a call of it and the tensors that it takes and that want gradients, the same
    numbers on every device."""
    from mmcv import ops

    torch.manual_seed(0)

    def on(tensor: Tensor) -> Tensor:
        return tensor.to(device)

    boxes, scores = on(random_boxes(1000)), on(torch.rand(1000))
    dets = torch.cat([boxes, scores[:, None]], dim=1)
    rois, few = (on(torch.cat([torch.zeros(n, 1), random_boxes(n)], dim=1)) for n in (512, 64))
    maps, small = on(torch.randn(1, 256, 100, 168)), on(torch.randn(2, 64, 64, 64))
    offset, mask = on(torch.randn(2, 18, 64, 64)), on(torch.rand(2, 9, 64, 64))
    weight, scored = on(torch.randn(64, 64, 3, 3)), on(torch.randn(20000, 80))
    carafe = on(torch.randn(1, 64, 50, 84)), on(torch.rand(1, 25, 100, 168))
    wide = on(torch.randn(2, 361, 20, 20))

    def soft(method: str) -> Tensor:
        return ops.soft_nms(boxes, scores, 0.3, method=method)[0]

    def focal(loss: Callable[..., Tensor], classes: int, x: Tensor) -> Tensor:
        return loss(x, on(torch.arange(20000)) % classes, 2.0, 0.25, None, 'sum')

    def modulated(x: Tensor, o: Tensor, m: Tensor, w: Tensor) -> Tensor:
        return ops.modulated_deform_conv2d(x, o, m, w, None, 1, 1)

    return {
        'nms': (lambda: ops.nms(boxes, scores, 0.5)[1],),
        'nms, offset 1': (lambda: ops.nms(boxes, scores, 0.5, offset=1)[1],),
        'softnms, linear': (lambda: soft('linear'),),
        'softnms, gaussian': (lambda: soft('gaussian'),),
        'nms_match': (lambda: torch.cat(ops.nms_match(dets, 0.5)),),
        'roi_align, 7 x 7': (lambda x: ops.roi_align(x, rois, 7, 1 / 8, 0), maps),
        'roi_align, 14 x 14': (lambda x: ops.roi_align(x, rois[:128], 14, 1 / 8, 0), maps),
        'roi_align, max': (lambda x: ops.roi_align(x, few, 7, 1 / 8, 2, 'max'), maps),
        'roi_pool': (lambda x: ops.roi_pool(x, few, 7, 1 / 8), maps),
        'deform_conv': (lambda *x: ops.deform_conv2d(*x, 1, 1), small, offset, weight),
        'modulated_deform_conv': (modulated, small, offset, mask, weight),
        'psamask': (lambda x: ops.PSAMask('collect', (19, 19))(x), wide),
        'carafe': (lambda *x: ops.carafe(*x, 5, 1, 2), *carafe),
        'sigmoid_focal_loss': (lambda x: focal(ops.sigmoid_focal_loss, 81, x), scored),
        'softmax_focal_loss': (lambda x: focal(ops.softmax_focal_loss, 80, x), scored),
    }


def training_step() -> Callable[[], list[Tensor]]:
    """A step of the demo's detector that changes no weight; it returns the losses."""
    cfg = Config.fromfile(config_path('mask_rcnn_heracles_nano_scenes'))
    cfg.work_dir, cfg.log_level = tempfile.mkdtemp(), 'ERROR'
    runner = Runner.from_cfg(cfg)
    model, batch = runner.model.train(), next(iter(runner.build_dataloader(cfg.train_dataloader)))

    def step() -> list[Tensor]:
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope('mmdet'):
            losses = model(**model.data_preprocessor(batch, True), mode='loss')
            total, named = model.parse_losses(losses)
            model.zero_grad()
            total.backward()
        return [*named.values()]

    return step


def outcome(function: Callable[..., Tensor], *tensors: Tensor) -> list[Tensor]:
    """What an operator returns, and the gradients of a weighted sum of it."""
    leaves = [each.detach().requires_grad_() for each in tensors]
    output = function(*leaves)
    if not leaves:
        return [output]
    weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(0))
    gradients = torch.autograd.grad(output, leaves, weights.to(output.device))
    return [output.detach(), *gradients]


def difference(own: list[Tensor], theirs: list[Tensor]) -> float:
    """The largest difference over the largest value, of the tensor where that is largest."""
    return max(
        float((mine.double() - other.double()).abs().max() / other.double().abs().max())
        for mine, other in zip(own, theirs)
    )


def row(name: str, run: Callable[[], list[Tensor]], extensions: dict, rounds: int) -> str:
    """A line of the table."""

    def call(extension: ModuleType) -> list[Tensor]:
        with operators(extension):
            return run()

    calls = {who: partial(call, extension) for who, extension in extensions.items()}
    try:
        apart = f'{difference(calls["own"](), calls["compiled"]()):.1e}'
    except RuntimeError:  # 'implementation for device cpu not found'
        apart = 'no compiled one for a CPU'
        del calls['compiled']
    found = compare(calls, rounds, [*calls][-1])
    ms, (low, ratio, high) = found['own']
    times = f'{ratio:.2f} ({low:.2f} to {high:.2f})' if 'compiled' in calls else '-'
    return f'| {name} | {apart} | {times} | {ms / 1e3:.4f} |'


def main() -> None:
    args = options(__doc__, compiled='', rounds=7, threads=1)
    torch.set_num_threads(args.threads)
    try:
        extensions = {'own': ours, 'compiled': load_compiled(args.compiled)}
    except (FileNotFoundError, ImportError) as error:
        sys.exit(f'mmcv_operators: error: {error}')
    print(f'{machine()}\n')
    print('| operator | difference | time over compiled, quartiles | seconds |\n|---|---|---|---|')
    runs = {name: partial(outcome, *case) for name, case in cases().items()}
    runs['training step, Mask R-CNN'] = training_step()
    for name, run in runs.items():
        print(row(name, run, extensions, args.rounds), flush=True)


if __name__ == '__main__':
    main()
