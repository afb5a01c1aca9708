"""Small models of all tasks with weights that make them find something, and their files."""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from torch import nn

from heracles_mm.cli import export_onnx
from heracles_mm.datasets.scenes import compose_scene
from heracles_mm.datasets.spec import ScenesSpec
from heracles_mm.export.building import build_model

CONFIGS = Path(__file__).parent / 'configs'

ARGUMENTS = {
    'instances': ('--shape', '64', '96'),
    'boxes': ('--shape', '64', '96'),
    'masks': ('--shape', '64', '96'),
    'queries': ('--shape', '64', '96'),
    'mask_segments': ('--any-size', '--shape', '64'),
    'segments': ('--any-size', '--shape', '64'),
    'classes': ('--shape', '64'),
}
SCORES = ('rpn_cls', 'fc_cls', 'retina_cls', 'gfl_cls', 'conv_logits', 'conv_seg', 'head.fc')
SCORES += ('cls_embed', 'cls_branches', 'mask_embed.4')
"""Last layers, whose fresh weights are so small that all classes look alike."""


class Exported(NamedTuple):
    """A config, a checkpoint of it, and its file."""

    config: Path
    checkpoint: Path
    file: Path


def decided(model: nn.Module) -> nn.Module:
    """Scores that are far from each other, so that no order and no threshold hangs on rounding."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(word in name for word in SCORES) and parameter.dim() > 1:
                parameter.mul_(8)
            if name.endswith(('rpn_cls.bias', 'gfl_cls.bias', 'retina_cls.bias')):
                parameter.zero_()
    return model.eval()


def make(name: str, folder: Path) -> Exported:
    """Write a checkpoint of a config of ``configs/`` and export it."""
    config, checkpoint = CONFIGS / f'{name}.py', folder / f'{name}.pth'
    cfg = Config.fromfile(config)
    model = decided(build_model(cfg, None, only_backbone=False))
    count = dict(instances=5, segments=9, classes=10).get(name, 3)
    meta = {'classes': tuple(f'{name} {label}' for label in range(count))}
    torch.save({'state_dict': model.state_dict(), 'meta': {'dataset_meta': meta}}, checkpoint)
    made = Exported(config, checkpoint, folder / f'{name}.onnx')
    argv = [config, checkpoint, '--out', made.file, '--rounds', 0, *ARGUMENTS[name]]
    with redirect_stdout(StringIO()):
        assert export_onnx.main([str(word) for word in argv]) == 0
    return made


def scene(height: int, width: int, index: int = 0) -> np.ndarray:
    """A picture (height, width, 3) uint8, RGB."""
    spec = ScenesSpec(size=max(96, height, width))
    return compose_scene(spec, 'val', index).image[:height, :width, ::-1].copy()
