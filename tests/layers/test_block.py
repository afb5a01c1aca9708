"""The residual block, and the stochastic depth of its branches."""

import pytest
import torch
from torch import nn

from heracles_mm.layers.block import Block
from heracles_mm.layers.drop_path import DropPath


@pytest.mark.parametrize('rate', [0.1, 0.5, 0.9])
def test_drop_path_drops_whole_samples_and_keeps_the_expectation(rate):
    """Each sample is 0 or x / (1 - rate), so that the mean over the draws is x."""
    torch.manual_seed(0)
    x = torch.rand(20000, 2, 3, dtype=torch.float64) + 0.5
    y = DropPath(rate).train()(x)
    kept = y[:, 0, 0] != 0
    torch.testing.assert_close(y, x / (1 - rate) * kept.view(-1, 1, 1))
    assert kept.double().mean().item() == pytest.approx(1 - rate, abs=0.02)
    assert torch.equal(DropPath(rate).eval()(x), x)


@pytest.mark.parametrize('rate', [0.0, 0.4])
def test_each_branch_of_a_block_is_dropped_by_itself(rate):
    """A sample gets both branches, either or none, each divided by the share that is kept."""
    torch.manual_seed(0)
    block = Block(4, nn.Linear(4, 4), 2, rate).double().train()
    x = torch.randn(1, 3, 5, 4, dtype=torch.float64)
    scales = (0, 1 / (1 - rate)) if rate else (1,)
    expected = []
    for first in scales:
        y = x + first * block.mixer(block.norm1(x))
        expected += [y + second * block.ffn(block.norm2(y)) for second in scales]
    seen = set()
    for sample in block(x.expand(200, -1, -1, -1)):
        close = [torch.allclose(sample, each[0], atol=1e-12) for each in expected]
        assert sum(close) == 1
        seen.add(close.index(True))
    assert len(seen) == len(expected)
