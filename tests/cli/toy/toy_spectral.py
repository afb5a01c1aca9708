"""The toy with a real backbone of this package: a tiny Heracles, a neck and a head."""

import torch
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from torch import nn

import heracles_mm  # noqa: F401

ARCH = dict(stem_width=4, embed_dims=[32] * 4, depths=[1] * 4, mlp_ratios=[1] * 4)


@MODELS.register_module()
class ToySpectral(BaseModel):
    def __init__(self, classes=1, init_cfg=None, **options):
        super().__init__(init_cfg=init_cfg)
        options = {'type': 'Heracles', 'arch': ARCH, 'img_size': 32, **options}
        self.backbone = MODELS.build(options)
        self.neck = nn.Linear(32, 8)
        self.head = nn.Linear(8, classes)

    def forward(self, x, y, mode='tensor'):
        pictures = torch.stack(list(x))[..., None, None].expand(-1, -1, 32, 32)
        prediction = self.head(self.neck(self.backbone(pictures)[-1].mean((-2, -1))))
        if mode == 'loss':
            return {'loss': (prediction - torch.stack(list(y))).square().mean()}
        return list(prediction[:, 0])
