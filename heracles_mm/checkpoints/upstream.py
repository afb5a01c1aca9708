"""Which tensor of the upstream Heracles module tree is which of ours.

Source: the key names of upstream's ``heracles.py``. The classifier's class block and heads are
those of :mod:`heracles_mm.classification`.
"""

import itertools
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from heracles_mm.checkpoints.recognise import a_few
from heracles_mm.errors import CheckpointError

Shape = tuple[int | None, ...]

UPSTREAM, OURS = 'upstream Heracles', 'heracles_mm'
STAGES = 4
ANY = None
"""A dimension of any size: filters keep the grid they were trained on."""

_STEM = 'backbone.stages.0.embed.convs.0.weight'
_STAGE_PARTS = {'embed': 'patch_embed', 'blocks': 'block', 'norm': 'norm'}
_RENAMED = {
    '.convs.': '.conv.',
    '.mixer.filter.': '.attn.',
    '.mixer.local.': '.attn.local_ssm.conv.',
    '.mixer.': '.attn.',
    '.ffn.dwconv.': '.mlp.dwconv.dwconv.',
    '.ffn.': '.mlp.',
    'neck.': 'post_network.0.',
    'head.fc.': 'head.',
    'head.aux.': 'aux_head.',
}
"""Parts of our names -> of upstream's, the longer ones first."""


@dataclass(frozen=True)
class Sizes:
    """What the keys and shapes of a checkpoint say about its model; 0 classes: no such head."""

    stem_width: int
    embed_dims: tuple[int, ...]
    depths: tuple[int, ...]
    hidden: tuple[int, ...]
    spectral_stages: int
    class_block: bool
    classes: int
    dense_classes: int


@dataclass(frozen=True)
class Conversion:
    """``weights`` in the names of ``target``, which were in those of ``source``."""

    weights: dict[str, Tensor]
    source: str
    target: str
    sizes: Sizes


def convert(weights: dict[str, Tensor]) -> Conversion:
    """Turn upstream's names into ours, or ours into upstream's, whichever they are.

    Args:
        weights: a whole backbone (ours with ``backbone.`` or without), and wholly or not at all:
            class block, head, auxiliary head. The tensors are not copied.

    Raises:
        CheckpointError: the names are of neither tree, or a tensor is not understood, missing or of
            a shape that does not fit the others.
    """
    given, weights = weights, {_modern(key): value for key, value in weights.items()}
    if len(weights) < len(given):
        raise CheckpointError('the checkpoint holds tensors under their old and their new names')
    name: Callable[[str], str] = str
    new_name: Callable[[str], str] = upstream_name
    source, target = OURS, UPSTREAM
    if upstream_name(_STEM) in weights:
        source, target, name, new_name = UPSTREAM, OURS, upstream_name, str
    elif _STEM not in weights:
        raise CheckpointError(
            f'the checkpoint is of neither {UPSTREAM} ({upstream_name(_STEM)} and so on) nor '
            f'{OURS} ({_STEM} and so on), its keys look like {a_few(weights)}'
        )
    sizes = _sizes(weights, name)
    shapes = dict(_shapes(sizes))
    _check(weights, {name(ours): shape for ours, shape in shapes.items()})
    converted = {new_name(ours): weights[name(ours)] for ours in shapes}
    return Conversion(converted, source, target, sizes)


def upstream_name(ours: str) -> str:
    """Upstream's name of one of our tensors."""
    stage_part = r'^backbone\.stages\.(\d)\.(embed|blocks|norm)\b'
    name = re.sub(stage_part, lambda m: f'{_STAGE_PARTS[m[2]]}{int(m[1]) + 1}', ours)
    for here, there in _RENAMED.items():
        name = name.replace(here, there)
    return name


def _modern(key: str) -> str:
    """A name of older upstream files, or of our backbone alone, as newer and whole ones have it."""
    key = key.replace('.attn.conv.', '.attn.local_ssm.conv.')
    return f'backbone.{key}' if key.startswith('stages.') else key


def _sizes(weights: dict[str, Tensor], name: Callable[[str], str]) -> Sizes:
    def width(ours: str) -> int:
        if name(ours) not in weights:
            raise CheckpointError(
                f'the checkpoint lacks {name(ours)}, which tells a size of the model'
            )
        return (*weights[name(ours)].shape, 0)[0]

    def has(ours: str) -> bool:
        return any(key.startswith(name(ours)) for key in weights)

    stages = [f'backbone.stages.{stage}' for stage in range(STAGES)]
    spectral = [has(f'{stage}.blocks.0.mixer.filter.weight') for stage in stages]
    return Sizes(
        stem_width=width(_STEM),
        embed_dims=tuple(width(f'{stage}.norm.weight') for stage in stages),
        depths=tuple(
            next(block for block in itertools.count() if not has(f'{stage}.blocks.{block}.'))
            for stage in stages
        ),
        hidden=tuple(width(f'{stage}.blocks.0.ffn.fc1.weight') for stage in stages),
        spectral_stages=[*spectral, False].index(False),
        class_block=has('neck.'),
        classes=width('head.fc.weight') if has('head.fc.weight') else 0,
        dense_classes=width('head.aux.weight') if has('head.aux.weight') else 0,
    )


def _check(weights: dict[str, Tensor], shapes: dict[str, Shape]) -> None:
    found = {
        'not understood': [key for key in weights if key not in shapes],
        'missing': [key for key in shapes if key not in weights],
        'of a shape that does not fit': [
            f'{key} is {tuple(weights[key].shape)}'
            for key, shape in shapes.items()
            if key in weights and not _fits(weights[key], shape)
        ],
    }
    problems = [f'{len(keys)} {what} ({a_few(keys)})' for what, keys in found.items() if keys]
    if problems:
        raise CheckpointError(f'the checkpoint cannot be converted: {", ".join(problems)}')


def _fits(tensor: Tensor, shape: Shape) -> bool:
    return len(tensor.shape) == len(shape) and all(
        size in (ANY, own) for own, size in zip(tensor.shape, shape)
    )


def parameters(weights: dict[str, Tensor]) -> int:
    """Parameters among ``weights``: everything but the statistics of BatchNorm."""
    statistics = ('running_mean', 'running_var', 'num_batches_tracked')
    return sum(math.prod(w.shape) for key, w in weights.items() if not key.endswith(statistics))


def _shapes(sizes: Sizes) -> Iterator[tuple[str, Shape]]:
    """Name and shape of every tensor of a model of these sizes."""
    inputs = width = sizes.stem_width
    convs = 'backbone.stages.0.embed.convs'
    for conv, channels, kernel in ((0, ANY, 7), (3, width, 3), (6, width, 3)):
        yield f'{convs}.{conv}.weight', (width, channels, kernel, kernel)
        yield from _pair(f'{convs}.{conv + 1}', width)
        yield f'{convs}.{conv + 1}.running_mean', (width,)
        yield f'{convs}.{conv + 1}.running_var', (width,)
        yield f'{convs}.{conv + 1}.num_batches_tracked', ()
    for stage, (dim, hidden) in enumerate(zip(sizes.embed_dims, sizes.hidden)):
        name = f'backbone.stages.{stage}'
        yield from _pair(f'{name}.embed.proj', dim, inputs, 3, 3)
        yield from _pair(f'{name}.embed.norm', dim)
        for block in range(sizes.depths[stage]):
            spectral = stage < sizes.spectral_stages
            yield from _block(f'{name}.blocks.{block}', dim, hidden, spectral)
            yield from _pair(f'{name}.blocks.{block}.ffn.dwconv', hidden, 1, 3, 3)
        yield from _pair(f'{name}.norm', dim)
        inputs = dim
    if sizes.class_block:
        yield from _block('neck', dim, 4 * dim)
    if sizes.classes:
        yield from _pair('head.fc', sizes.classes, dim)
    if sizes.dense_classes:
        yield from _pair('head.aux', sizes.dense_classes, dim)


def _block(name: str, dim: int, hidden: int, spectral: bool = False) -> Iterator[tuple[str, Shape]]:
    """Norms, mixer and the feed-forward network's linear layers."""
    yield from _pair(f'{name}.norm1', dim)
    if spectral:
        yield from _pair(f'{name}.mixer.local', dim // 2, 1, 3, 3)
        yield f'{name}.mixer.filter.weight', (dim // 2, ANY, ANY)
    else:
        yield from _pair(f'{name}.mixer.q', dim, dim)
        yield from _pair(f'{name}.mixer.kv', 2 * dim, dim)
        yield from _pair(f'{name}.mixer.proj', dim, dim)
    yield from _pair(f'{name}.norm2', dim)
    yield from _pair(f'{name}.ffn.fc1', hidden, dim)
    yield from _pair(f'{name}.ffn.fc2', dim, hidden)


def _pair(name: str, *shape: int | None) -> Iterator[tuple[str, Shape]]:
    """A weight and its bias."""
    yield f'{name}.weight', shape
    yield f'{name}.bias', shape[:1]
