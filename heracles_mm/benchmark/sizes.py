"""Input sizes as a user writes them: ``8x224``, ``1x800x1280``, maps ``8x32x56x56``."""

import re
from dataclasses import dataclass

from heracles_mm.errors import UserError

PICTURE_CHANNELS = 3
SMALLEST_SIDE = 32


@dataclass(frozen=True)
class Size:
    """A named input shape (B, C, H, W)."""

    name: str
    shape: tuple[int, int, int, int]

    @property
    def batch(self) -> int:
        return self.shape[0]

    @property
    def series(self) -> str:
        """What sizes that differ in height and width alone have in common."""
        batch, channels, *_ = self.shape
        return f'batch {batch}' + (f', {channels} channels' if channels != PICTURE_CHANNELS else '')

    @property
    def pixels(self) -> int:
        """Positions of the whole batch, B H W."""
        return self.shape[0] * self.shape[2] * self.shape[3]


def picture_size(text: str) -> Size:
    """``BxS`` or ``BxHxW`` to pictures (B, 3, H, W).

    Raises:
        UserError: anything else, or a side below 32 px.
    """
    batch, *sides = _numbers(text, 'BxS or BxHxW, such as 8x224 or 1x800x1280', (2, 3))
    if min(sides) < SMALLEST_SIDE:
        raise UserError(f'the size {text} is too small: a side has at least {SMALLEST_SIDE} px')
    return Size(text, (batch, PICTURE_CHANNELS, sides[0], sides[-1]))


def map_size(text: str) -> Size:
    """``BxCxHxW`` to maps (B, C, H, W).

    Raises:
        UserError: anything else.
    """
    batch, channels, height, width = _numbers(text, 'BxCxHxW, such as 8x32x56x56', (4,))
    return Size(text, (batch, channels, height, width))


def _numbers(text: str, form: str, counts: tuple[int, ...]) -> list[int]:
    if re.fullmatch(r'[1-9]\d*(x[1-9]\d*)*', text) and text.count('x') + 1 in counts:
        return [int(number) for number in text.split('x')]
    raise UserError(f'a size is written {form}, not {text!r}')
