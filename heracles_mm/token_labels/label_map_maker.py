"""Write the label maps of a folder of pictures: what is missing, whole files only, in parts."""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import cv2
import mmcv
import torch
from mmpretrain.datasets import ImageNet
from rich.console import Console
from rich.filesize import decimal
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader

from heracles_mm.checkpoints import AtomicLocalBackend
from heracles_mm.errors import LabelMapError
from heracles_mm.token_labels.dense_scores import DenseScores, sparse_scores
from heracles_mm.token_labels.label_map_files import MANIFEST, Manifest, encode, label_map_name

SHOWN = 3  # names in an error


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
        if name.lower().endswith(ImageNet.IMG_EXTENSIONS)
    )
    if not found:
        raise LabelMapError(f'{folder} holds no pictures ({", ".join(ImageNet.IMG_EXTENSIONS)})')
    by_map: dict[str, str] = {}
    for picture in found:
        other = by_map.setdefault(label_map_name(picture), picture)
        if other != picture:
            raise LabelMapError(
                f'{other} and {picture} in {folder} would have one label map: rename one of them'
            )
    return found


def keep_manifest(manifest: Manifest, folder: str, pictures: Sequence[str]) -> None:
    """Write ``label_maps.json`` into a folder for maps, or see that what is there says the same.

    ``pictures`` are relative paths. Where one of their folders is named like a class, each must be;
    ImageNet's are named by numbers.

    Raises:
        LabelMapError: the folder holds other maps, or the pictures other classes.
    """
    folders = {picture.split(os.sep)[0] for picture in pictures if os.sep in picture}
    unknown = sorted(folders.difference(manifest.classes))
    if unknown and len(unknown) < len(folders):
        raise LabelMapError(
            f'{len(unknown)} of {len(folders)} folders of pictures are no classes of the '
            f'classifier ({", ".join(unknown[:SHOWN])}): take a classifier of the same class list'
        )
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
                f'the label maps in {folder} were made with {name} {old[name]!r:.60}, and these '
                f'would be with {new[name]!r:.60}: name another folder, or make them alike'
            )


@dataclass
class LabelMapMaker:
    """Writes the maps of a folder of pictures into another, and prints the plan and the result."""

    scores: DenseScores
    manifest: Manifest
    pictures: str
    label_maps: str

    def run(self, pictures: Sequence[str], batch_size: int, workers: int) -> None:
        """Make the maps of ``pictures``, paths in the folder, that are not there yet.

        Raises:
            LabelMapError: no room, a grid that the classifier has not, or (after all others are
                done) pictures that cannot be read.
        """
        nothing = torch.zeros(self.manifest.topk, self.manifest.grid, self.manifest.grid)
        each = len(encode(nothing, nothing, self.manifest.num_classes))
        maps = {name: os.path.join(self.label_maps, label_map_name(name)) for name in pictures}
        # Maps are renamed into place, so only a copy that was cut short is of another size.
        there = [path for path in maps.values() if os.path.isfile(path)]
        whole = {path for path in there if os.path.getsize(path) == each}
        todo = [name for name, path in maps.items() if path not in whole]
        size, free = len(todo) * each, shutil.disk_usage(self.label_maps).free
        print(
            f'{len(maps)} pictures, {len(whole)} with a label map; {len(todo)} to make of '
            f'{decimal(each)} each: {decimal(size)}, of {decimal(free)} free'
        )
        if size > free:
            raise LabelMapError(
                f'the label maps need {decimal(size)} and {self.label_maps} has {decimal(free)} '
                'free: name another folder, or a smaller --grid or --topk'
            )
        start, unreadable, console = time.monotonic(), [], Console(stderr=True)
        made = self._contents(todo, batch_size, workers)
        for name, content in track(
            made, 'label maps', len(todo), console=console, disable=not console.is_terminal
        ):
            if content is None:
                unreadable.append(name)
                continue
            try:
                AtomicLocalBackend().put(content, maps[name])
            except OSError as error:
                raise LabelMapError(
                    f'the label map {maps[name]} cannot be written ({error.strerror}): make room '
                    'or mend it and run this again, which goes on where it stopped'
                ) from error
        count, seconds = len(maps) - len(unreadable), time.monotonic() - start
        print(
            f'{count} label maps in {self.label_maps}, {decimal(count * each)}; '
            f'{len(todo) - len(unreadable)} made now in {seconds:.0f} s'
        )
        if unreadable:
            raise LabelMapError(
                f'{len(unreadable)} pictures in {self.pictures} cannot be read and have no label '
                f'map ({", ".join(unreadable[:SHOWN])}): mend or remove them, and run this again'
            )

    def _contents(
        self, pictures: Sequence[str], batch_size: int, workers: int
    ) -> Iterator[tuple[str, bytes | None]]:
        """Yield each picture with the content of its map's file, None if it cannot be read."""
        grid = self.manifest.grid
        side = grid * self.scores.stride
        read = partial(_read_squares, folder=self.pictures, side=side)
        names: Any = list(pictures)  # which is a data set of names
        for batch in DataLoader(names, batch_size, num_workers=workers, collate_fn=read):
            squares = {name: square for name, square in batch.items() if square is not None}
            yield from ((name, None) for name in batch if name not in squares)
            if not squares:
                continue
            inputs = {'inputs': torch.stack(list(squares.values()))}
            dense = self.scores(self.scores.classifier.data_preprocessor(inputs)['inputs'])
            if dense.shape[-2:] != (grid, grid):
                raise LabelMapError(
                    f'pictures of {side} px give the classifier a map of {dense.shape[-2]}x'
                    f'{dense.shape[-1]} positions, not {grid}: name another --grid'
                )
            scores, ids = (part.cpu() for part in sparse_scores(dense, self.manifest.topk))
            for name, its_scores, its_ids in zip(squares, scores, ids):
                yield name, encode(its_scores, its_ids, self.manifest.num_classes)


def _read_squares(names: Sequence[str], folder: str, side: int) -> dict[str, Tensor | None]:
    """Pictures as squares (3, side, side) uint8, BGR; None for what cannot be read."""
    squares: dict[str, Tensor | None] = dict.fromkeys(names)
    for name in names:
        picture = cv2.imread(os.path.join(folder, name))
        if picture is not None:
            square = mmcv.imresize(picture, (side, side), interpolation='bicubic', backend='pillow')
            squares[name] = torch.from_numpy(square).permute(2, 0, 1)
    return squares
