"""Backbones whose every part speaks in the output, which fresh weights near zero do not let."""

import torch
from torch import nn

from heracles_mm import Hamsa, Heracles

ARCH = dict(stem_width=8, embed_dims=(32,) * 4, depths=(1, 1, 1, 1), mlp_ratios=(2,) * 4)

VARIANTS = {
    'heracles-cosine': (Heracles, dict()),
    'heracles-hartley': (Heracles, dict(transform='hartley')),
    'heracles-convolution': (Heracles, dict(transform='hartley', hartley_product='convolution')),
    'heracles-kv-grid': (Heracles, dict(kv_grid=3)),
    'hamsa-complex': (Hamsa, dict()),
    'hamsa-real': (Hamsa, dict(kernel='real')),
    'hamsa-grid': (Hamsa, dict(fft_axes='grid')),
    'hamsa-grid-real': (Hamsa, dict(fft_axes='grid', kernel='real')),
}


def backbone(name: str, **options) -> nn.Module:
    """The named variant in eval mode, for 64 px where the options name no size."""
    torch.manual_seed(0)
    kind, variant = VARIANTS[name]
    return loud(kind(**{'arch': ARCH, 'img_size': 64, **variant, **options}))


def loud(model: nn.Module) -> nn.Module:
    """Weights five times as large, and norms with statistics of their own."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(5 * parameter if parameter.dim() > 1 else parameter + 0.1)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
    return model.eval()
