"""What a set of scenes is made to: counts, sizes and seed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from heracles_mm.errors import UsageError


@dataclass(frozen=True)
class ScenesSpec:
    """Everything that decides the pictures. Same spec, same bytes.

    A picture depends on seed, split, its number and the three sizes, not on the counts: the first
    400 training pictures of an 800-picture set are those of a 400-picture set.

    Attributes:
        num_train: training pictures, at least 1. Five or more show every class and every label.
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
        return {'train': self.num_train, 'val': self.num_val}[split]

    def as_dict(self) -> dict[str, Any]:
        """Plain data: integers and lists of integers."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


SPEC_OPTIONS = tuple(field.name for field in fields(ScenesSpec))


def _check_integer(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f'{name} must be an integer, got {value!r}')
    if not low <= value <= high:
        raise UsageError(f'{name} must be from {low} to {high}, got {value}')


def _range(name: str, value: object, low: int, high: int) -> tuple[int, int]:
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        raise UsageError(f'{name} must be two integers (fewest, most), got {value!r}')
    fewest, most = value
    for bound in (fewest, most):
        _check_integer(name, bound, low, high)
    if fewest > most:
        raise UsageError(f'{name} must not fall from first to second, got {tuple(value)}')
    return fewest, most
