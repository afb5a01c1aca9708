"""A model keeps to the device that it is on, whatever is done to it.

No GPU is needed for that: tensors on 'meta' are of another device than those that somebody forgot
on the CPU, and operations on both are an error on a GPU but none on 'meta', so they are looked for.
"""

import pytest
import torch
from backbones import BACKBONES, tiny
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from heracles_mm import optimize_for_inference
from heracles_mm.inference import DTYPES

SIZES = ((64, 96), (40, 32))


class OneDevice(TorchDispatchMode):
    """No operation takes tensors of two devices, but for a number, which a GPU takes from the CPU,
    and copies, which are there to cross.

    Args:
        takes_every_route: whether a model runs as it does without a mode that sees its operators,
            by routes of its own; else by the plain one.
    """

    def __init__(self, takes_every_route=True):
        super().__init__()
        self.takes_every_route = takes_every_route

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        tensors = [
            t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor) and t.dim()
        ]
        crosses = func.overloadpacket in (torch.ops.aten.copy_, torch.ops.aten._to_copy)
        assert crosses or len({t.device for t in tensors}) < 2, f'{func} on several devices'
        return func(*args, **(kwargs or {}))


def pictures(size):
    return torch.empty(2, 3, *size, device='meta')


def elsewhere(model):
    named = [*model.named_parameters(), *model.named_buffers()]
    return [name for name, tensor in named if tensor.device.type != 'meta']


def test_tensors_of_two_devices_are_found():
    a, b = torch.ones(2), torch.ones(2, device='meta')
    with OneDevice(), pytest.raises(AssertionError, match='several devices'):
        torch.nn.functional.layer_norm(b, (2,), a)


@pytest.mark.parametrize('route', [True, False])
@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('name', BACKBONES)
def test_a_training_step(name, size, route):
    model = tiny(name, drop_path_rate=0.1).to('meta')
    for recomputed in (False, True):
        model.set_grad_checkpointing(recomputed)
        with OneDevice(route):
            sum(each.sum() for each in model(pictures(size))).backward()
    assert not elsewhere(model)


@torch.no_grad()
@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('name', BACKBONES)
def test_optimized_for_inference(name, dtype):
    model = optimize_for_inference(tiny(name).to('meta'), pictures(SIZES[0]), dtype)
    assert not elsewhere(model)
    for size in SIZES:
        with OneDevice():
            assert all(each.is_meta for each in model(pictures(size)))
