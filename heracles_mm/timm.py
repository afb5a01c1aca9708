"""The backbones as classifiers and feature extractors in timm's registry.

``import heracles_mm.timm`` adds ``heracles_nano``, ``_s``, ``_b``, ``_l`` and the same of ``hamsa``
to what ``timm.create_model`` knows, ``heracles_nano_imagenette`` and ``hamsa_nano_imagenette`` too,
whose weights come with this package (``pretrained=True``), and so to what is built on it:
segmentation_models_pytorch (``tu-heracles_s``), transformers' TimmBackbone. Needs timm.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from timm.layers import ClassifierHead
from timm.models import (
    FeatureInfo,
    build_model_with_cfg,
    generate_default_cfgs,
    register_model,
    resolve_pretrained_cfg,
)
from timm.models._features import feature_take_indices
from torch import Tensor, nn
from torch.nn.modules.module import _IncompatibleKeys

from heracles_mm.backbones import Hamsa, Heracles
from heracles_mm.backbones.arch import ARCHS
from heracles_mm.backbones.pyramid import Pyramid
from heracles_mm.checkpoints.recognise import find_prefix, part_of, weights_of
from heracles_mm.checkpoints.shipped import shipped_weights
from heracles_mm.errors import UsageError

logger = logging.getLogger(__name__)

__all__: list[str] = []  # filled by register_model

Options = tuple[type[Heracles | Hamsa], str, dict[str, Any]]

NAMES: dict[str, Options] = {
    f'{family.__name__.lower()}_{arch}': (family, arch, {})
    for family in (Heracles, Hamsa)
    for arch in ARCHS
}
IMAGENETTE: dict[str, Options] = {  # as configs/*_nano_imagenette.py
    'heracles_nano_imagenette': (Heracles, 'nano', dict(spectral_stages=2, img_size=128)),
    'hamsa_nano_imagenette': (Hamsa, 'nano', dict(img_size=128)),
}

default_cfgs = generate_default_cfgs(
    {
        name: dict(
            input_size=(3, 224, 224),
            pool_size=(7, 7),
            crop_pct=0.96,  # as configs/_base_/datasets/imagenet.py
            first_conv='backbone.stages.0.embed.convs.0',
            classifier='head.fc',
        )
        for name in NAMES
    }
    | {
        name: dict(
            file=str(shipped_weights()[name]),
            num_classes=10,
            input_size=(3, 128, 128),
            pool_size=(4, 4),
            crop_pct=128 / 144,
            first_conv='backbone.stages.0.embed.convs.0',
            classifier='head.fc',
        )
        for name in IMAGENETTE
    }
)
NAMES |= IMAGENETTE


class _OnPyramid(nn.Module):
    """A model around ``backbone`` that reads timm's checkpoints and those of this package."""

    backbone: Pyramid

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """As torch's, for the weights of this model, of an mm model around the backbone, or of the
        backbone alone (:func:`checkpoint_filter_fn`).

        Raises:
            CheckpointError: ``strict``, and a part of the backbone is not in it.
        """
        weights = checkpoint_filter_fn(state_dict, self)
        missing, unexpected = [], []
        for name, child in self.named_children():
            keys = child.load_state_dict(part_of(weights, f'{name}.'), strict, assign)
            missing += [f'{name}.{key}' for key in keys.missing_keys]
            unexpected += [f'{name}.{key}' for key in keys.unexpected_keys]
        return _IncompatibleKeys(missing, unexpected)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        self.backbone.set_grad_checkpointing(enable)


class PyramidClassifier(_OnPyramid):
    """Backbone, global pooling, linear layer. Its tensors have the names of mmpretrain's classifier
    with ``GlobalAveragePooling`` and ``LinearClsHead``.

    Args:
        family: the class of the backbone.
        arch: its sizes.
        in_chans: channels of the pictures.
        num_classes: of the linear layer, 0 for none.
        global_pool: timm's name of a pooling, ``''`` (with ``num_classes=0``) for none.
        drop_rate: dropout before the linear layer.
        **options: the backbone's, such as ``img_size``, ``drop_path_rate``, ``spectral_stages``.

    Input: (B, in_chans, H, W). Output: (B, num_classes), or what is left without layers.
    """

    def __init__(
        self,
        family: type[Heracles | Hamsa],
        arch: str,
        in_chans: int = 3,
        num_classes: int = 1000,
        global_pool: str = 'avg',
        drop_rate: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__()
        self.in_chans = in_chans
        self.num_classes = num_classes
        self.backbone = family(arch, in_channels=in_chans, out_indices=-1, **options)
        self.num_features = self.backbone.num_features
        self.feature_info = [
            {**info, 'module': f'backbone.{info["module"]}'} for info in self.backbone.feature_info
        ]
        self.head = ClassifierHead(self.num_features, num_classes, global_pool, drop_rate)
        self._init_classifier()

    def _init_classifier(self) -> None:
        if self.num_classes:
            nn.init.trunc_normal_(self.head.fc.weight, std=0.02)
            nn.init.zeros_(self.head.fc.bias)

    @property
    def head_hidden_size(self) -> int:
        """Channels of what the linear layer sees."""
        return self.head.num_features

    def forward_features(self, x: Tensor) -> Tensor:
        """The last map, (B, C, H / 32, W / 32), after its norm."""
        return self.backbone(x)[-1]

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        return self.head(x, pre_logits=pre_logits)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = 'NCHW',
        intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:
        """Maps (B, C_i, H / s, W / s) of stages, and the last one.

        Args:
            x: pictures (B, in_chans, H, W).
            indices: stages, negative ones from the end; a number for as many last ones, None for
                all.
            norm, stop_early: without effect, since every stage ends with its norm, and none is
                computed that is not needed.
            output_fmt: ``'NCHW'``.
            intermediates_only: give no last map.
        """
        if output_fmt != 'NCHW':
            raise UsageError(f"output_fmt must be 'NCHW', got {output_fmt!r}")
        last = len(self.backbone.stages) - 1
        taken, _ = feature_take_indices(last + 1, indices)
        wanted = sorted({*taken} if intermediates_only else {*taken, last})
        maps = dict(zip(wanted, self.backbone(x, out_indices=wanted)))
        found = [maps[index] for index in taken]
        return found if intermediates_only else (maps[last], found)

    def prune_intermediate_layers(
        self,
        indices: int | Sequence[int] = 1,
        prune_norm: bool = False,
        prune_head: bool = True,
    ) -> list[int]:
        """Drop the stages after the last of ``indices``, and the head; gives stages from 0."""
        taken, last = feature_take_indices(len(self.backbone.stages), indices)
        self.backbone.stages = self.backbone.stages[: last + 1]
        self.backbone.out_indices = (last,)
        if prune_head:
            self.reset_classifier(0, '')
        return taken

    def get_classifier(self) -> nn.Module:
        return self.head.fc

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """A fresh linear layer for so many classes, none for 0."""
        self.num_classes = num_classes
        self.head.reset(num_classes, global_pool)
        self._init_classifier()

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Groups of layers for layer-wise decay: the depths of :meth:`Pyramid.get_layer_depth`, or
        stages."""
        stage, last = r'^backbone\.stages\.(\d+)', len(self.backbone.stages) - 1
        if coarse:
            return dict(stem=r'^backbone\.stages\.0\.embed', blocks=stage)
        return dict(
            stem=r'^backbone\.stages\.0\.embed',
            blocks=[
                (rf'{stage}\.embed', (0,)),
                (rf'{stage}\.blocks\.(\d+)', None),
                (rf'^backbone\.stages\.(?!{last}\.)(\d+)\.norm', (99999,)),
            ],
        )

    def no_weight_decay(self) -> set[str]:
        """Nothing beyond biases and norms, which timm leaves out itself."""
        return set()


class PyramidFeatures(_OnPyramid):
    """What ``features_only=True`` gives: a list of maps (B, C_i, H / s, W / s).

    Args:
        model: whose backbone it takes, without the stages that are not needed.
        out_indices: stages, negative ones from the end; a number for as many last ones.
    """

    def __init__(self, model: PyramidClassifier, out_indices: int | Sequence[int]) -> None:
        super().__init__()
        taken = model.prune_intermediate_layers(out_indices)
        self.backbone = model.backbone
        self.backbone.out_indices = tuple(sorted(taken))
        self.feature_info = FeatureInfo(model.feature_info[: max(taken) + 1], tuple(taken))
        # transformers writes to this for all hidden states
        self.return_layers = {self.feature_info[i]['module']: str(i) for i in taken}

    def forward(self, x: Tensor) -> list[Tensor]:
        taken = [int(index) for index in self.return_layers.values()]
        wanted = sorted(set(taken))
        maps = dict(zip(wanted, self.backbone(x, out_indices=wanted)))
        return [maps[index] for index in taken]


def checkpoint_filter_fn(state_dict: Mapping[str, Any], model: _OnPyramid) -> dict[str, Tensor]:
    """The weights for ``model`` of what a checkpoint holds: its own, those of a classifier,
    detector or segmentor around the backbone, or those of a backbone.

    A linear layer for other classes, or one that reads a class token, is left out and what
    ``model`` has stands in its place; the log says so.

    Raises:
        CheckpointError: there are no weights, or several backbones.
    """
    weights = weights_of(dict(state_dict))
    place = find_prefix(weights, model.backbone, 'backbone.')
    found = {f'backbone.{key}': value for key, value in part_of(weights, place).items()}
    if not isinstance(model, PyramidClassifier):
        return found
    head = {f'head.{key}': value for key, value in model.head.state_dict().items()}
    stored = {key: weights[key] for key in head if key in weights}
    if any(key.startswith('neck.') for key in weights):
        why = 'that of the checkpoint reads what a neck makes'
    elif len(stored) < len(head):
        why = 'the checkpoint has none'
    elif any(stored[key].shape != value.shape for key, value in head.items()):
        why = f'that of the checkpoint is for {len(next(iter(stored.values())))} classes'
    else:
        return {**found, **stored}
    if head:
        logger.warning('the linear layer keeps its weights: %s', why)
    return {**found, **head}


def _create(name: str, pretrained: bool, options: dict[str, Any]) -> nn.Module:
    family, arch, needed = NAMES[name]
    cfg = resolve_pretrained_cfg(
        name, options.get('pretrained_cfg'), options.get('pretrained_cfg_overlay')
    )
    if pretrained and not (cfg.has_weights or cfg.state_dict):
        raise UsageError(
            f'{name} has no published weights (those of {", ".join(IMAGENETTE)} are): use '
            'pretrained=False, and checkpoint_path=... for weights of your own'
        )
    return build_model_with_cfg(
        PyramidClassifier,
        name,
        pretrained,
        feature_cfg=dict(out_indices=(0, 1, 2, 3), feature_cls=PyramidFeatures),
        pretrained_filter_fn=checkpoint_filter_fn,
        family=family,
        arch=arch,
        **{**needed, **options},
    )


def _register(name: str) -> None:
    def create(pretrained: bool = False, **options: Any) -> nn.Module:
        return _create(name, pretrained, options)

    create.__name__ = create.__qualname__ = name
    globals()[name] = register_model(create)


for _name in NAMES:
    _register(_name)
