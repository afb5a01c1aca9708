"""Write the label maps of a folder of pictures: what is missing, whole files only, in parts."""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mmcv
import torch
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from heracles_mm.checkpoints import AtomicLocalBackend
from heracles_mm.token_labels.dense_scores import DenseScores, sparse_scores
from heracles_mm.token_labels.label_map_files import (
    MANIFEST,
    LabelMapError,
    Manifest,
    encode,
    label_map_name,
)

PICTURES = ('.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif')
"""Endings of picture files, in capitals too; as mmpretrain's data sets."""

SHOWN = 3
"""Names that an error tells."""


def list_pictures(folder: str) -> list[str]:
    """Paths of the pictures anywhere below ``folder``, relative to it, sorted.

    Raises:
        LabelMapError: there are none, or two of one name would share a label map.
    """
    if not os.path.isdir(folder):
        raise LabelMapError(f'the folder of pictures {folder} does not exist')
    found = sorted(
        os.path.relpath(os.path.join(place, name), folder)
        for place, _, names in os.walk(folder, followlinks=True)
        for name in names
        if name.lower().endswith(PICTURES)
    )
    if not found:
        raise LabelMapError(f'{folder} holds no pictures ({", ".join(PICTURES)})')
    owners: dict[str, str] = {}
    for picture in found:
        other = owners.setdefault(label_map_name(picture), picture)
        if other != picture:
            raise LabelMapError(
                f'{other} and {picture} in {folder} would have one label map: rename one of them'
            )
    return found


def keep_manifest(manifest: Manifest, folder: str, pictures: Sequence[str]) -> None:
    """Write ``label_maps.json``, or see that what is there says the same.

    Args:
        manifest: of the maps to make.
        folder: for the maps.
        pictures: relative paths, whose folders may be named after classes.

    Raises:
        LabelMapError: the folder holds other maps, or the pictures other classes.
    """
    _check_class_folders(manifest.classes, pictures)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    there = Manifest.read(folder)  # after the listing: another shard writes it before its maps
    if there is None:
        if not all(name.startswith(MANIFEST) for name in names):
            raise LabelMapError(
                f'{folder} holds files but no {MANIFEST}, so they are not of this tool: name '
                'another folder'
            )
        manifest.write(folder)
        return
    old, new = asdict(there), asdict(manifest)
    for name in old:
        if old[name] != new[name]:
            raise LabelMapError(
                f'the label maps in {folder} were made with {name} {_short(old[name])}, and these '
                f'would be with {_short(new[name])}: name another folder, or make them alike'
            )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + '...'


def _check_class_folders(classes: Sequence[str], pictures: Sequence[str]) -> None:
    """Where folders are named like classes, each must be one; ImageNet's numbers are not names."""
    folders = {picture.split(os.sep)[0] for picture in pictures if os.sep in picture}
    unknown = sorted(folders - set(classes))
    if unknown and len(unknown) < len(folders):
        raise LabelMapError(
            f'{len(unknown)} of {len(folders)} folders of pictures are no classes of the '
            f'classifier ({", ".join(unknown[:SHOWN])}): take a classifier of the same class list'
        )


class LabelMapMaker:
    """Writes the maps of pictures and tells on the console how it goes.

    Args:
        scores: of the classifier.
        manifest: what ``label_maps.json`` says.
        pictures: folder of the pictures.
        label_maps: folder for the maps.
    """

    def __init__(
        self, scores: DenseScores, manifest: Manifest, pictures: str, label_maps: str
    ) -> None:
        self.scores, self.manifest = scores, manifest
        self.pictures, self.label_maps = pictures, label_maps
        self.console = Console()
        nothing = torch.zeros(manifest.topk, manifest.grid, manifest.grid)
        self.file_size = len(encode(nothing, nothing, manifest.num_classes))

    def run(self, pictures: Sequence[str], batch_size: int, workers: int) -> None:
        """Make the maps that are not there yet.

        Args:
            pictures: paths relative to the folder.
            batch_size: pictures that go through the classifier at once.
            workers: processes that read pictures, 0 for none.

        Raises:
            LabelMapError: no room, a grid that the classifier has not, or (after all others are
                done) pictures that cannot be read.
        """
        todo = [picture for picture in pictures if not self._is_whole(self._target(picture))]
        self._say_plan(len(pictures), len(todo))
        start = time.monotonic()
        unreadable = self._make(todo, batch_size, workers) if todo else []
        seconds = time.monotonic() - start
        made = len(todo) - len(unreadable)
        there = len(pictures) - len(unreadable)
        self.console.print(
            f'{there} label maps in {self.label_maps}, {_bytes(there * self.file_size)}; '
            f'{made} made now in {seconds:.0f} s',
            highlight=False,
            soft_wrap=True,
        )
        if unreadable:
            raise LabelMapError(
                f'{len(unreadable)} pictures in {self.pictures} cannot be read and have no label '
                f'map ({", ".join(unreadable[:SHOWN])}): mend or remove them, and run this again'
            )

    def _target(self, picture: str) -> str:
        return os.path.join(self.label_maps, label_map_name(picture))

    def _is_whole(self, target: str) -> bool:
        """Maps are renamed into place, so only a copy that was cut short is of another size."""
        return os.path.isfile(target) and os.path.getsize(target) == self.file_size

    def _say_plan(self, total: int, todo: int) -> None:
        size, free = todo * self.file_size, shutil.disk_usage(self.label_maps).free
        self.console.print(
            f'{total} pictures, {total - todo} with a label map; {todo} to make of '
            f'{_bytes(self.file_size)} each: {_bytes(size)}, of {_bytes(free)} free',
            highlight=False,
            soft_wrap=True,
        )
        if size > free:
            raise LabelMapError(
                f'the label maps need {_bytes(size)} and {self.label_maps} has {_bytes(free)} '
                'free: name another folder, or a smaller --grid or --topk'
            )

    def _make(self, pictures: Sequence[str], batch_size: int, workers: int) -> list[str]:
        unreadable = []
        columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
        console = Console(stderr=True)
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            bar = progress.add_task('label maps', total=len(pictures))
            for index, content in self._contents(pictures, batch_size, workers):
                if content is None:
                    unreadable.append(pictures[index])
                else:
                    self._write(content, self._target(pictures[index]))
                progress.advance(bar)
        return unreadable

    def _write(self, content: bytes, target: str) -> None:
        try:
            AtomicLocalBackend().put(content, target)
        except OSError as error:
            raise LabelMapError(
                f'the label map {target} cannot be written ({error.strerror}): make room or mend '
                'it and run this again, which goes on where it stopped'
            ) from error

    def _contents(
        self, pictures: Sequence[str], batch_size: int, workers: int
    ) -> Iterator[tuple[int, bytes | None]]:
        paths = [os.path.join(self.pictures, picture) for picture in pictures]
        side = self.manifest.grid * self.scores.stride
        loader = DataLoader(
            _Pictures(paths, side), batch_size, num_workers=workers, collate_fn=list
        )
        for batch in loader:
            yield from ((index, None) for index, picture in batch if picture is None)
            readable = [(index, picture) for index, picture in batch if picture is not None]
            if not readable:
                continue
            inputs = torch.stack([picture for _, picture in readable])
            inputs = self.scores.classifier.data_preprocessor({'inputs': inputs})['inputs']
            dense = self.scores(inputs)
            if dense.shape[-2:] != (self.manifest.grid, self.manifest.grid):
                raise LabelMapError(
                    f'pictures of {side} px give the classifier a map of {dense.shape[-2]}x'
                    f'{dense.shape[-1]} positions, not {self.manifest.grid}: name another --grid'
                )
            scores, ids = (part.cpu() for part in sparse_scores(dense, self.manifest.topk))
            for (index, _), one, its_ids in zip(readable, scores, ids):
                yield index, encode(one, its_ids, self.manifest.num_classes)


class _Pictures(Dataset):
    """Whole pictures as squares (3, side, side) uint8, BGR; None for what cannot be read."""

    def __init__(self, paths: Sequence[str], side: int) -> None:
        self.paths = paths
        self.side = side

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[int, Tensor | None]:
        try:
            content = Path(self.paths[index]).read_bytes()
        except OSError:
            content = b''
        picture = mmcv.imfrombytes(content) if content else None
        if picture is None:
            return index, None
        size = (self.side, self.side)
        picture = mmcv.imresize(picture, size, interpolation='bicubic', backend='pillow')
        return index, torch.from_numpy(picture).permute(2, 0, 1)


def _bytes(count: float) -> str:
    for unit in ('bytes', 'kB', 'MB', 'GB'):
        if count < 1000 or unit == 'GB':
            break
        count /= 1000
    return f'{count:.0f} bytes' if unit == 'bytes' else f'{count:.1f} {unit}'
