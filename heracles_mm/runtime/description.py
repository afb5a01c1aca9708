"""What a file says of itself, in its metadata: how pictures become its input, and what its outputs
mean."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from heracles_mm.errors import ModelFileError

KEY = 'heracles_mm'
"""Of the metadata that holds a description, as JSON."""

VERSION = 1
TASKS = ('detection', 'segmentation', 'classification', 'features')
RULES = ('keep', 'fit', 'exact', 'edge')
FILTERS = ('opencv bilinear', 'nearest', 'bilinear', 'bicubic', 'lanczos', 'box', 'hamming')


@dataclass(frozen=True)
class Resize:
    """How a picture is brought to size before the model sees it.

    Args:
        rule: ``'keep'`` leaves it as it is, ``'fit'`` makes it as large as ``size``, a long and a
            short side in px, allows, ``'exact'`` makes it ``size``, height and width, and
            ``'edge'`` gives its shorter side ``size[0]`` px.
        size: in px, of what the rule says.
        filter: ``'opencv bilinear'``, which is bit for bit OpenCV's, or one of Pillow's.
        crop: height and width in px of the middle that is cut out afterwards, or None.
    """

    rule: str = 'keep'
    size: tuple[int, ...] = ()
    filter: str = 'opencv bilinear'
    crop: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        _check(self.rule in RULES, f'the rule {self.rule!r} is none of {", ".join(RULES)}')
        _check(self.filter in FILTERS, f'the filter {self.filter!r} is unknown')
        count = {'keep': 0, 'edge': 1}.get(self.rule, 2)
        _check(_are_sides(self.size, count), f'the rule {self.rule!r} has the size {self.size!r}')
        _check(self.crop is None or _are_sides(self.crop, 2), f'the crop is {self.crop!r}')


@dataclass(frozen=True)
class Description:
    """What is known about an exported model.

    Args:
        task: ``'detection'``, ``'segmentation'``, ``'classification'``, or ``'features'`` for a
            backbone alone.
        classes: names, by label.
        palette: colours (red, green, blue), 0 to 255, by label.
        size: height and width in px that the file takes; None takes any.
        channels: order in which the file takes colours, ``'RGB'`` or ``'BGR'``.
        mean, std: of each channel, 0 to 255: the input is ``(x - mean) / std``.
        resize: what is done to a picture first.
        score_threshold: detections below it are none, in the model itself.
        mask_threshold: share above which a cell belongs to an object; of the one class where a
            segmentor has a single output.
        align_corners: how label scores are enlarged to the picture.
        name: of the config that the model was made from.
        precision: ``'float32'``, ``'float16'`` or ``'int8'``.
        license: of the weights, in the words of who exported them; may be empty.
    """

    task: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    size: tuple[int, int] | None
    channels: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: Resize
    score_threshold: float = 0.0
    mask_threshold: float = 0.5
    align_corners: bool = False
    name: str = ''
    precision: str = 'float32'
    license: str = ''

    def __post_init__(self) -> None:
        _check(self.task in TASKS, f'the task {self.task!r} is none of {", ".join(TASKS)}')
        _check(self.size is None or _are_sides(self.size, 2), f'the size is {self.size!r}')
        _check(self.channels in ('RGB', 'BGR'), f'the channels are {self.channels!r}')
        _check(len(self.palette) == len(self.classes), 'classes and palette differ in number')
        for name in ('mean', 'std'):
            values = getattr(self, name)
            numbers = [isinstance(value, int | float) for value in values]
            _check(len(values) == 3 and all(numbers), f'{name} has not three numbers')
        _check(all(self.std), 'std has a 0')

    def to_json(self) -> str:
        return json.dumps({'version': VERSION, **asdict(self)})

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], path: str) -> 'Description':
        """Read it from the metadata of the file ``path``.

        Raises:
            ModelFileError: there is none, it is of a later version, or what it says cannot be.
        """
        if KEY not in metadata:
            raise ModelFileError(
                f'{path} has no description of heracles_mm in its metadata: export the model with '
                'tools/export_onnx.py'
            )
        try:
            values = json.loads(metadata[KEY])
            version = values.pop('version')
            if version != VERSION:
                raise ModelFileError(
                    f'{path} has a description of version {version}, and this heracles_mm reads '
                    f'{VERSION}: install the release that exported it, or export it again'
                )
            return cls(**{**_as_tuples(values), 'resize': Resize(**_as_tuples(values['resize']))})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelFileError(
                f'the description in the metadata of {path} is wrong ({error}): export the model '
                'again'
            ) from error


def _as_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _as_tuple(value) for name, value in values.items()}


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


def _are_sides(values: Any, count: int) -> bool:
    whole = isinstance(values, tuple) and all(type(each) is int and each > 0 for each in values)
    return whole and len(values) == count


def _check(sound: bool, fault: str) -> None:
    if not sound:
        raise ValueError(fault)
