"""The first pictures of a COCO annotation file, with all that is annotated in them."""

import json
from collections import Counter
from pathlib import Path, PurePosixPath

from heracles_mm.data_checks.findings import read_each
from heracles_mm.errors import DataError
from heracles_mm.preparation.source_files import read_picture, refuse_doubles
from heracles_mm.preparation.whole_folder import Content


def coco_subset(
    source: Path, pictures: Path | None = None, number: int = 100
) -> dict[str, Content]:
    """Take the ``number`` pictures of the lowest ids; all categories are kept.

    The files keep their names: ``annotations/{source's name}`` and the folder of the pictures.

    Args:
        source: such as ``annotations/instances_train2017.json``.
        pictures: the folder of the pictures; by default COCO's, here ``train2017`` beside
            ``annotations``.
        number: at least 1.

    Raises:
        DataError: what is wrong, with the file.
    """
    source = source.resolve()
    content = _read(source)
    folder = (pictures or source.parent.parent / source.stem.rpartition('_')[2]).resolve()
    if not folder.is_dir():
        raise DataError(f'the folder of pictures {folder} does not exist: name it with --pictures')
    try:
        images = sorted(content['images'], key=lambda image: image['id'])
        if len(images) < number:
            raise DataError(
                f'{source} names {len(images)} pictures, not {number}: ask for fewer with --number'
            )
        images = images[:number]
        chosen = {image['id'] for image in images}
        annotations = [one for one in content['annotations'] if one['image_id'] in chosen]
        sizes = {image['file_name']: (image['width'], image['height']) for image in images}
        subset = {**content, 'images': images, 'annotations': annotations}
        subset['categories']
        paths = [PurePosixPath(name) for name in sizes]
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{source} is not COCO's instances (a dict of the lists images, annotations and "
            f'categories with all their fields; {type(error).__name__}: {error}): choose another '
            'file'
        ) from error
    for key in ('id', 'file_name'):
        value, count = Counter(image[key] for image in images).most_common(1)[0]
        if count > 1:
            raise DataError(f'{source} names {count} pictures of the {key} {value!r}: keep one')
    if outside := [path for path in paths if path.is_absolute() or '..' in path.parts]:
        raise DataError(f'{source} names {outside[0]}, outside of its folder: correct the file')
    found = []
    read = read_each(read_picture, [folder / path for path in paths], 'pictures')
    for (file, picture), size in zip(read, sizes.values(), strict=True):
        if picture.size != size:
            raise DataError(
                f'{file} is {picture.size[0]}x{picture.size[1]} px and {size[0]}x{size[1]} in '
                f'{source}: copy the pictures that belong to it'
            )
        found.append(picture)
    refuse_doubles(found)
    files: dict[str, Content] = {f'{folder.name}/{name}': folder / name for name in sizes}
    files[f'annotations/{source.name}'] = json.dumps(subset).encode()
    return files


def _read(source: Path) -> dict:
    try:
        return json.loads(source.read_bytes())
    except OSError as error:
        raise DataError(f'the annotation file {source} cannot be read: {error.strerror}') from error
    except ValueError as error:
        raise DataError(
            f'the annotation file {source} is not whole JSON ({error}): copy it again'
        ) from error
