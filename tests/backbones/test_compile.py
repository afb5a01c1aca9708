"""torch.compile takes each backbone whole: one graph, and the numbers of eager."""

import pytest
import torch
from backbones import BACKBONES, tiny
from torch._dynamo.testing import CompileCounterWithBackend


@pytest.fixture
def counter():
    torch._dynamo.reset()
    yield CompileCounterWithBackend('aot_eager')
    torch._dynamo.reset()


@pytest.mark.parametrize('name', BACKBONES)
def test_one_graph_and_no_second_one_for_a_second_batch(name, counter):
    """A graph break would be an error; a guard on anything but the size would compile again."""
    backbone = tiny(name).eval()
    compiled = torch.compile(backbone, backend=counter, fullgraph=True)
    with torch.no_grad():
        for _ in range(2):
            x = torch.randn(2, 3, 64, 64)
            torch.testing.assert_close(compiled(x), backbone(x))
    assert counter.frame_count == 1


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
