"""The picture of docs/visualize.md: effective receptive fields of ours beside the peers'.

Fresh weights and noise: what the architectures let through before they have learnt anything.
ConvNeXt's layer scale is 1: the 1e-6 that it starts with silences all blocks.

    python benchmarks/receptive_fields.py --out docs/images/receptive_fields.png
"""

from collections.abc import Callable
from pathlib import Path

import timm
import torch
from common import log, options
from torch import Tensor, nn

from heracles_mm import Hamsa, Heracles
from heracles_mm.visualization import effective_receptive_field, plot_receptive_fields, save_figure


class Peer(nn.Module):
    """A model of timm, whose ``stages`` give its maps as ours do, (B, H, W, C)."""

    def __init__(self, name: str, channels_last: bool, **options: float) -> None:
        super().__init__()
        self.model = timm.create_model(name, features_only=True, **options)
        self.channels_last = channels_last
        self.stages = nn.ModuleList(nn.Identity() for _ in self.model.feature_info)

    def forward(self, x: Tensor) -> None:
        for stage, features in zip(self.stages, self.model(x), strict=True):
            stage(features if self.channels_last else features.permute(0, 2, 3, 1))


MODELS: dict[str, Callable[[], nn.Module]] = {
    'Heracles-S': lambda: Heracles('s'),
    'HAMSA-S': lambda: Hamsa('s'),
    'Swin-T': lambda: Peer('swin_tiny_patch4_window7_224', channels_last=True),
    'ConvNeXt-T': lambda: Peer('convnext_tiny', channels_last=False, ls_init_value=1.0),
}


def main() -> None:
    args = options(__doc__, stage=3, pictures=2, out='receptive_fields.png')
    pictures = torch.randn(args.pictures, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    fields = {}
    for name, build in MODELS.items():
        log(name)
        torch.manual_seed(0)
        fields[name] = effective_receptive_field(build().eval(), pictures, args.stage)
    title = f'effective receptive field of stage {args.stage}, fresh weights'
    save_figure(plot_receptive_fields(title, fields), Path(args.out))


if __name__ == '__main__':
    main()
