"""The stem: fixed statistics are folded into the convolutions, and nothing else changes."""

import pytest
import torch

from heracles_mm.layers.embed import Downsample, Stem


def make():
    """A stem with statistics and weights as after training."""
    stem = Stem(4, 8).double()
    for module in stem.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean):
                tensor.normal_()
            module.running_var.uniform_(0.1, 2)
    return stem


def plain(stem, x):
    return stem.norm(stem.proj(stem.convs(x)).permute(0, 2, 3, 1))


def test_in_eval_it_is_the_plain_formula_and_its_gradients():
    """A stem with frozen statistics trains on: the folded weights must pass the gradients on."""
    stem, x = make().eval(), torch.randn(2, 3, 33, 20, dtype=torch.float64, requires_grad=True)
    inputs = (x, *stem.parameters())
    direction = torch.randn(2, 9, 5, 8, dtype=torch.float64)
    results = [f(x) for f in (stem, lambda x: plain(stem, x))]
    torch.testing.assert_close(*results)
    torch.testing.assert_close(
        *(torch.autograd.grad((r * direction).sum(), inputs) for r in results)
    )


def test_in_training_it_uses_and_counts_the_batch():
    stem, twin = make().train(), make().train()
    twin.load_state_dict(stem.state_dict())
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    torch.testing.assert_close(stem(x), plain(twin, x))
    torch.testing.assert_close(stem.state_dict(), twin.state_dict())
    assert stem.convs[1].num_batches_tracked == 1


def test_norms_without_statistics_are_applied_as_they_are():
    """GroupNorm has none, and a BatchNorm that tracks none uses the batch in eval too."""
    stem, x = make().eval(), torch.randn(2, 3, 32, 32, dtype=torch.float64)
    stem.convs[1] = torch.nn.BatchNorm2d(4, track_running_stats=False).double().eval()
    torch.testing.assert_close(stem(x), plain(stem, x))


@pytest.mark.parametrize('autocast', [False, True])
@pytest.mark.parametrize('width', [1, 2, 3])
def test_a_narrow_map_keeps_its_numbers_in_bfloat16(width, autocast):
    """oneDNN's strided convolution of one or two columns is wrong on processors with AMX."""
    layer = Downsample(32, 64).eval()
    x = torch.randn(3, 7, width, 32)
    expected = layer(x)
    if autocast:
        with torch.autocast('cpu', torch.bfloat16):
            y = layer.proj(x)
    else:
        y = layer.proj.bfloat16()(x.bfloat16())
    assert y.dtype == torch.bfloat16
    y = layer.norm(y.float())
    assert (y - expected).norm() < 0.02 * expected.norm()


def test_a_stem_without_statistics_takes_those_of_the_batch():
    """As test-time adaptation does: BatchNorm then normalises by what it sees, in inference too."""
    stem, x = make().eval(), torch.randn(2, 3, 16, 12, dtype=torch.float64)
    before = stem(x)
    for module in stem.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean = module.running_var = None
    torch.testing.assert_close(stem(x), plain(stem, x))
    assert not torch.allclose(stem(x), before)
