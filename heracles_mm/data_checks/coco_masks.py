"""The masks of a file in COCO's form."""

from collections.abc import Generator

import numpy as np

from heracles_mm.data_checks.coco_annotations import Annotations
from heracles_mm.data_checks.coco_boxes import WITHOUT
from heracles_mm.data_checks.findings import Odd


def mask_findings(file: Annotations, kept: np.ndarray) -> Generator[str, None, np.ndarray]:
    """Find what is wrong with masks of instances, and return which annotations have one."""
    none, form, sizes, valid = (np.zeros(len(kept), bool) for _ in range(4))
    for i in np.flatnonzero(kept):
        mask = file.annotations[i].get('segmentation')
        if not mask:
            none[i] = True
        elif isinstance(mask, list):
            if not all(isinstance(polygon, list) for polygon in mask):
                form[i] = True
            else:
                valid[i] = any(len(p) >= 6 and len(p) % 2 == 0 for p in mask)
        elif not isinstance(mask, dict):
            form[i] = True
        elif file.use.masks.poly2mask and isinstance(mask.get('counts'), (list, str)):
            width, height = file.size[file.image[i]]
            said, counts = mask.get('size'), mask['counts']
            runs = [n for n in counts if isinstance(n, int)] if isinstance(counts, list) else ()
            full = isinstance(counts, str) or sum(runs) == width * height
            valid[i] = said is not None
            sizes[i] = valid[i] and (said != [height, width] or not full)
    if none.any():
        yield (
            f'{file.first(none)} have no mask (segmentation), and the pipeline loads masks '
            '(LoadAnnotations with with_mask=True): add the masks, or take a config without a '
            'mask head, such as retinanet_heracles_s_coco.py'
        )
    if form.any():
        yield (
            f'{file.first(form)} have a segmentation that is neither a list of polygons '
            '[[x1, y1, x2, y2, x3, y3, ...], ...] nor a run-length code (a dict of size and '
            'counts)'
        )
    if sizes.any():
        first = int(sizes.argmax())
        width, height = file.size[file.image[first]]
        yield (
            f'{file.first(sizes)} have a run-length mask of another size than the picture: '
            f'{file.annotations[first]["segmentation"]["size"]} in place of its height and '
            f'width, [{height:g}, {width:g}]; make the masks at the size of the pictures'
        )
    file.left_out['maskless'] = int((kept & ~valid).sum())
    if file.left_out['maskless']:
        yield Odd(
            f'{file.first(kept & ~valid)} have {WITHOUT["maskless"]} (and no run-length mask '
            'that the pipeline takes): mmdet does not train on them'
        )
    return valid
