"""How the tensors of a checkpoint fit those of a model, for a reader."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor, nn

from heracles_mm.checkpoints.recognise import WRAPPERS, a_few
from heracles_mm.spectral import SpectralFilter, TokenKernel

Shape = tuple[int, ...]
Shapes = dict[str, Shape]

_GROUP = re.compile(r'(?:.*?\.)?stages\.\d+(?=\.)|[^.]+')
_STAGE_NORM = re.compile(r'stages\.\d+\.norm\.weight')
_BLOCK = re.compile(r'stages\.(\d+)\.blocks\.\d+(?=\.)')


@dataclass(frozen=True)
class LoadReport:
    """What a state dict brings a model.

    Args:
        model: its name.
        own: shapes of the model's tensors.
        stored: shapes of the checkpoint's tensors.
        parameters: the tensors of the model that are parameters.
        resizable: the tensors of the model whose last two dimensions are a grid of any size.
        elsewhere: keys of the checkpoint beside ``stored``, where it is a part.
    """

    model: str
    own: Shapes
    stored: Shapes
    parameters: frozenset[str]
    resizable: frozenset[str]
    elsewhere: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of(
        cls, model: nn.Module, weights: Mapping[str, Tensor], elsewhere: Iterable[str] = ()
    ) -> 'LoadReport':
        """Compare a model with what is about to be loaded into it, by names and shapes alone."""
        own = {key: tuple(value.shape) for key, value in model.state_dict().items()}
        grids = (SpectralFilter, TokenKernel)
        return cls(
            model=type(model).__name__,
            # as torch and mmengine: old BatchNorms have no such counter
            own={k: s for k, s in own.items() if k in weights or not k.endswith('batches_tracked')},
            stored={k: tuple(v.shape) for k, v in weights.items() if isinstance(v, Tensor)},
            parameters=frozenset(_own_name(name) for name, _ in model.named_parameters()),
            resizable=frozenset(
                f'{_own_name(name)}.weight'
                for name, m in model.named_modules()
                if isinstance(m, grids)
            ),
            elsewhere=(*elsewhere, *(k for k, v in weights.items() if not isinstance(v, Tensor))),
        )

    @cached_property
    def resized(self) -> dict[str, tuple[Shape, Shape]]:
        """Filters and kernels that move to another grid: key -> grids (H, W), stored and own."""
        return {
            key: (stored[-2:], own[-2:])
            for key, (stored, own) in self._differing.items()
            if key in self.resizable and len(stored) == len(own)
            if stored[:-2] == own[:-2] and all(stored)
        }

    @cached_property
    def misshapen(self) -> dict[str, tuple[Shape, Shape]]:
        """Tensors that cannot be loaded: key -> shapes, stored and own."""
        return {key: pair for key, pair in self._differing.items() if key not in self.resized}

    @cached_property
    def missing(self) -> list[str]:
        """Tensors of the model that the checkpoint has not."""
        return [key for key in self.own if key not in self.stored]

    @cached_property
    def unexpected(self) -> list[str]:
        """Tensors of the checkpoint that the model has no place for."""
        return [key for key in self.stored if key not in self.own]

    @cached_property
    def loaded(self) -> list[str]:
        """Tensors of the model that are loaded, the resized ones too."""
        return [key for key in self.own if key in self.stored and key not in self.misshapen]

    @cached_property
    def _differing(self) -> dict[str, tuple[Shape, Shape]]:
        return {
            key: (self.stored[key], shape)
            for key, shape in self.own.items()
            if self.stored.get(key, shape) != shape
        }

    @property
    def complete(self) -> bool:
        """Whether every tensor of the model is loaded."""
        return len(self.loaded) == len(self.own)

    def objection(self) -> str | None:
        """One sentence that says why the model is not wholly loaded; None if it is."""
        if self.complete:
            return None
        total = len(self.own)
        if not self.loaded and not self.misshapen:
            keys = [*self.stored, *self.elsewhere]
            looks = f'whose keys look like {a_few(keys)}' if keys else 'which is empty'
            return (
                f'none of the {total} tensors of {self.model} is in the checkpoint, '
                f'{looks}{_hint(keys, next(iter(self.own)))}'
            )
        stored, own = _sizes(self.stored), _sizes(self.own)
        if any(theirs != ours for theirs, ours in zip(stored, own)):
            return (
                f'the checkpoint is of another arch: its stages have {_words(stored)}, those of '
                f'this {self.model} have {_words(own)}'
            )
        causes = []
        if self.missing:
            causes.append(f'{len(self.missing)} missing ({a_few(self.missing)})')
        if self.misshapen:
            key, (theirs, ours) = next(iter(self.misshapen.items()))
            causes.append(f'{len(self.misshapen)} of another shape ({key} is {theirs} not {ours})')
        return (
            f'the checkpoint holds {len(self.loaded)} of the {total} tensors of {self.model}: '
            f'{" and ".join(causes)}'
        )

    def __str__(self) -> str:
        """The report: a headline, the groups, and what is not as it should be."""
        weight = {key: math.prod(self.own[key]) for key in self.parameters if key in self.own}
        loaded = sum(weight.get(key, 0) for key in self.loaded)
        lines = [
            f'{self.model}: loaded {len(self.loaded)} of {len(self.own)} tensors, {loaded:,} of '
            f'{sum(weight.values()):,} parameters'
        ]
        found, groups = Counter(map(_group, self.loaded)), Counter(map(_group, self.own))
        width = max(map(len, groups), default=0)
        lines += [f'  {name:{width}}  {found[name]} of {all_}' for name, all_ in groups.items()]
        grids: dict[tuple[Shape, Shape], list[str]] = {}
        for key, pair in self.resized.items():
            grids.setdefault(pair, []).append(key)
        for (before, after), keys in grids.items():
            lines.append(f'  resized from {_times(before)} to {_times(after)}: {a_few(keys, 1)}')
        for key, (before, after) in list(self.misshapen.items())[:3]:
            lines.append(
                f'  other shape: {key} is {before} in the checkpoint, {after} in the model'
            )
        if len(self.misshapen) > 3:
            lines.append(f'  other shape: {len(self.misshapen) - 3} more')
        if self.missing:
            lines.append(f'  missing {len(self.missing)}: {a_few(self.missing)}')
        if self.unexpected:
            groups = Counter(map(_group, self.unexpected))
            where = a_few(f'{count} of {name}' for name, count in groups.items())
            lines.append(f'  not used {len(self.unexpected)}: {where}')
        return '\n'.join(lines)


def _hint(keys: list[str], first: str) -> str:
    """What a model with none of its tensors in ``keys`` was given instead, where that is known."""
    place = next((key.removesuffix(first) for key in keys if key.endswith(f'.{first}')), None)
    if place:
        return f': its weights stand under the prefix {place!r}'
    if wrapped := [key for key in keys if key in WRAPPERS]:
        return f': the weights stand in its entry {wrapped[0]!r}'
    if any(key.startswith('patch_embed1.') for key in keys):
        return ': these are the names of upstream Heracles, which tools/convert_checkpoint.py turns'
    return ''


def _own_name(name: str) -> str:
    """Without the names that FSDP puts between a block and the module around it."""
    return name.replace('_fsdp_wrapped_module.', '')


def _group(key: str) -> str:
    """'backbone.stages.2' of a backbone's tensor, the first name of any other."""
    match = _GROUP.match(key)
    return match.group() if match else key


def _sizes(shapes: Shapes) -> list[tuple[int, int]]:
    """(width, blocks) of each stage of a backbone."""
    blocks = {match.group(): match.group(1) for match in map(_BLOCK.match, shapes) if match}
    depths = Counter(blocks.values())
    norms = sorted(key for key in shapes if _STAGE_NORM.fullmatch(key))
    return [(shapes[norm][0], depths[norm.split('.')[1]]) for norm in norms]


def _words(sizes: list[tuple[int, int]]) -> str:
    dims, depths = zip(*sizes)
    return f'widths {dims} and depths {depths}'


def _times(grid: Shape) -> str:
    return 'x'.join(map(str, grid))
