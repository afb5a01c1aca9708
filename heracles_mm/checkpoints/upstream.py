"""Which tensor of the upstream Heracles module tree is which of ours.

Source: the key names of upstream's ``heracles.py``. The classifier's class block and heads are
those of :mod:`heracles_mm.classification`.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from heracles_mm.checkpoints.recognise import a_few
from heracles_mm.errors import CheckpointError

Shape = tuple[int | None, ...]

STAGES = 4
ANY = None
"""A dimension of any size: filters keep the grid they were trained on."""


class Tensors(NamedTuple):
    """One tensor under its two names."""

    upstream: str
    ours: str
    shape: Shape

    def name_in(self, tree: 'Tree') -> str:
        return self.ours if tree is OURS else self.upstream


class Tree(NamedTuple):
    """Where a module tree shows its sizes; ``{i}`` counts stages from 0 and ``{n}`` from 1."""

    name: str
    stem: str
    norm: str
    blocks: str
    hidden: str
    filter: str
    classes: str
    dense_classes: str
    class_block: str


UPSTREAM = Tree(
    name='upstream Heracles',
    stem='patch_embed1.conv.0.weight',
    norm='norm{n}.weight',
    blocks=r'block{n}\.(\d+)\.',
    hidden='block{n}.0.mlp.fc1.weight',
    filter='block{n}.0.attn.weight',
    classes='head.weight',
    dense_classes='aux_head.weight',
    class_block='post_network.',
)
OURS = Tree(
    name='heracles_mm',
    stem='backbone.stages.0.embed.convs.0.weight',
    norm='backbone.stages.{i}.norm.weight',
    blocks=r'backbone\.stages\.{i}\.blocks\.(\d+)\.',
    hidden='backbone.stages.{i}.blocks.0.ffn.fc1.weight',
    filter='backbone.stages.{i}.blocks.0.mixer.filter.weight',
    classes='head.fc.weight',
    dense_classes='head.aux.weight',
    class_block='neck.',
)


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
    source: Tree
    target: Tree
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
    if UPSTREAM.stem in weights:
        source, target = UPSTREAM, OURS
    elif OURS.stem in weights:
        source, target = OURS, UPSTREAM
    else:
        raise CheckpointError(
            f'the checkpoint is of neither upstream Heracles ({UPSTREAM.stem} and so on) nor '
            f'heracles_mm ({OURS.stem} and so on), its keys look like {a_few(weights)}'
        )
    sizes = _sizes(weights, source)
    tensors = {row.name_in(source): row for row in _tensors(sizes)}
    _check(weights, tensors)
    converted = {row.name_in(target): weights[key] for key, row in tensors.items()}
    return Conversion(converted, source, target, sizes)


def _modern(key: str) -> str:
    """A name of older upstream files, or of our backbone alone, as newer and whole ones have it."""
    key = key.replace('.attn.conv.', '.attn.local_ssm.conv.')
    return f'backbone.{key}' if key.startswith('stages.') else key


def _sizes(weights: dict[str, Tensor], tree: Tree) -> Sizes:
    def width(key: str, stage: int = 0) -> int:
        name = key.format(i=stage, n=stage + 1)
        if name not in weights:
            raise CheckpointError(f'the checkpoint lacks {name}, which tells a size of the model')
        return (*weights[name].shape, 0)[0]

    def depth(stage: int) -> int:
        block = re.compile(tree.blocks.format(i=stage, n=stage + 1))
        return 1 + max((int(match[1]) for match in map(block.match, weights) if match), default=0)

    spectral = [tree.filter.format(i=stage, n=stage + 1) in weights for stage in range(STAGES)]
    return Sizes(
        stem_width=width(tree.stem),
        embed_dims=tuple(width(tree.norm, stage) for stage in range(STAGES)),
        depths=tuple(map(depth, range(STAGES))),
        hidden=tuple(width(tree.hidden, stage) for stage in range(STAGES)),
        spectral_stages=[*spectral, False].index(False),
        class_block=any(key.startswith(tree.class_block) for key in weights),
        classes=width(tree.classes) if tree.classes in weights else 0,
        dense_classes=width(tree.dense_classes) if tree.dense_classes in weights else 0,
    )


def _check(weights: dict[str, Tensor], tensors: dict[str, Tensors]) -> None:
    problems = []
    if unknown := [key for key in weights if key not in tensors]:
        problems.append(f'{len(unknown)} not understood ({a_few(unknown)})')
    if missing := [key for key in tensors if key not in weights]:
        problems.append(f'{len(missing)} missing ({a_few(missing)})')
    misshapen = [
        f'{key} is {tuple(weights[key].shape)}'
        for key, row in tensors.items()
        if key in weights and not _fits(weights[key], row.shape)
    ]
    if misshapen:
        problems.append(f'{len(misshapen)} of a shape that does not fit ({a_few(misshapen)})')
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


def _tensors(sizes: Sizes) -> Iterator[Tensors]:
    """Every tensor of a model of these sizes, in the order of our modules."""
    for stage, dim in enumerate(sizes.embed_dims):
        number, ours = stage + 1, f'backbone.stages.{stage}'
        embed = f'patch_embed{number}', f'{ours}.embed'
        if stage == 0:
            yield from _stem(*embed, sizes.stem_width)
        inputs = sizes.embed_dims[stage - 1] if stage else sizes.stem_width
        yield from _pair(f'{embed[0]}.proj', f'{embed[1]}.proj', (dim, inputs, 3, 3))
        yield from _pair(f'{embed[0]}.norm', f'{embed[1]}.norm', (dim,))
        for block in range(sizes.depths[stage]):
            spectral = stage < sizes.spectral_stages
            names = f'block{number}.{block}', f'{ours}.blocks.{block}'
            yield from _block(*names, dim, sizes.hidden[stage], spectral)
        yield from _pair(f'norm{number}', f'{ours}.norm', (dim,))
    if sizes.class_block:
        yield from _class_block('post_network.0', 'neck', dim)
    if sizes.classes:
        yield from _pair('head', 'head.fc', (sizes.classes, dim))
    if sizes.dense_classes:
        yield from _pair('aux_head', 'head.aux', (sizes.dense_classes, dim))


def _pair(upstream: str, ours: str, shape: Shape) -> Iterator[Tensors]:
    """A weight and its bias."""
    yield Tensors(f'{upstream}.weight', f'{ours}.weight', shape)
    yield Tensors(f'{upstream}.bias', f'{ours}.bias', shape[:1])


def _stem(upstream: str, ours: str, width: int) -> Iterator[Tensors]:
    for conv, (inputs, kernel) in {0: (3, 7), 3: (width, 3), 6: (width, 3)}.items():
        names = f'{upstream}.conv.{conv}.weight', f'{ours}.convs.{conv}.weight'
        yield Tensors(*names, (width, inputs, kernel, kernel))
        up, our = f'{upstream}.conv.{conv + 1}', f'{ours}.convs.{conv + 1}'
        yield from _pair(up, our, (width,))
        for name, shape in {
            'running_mean': (width,),
            'running_var': (width,),
            'num_batches_tracked': (),
        }.items():
            yield Tensors(f'{up}.{name}', f'{our}.{name}', shape)


def _block(up: str, our: str, dim: int, hidden: int, spectral: bool) -> Iterator[Tensors]:
    yield from _pair(f'{up}.norm1', f'{our}.norm1', (dim,))
    if spectral:
        half = dim // 2
        yield from _pair(f'{up}.attn.local_ssm.conv', f'{our}.mixer.local', (half, 1, 3, 3))
        yield Tensors(f'{up}.attn.weight', f'{our}.mixer.filter.weight', (half, ANY, ANY))
    else:
        yield from _attention(f'{up}.attn', f'{our}.mixer', dim)
    yield from _pair(f'{up}.norm2', f'{our}.norm2', (dim,))
    yield from _pair(f'{up}.mlp.fc1', f'{our}.ffn.fc1', (hidden, dim))
    yield from _pair(f'{up}.mlp.dwconv.dwconv', f'{our}.ffn.dwconv', (hidden, 1, 3, 3))
    yield from _pair(f'{up}.mlp.fc2', f'{our}.ffn.fc2', (dim, hidden))


def _attention(up: str, our: str, dim: int) -> Iterator[Tensors]:
    yield from _pair(f'{up}.q', f'{our}.q', (dim, dim))
    yield from _pair(f'{up}.kv', f'{our}.kv', (2 * dim, dim))
    yield from _pair(f'{up}.proj', f'{our}.proj', (dim, dim))


def _class_block(up: str, our: str, dim: int) -> Iterator[Tensors]:
    yield from _pair(f'{up}.norm1', f'{our}.norm1', (dim,))
    yield from _attention(f'{up}.attn', f'{our}.mixer', dim)
    yield from _pair(f'{up}.norm2', f'{our}.norm2', (dim,))
    yield from _pair(f'{up}.mlp.fc1', f'{our}.ffn.fc1', (4 * dim, dim))
    yield from _pair(f'{up}.mlp.fc2', f'{our}.ffn.fc2', (dim, 4 * dim))
