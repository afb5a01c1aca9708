"""Label maps on disk: one file for each picture, and ``label_maps.json`` that says what they are.

A folder of label maps mirrors a folder of pictures: ``<class>/<picture>.JPEG`` has its map in
``<class>/<picture>.pt``, one tensor (2, k, h, w): [0] the k highest scores at each position of a
grid over the whole picture, [1] their classes. That is the published format (Jiang et al. 2021; the
maps of NFNet-F6 are (2, 5, 18, 18) float16, without ``label_maps.json``). In ours the scores are
relative to the classes left out (:func:`~heracles_mm.token_labels.dense_scores.sparse_scores`).
"""

import io
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from heracles_mm.checkpoints import AtomicLocalBackend
from heracles_mm.errors import LabelMapError
from heracles_mm.token_labels.label_maps import LabelMap

MANIFEST = 'label_maps.json'
LARGEST_FLOAT16_ID = 2048
"""Float16 holds every whole number up to here."""

MAKE_THEM = 'python tools/make_token_labels.py CLASSIFIER PICTURES LABEL_MAPS'


@dataclass(frozen=True)
class Manifest:
    """What ``label_maps.json`` says about the maps beside it."""

    classes: list[str]
    """Names in the order of their numbers; empty where the classifier had none."""
    num_classes: int
    classifier: str
    checkpoint: str
    topk: int
    grid: int

    def write(self, folder: str | Path) -> None:
        """Put ``label_maps.json`` into ``folder``, whole or not at all, whoever else does too."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False) + '\n'
        mine = Path(folder) / f'{MANIFEST}.{os.getpid()}'
        AtomicLocalBackend().put(text.encode(), mine)
        os.replace(mine, Path(folder) / MANIFEST)

    @classmethod
    def read(cls, folder: str | Path) -> 'Manifest | None':
        """What ``folder`` says, or None where it holds no ``label_maps.json``.

        Raises:
            LabelMapError: the file is there but is not what ``write`` leaves.
        """
        path = Path(folder) / MANIFEST
        try:
            return cls(**json.loads(path.read_text())) if path.exists() else None
        except (OSError, ValueError, TypeError) as error:
            raise LabelMapError(
                f'{path} cannot be read ({error}): put the original back, or delete it with the '
                f'maps beside it and run {MAKE_THEM}'
            ) from error


def label_map_name(picture: str | os.PathLike) -> str:
    """The map of a picture, both relative to their folders: ``n01/a.pt`` of ``n01/a.JPEG``."""
    return os.path.splitext(picture)[0] + '.pt'


def encode(scores: Tensor, ids: Tensor, num_classes: int) -> bytes:
    """The content of a map's file; its length depends on the shape and ``num_classes`` alone.

    ``scores`` and ``ids`` are (k, h, w); ``num_classes`` is that of the whole list.
    """
    dtype = torch.float16 if num_classes <= LARGEST_FLOAT16_ID + 1 else torch.float32
    buffer = io.BytesIO()
    torch.save(torch.stack([scores.to(dtype), ids.to(dtype)]), buffer)
    return buffer.getvalue()


def read_label_map(path: str | Path) -> LabelMap:
    """Read one map, published or ours.

    Raises:
        LabelMapError: it is missing, cut short, of another shape, or its classes are no numbers.
    """
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except FileNotFoundError:
        raise LabelMapError(f'the label map {path} does not exist: run {MAKE_THEM}') from None
    except Exception as error:
        raise LabelMapError(
            f'the label map {path} cannot be read, it may be cut short: delete it and run '
            f'{MAKE_THEM}, which makes what is missing ({type(error).__name__})'
        ) from error
    shape = tuple(content.shape) if isinstance(content, Tensor) else type(content).__name__
    if not isinstance(content, Tensor) or len(shape) != 4 or shape[0] != 2 or not content.numel():
        raise LabelMapError(
            f'the label map {path} must hold one tensor (2, k, h, w) of scores and classes, such '
            f'as (2, 5, 18, 18), and holds {shape}'
        )
    scores, ids = content.float()
    if not (content.isfinite().all() and (ids >= 0).all() and (ids == ids.round()).all()):
        raise LabelMapError(
            f'the label map {path} has scores that are no numbers, or classes that are no whole '
            'numbers from 0: it is damaged or of another format'
        )
    return LabelMap(scores.numpy(), ids.long().numpy())
