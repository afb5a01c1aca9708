"""How the tensors of a checkpoint fit those of a model, for a reader."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from heracles_mm.checkpoints.recognise import WRAPPERS, a_few
from heracles_mm.layers.embed import Stem, input_adaptation
from heracles_mm.spectral import SpectralFilter, TokenKernel

Shape = tuple[int, ...]
Shapes = dict[str, Shape]

_ADAPTER = '.lora_'
"""In the names of the tensors that LoRA adds, by mmpretrain and by peft."""

_ADAPTED = {
    'sum': 'summed over {} input channels',
    'repeat': 'repeated from {} to {} input channels',
}
_GROUP = re.compile(r'(?:.*?\.)?stages\.\d+(?=\.)|[^.]+')
_STAGE_NORM = re.compile(r'stages\.\d+\.norm\.weight')
_BLOCK = re.compile(r'stages\.(\d+)\.blocks\.\d+(?=\.)')


@dataclass(frozen=True)
class LoadReport:
    """What a state dict brings a model, by names and shapes alone.

    Attributes:
        model: its name.
        own: shapes of the model's tensors.
        stored: shapes of the checkpoint's tensors.
        parameters: the tensors of the model that are parameters.
        loaded: tensors of the model that are loaded, the resized and adapted ones too.
        missing: tensors of the model that the checkpoint lacks, and that nothing else brought.
        unexpected: tensors of the checkpoint that the model has no place for.
        resized: filters and kernels that move to another grid: key -> grids (H, W), stored and own.
        adapted: first convolutions for another number of input channels: key -> what is done.
        misshapen: tensors that cannot be loaded: key -> shapes, stored and own.
        kept: tensors that stay as they are, because the checkpoint holds adapters alone.
        kept_are_loaded: whether these were loaded before, such as by ``init_cfg``.
        elsewhere: other keys of the checkpoint, where ``stored`` is a part of it.
    """

    model: str
    own: Shapes
    stored: Shapes
    parameters: frozenset[str]
    loaded: list[str]
    missing: list[str]
    unexpected: list[str]
    resized: dict[str, tuple[Shape, Shape]]
    adapted: dict[str, str]
    misshapen: dict[str, tuple[Shape, Shape]]
    kept: frozenset[str]
    kept_are_loaded: bool
    elsewhere: tuple[str, ...] = field(compare=False)

    @classmethod
    def of(
        cls, model: nn.Module, weights: Mapping[str, Tensor], elsewhere: Iterable[str] = ()
    ) -> 'LoadReport':
        """Compare a model with what is about to be loaded into it."""
        stored = {k: tuple(v.shape) for k, v in weights.items() if isinstance(v, Tensor)}
        own = {
            key: tuple(value.shape)
            for key, value in model.state_dict().items()
            # as torch and mmengine: old BatchNorms have no such counter
            if key in weights or not key.endswith('batches_tracked')
        }
        misshapen = {k: (stored[k], own[k]) for k in own if stored.get(k, own[k]) != own[k]}
        resized, adapted = {}, {}
        for name, module in model.named_modules():
            name = _own_name(name)
            if isinstance(module, (SpectralFilter, TokenKernel)):
                before, after = misshapen.get(key := f'{name}.weight', ((), ()))
                if before[:-2] == after[:-2] and len(before) == len(after) > 0 and all(before):
                    resized[key] = before[-2:], after[-2:]
            elif isinstance(module, Stem) and (key := f'{name}.convs.0.weight') in misshapen:
                before, after = misshapen[key]
                if len(before) == len(after) and (how := input_adaptation(before, after)):
                    adapted[key] = _ADAPTED[how].format(before[1], after[1])
        for key in (*resized, *adapted):
            del misshapen[key]
        adapters = {key for key in own if _ADAPTER in key}
        base = own.keys() - adapters
        kept = base if adapters & stored.keys() and not base & stored.keys() else ()
        earlier = getattr(model, 'load_report', None)
        return cls(
            model=type(model).__name__,
            own=own,
            stored=stored,
            parameters=frozenset(_own_name(name) for name, _ in model.named_parameters()),
            loaded=[key for key in own if key in stored and key not in misshapen],
            missing=[key for key in own if key not in stored and key not in kept],
            unexpected=[key for key in stored if key not in own],
            resized=resized,
            adapted=adapted,
            misshapen=misshapen,
            kept=frozenset(kept),
            kept_are_loaded=earlier is not None and earlier.complete,
            elsewhere=(*elsewhere, *(k for k, v in weights.items() if not isinstance(v, Tensor))),
        )

    @property
    def complete(self) -> bool:
        """Whether every tensor of the model is loaded, by this checkpoint or before it."""
        return not (self.missing or self.misshapen or (self.kept and not self.kept_are_loaded))

    def objection(self) -> str | None:
        """One sentence that says why the model is not wholly loaded; None if it is."""
        if self.complete:
            return None
        if any(_ADAPTER in key for key in self.unexpected):
            return (
                f'the checkpoint holds adapters (LoRA) that this {self.model} has no place for: '
                'tools/publish_model.py --lora CONFIG merges those of a config with lora into its '
                'weights'
            )
        if not self.loaded and not self.misshapen:
            keys = [*self.stored, *self.elsewhere]
            looks = f'whose keys look like {a_few(keys)}' if keys else 'which is empty'
            return (
                f'none of the {len(self.own)} tensors of {self.model} is in the checkpoint, '
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
        for key, (theirs, ours) in list(self.misshapen.items())[:1]:
            causes.append(f'{len(self.misshapen)} of another shape ({key} is {theirs} not {ours})')
        if self.kept and not causes:
            return (
                f'the checkpoint holds adapters (LoRA) alone, {len(self.loaded)} tensors, and the '
                f'{len(self.kept)} of {self.model} beside which they were trained are not loaded: '
                "name their checkpoint in the backbone's init_cfg"
            )
        return (
            f'the checkpoint holds {len(self.loaded)} of the {len(self.own)} tensors of '
            f'{self.model}: {" and ".join(causes)}'
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
        for before, after in dict.fromkeys(self.resized.values()):
            keys = [key for key, pair in self.resized.items() if pair == (before, after)]
            lines.append(f'  resized from {_times(before)} to {_times(after)}: {a_few(keys, 1)}')
        lines += [f'  {how}: {key}' for key, how in self.adapted.items()]
        if self.kept:
            state = 'as they were loaded before' if self.kept_are_loaded else 'random'
            lines.append(f'  adapters (LoRA) alone: the other {len(self.kept)} stay {state}')
        for key, (before, after) in list(self.misshapen.items())[:3]:
            lines.append(
                f'  other shape: {key} is {before} in the checkpoint, {after} in the model'
            )
        if len(self.misshapen) > 3:
            lines.append(f'  other shape: {len(self.misshapen) - 3} more')
        if self.missing:
            lines.append(f'  missing {len(self.missing)}: {a_few(self.missing)}')
        if self.unexpected:
            counts = Counter(map(_group, self.unexpected))
            where = a_few(f'{count} of {name}' for name, count in counts.items())
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
    depths = Counter(stage for _, stage in {(m[0], m[1]) for m in map(_BLOCK.match, shapes) if m})
    norms = sorted(filter(_STAGE_NORM.fullmatch, shapes))
    return [(shapes[norm][0], depths[norm.split('.')[1]]) for norm in norms]


def _words(sizes: list[tuple[int, int]]) -> str:
    dims, depths = zip(*sizes)
    return f'widths {dims} and depths {depths}'


def _times(grid: Shape) -> str:
    return 'x'.join(map(str, grid))
