"""What can be measured: our backbones with any option, and peers from timm."""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from heracles_mm import Hamsa, Heracles
from heracles_mm.errors import UserError

FAMILIES = {'heracles': Heracles, 'hamsa': Hamsa}
ARCHS = ('nano', 's', 'b', 'l')

OURS: dict[str, tuple[str, dict[str, object]]] = {
    **{f'{family}_{arch}': (family, {'arch': arch}) for family in FAMILIES for arch in ARCHS},
    **{f'heracles_{arch}_a2': ('heracles', {'arch': arch, 'spectral_stages': 2}) for arch in ARCHS},
    **{f'hamsa_{arch}_real': ('hamsa', {'arch': arch, 'kernel': 'real'}) for arch in ARCHS},
}
"""Short names of ours -> (family, options)."""

OURS_IN_SHORT = (
    f'heracles_X, heracles_X_a2, hamsa_X, hamsa_X_real with X one of {", ".join(ARCHS)}, or '
    'heracles or hamsa with options'
)

PEERS: dict[str, tuple[str, dict[str, object]]] = {
    'swin_t': ('swin_tiny_patch4_window7_224', {}),
    'convnext_t': ('convnext_tiny', {}),
    'deit_s': ('deit_small_patch16_224', {}),
    'pvt_v2_b2': ('pvt_v2_b2', {'channels_last': True}),  # forward in 0.6 of the time
}
"""Short names of peers -> (timm's, options); any other name of timm is understood as well."""

DROP_PATH_RATE = 0.1
"""Of every candidate, ours and peers', so that training steps do the same kind of work."""

Build = Callable[[tuple[int, ...]], nn.Module]
"""From an input shape (B, C, H, W) to a module, with random weights, that gives some tensors."""


@dataclass(frozen=True)
class Candidate:
    """Something to measure: the name that the user wrote, how it is built, in words and as a
    function, and whether it is ours, of which torch.compile must find one graph without a break."""

    name: str
    built: str
    build: Build
    is_ours: bool


def candidate(text: str) -> Candidate:
    """The candidate of ``NAME`` or ``NAME:OPTION=VALUE,...``, such as ``heracles:arch=s``.

    The option ``channels_last`` is our own and holds for every model: its convolutions' weights,
    and so their maps, are laid out channels last.

    Raises:
        UserError: no such model, an option without a value, or a peer while timm is missing.
    """
    name, _, rest = text.partition(':')
    full_name, preset = {**OURS, **PEERS}.get(name, (name, {}))
    options = {'drop_path_rate': DROP_PATH_RATE, **preset, **_options(rest, text)}
    channels_last = options.pop('channels_last', False)
    ours = full_name in FAMILIES
    if ours:
        backbone: Any = FAMILIES[full_name]
        make, title, sized = backbone, backbone.__name__, True
    else:
        make, title, sized = _peer(text, full_name, options)

    def build(shape: tuple[int, ...]) -> nn.Module:
        model = make(**({'img_size': shape[-2:]} if sized else {}) | options)
        return model.to(memory_format=torch.channels_last) if channels_last else model

    shown = {'img_size': '(H, W)'} if sized else {}
    built = f'{title}({", ".join(f"{key}={value}" for key, value in (shown | options).items())})'
    return Candidate(text, built + (', channels last' if channels_last else ''), build, ours)


def _options(text: str, whole: str) -> dict[str, object]:
    """``a=1,b=(2, 3),c=word``; values are Python literals, or else words."""
    options: dict[str, object] = {}
    for part in re.split(r',(?=\s*\w+=)', text) if text else ():
        key, equals, value = part.partition('=')
        if not (equals and key and value):
            raise UserError(f'{whole!r}: options are written NAME:KEY=VALUE,KEY=VALUE')
        try:
            options[key.strip()] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            options[key.strip()] = value
    return options


def _peer(text: str, name: str, options: dict) -> tuple[Callable[..., nn.Module], str, bool]:
    """What makes a model of options, what it is called, and whether ``img_size`` is one of them."""
    try:
        import timm
    except ModuleNotFoundError:
        raise UserError(
            f'{text} is none of ours ({OURS_IN_SHORT}) and peers come from timm, '
            "which is not installed: pip install 'heracles-mm[benchmark]'"
        ) from None
    if not timm.is_model(name):
        raise UserError(
            f'unknown model {text!r}: choose one of ours ({OURS_IN_SHORT}), '
            f'{", ".join(PEERS)}, or any other name of timm'
        )
    sized = timm.models.get_pretrained_cfg(name).fixed_input_size
    if not name.startswith(('vit_', 'deit')):
        options.setdefault('features_only', True)
        return partial(timm.create_model, name), f'timm {timm.__version__} {name}', sized

    def tokens(**options: object) -> nn.Module:  # (B, N, C): there are no maps of four strides
        model = timm.create_model(name, **options)
        model.forward = model.forward_features
        return model

    options.setdefault('num_classes', 0)
    return tokens, f'timm {timm.__version__} forward_features of {name}', sized
