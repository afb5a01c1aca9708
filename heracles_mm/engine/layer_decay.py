"""Layer-wise learning-rate decay: the nearer to the picture, the less a pretrained layer moves."""

from typing import Any

from mmengine.logging import print_log
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from heracles_mm.engine.param_groups import format_param_groups, param_groups
from heracles_mm.errors import UsageError

PARAMWISE_OPTIONS = (
    'decay_rate',
    'backbone_lr_mult',
    'norm_decay_mult',
    'bias_decay_mult',
    'dwconv_decay_mult',
    'flat_decay_mult',
    'bias_lr_mult',
    'dcn_offset_lr_mult',
    'custom_keys',
    'bypass_duplicate',
)
CUSTOM_KEY_OPTIONS = ('lr_mult', 'decay_mult')


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's default constructor with a learning rate that decays towards the picture.

    A parameter gets the rate that mmengine's constructor gives it, times
    ``decay_rate ** (count - depth - 1)``, where (depth, count) is what the backbone's
    ``get_layer_depth(name, prefix)`` answers; the heads keep the full rate. Source: BEiT
    (arXiv:2106.08254), as mmpretrain's ``LearningRateDecayOptimWrapperConstructor``, which knows
    classifiers only.

    Weight decay is mmengine's. Frozen parameters are left out, shared ones are taken once under
    their first name. The groups are logged, one line for each rate and weight decay.

    Args:
        optim_wrapper_cfg: as mmengine's; the optimizer must say its ``lr``, above 0.
        paramwise_cfg: ``decay_rate`` in (0, 1], ``backbone_lr_mult`` (above 0, default 1), a factor
            on the whole backbone's rate, and mmengine's options. A custom key on 'backbone' would
            do the same to the rate and give its norms and biases weight decay again.

    Raises:
        TypeError: an option that does not exist.
        ValueError: ``decay_rate`` is missing or out of range, ``backbone_lr_mult`` is not above 0,
            there is no ``lr``, the model has no backbone with ``get_layer_depth``, or a custom key
            is in no parameter's name.
    """

    paramwise_cfg: dict

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        super().__init__(optim_wrapper_cfg, paramwise_cfg)
        self.paramwise_cfg = {'bypass_duplicate': True, **self.paramwise_cfg}

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimizer wrapper of ``model``, which may be wrapped for several processes."""
        wrapper = super().__call__(model)
        table = format_param_groups(param_groups(model, wrapper.optimizer))
        print_log(f'layer decay {self.paramwise_cfg["decay_rate"]}:\n{table}', logger='current')
        return wrapper

    def add_params(
        self, params: list[dict], module: nn.Module, prefix: str = '', is_dcn_module: Any = None
    ) -> None:
        """Append the groups of ``module``, one for each parameter; called for its children too."""
        super().add_params(params, module, prefix, is_dcn_module)
        if not prefix:  # all children are done
            self._decay(params, module)

    def _decay(self, groups: list[dict], model: nn.Module) -> None:
        prefix, backbone = _find_backbone(model)
        names = {param: name for name, param in model.named_parameters()}
        for key in self.paramwise_cfg.get('custom_keys', {}):
            if not any(key in name for name in names.values()):
                raise UsageError(
                    f"paramwise_cfg.custom_keys: {key!r} is in no parameter's name, the first of "
                    f'which is {next(iter(names.values()))}'
                )
        for group in groups:
            (param,) = group['params']
            depth, count = backbone.get_layer_depth(names[param], prefix)
            scale = self.paramwise_cfg['decay_rate'] ** (count - depth - 1)
            if names[param].startswith(prefix):
                scale *= self.paramwise_cfg.get('backbone_lr_mult', 1)
            group['lr'] = group.get('lr', self.base_lr) * scale

    def _validate_cfg(self) -> None:
        super()._validate_cfg()
        _reject_unknown('paramwise_cfg', self.paramwise_cfg, PARAMWISE_OPTIONS)
        for key, options in self.paramwise_cfg.get('custom_keys', {}).items():
            _reject_unknown(f'paramwise_cfg.custom_keys[{key!r}]', options, CUSTOM_KEY_OPTIONS)
        rate = self.paramwise_cfg.get('decay_rate')
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate <= 1:
            raise UsageError(
                f'paramwise_cfg.decay_rate must be a number above 0 and at most 1, got {rate!r}'
            )
        mult = self.paramwise_cfg.get('backbone_lr_mult', 1)
        if isinstance(mult, bool) or not isinstance(mult, (int, float)) or not mult > 0:
            raise UsageError(
                f'paramwise_cfg.backbone_lr_mult must be a number above 0, got {mult!r}; to leave '
                'the backbone as it is, give it frozen_stages'
            )
        if not self.base_lr:
            raise UsageError('layer decay scales the lr of the optimizer: give it one above 0')


def _find_backbone(model: nn.Module) -> tuple[str, Any]:
    """Name with a trailing dot, and module: ``model.backbone``, wrapped or not, or the model."""
    prefix, module = '', model
    for name in ('backbone', 'module'):
        child = getattr(module, name, None)
        if isinstance(child, nn.Module):
            prefix, module = f'{prefix}{name}.', child
    if not hasattr(module, 'get_layer_depth'):
        raise UsageError(
            'layer decay needs a backbone with get_layer_depth(param_name, prefix), such as '
            f"Heracles, HAMSA or mmpretrain's; {type(module).__name__} has none"
        )
    return prefix, module


def _reject_unknown(owner: str, options: dict, allowed: tuple[str, ...]) -> None:
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        raise UsageError(f'{owner} has no option {", ".join(unknown)}; it has {", ".join(allowed)}')
