"""What kind of work an operator does, given the modules that it runs in."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import nn

from heracles_mm.spectral import SAGU, SpectralFilter, SpectralPulseNet, TokenKernel

Kind = Literal['conv', 'linear', 'attention', 'transform', 'fft', 'gates', 'other']

KINDS: dict[Kind, str] = {
    'conv': 'convolution',
    'linear': 'linear',
    'attention': 'attention',
    'transform': 'transform by matmul',
    'fft': 'FFT',
    'gates': 'spectral gates',
    'other': 'other',
}
"""Kind -> its name in a table. Attention is QK^T and AV alone; its projections are linear. Spectral
gates are the weights of SpectralPulseNet and SAGU."""

aten = torch.ops.aten
CONVOLUTIONS = {aten.convolution, aten._convolution, aten.convolution_backward}
CONVOLUTIONS |= {aten.cudnn_convolution, aten._slow_conv2d_forward}
FFTS = {aten._fft_r2c, aten._fft_c2r, aten._fft_c2c}
LINEAR = {aten.mm, aten.addmm}
BATCHED = {aten.bmm, aten.baddbmm}


def kind_of(operator: Any, modules: Sequence[nn.Module]) -> Kind:
    """The kind of an aten operator that runs inside ``modules``, outermost first.

    A product of two batches of matrices outside of our spectral modules is one of activations with
    each other: attention written out.
    """
    if operator in CONVOLUTIONS:
        return 'conv'
    if operator in FFTS:
        return 'fft'
    if operator in LINEAR | BATCHED:
        if any(isinstance(module, SAGU | SpectralPulseNet) for module in modules):
            return 'gates'
        if any(isinstance(module, SpectralFilter | TokenKernel) for module in modules):
            return 'transform'
        return 'linear' if operator in LINEAR else 'attention'
    return 'attention' if 'attention' in str(operator) else 'other'
