"""Results drawn on their pictures, by Pillow."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from heracles_mm.errors import UsageError
from heracles_mm.runtime.decoding import Source, read_picture
from heracles_mm.runtime.description import Description
from heracles_mm.runtime.outcomes import ClassScores, Detections, LabelMap, Result

OPACITY = 0.5


def drawn(
    source: Source,
    result: Result,
    description: Description,
    *,
    boxes: bool = True,
    masks: bool = True,
    labels: bool = True,
) -> Image.Image:
    """A picture with what was found in it.

    Args:
        source: the picture.
        result: of a model for it.
        description: of the model; it has the colours.
        boxes, masks, labels: what of detections is drawn; ``masks`` colours label maps too.

    Raises:
        UsageError: the result is of a picture of another size.
    """
    picture = read_picture(source)
    if picture.shape[:2] != result.size:
        raise UsageError(
            f'a result of {result.size[1]}x{result.size[0]} px cannot be drawn on a picture of '
            f'{picture.shape[1]}x{picture.shape[0]} px'
        )
    palette = np.array(description.palette, np.float32)
    if isinstance(result, LabelMap):
        if not masks:
            return Image.fromarray(picture)
        colours = palette[result.labels.clip(max=len(palette) - 1)]
        return Image.fromarray((picture * (1 - OPACITY) + colours * OPACITY).astype(np.uint8))
    if isinstance(result, ClassScores):
        return _with_classes(picture, result)
    return _with_detections(picture, result, palette, boxes, masks, labels)


def _with_detections(
    picture: np.ndarray,
    found: Detections,
    palette: np.ndarray,
    boxes: bool,
    masks: bool,
    labels: bool,
) -> Image.Image:
    pixels = picture.copy()
    if masks and found.has_masks:
        for index, label in enumerate(found.labels):
            place, inside = found.mask_in_box(index)
            part = pixels[place]
            part[inside] = part[inside] * (1 - OPACITY) + palette[label] * OPACITY
    image = Image.fromarray(pixels)
    draw, font = ImageDraw.Draw(image), _font(found.size)
    for index in reversed(range(len(found))):  # the best on top
        colour = tuple(palette[found.labels[index]].astype(int))
        corners = found.boxes[index].tolist()
        if boxes:
            draw.rectangle(corners, outline=colour, width=max(1, round(font.size / 8)))
        if labels:
            words = f'{found.classes[found.labels[index]]} {found.scores[index]:.2f}'
            _write(draw, corners[:2], words, colour, font)
    return image


def _with_classes(picture: np.ndarray, found: ClassScores) -> Image.Image:
    image = Image.fromarray(picture)
    draw, font = ImageDraw.Draw(image), _font(found.size)
    for line, (name, score) in enumerate(found.top()):
        _write(draw, [0, line * font.size * 1.4], f'{name} {score:.2f}', (0, 0, 0), font)
    return image


def _font(size: tuple[int, int]) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(max(10, round(min(size) / 40)))
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _write(
    draw: ImageDraw.ImageDraw,
    corner: list[float],
    words: str,
    colour: tuple[int, ...],
    font: ImageFont.FreeTypeFont,
) -> None:
    """Words on a ground of a colour, black on light ones and white on dark ones."""
    ground = draw.textbbox((corner[0], corner[1]), words, font=font)
    draw.rectangle(ground, fill=colour)
    light = np.dot(colour, (0.299, 0.587, 0.114)) > 140
    draw.text((corner[0], corner[1]), words, fill='black' if light else 'white', font=font)
