"""What can be measured: our backbones with any option, and peers from timm."""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

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


@dataclass(frozen=True)
class Candidate:
    """Something to measure.

    Args:
        name: as the user wrote it.
        built: how it is built, for the report.
        build: from an input shape (B, C, H, W) to a module with random weights, whose output is a
            tensor or a sequence of tensors.
        fullgraph: whether torch.compile must find one graph without a break.
    """

    name: str
    built: str
    build: Callable[[tuple[int, ...]], nn.Module]
    fullgraph: bool


def candidate(text: str) -> Candidate:
    """The candidate of ``NAME`` or ``NAME:OPTION=VALUE,...``, such as ``heracles:arch=s``.

    The option ``channels_last`` is our own and holds for every model: its convolutions' weights,
    and so their maps, are laid out channels last.

    Raises:
        UserError: no such model, an option without a value, or a peer while timm is missing.
    """
    name, _, rest = text.partition(':')
    full_name, preset = {**OURS, **PEERS}.get(name, (name, {}))
    options = {**preset, **_options(rest, text)}
    channels_last = options.pop('channels_last', False)
    found = (_ours if full_name in FAMILIES else _peer)(text, full_name, options)
    if not channels_last:
        return found

    def build(shape: tuple[int, ...]) -> nn.Module:
        model = found.build(shape)
        return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    return replace(found, built=found.built + ', channels last', build=build)


class TokenMap(nn.Module):
    """A plain vision transformer of timm without its head: (B, 3, H, W) to its tokens (B, N, C)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model.forward_features(x)  # type: ignore[operator]


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


def _ours(text: str, family: str, options: dict[str, object]) -> Candidate:
    options = {'drop_path_rate': DROP_PATH_RATE, **options}
    backbone = FAMILIES[family]

    def build(shape: tuple[int, ...]) -> nn.Module:
        try:
            return backbone(**{'img_size': shape[-2:], **options})
        except (TypeError, ValueError) as error:
            raise UserError(f'{text}: {error}') from error

    return Candidate(text, _call(backbone.__name__, {'img_size': '(H, W)', **options}), build, True)


def _peer(text: str, name: str, options: dict[str, object]) -> Candidate:
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
    options = {'drop_path_rate': DROP_PATH_RATE, **options}
    tokens = name.startswith(('vit_', 'deit'))  # no pyramid: no maps of four strides to return
    options = {'num_classes': 0, **options} if tokens else {'features_only': True, **options}
    sized = timm.models.get_pretrained_cfg(name).fixed_input_size

    def build(shape: tuple[int, ...]) -> nn.Module:
        size = {'img_size': shape[-2:]} if sized else {}
        try:
            model = timm.create_model(name, **size, **options)
        except (TypeError, ValueError, AssertionError) as error:
            raise UserError(f'{text}: {error}') from error
        return TokenMap(model) if tokens else model

    shown = {**({'img_size': '(H, W)'} if sized else {}), **options}
    built = _call('timm ' + timm.__version__, {'': name, **shown})
    return Candidate(text, built + ('.forward_features' if tokens else ''), build, False)


def _call(name: str, options: dict[str, object]) -> str:
    words = [f'{key}={value}' if key else str(value) for key, value in options.items()]
    return f'{name}({", ".join(words)})'
