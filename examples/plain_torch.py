import torch
from torch import nn

from heracles_mm import Heracles

torch.manual_seed(0)
backbone = Heracles('nano', spectral_stages=2, out_indices=(3,))
model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(192, 2))
optimizer = torch.optim.AdamW([*backbone.parameters(), *model.parameters()], lr=1e-3)

labels = torch.tensor([0, 1]).repeat(4)
pictures = torch.randn(8, 3, 64, 64) + labels.view(8, 1, 1, 1)  # class 1 is brighter
for step in range(8):
    (features,) = backbone(pictures)  # (8, 192, 2, 2)
    loss = nn.functional.cross_entropy(model(features), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f'step {step}: loss {loss.item():.3f}')
