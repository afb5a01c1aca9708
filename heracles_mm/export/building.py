"""A config's model with a checkpoint's weights, for inference."""

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from heracles_mm.checkpoints import CheckedLoading, load_weights


def build_model(cfg: Config, checkpoint: str | None, only_backbone: bool) -> nn.Module:
    """Build ``cfg.model`` and load ``checkpoint``, a file or URL, wholly; None leaves it random.

    Args:
        cfg: of mmdet, mmseg or mmpretrain.
        checkpoint: of the model; with ``only_backbone`` any that holds its backbone.
        only_backbone: the rest of the model is not going to be used.

    Raises:
        CheckpointError: it cannot be read, or lacks a part of what is used.
    """
    torch.manual_seed(0)
    settings = cfg.model.copy()
    if preprocessor := preprocessing(cfg):
        settings.data_preprocessor = preprocessor
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmengine')):
        model = MODELS.build(settings)
    if isinstance(embedding := getattr(model, 'level_embed', None), nn.Parameter):
        nn.init.normal_(embedding)  # mmdet's DINO has what the memory held until init_weights()
    backbone = getattr(model, 'backbone', None)
    if checkpoint and only_backbone and isinstance(backbone, CheckedLoading):
        load_weights(backbone, checkpoint, 'backbone.', strict=backbone.strict_loading)
    elif checkpoint:
        load_weights(model, checkpoint)
    return model.eval()


def preprocessing(cfg: Config) -> dict:
    """The config's data preprocessor, wherever its library looks for it; empty without one."""
    return cfg.model.get('data_preprocessor') or cfg.get('data_preprocessor') or {}
