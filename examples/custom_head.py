import torch
from torch import Tensor, nn

from heracles_mm import Hamsa


class Heatmaps(nn.Module):
    """A map at a quarter of the size for each point: (B, 3, H, W) -> (B, K, h, w)."""

    def __init__(self, points: int, width: int = 64) -> None:
        super().__init__()
        self.backbone = Hamsa('nano', drop_path_rate=0.0)
        channels = self.backbone.out_channels  # (32, 64, 128, 192) at strides 4 to 32
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.out = nn.Conv2d(width, points, 3, padding=1)

    def forward(self, pictures: Tensor) -> Tensor:
        maps = [conv(x) for conv, x in zip(self.lateral, self.backbone(pictures))]
        size = maps[0].shape[2:]
        resized = [nn.functional.interpolate(x, size, mode='bilinear') for x in maps]
        return self.out(torch.stack(resized).sum(0))


model = Heatmaps(points=17)
heat = model(torch.randn(2, 3, 90, 122))  # no size needs to be a multiple of 32
heat.square().mean().backward()
print(tuple(heat.shape))  # (2, 17, 23, 31)
