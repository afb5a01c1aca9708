"""The classifier that makes label maps: built, with its weights, and described."""

import os
from hashlib import sha256
from pathlib import Path

import mmpretrain
from mmengine.config import Config
from mmengine.device import get_device
from torch import nn

from heracles_mm.checkpoints import load_weights, read_checkpoint, read_plain_checkpoints_only
from heracles_mm.errors import CheckpointError, LabelMapError
from heracles_mm.token_labels.dense_scores import DenseScores
from heracles_mm.token_labels.label_map_files import Manifest


def load_labeller(
    classifier: str, checkpoint: str | None, trusted: bool, topk: int, grid: int
) -> tuple[DenseScores, Manifest]:
    """Build a classifier, with a manifest of the maps it makes.

    Args:
        classifier: a config file (.py), or a name of mmpretrain's ``list_models``.
        checkpoint: file or URL; None for the weights that belong to the name.
        trusted: whether the checkpoint may hold Python objects.
        topk, grid: of the manifest; topk is at most all classes but one.

    Raises:
        LabelMapError: there is no such classifier, its weights or classes are of another one, or it
            has no dense scores.
        CheckpointError: the checkpoint cannot be read.
    """
    is_config = classifier.endswith('.py')
    if is_config and not os.path.isfile(classifier):
        raise LabelMapError(f'the config file {classifier} does not exist')
    try:
        model = mmpretrain.get_model(Config.fromfile(classifier) if is_config else classifier)
    except ValueError as error:
        if is_config:
            raise
        raise LabelMapError(
            f'{classifier} is neither a config file (.py) nor a name of mmpretrain.list_models()'
        ) from error
    path = checkpoint or getattr(model._metainfo, 'weights', None)
    if not path:
        raise LabelMapError(f'{classifier} needs its weights: give them with --checkpoint')
    with read_plain_checkpoints_only(path if trusted else None):
        content = read_checkpoint(path)
    _load(model, content, path)
    scores = DenseScores(model.to(get_device()))
    meta = (content.get('meta') or {}).get('dataset_meta') or model._dataset_meta
    classes = [str(name) for name in meta.get('classes') or ()]
    if classes and len(classes) != scores.num_classes:
        raise LabelMapError(
            f'the class list of {path} has {len(classes)} names and the classifier '
            f'{scores.num_classes} classes: take the checkpoint of this config'
        )
    identity = path
    if os.path.isfile(path):
        digest = sha256(Path(path).read_bytes()).hexdigest()
        identity = f'{os.path.basename(path)}, sha256 {digest[:12]}'
    return scores, Manifest(
        classes=classes,
        num_classes=scores.num_classes,
        classifier=Path(classifier).name.removesuffix('.py'),
        checkpoint=identity,
        topk=min(topk, scores.num_classes - 1),
        grid=grid,
    )


def _load(model: nn.Module, content: dict, path: str) -> None:
    try:
        unexpected = load_weights(model, content).unexpected
    except CheckpointError as error:
        raise LabelMapError(f'{path} is not of this classifier: {error}') from error
    if unexpected:
        raise LabelMapError(
            f'{path} is not of this classifier: {len(unexpected)} of its tensors are not used, '
            f'such as {unexpected[0]}'
        )
