"""The classifier that makes label maps: built, with its weights, and described."""

import hashlib
import os
from pathlib import Path

import mmpretrain
from mmengine.config import Config
from mmengine.device import get_device
from torch import Tensor, nn

from heracles_mm.checkpoints import read_checkpoint, read_plain_checkpoints_only
from heracles_mm.checkpoints.recognise import a_few, weights_of
from heracles_mm.errors import LabelMapError
from heracles_mm.token_labels.dense_scores import DenseScores
from heracles_mm.token_labels.label_map_files import Manifest


def load_labeller(
    classifier: str, checkpoint: str | None, trusted: bool, topk: int, grid: int
) -> tuple[DenseScores, Manifest]:
    """Build a classifier and say what maps it makes.

    Args:
        classifier: a config file (.py), or a name of mmpretrain's ``list_models``.
        checkpoint: file or URL; None for the weights that belong to the name.
        trusted: whether the checkpoint may hold Python objects.
        topk: classes kept at a position, at most all but one.
        grid: positions on each axis.

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
    _load_weights(model, weights_of(content), path)
    scores = DenseScores(model.to(get_device()))
    meta = (content.get('meta') or {}).get('dataset_meta') or model._dataset_meta
    classes = [str(name) for name in meta.get('classes') or ()]
    if classes and len(classes) != scores.num_classes:
        raise LabelMapError(
            f'the class list of {path} has {len(classes)} names and the classifier '
            f'{scores.num_classes} classes: take the checkpoint of this config'
        )
    return scores, Manifest(
        classes=classes,
        num_classes=scores.num_classes,
        classifier=Path(classifier).name.removesuffix('.py'),
        checkpoint=_identity(path),
        topk=min(topk, scores.num_classes - 1),
        grid=grid,
    )


def _load_weights(model: nn.Module, weights: dict[str, Tensor], path: str) -> None:
    own = model.state_dict()
    wrong = [
        key
        for key in {*weights, *own}
        if key not in weights or key not in own or weights[key].shape != own[key].shape
    ]
    if wrong:
        raise LabelMapError(
            f'the checkpoint {path} is not of this classifier: {len(wrong)} of its tensors and the '
            f"model's differ in name or shape ({a_few(sorted(wrong))})"
        )
    model.load_state_dict(weights)


def _identity(path: str) -> str:
    if not os.path.isfile(path):
        return path
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return f'{os.path.basename(path)}, sha256 {digest[:12]}'
