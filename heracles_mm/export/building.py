"""A config's model with a checkpoint's weights, for inference."""

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from heracles_mm.checkpoints import CheckpointError, LoudLoading, read_checkpoint
from heracles_mm.checkpoints.load_report import LoadReport
from heracles_mm.checkpoints.recognise import weights_of


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
    if checkpoint is None:
        return model.eval()
    backbone = getattr(model, 'backbone', None)
    if only_backbone and isinstance(backbone, LoudLoading):
        backbone.init_cfg = dict(type='Pretrained', checkpoint=checkpoint, prefix='backbone.')
        backbone.init_weights()
        return model.eval()
    weights = weights_of(read_checkpoint(checkpoint))
    if objection := LoadReport.of(model, weights).objection():
        raise CheckpointError(f'{checkpoint}: {objection}')
    model.load_state_dict(weights, strict=False)
    return model.eval()


def preprocessing(cfg: Config) -> dict:
    """The config's data preprocessor, wherever its library looks for it; empty without one."""
    return cfg.model.get('data_preprocessor') or cfg.get('data_preprocessor') or {}
