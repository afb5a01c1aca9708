"""The backbone of a config with its weights, and a picture as it takes it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import MODELS, init_default_scope
from PIL import Image, ImageOps
from torch import Tensor

from heracles_mm.backbones.pyramid import Pyramid
from heracles_mm.checkpoints import load_weights
from heracles_mm.errors import UserError
from heracles_mm.forecasting.series_backbone import SeriesBackbone
from heracles_mm.runtime import decoding

IMAGENET = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
"""Of a config whose preprocessor names none."""


def trained_backbone(cfg: Config, checkpoint: str | None, series: bool = False) -> Any:
    """Build a config's backbone in eval mode, with the weights of a checkpoint of the whole model
    or of the backbone, or fresh ones.

    Args:
        cfg: of any library.
        checkpoint: file or URL, or None.
        series: a backbone over series will do too.

    Raises:
        UserError: the config has no backbone of this package.
        CheckpointError: the checkpoint cannot be read or does not hold the whole backbone.
    """
    part = (cfg.get('model') or {}).get('backbone')
    if not part:
        raise UserError(f'the config {cfg.filename} has no model.backbone to look at')
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    MMLogger.get_instance('trained_backbone', log_level='WARNING')  # a complete load is silent
    backbone = MODELS.build({**part, 'init_cfg': None})
    check_backbone(cfg, backbone, series)
    if checkpoint:
        load_weights(backbone, checkpoint, 'backbone.', strict=backbone.strict_loading)
    return backbone.eval()


def check_backbone(cfg: Config, backbone: object, series: bool = False) -> None:
    """Raise a UserError about a config whose backbone is not of this package."""
    if not isinstance(backbone, (Pyramid, SeriesBackbone) if series else Pyramid):
        what = 'over pictures or series' if series else 'over pictures'
        raise UserError(
            f'the config {cfg.filename} has a {type(backbone).__name__}: this needs a backbone of '
            f'this package {what}'
        )


def read_picture(path: str, cfg: Config, size: tuple[int, int]) -> Tensor:
    """A picture file, cut to the middle and resized to ``size`` (height, width), and normalised as
    the config's preprocessor does: (1, 3, H, W).

    Raises:
        DataError: the file is missing or no picture.
    """
    whole = Image.fromarray(decoding.read_picture(Path(path).expanduser()))
    image = ImageOps.fit(whole, size[::-1], Image.Resampling.BICUBIC)
    options = preprocessing(cfg)
    mean, std = (np.array(options.get(name) or IMAGENET[name], np.float32) for name in IMAGENET)
    pixels = (np.asarray(image, np.float32) - mean) / std  # (H, W, 3), RGB
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()


def preprocessing(cfg: Config) -> dict[str, Any]:
    """The config's data preprocessor, wherever its library looks for it; empty without one."""
    return cfg.model.get('data_preprocessor') or cfg.get('data_preprocessor') or {}
