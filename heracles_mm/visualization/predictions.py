"""What a model makes of pictures of its own data, drawn beside their ground truth."""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat

import cv2
import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement, InstanceData

from heracles_mm.errors import UserError
from heracles_mm.visualization.trained_backbone import preprocessing

LEAST_SCORE = 0.5
"""Detections below it are usually left out of pictures (never out of an AP)."""

RIGHT, WRONG = 'darkgreen', 'firebrick'
COLUMNS = 6

Sample = tuple[np.ndarray, BaseDataElement, BaseDataElement]
"""A picture, (H, W, 3) uint8 RGB, its ground truth and its prediction."""


def plot_predictions(
    cfg: Config,
    model: BaseModel,
    dataset: BaseDataset,
    indices: Iterable[int],
    least_score: float = LEAST_SCORE,
) -> Figure:
    """Draw predictions beside ground truth, whatever the library.

    Args:
        cfg: of mmdet (boxes, and masks where there are any), mmseg (label maps; ignored pixels are
            black) or mmpretrain (classes; wrong ones are red).
        model: of the config, with its weights.
        dataset: of the config, with the pipeline of evaluation.
        indices: of the pictures in the data set.
        least_score: of the detections shown.

    Raises:
        UserError: another library, or data without ground truth.
    """
    scope = cfg.get('default_scope')
    if scope not in DRAWERS:
        raise UserError(f'predictions are drawn for {", ".join(DRAWERS)}, not for {scope}')
    needed, draw = DRAWERS[scope]
    options = preprocessing(cfg)
    in_bgr = options.get('bgr_to_rgb', options.get('to_rgb', False))  # what the pipeline gives
    samples = []
    model.eval()
    for index in indices:
        item = dataset[index]
        truth = item['data_samples'].clone()
        if needed not in truth:
            raise UserError(
                f'the pipeline of val_dataloader packs no ground truth ({needed}), beside which '
                'predictions are drawn: add its loading step'
            )
        picture = item['inputs'].permute(1, 2, 0).numpy()
        with torch.no_grad():
            (found,) = model.test_step(pseudo_collate([item]))  # alone: nothing is padded to others
        samples.append((picture[..., ::-1] if in_bgr else picture, truth, found.cpu()))
    return draw(samples, dataset.metainfo, least_score)


def _draw_detections(samples: Sequence[Sample], meta: dict, least_score: float) -> Figure:
    """A column per picture, ground truth above and prediction below."""
    figure, rows = _columns(samples, 2, width=2.6)
    for axes, (picture, truth, found) in zip(rows.T, samples):
        picture = _in_original_size(picture, truth)
        real, seen = truth.gt_instances, found.pred_instances.numpy()
        boxes = getattr(real.bboxes, 'tensor', real.bboxes).numpy()
        masks = dict(masks=real.masks.to_ndarray().astype(bool)) if 'masks' in real else {}
        real = InstanceData(bboxes=boxes, labels=real.labels.numpy(), **masks)
        _draw_instances(axes[0], picture, real, meta)
        _draw_instances(axes[1], picture, seen[seen.scores >= least_score], meta)
    rows[0, 0].set_ylabel('ground truth')
    rows[1, 0].set_ylabel('prediction')
    return figure


def _columns(samples: Sequence[Sample], rows: int, width: float) -> tuple[Figure, np.ndarray]:
    """Axes (rows, samples), each ``width`` inches wide and as high as the highest picture, but
    never lower than a row's name nor higher than two widths."""
    height = width * max(truth.ori_shape[0] / truth.ori_shape[1] for _, truth, _ in samples)
    size = width * len(samples), rows * (np.clip(height, 0.9, 2 * width) + 0.1) + 0.5
    figure = Figure(figsize=size, layout='constrained')
    return figure, figure.subplots(rows, len(samples), squeeze=False)


def _draw_instances(axes: Axes, picture: np.ndarray, found: InstanceData, meta: dict) -> None:
    """Boxes (N, 4), x1, y1, x2, y2 in px, over masks (N, H, W), each in its label's colour."""
    colours = _palette(meta) / 255
    shown = picture.astype(np.float32) / 255
    for label, mask in zip(found.labels, found.get('masks', ())):
        shown[mask] = 0.5 * shown[mask] + 0.5 * colours[label]
    axes.imshow(shown)
    axes.set(xticks=[], yticks=[])
    scores = [f' {score:.2f}' for score in found.scores] if 'scores' in found else repeat('')
    for label, (x1, y1, x2, y2), score in zip(found.labels, found.bboxes, scores):
        colour = tuple(colours[label])
        corner, width, height = (x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1
        axes.add_patch(Rectangle(corner, width, height, fill=False, color=colour, lw=1.5))
        words = axes.text(x1, y1, meta['classes'][label] + score, fontsize=7, color='white')
        words.set(va='bottom', clip_on=True, bbox={'facecolor': colour, 'pad': 1, 'linewidth': 0})


def _draw_label_maps(samples: Sequence[Sample], meta: dict, _: float) -> Figure:
    """A column per picture: the picture, its label map, the predicted one; seen classes named."""
    figure, rows = _columns(samples, 3, width=2.2)
    palette, seen = _palette(meta), set()
    colours = np.array([*palette, (0, 0, 0)], np.uint8)  # the last for ignored pixels
    for axes, (picture, truth, found) in zip(rows.T, samples):
        maps = [sample.data[0].numpy() for sample in (truth.gt_sem_seg, found.pred_sem_seg)]
        coloured = [colours[np.minimum(labels, len(palette))] for labels in maps]
        for one, pixels in zip(axes, [_in_original_size(picture, truth), *coloured], strict=True):
            one.imshow(pixels, interpolation='nearest')
            one.set(xticks=[], yticks=[])
        seen |= {int(label) for labels in maps for label in np.unique(labels)}
    for axes, name in zip(rows[:, 0], ('picture', 'ground truth', 'prediction'), strict=True):
        axes.set_ylabel(name)
    handles = [
        Patch(color=tuple(palette[label] / 255), label=name)
        for label, name in enumerate(meta['classes'])
        if label in seen
    ]
    figure.legend(handles=handles, loc='outside lower center', ncols=9, fontsize='small')
    return figure


def _draw_classes(samples: Sequence[Sample], meta: dict, _: float) -> Figure:
    """The pictures, each under its true class and the predicted one."""
    names = meta.get('classes')
    columns = min(COLUMNS, len(samples))
    rows = math.ceil(len(samples) / columns)
    figure = Figure(figsize=(2 * columns, 2.5 * rows), layout='constrained')
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.set_axis_off()

    def named(labels: torch.Tensor) -> str:
        return ', '.join(names[i] if names else str(i) for i in labels.tolist())

    for axes, (picture, truth, found) in zip(figure.axes, samples):
        true, predicted = named(truth.gt_label), named(found.pred_label)
        axes.imshow(picture)
        title = f'{true}\npredicted: {predicted} {found.pred_score.max():.2f}'
        axes.set_title(title, fontsize=8, color=RIGHT if true == predicted else WRONG)
    return figure


def _in_original_size(picture: np.ndarray, sample: BaseDataElement) -> np.ndarray:
    """Undo the resizing and padding: detections and label maps are of the original picture."""
    height, width = sample.img_shape[:2]
    return cv2.resize(np.ascontiguousarray(picture[:height, :width]), sample.ori_shape[1::-1])


def _palette(meta: dict) -> np.ndarray:
    """The data set's colours, or some where it has none: (classes, 3), 0 to 255."""
    hues = np.linspace(0, 1, len(meta['classes']), endpoint=False)
    return np.array(meta.get('palette') or colormaps['hsv'](hues, bytes=True)[:, :3])


DRAWERS: dict[str, tuple[str, Callable[..., Figure]]] = {
    'mmdet': ('gt_instances', _draw_detections),
    'mmseg': ('gt_sem_seg', _draw_label_maps),
    'mmpretrain': ('gt_label', _draw_classes),
}
"""default_scope of a config -> the ground truth of its samples, and what draws its predictions."""
