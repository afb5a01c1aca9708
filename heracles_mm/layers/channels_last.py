"""A convolution inside a network whose maps are (B, H, W, C)."""

import torch
from torch import Tensor, nn

from heracles_mm.spectral.eager import is_traced


class Conv2dLast(nn.Conv2d):
    """:class:`torch.nn.Conv2d` from (B, H, W, C_in) to (B, H', W', C_out).

    The permutations only change strides: to the kernel the map is an ordinary channels-last
    picture.
    """

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 3, 1, 2)
        y = self._in_float32(x) if self._is_miscomputed(x) else super().forward(x)
        return y.permute(0, 2, 3, 1)

    def _is_miscomputed(self, x: Tensor) -> bool:
        """Whether torch 2.12 gives wrong numbers on a processor with AMX: strided convolutions of
        bfloat16 maps of one or two columns do not even repeat themselves there."""
        if is_traced() or self.stride[1] == 1 or x.shape[3] > 2 or x.device.type != 'cpu':
            return False
        dtype = torch.get_autocast_dtype('cpu') if torch.is_autocast_enabled('cpu') else x.dtype
        return dtype == torch.bfloat16 and x.dtype != torch.float64

    def _in_float32(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.float()
        with torch.autocast('cpu', enabled=False):
            return self._conv_forward(x.float(), self.weight.float(), bias).bfloat16()
