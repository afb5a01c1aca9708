"""torch.compile takes each backbone whole: one graph, and the numbers of eager; a trace by
torch.jit is of one size."""

import io
import warnings

import pytest
import torch
from backbones import BACKBONES, tiny
from torch._dynamo.testing import CompileCounterWithBackend
from torch.utils._python_dispatch import TorchDispatchMode


@pytest.fixture
def counter():
    torch._dynamo.reset()
    yield CompileCounterWithBackend('aot_eager')
    torch._dynamo.reset()


ELSEWHERE = ('heracles-cosine', 'heracles-all-attention', 'heracles-all-spectral')
"""They have the blocks of heracles-cosine-2, in other stages."""

DIFFERENT = [name for name in BACKBONES if name not in ELSEWHERE]


@pytest.mark.parametrize('name', DIFFERENT)
def test_exports_as_one_graph(name):
    """The same numbers, at a size the filters were not made for."""
    backbone = tiny(name).eval()
    x = torch.randn(1, 3, 70, 90)
    expected = backbone(x)
    exported = torch.export.export(backbone, (x,)).module()
    torch.testing.assert_close(exported(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('name', DIFFERENT)
def test_one_graph_and_no_second_one_for_a_second_batch(name, counter):
    """A graph break would be an error; a guard on anything but the size would compile again."""
    backbone = tiny(name).eval()
    compiled = torch.compile(backbone, backend=counter, fullgraph=True)
    with torch.no_grad():
        for _ in range(2):
            x = torch.randn(2, 3, 64, 64)
            torch.testing.assert_close(compiled(x), backbone(x))
    assert counter.frame_count == 1


class Transforms(TorchDispatchMode):
    """The FFTs that run, by routes of our own or the plain one, with their axes from the end."""

    def __init__(self, takes_every_route):
        super().__init__()
        self.takes_every_route, self.seen = takes_every_route, []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__.startswith('_fft'):
            self.seen.append((func, sorted(dim % args[0].dim() - args[0].dim() for dim in args[1])))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize('route', [True, False])
@pytest.mark.parametrize('name', DIFFERENT)
def test_transforms_run_along_the_last_axes(name, route):
    """Forward and backward: torch 2.11 compiles code that fails for spectra along other axes. The
    maps are long enough for each transform's FFT."""
    size = (32, 288)
    with Transforms(route) as transforms:
        maps = tiny(name, img_size=size)(torch.randn(2, 3, *size))
        sum(each.sum() for each in maps).backward()
    for func, axes in transforms.seen:
        assert axes == [*range(-len(axes), 0)], func
    assert bool(transforms.seen) == ('hamsa' in name or 'hartley' in name)


@pytest.mark.slow
def test_sizes_may_be_dynamic(counter):
    """Few graphs for many sizes: the route of a transform may change with the size, no more."""
    backbone = tiny('heracles-cosine').eval()
    compiled = torch.compile(backbone, backend=counter, fullgraph=True, dynamic=True)
    with torch.no_grad():
        for side in (64, 96, 128, 80):
            x = torch.randn(2, 3, side, side + 32)
            torch.testing.assert_close(compiled(x), backbone(x))
    assert counter.frame_count < 4


@pytest.mark.parametrize('name', ['heracles-cosine', 'hamsa'])
def test_a_training_step_is_one_graph_too(name, counter):
    backbone = tiny(name, drop_path_rate=0).train()
    compiled = torch.compile(backbone, backend=counter, fullgraph=True)
    x, results = torch.randn(2, 3, 64, 64), []
    for model in (compiled, backbone):
        maps = model(x)
        loss = sum((m * torch.linspace(-1, 1, m.shape[-1])).mean() for m in maps)
        results.append((loss, torch.autograd.grad(loss, list(backbone.parameters()))))
    torch.testing.assert_close(*results)


@pytest.mark.parametrize(
    'name', ['heracles-cosine-2', 'heracles-kv-grid', 'heracles-all-attention', 'hamsa']
)
@pytest.mark.parametrize('grad', [False, True])
def test_a_trace_refuses_another_size_unless_it_is_right(name, grad):
    """torch.jit.trace writes tables of one size into its graph."""
    backbone = tiny(name).eval()
    x, batch, other = (torch.randn(b, 3, *s) for b, *s in ((1, 64, 96), (3, 64, 96), (1, 96, 64)))
    with torch.set_grad_enabled(grad), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        traced = torch.jit.trace(backbone, x)
    file = io.BytesIO()
    torch.jit.save(traced, file)
    file.seek(0)
    with torch.jit.optimized_execution(False):
        each = torch.jit.load(file)
        torch.testing.assert_close(each(x), backbone(x))
        torch.testing.assert_close(each(batch), backbone(batch))
        if name == 'heracles-all-attention':
            torch.testing.assert_close(each(other), backbone(other))
        else:
            message = 'tables of maps of 16x24 positions and got 24x16: trace the model at each'
            with pytest.raises(torch.jit.Error, match=message):
                each(other)
