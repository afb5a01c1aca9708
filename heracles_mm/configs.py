"""Where the configs are, and what their metafiles say of them."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from heracles_mm.errors import UsageError

CONFIGS = Path(__file__).parent / '.mim' / 'configs'
"""Of a checkout (a link to ``configs/``) and of an installed wheel alike."""

TASKS = {
    'Image Classification': 'classification',
    'Object Detection': 'detection',
    'Instance Segmentation': 'detection',
    'Panoptic Segmentation': 'detection',
    'Semantic Segmentation': 'segmentation',
    'Time Series Forecasting': 'forecasting',
}
"""A metafile's task -> the one that lists it, one for each library."""


@dataclass(frozen=True)
class ListedConfig:
    """A config as its metafile describes it."""

    name: str
    task: str  # 'classification', 'detection', 'segmentation' or 'forecasting'
    method: str  # such as 'Mask R-CNN' or 'Classifier'
    backbone: str  # family and size, such as 'HAMSA-S'
    data: str  # such as 'COCO' or 'Stanford Cars at 384 px'
    schedule: str  # such as '36 epochs with multi-scale crops'
    parameters: int  # of the whole model
    flops: int | None  # multiply-adds of a picture, where the metafile has them
    batch: int  # pictures, or windows, of a step over all processes
    optimizer: str
    lr: float  # for that batch
    clip: float | None  # the norm that gradients are clipped to


def config_names() -> list[str]:
    """Names of all configs, in alphabetical order."""
    return sorted(path.stem for path in CONFIGS.glob('*.py'))


def config_path(name: str) -> Path:
    """The file of a config of this package, in a checkout and in an installed wheel.

    It needs no mm library, and the tools, inferencers and ``Config.fromfile`` take the path.

    Args:
        name: of the file, such as 'mask_rcnn_heracles_s_coco'; '.py' may follow.

    Raises:
        ValueError: there is no such config; the message offers the nearest names.
    """
    names = config_names()
    stem = name.removesuffix('.py')
    if stem in names:
        return CONFIGS / f'{stem}.py'
    near = difflib.get_close_matches(stem, names, cutoff=0.5)
    offer = f'the nearest are {", ".join(near)}; ' if near else ''
    raise UsageError(
        f'heracles_mm has no config {name!r}: {offer}'
        'python -m heracles_mm.cli.list_configs prints all'
    )


def listed_configs() -> list[ListedConfig]:
    """All configs, by task, then name."""
    models = [
        model
        for metafile in CONFIGS.glob('metafile_*.yml')
        for model in yaml.safe_load(metafile.read_text())['Models']
    ]
    return sorted(map(_listed, models), key=lambda config: (config.task, config.name))


def _listed(model: dict[str, Any]) -> ListedConfig:
    result, facts = model['Results'][0], model['Metadata']
    size = f' at {facts["Image Size"]} px' if 'Image Size' in facts else ''
    unit = 'Epochs' if 'Epochs' in facts else 'Iterations'
    schedule = f'{facts[unit]} {unit.lower()}'
    if techniques := facts.get('Training Techniques'):
        schedule += f' with {", ".join(techniques)}'
    return ListedConfig(
        name=model['Name'],
        task=TASKS[result['Task']],
        method=facts['Method'],
        backbone=facts['Backbone'],
        data=result['Dataset'] + size,
        schedule=schedule,
        parameters=facts['Parameters'],
        flops=facts.get('FLOPs'),
        batch=facts['Batch Size'],
        optimizer=facts['Optimizer'],
        lr=facts['Learning Rate'],
        clip=facts.get('Gradient Clip'),
    )
