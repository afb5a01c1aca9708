"""A convolution inside a network whose maps are (B, H, W, C)."""

from torch import Tensor, nn


class Conv2dLast(nn.Conv2d):
    """:class:`torch.nn.Conv2d` from (B, H, W, C_in) to (B, H', W', C_out).

    The permutations only change strides: to the kernel the map is an ordinary channels-last
    picture.
    """

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
