"""Widths and depths of a four-stage pyramid, and the named ones of the papers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Integral

from heracles_mm.errors import UsageError

STAGES = 4
HEAD_DIM = 32


def as_int(value: object) -> int | None:
    """A whole number, of numpy too, as an int; None for anything else, True among it."""
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None


@dataclass(frozen=True)
class Arch:
    """Sizes of a pyramid, one entry per stage but for the stem.

    Args:
        stem_width: channels inside the stem.
        embed_dims: channels of each stage, multiples of 32 (the width of an attention head).
        depths: blocks of each stage.
        mlp_ratios: hidden over outer width of each stage's feed-forward network.
    """

    stem_width: int
    embed_dims: tuple[int, ...]
    depths: tuple[int, ...]
    mlp_ratios: tuple[float, ...] = (8, 8, 4, 4)

    def __post_init__(self) -> None:
        for name in ('embed_dims', 'depths', 'mlp_ratios'):
            values = getattr(self, name)
            if not isinstance(values, Sequence) or len(values) != STAGES:
                raise UsageError(f'arch: {name} needs {STAGES} entries, got {values!r}')
            if name != 'mlp_ratios':
                values = [self._whole(name, value) for value in values]
            if any(value <= 0 for value in values):
                raise UsageError(f'arch: {name} must be positive, got {values!r}')
            object.__setattr__(self, name, tuple(values))
        object.__setattr__(self, 'stem_width', self._whole('stem_width', self.stem_width))
        if self.stem_width <= 0:
            raise UsageError(f'arch: stem_width must be positive, got {self.stem_width!r}')
        if any(dim % HEAD_DIM for dim in self.embed_dims):
            raise UsageError(
                f'arch: embed_dims must be multiples of {HEAD_DIM} (the width of an attention '
                f'head), got {self.embed_dims}'
            )

    @staticmethod
    def _whole(name: str, value: object) -> int:
        number = as_int(value)
        if number is None:
            raise UsageError(f'arch: {name} takes whole numbers, got {value!r}')
        return number

    @classmethod
    def of(cls, arch: 'str | Mapping', zoo: Mapping[str, 'Arch']) -> 'Arch':
        """A named arch of ``zoo``, or one given as a dictionary of this class's fields."""
        if isinstance(arch, str):
            if arch not in zoo:
                raise UsageError(f'unknown arch {arch!r}: choose one of {list(zoo)} or give a dict')
            return zoo[arch]
        if not isinstance(arch, Mapping):
            raise UsageError(
                f'arch must be one of {list(zoo)} or a dict, got {type(arch).__name__}'
            )
        names = {field.name for field in fields(cls)}
        if unknown := sorted(set(arch) - names):
            raise UsageError(f'arch: unknown {unknown}, allowed are {sorted(names)}')
        if missing := sorted({'stem_width', 'embed_dims', 'depths'} - set(arch)):
            raise UsageError(
                f'arch: {missing} missing, needed are stem_width, embed_dims and depths'
            )
        return cls(**arch)


ARCHS = {
    's': Arch(32, (64, 128, 320, 448), (3, 4, 6, 3)),
    'b': Arch(64, (64, 128, 320, 512), (3, 4, 12, 3)),
    'l': Arch(64, (96, 192, 384, 512), (3, 6, 18, 3)),
    # Ours, for the embedded demo: trains on two CPU cores in minutes.
    'nano': Arch(16, (32, 64, 128, 192), (2, 2, 4, 2), (4, 4, 4, 4)),
}
"""The sizes both families share: S, B and L of the Heracles paper, and our own nano."""
