import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.ops.feature_pyramid_network import (
    FeaturePyramidNetwork,
    LastLevelMaxPool,
)

from heracles_mm import Heracles


class HeraclesPyramid(nn.Module):
    """(B, 3, H, W) -> five maps of one width at strides 4 to 64, for FasterRCNN."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.backbone = Heracles('nano', spectral_stages=2)
        channels = self.backbone.out_channels
        self.pyramid = FeaturePyramidNetwork(channels, width, LastLevelMaxPool())
        self.out_channels = width  # FasterRCNN reads it

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        maps = self.backbone(pictures)
        return self.pyramid({str(stage): x for stage, x in enumerate(maps)})


torch.manual_seed(0)
sizes = dict(min_size=96, max_size=128)
model = FasterRCNN(HeraclesPyramid(), 2, **sizes, box_score_thresh=0.0)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

pictures, targets = [], []  # a bright square each, in pictures of two sizes
for height, width, corner in ((96, 128, 20), (96, 96, 40)):
    picture = torch.rand(3, height, width) / 2
    picture[:, corner : corner + 32, corner : corner + 32] += 0.5
    pictures.append(picture)
    box = torch.tensor([[corner, corner, corner + 32, corner + 32]], dtype=torch.float)
    targets.append({'boxes': box, 'labels': torch.tensor([1])})  # 0 is the background

for step in range(2):
    losses = model(pictures, targets)
    loss = sum(losses.values())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f'step {step}: loss {loss.item():.2f}')

model.eval()
with torch.no_grad():
    for found in model(pictures):
        print('boxes, labels and scores:', *(tuple(x.shape) for x in found.values()))
