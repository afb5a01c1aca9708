"""What lies before the blocks of a stage: the stem, and the downsampling between stages."""

from torch import Tensor, nn

from heracles_mm.layers.channels_last import Conv2dLast

EMBED_NORM_EPS = 1e-5


class Stem(nn.Module):
    """Four convolutions and a LayerNorm: (B, 3, H, W) to (B, ceil(H / 4), ceil(W / 4), dim).

    Source: Heracles, upstream ``patch_embed1``.
    """

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, kernel, stride in ((3, 7, 2), (width, 3, 1), (width, 3, 1)):
            layers += [
                nn.Conv2d(inputs, width, kernel, stride, padding=kernel // 2, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
        self.convs = nn.Sequential(*layers)
        self.proj = nn.Conv2d(width, dim, 3, stride=2, padding=1)
        self.norm = nn.LayerNorm(dim, eps=EMBED_NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        x = self.proj(self.convs(x))
        return self.norm(x.permute(0, 2, 3, 1))  # (B, H / 4, W / 4, dim)


class Downsample(nn.Module):
    """Convolution 3x3 of stride 2 and a LayerNorm: (B, H, W, C) to (B, ceil(H/2), ceil(W/2), dim).

    Source: Heracles, upstream ``patch_embed{2,3,4}``.
    """

    def __init__(self, inputs: int, dim: int) -> None:
        super().__init__()
        self.proj = Conv2dLast(inputs, dim, 3, stride=2, padding=1)
        self.norm = nn.LayerNorm(dim, eps=EMBED_NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.proj(x))
