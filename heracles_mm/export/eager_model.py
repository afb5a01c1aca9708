"""A checkpoint behind the interface of an exported file, run by torch."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from torch import Tensor

from heracles_mm.export.building import build_model, preprocessing
from heracles_mm.export.describing import describe
from heracles_mm.export.wrappers import Target, target
from heracles_mm.runtime.engines import Graph
from heracles_mm.runtime.model import Model


def eager_model(cfg: Config, checkpoint: str | None) -> Model:
    """The model of a config with a checkpoint's weights, for pictures of any size.

    Args:
        cfg: of mmdet, mmseg or mmpretrain.
        checkpoint: a file or URL; None leaves the weights random.

    Raises:
        UserError: the model is of a kind that cannot be exported either, or its test pipeline of
            one that has no description.
        CheckpointError: the checkpoint cannot be read, or lacks a part of the model.
    """
    built = build_model(cfg, checkpoint, only_backbone=False)
    made = target(built, 'model')
    name = Path(cfg.filename or '').stem
    about = describe(cfg, built, checkpoint, task=made.task, shape=None, name=name)
    find = made.own if made.compared == made.outputs else made.module
    divisor = preprocessing(cfg).get('pad_size_divisor', 1) if made.detects else 1

    @torch.inference_mode()
    def run(inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        image, *size = (torch.from_numpy(inputs[name]) for name in made.input_names)
        return [output.numpy() for output in find(_padded(image, divisor), *size)]

    return Model.of(Graph(run, _inputs(made), made.outputs, {}), about)


def _inputs(made: Target) -> dict[str, list[int | None]]:
    shapes: dict[str, list[int | None]] = {'image': [1, 3, None, None], 'size': [2]}
    return {name: shapes[name] for name in made.input_names}


def _padded(image: Tensor, divisor: int) -> Tensor:
    """Zeros below and on the right, as mmdet's preprocessor pads."""
    height, width = image.shape[2:]
    return F.pad(image, (0, -width % divisor, 0, -height % divisor))
