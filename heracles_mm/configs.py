"""Where the configs are, and what the first comment of each says of it."""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from heracles_mm.errors import UsageError

CONFIGS = Path(__file__).parent / '.mim' / 'configs'
"""Of a checkout (a link to ``configs/``) and of an installed wheel alike."""

SHOWN = 3
"""Names that an error offers."""

_HEADER = re.compile(
    r'(?P<method>[^,]+), (?P<backbone>(?:Heracles|HAMSA)-\w+), (?P<data>[^,]+), '
    r'(?P<schedule>(?P<length>\d+k?) (?P<unit>epochs|iterations)[^,]*), '
    r'batch (?P<batch>\d+), (?P<optimizer>\w+) (?P<lr>\d[\d.e-]*\d)'
    r'(?:, gradient clip (?P<clip>[\d.]*\d))?(?=[:;,.(\s]|$)'
)


@dataclass(frozen=True)
class Header:
    """The first comment of a config: what is trained, on what, and how.

    Attributes:
        method: such as 'Mask R-CNN' or 'Classifier'.
        backbone: family and size, such as 'HAMSA-S'.
        data: such as 'COCO' or 'Stanford Cars at 384 px'.
        schedule: such as '36 epochs with multi-scale crops'.
        length: epochs or iterations.
        unit: which of them, 'epochs' or 'iterations'.
        batch: pictures of a step, over all processes.
        optimizer: its class.
        lr: its learning rate, for that batch.
        clip: the norm that gradients are clipped to, or None.
    """

    method: str
    backbone: str
    data: str
    schedule: str
    length: int
    unit: str
    batch: int
    optimizer: str
    lr: float
    clip: float | None


def config_names() -> list[str]:
    """Names of all configs, in alphabetical order."""
    return sorted(path.stem for path in CONFIGS.glob('*.py'))


def config_path(name: str) -> Path:
    """The file of a config of this package, in a checkout and in an installed wheel.

    It needs no mm library, and the tools, inferencers and ``Config.fromfile`` take the path.

    Args:
        name: of the file, such as 'mask_rcnn_heracles_s_coco'; '.py' may follow.

    Raises:
        ValueError: there is no such config; the message tells the nearest names.
    """
    names = config_names()
    stem = name.removesuffix('.py')
    if stem in names:
        return CONFIGS / f'{stem}.py'
    near = difflib.get_close_matches(stem, names, SHOWN, cutoff=0.5)
    offer = f'the nearest are {", ".join(near)}; ' if near else ''
    raise UsageError(
        f'heracles_mm has no config {name!r}: {offer}'
        'python -m heracles_mm.cli.list_configs prints all'
    )


def read_header(path: Path) -> Header:
    """Read a config's first comment, without running the file.

    Raises:
        ValueError: it does not begin as every config's does.
    """
    lines = []
    for line in path.read_text().splitlines():
        if not line.startswith('#'):
            break
        lines.append(line[1:].strip())
    said = _HEADER.match(' '.join(lines))
    if said is None:
        raise UsageError(
            f'the first comment of {path} must begin as "Mask R-CNN, HAMSA-S, COCO, 12 epochs, '
            'batch 16, AdamW 1e-4" does: method, backbone, data, schedule, batch, optimizer and '
            'learning rate, and "gradient clip 1.0" behind it where gradients are clipped'
        )
    parts = said.groupdict()
    return Header(
        **{key: parts[key] for key in ('method', 'backbone', 'data', 'schedule', 'unit')},
        length=int(parts['length'].replace('k', '000')),
        batch=int(parts['batch']),
        optimizer=parts['optimizer'],
        lr=float(parts['lr']),
        clip=float(parts['clip']) if parts['clip'] else None,
    )
