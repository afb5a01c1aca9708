"""Low-rank adapters (LoRA, arXiv:2106.09685) beside chosen layers of any model, by peft.

Everything but the adapters, and what a config names beside them, stays as it was in a checkpoint
that the config names too, and is left out of the checkpoints of the run.
"""

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import Tensor, nn

from heracles_mm.checkpoints import CheckpointError, load_weights, read_checkpoint
from heracles_mm.checkpoints.loading import backbones_of, with_prefix
from heracles_mm.checkpoints.recognise import a_few, weights_of
from heracles_mm.checkpoints.same_kind import tensor_objection
from heracles_mm.errors import UsageError, UserError

ENTRY = 'heracles_mm_lora'
"""The checkpoint's entry that says which adapters it holds, and beside which weights."""


@dataclass(frozen=True)
class LoRA:
    """What a config's ``lora`` says.

    Args:
        targets: the layers that get an adapter (``Linear``, ``Conv2d``), by the ends of their
            names: ``'fc1'`` is that layer of every block.
        base: a checkpoint, file or URL, of the weights beside which the adapters are trained;
            without one they are those that the model has.
        rank: of an adapter's two matrices.
        alpha: an adapter's output is scaled by ``alpha / rank``.
        dropout: of an adapter's input, in training.
        trained: what is trained in full beside the adapters, and stored whole: every parameter with
            one of these between two dots of its name, such as ``'head'`` or ``'mixer.filter'``.

    Raises:
        UsageError: an option that does not exist, or a value that it does not take.
    """

    targets: tuple[str, ...]
    base: str | None = None
    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0
    trained: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ('targets', 'trained'):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        if not self.targets:
            raise UsageError('lora.targets names no layer: give it such as ["fc1", "fc2"]')
        if not (isinstance(self.rank, int) and self.rank > 0):
            raise UsageError(f'lora.rank must be a whole number above 0, got {self.rank!r}')

    @classmethod
    def of(cls, cfg: Config) -> 'LoRA':
        """The ``lora`` of a config."""
        options = dict(cfg.get('lora') or {})
        allowed = [field.name for field in fields(cls)]
        if unknown := sorted(options.keys() - allowed):
            raise UsageError(
                f'lora has no option {", ".join(unknown)}; it has {", ".join(allowed)}'
            )
        if 'targets' not in options:
            raise UsageError('the config has no lora.targets, the layers that get an adapter')
        if not options.get('base'):
            raise UsageError(
                'the config has no lora.base, the checkpoint of the weights that the adapters '
                'start from'
            )
        return cls(**options)


@dataclass(frozen=True)
class Adapters:
    """The adapters in a model.

    Attributes:
        tuner: peft's, which can merge them.
        frozen: the parameters that training leaves alone.
        noted: what a checkpoint of them says under ``ENTRY``.
    """

    tuner: Any
    frozen: frozenset[str]
    noted: dict[str, Any]

    def complete(self, model: nn.Module, checkpoint: dict[str, Any]) -> None:
        """Put the model's frozen parameters beside what a checkpoint of these adapters holds.

        Raises:
            CheckpointError: it holds no adapters, others, or such of other weights.
        """
        stored = checkpoint.get(ENTRY)
        if not isinstance(stored, dict):
            raise CheckpointError(
                'the checkpoint holds no adapters of a config with lora: name the weights that '
                'they start from as lora.base with load_from=None, and evaluate merged weights by '
                'the config without lora'
            )
        for name, own in self.noted.items():
            if stored.get(name) != own:
                what = 'sha256 of the weights in lora.base' if name == 'base' else f'lora.{name}'
                raise CheckpointError(
                    f'the checkpoint holds other adapters than the config: {what} was '
                    f'{stored.get(name)!r} and is {own!r}'
                )
        own_state = model.state_dict()
        for part, prefix in (('state_dict', ''), ('ema_state_dict', 'module.')):
            if part in checkpoint:
                frozen = {prefix + key: own_state[key] for key in self.frozen}
                checkpoint[part] = {**frozen, **checkpoint[part]}

    def strip(self, checkpoint: dict[str, Any]) -> None:
        """Take the frozen parameters out of a checkpoint."""
        checkpoint[ENTRY] = self.noted
        for part in {'state_dict', 'ema_state_dict'} & checkpoint.keys():
            checkpoint[part] = {
                key: value
                for key, value in checkpoint[part].items()
                if key.removeprefix('module.') not in self.frozen
            }


def adapt(model: nn.Module, lora: LoRA) -> Adapters:
    """Load ``lora.base`` into a model, put adapters into it and freeze what is not to be trained.

    An adapter begins as zero, so the model computes what it did with the weights of the base.

    Raises:
        UserError: peft is missing, or ``targets`` or ``trained`` name what the model has not.
        CheckpointError: the base cannot be read, or lacks something that would stay frozen.
    """
    try:
        import peft
    except ModuleNotFoundError:
        raise UserError("lora needs the package peft: pip install 'heracles-mm[lora]'") from None
    _check_names(model, lora)
    digest = _load_base(model, lora) if lora.base else None
    config = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=[*lora.targets],
    )
    try:
        tuner = peft.LoraModel(model, config, 'default')
    except ValueError as error:  # of layers that have no adapter
        raise UserError(f'lora.targets: {" ".join(str(error).split())}') from error
    for name, parameter in model.named_parameters():
        if _has(name.replace('.base_layer.', '.'), lora.trained):
            parameter.requires_grad_(True)
    model.train(model.training)  # backbones freeze their frozen_stages here
    frozen = (name for name, parameter in model.named_parameters() if not parameter.requires_grad)
    noted = {
        'rank': lora.rank,
        'alpha': float(lora.alpha),
        'targets': sorted(lora.targets),
        'trained': sorted(lora.trained),
        'base': digest,
    }
    return Adapters(tuner, frozenset(frozen), noted)


def merge(cfg: Config, checkpoint: dict[str, Any], weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the config's model with its adapters in them: those of an ordinary model.

    Args:
        cfg: with ``lora``.
        checkpoint: of its run.
        weights: of the checkpoint, the averaged ones or others.

    Raises:
        UserError, CheckpointError: as :func:`adapt`; or the checkpoint is not of this config.
    """
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmengine')):
        model = MODELS.build(cfg.model)
    adapters = adapt(model, LoRA.of(cfg))
    whole = {ENTRY: checkpoint.get(ENTRY), 'state_dict': weights}
    adapters.complete(model, whole)
    load_weights(model, whole)
    return adapters.tuner.merge_and_unload(safe_merge=True).state_dict()


def _check_names(model: nn.Module, lora: LoRA) -> None:
    parameters = [name for name, _ in model.named_parameters()]
    for part in lora.trained:
        if not any(_has(name, [part]) for name in parameters):
            parts = dict.fromkeys(name.partition('.')[0] for name in parameters)
            raise UserError(
                f"lora.trained: {part!r} is in no parameter's name; the parts of the model are "
                f'{", ".join(parts)}'
            )
    layers = [name for name, module in model.named_modules() if hasattr(module, 'weight')]
    for target in lora.targets:
        if not any(f'.{name}'.endswith(f'.{target}') for name in layers):
            ends = sorted({name.rpartition('.')[2] for name in layers})
            near = difflib.get_close_matches(target, ends) or ends
            raise UserError(
                f"lora.targets: no layer's name ends in {target!r}; names end in {a_few(near, 8)}"
            )


def _load_base(model: nn.Module, lora: LoRA) -> str:
    """Load what fits of ``lora.base``, and return the sha256 of what it holds.

    Raises:
        CheckpointError: something is missing that is not trained.
    """
    assert lora.base is not None
    checkpoint = read_checkpoint(lora.base)
    try:
        weights = weights_of(checkpoint)
        _load_frozen(model, weights, lora.trained)
    except CheckpointError as error:
        raise CheckpointError(f'{lora.base} (lora.base): {error}') from error
    return _digest(weights)


def _load_frozen(model: nn.Module, weights: dict[str, Tensor], trained: Iterable[str]) -> None:
    backbones = backbones_of(model)
    if len(backbones) == 1:
        weights = with_prefix(weights, *next(iter(backbones.items())))
    report = load_weights(model, weights, strict=False)
    for backbone in backbones.values():
        if backbone.load_report is not None and (objection := backbone.load_report.objection()):
            raise CheckpointError(objection)
    own = model.state_dict()
    if objection := tensor_objection({key: own[key] for key in report.loaded}, weights):
        raise CheckpointError(objection)
    lost = [key for key in (*report.missing, *report.misshapen) if not _has(key, trained)]
    if lost:
        raise CheckpointError(
            f'it lacks {len(lost)} tensors that would stay frozen and random ({a_few(lost)}): name '
            "their parts in lora.trained, such as ['head']"
        )


def _has(name: str, parts: Iterable[str]) -> bool:
    return any(f'.{part}.' in f'.{name}.' for part in parts)


def _digest(weights: Mapping[str, Tensor]) -> str:
    """The sha256 of names and bytes, the same whatever kind of file holds them."""
    digest = hashlib.sha256()
    for key in sorted(weights):
        tensor = weights[key].detach().cpu().contiguous()
        digest.update(f'{key} {tensor.dtype} {tuple(tensor.shape)}'.encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
