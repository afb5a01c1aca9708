"""Counted operations equal those of the textbook, forward and backward."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from heracles_mm import Heracles
from heracles_mm.benchmark.resources import count_flops
from heracles_mm.benchmark.workloads import forward, forward_backward

B, C, H, W = 2, 8, 10, 12


@pytest.mark.parametrize('groups', [1, 2, C])
def test_convolutions(groups):
    """Two operations per weight and position; each of the two gradients costs the same again."""
    conv = nn.Conv2d(C, C, 3, padding=1, groups=groups)
    x = torch.randn(B, C, H, W)
    once = 2 * conv.weight.numel() * B * H * W
    assert count_flops(lambda: conv(x)) == once
    assert count_flops(lambda: conv(x).sum().backward()) == 2 * once  # no gradient of the input
    x.requires_grad_()
    assert count_flops(lambda: conv(x).sum().backward()) == 3 * once


def test_attention_on_the_cpu():
    """Two products forward; five backward: the scores again, and a gradient of both factors of both
    products."""
    q, k, v = (torch.randn(B, 3, tokens, 16, requires_grad=True) for tokens in (50, 70, 70))
    product = 2 * B * 3 * 50 * 70 * 16
    assert count_flops(lambda: F.scaled_dot_product_attention(q, k, v)) == 2 * product
    assert count_flops(lambda: F.scaled_dot_product_attention(q, k, v).sum().backward()) == (
        7 * product
    )


def test_recomputed_blocks_are_counted_twice():
    """Checkpointing runs forward again, so its training step does more work, up to a third."""
    x = torch.randn(1, 3, 64, 64)
    plain, saving = (Heracles('nano', img_size=64, with_cp=cp) for cp in (False, True))
    once = count_flops(forward(plain, x, torch.float32))
    assert once == count_flops(forward(saving, x, torch.float32))
    step = count_flops(forward_backward(plain, x, torch.float32))
    again = count_flops(forward_backward(saving, x, torch.float32))
    assert step < again <= step + once
