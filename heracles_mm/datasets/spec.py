"""What a set of scenes is made to: counts, sizes and seed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from heracles_mm.errors import UsageError


@dataclass(frozen=True)
class ScenesSpec:
    """Everything that decides the pictures. Same spec, same bytes.

    A picture depends on seed, split, its number and the three sizes, not on the counts.

    Attributes:
        num_train: training pictures, at least 1; five or more show every class and every label.
        num_val: validation pictures, likewise.
        size: height and width of a picture in px, 64 to 2048.
        objects: fewest and most objects wanted in a picture. One that finds no place without
            hiding another too much is left out, the first never.
        object_px: shortest and longest length of an object's longer side in px, at least 8 and at
            most ``size``.
        seed: 0 or more.

    Raises:
        TypeError: a value that is not an integer, or not two of them.
        ValueError: a value out of range.
    """

    num_train: int = 800
    num_val: int = 200
    size: int = 160
    objects: tuple[int, int] = (1, 5)
    object_px: tuple[int, int] = (26, 96)
    seed: int = 0

    def __post_init__(self) -> None:
        _check_integer('num_train', self.num_train, 1, 1_000_000)
        _check_integer('num_val', self.num_val, 1, 1_000_000)
        _check_integer('size', self.size, 64, 2048)
        _check_integer('seed', self.seed, 0, 2**63 - 1)
        # A config file hands over lists; a frozen, hashable spec holds tuples.
        object.__setattr__(self, 'objects', _range('objects', self.objects, 1, 32))
        object.__setattr__(self, 'object_px', _range('object_px', self.object_px, 8, self.size))

    def count(self, split: str) -> int:
        """Pictures in a split."""
        return self.num_train if split == 'train' else self.num_val

    def as_dict(self) -> dict[str, Any]:
        """Plain data: integers and pairs of integers."""
        return asdict(self)


def _check_integer(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f'{name} must be an integer, got {value!r}')
    if not low <= value <= high:
        raise UsageError(f'{name} must be from {low} to {high}, got {value}')


def _range(name: str, value: object, low: int, high: int) -> tuple[int, int]:
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        raise UsageError(f'{name} must be two integers (fewest, most), got {value!r}')
    for bound in value:
        _check_integer(name, bound, low, high)
    if value[0] > value[1]:
        raise UsageError(f'{name} must not fall from first to second, got {tuple(value)}')
    return value[0], value[1]
