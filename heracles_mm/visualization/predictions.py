"""What a model makes of pictures of its own data, drawn beside their ground truth."""

from collections.abc import Callable, Iterable, Sequence

import mmcv
import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement

from heracles_mm.errors import UserError
from heracles_mm.export.building import preprocessing
from heracles_mm.visualization import (
    LEAST_SCORE,
    Detections,
    plot_classes,
    plot_detections,
    plot_label_maps,
)

Pair = tuple[BaseDataElement, BaseDataElement]
"""Ground truth and prediction of one picture."""


def plot_predictions(
    cfg: Config,
    model: BaseModel,
    dataset: BaseDataset,
    indices: Iterable[int],
    least_score: float = LEAST_SCORE,
) -> Figure:
    """Draw predictions beside ground truth, whatever the library.

    Args:
        cfg: of mmdet (boxes, and masks where there are any), mmseg (label maps) or mmpretrain.
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
    in_rgb = not _swaps_channels(cfg)
    pictures, pairs = [], []
    model.eval()
    for index in indices:
        item = dataset[index]
        truth = item['data_samples'].clone()
        if needed not in truth:
            raise UserError(
                f'the pipeline of val_dataloader packs no ground truth ({needed}), beside which '
                'predictions are drawn: add its loading step'
            )
        pictures.append(_picture(item, in_rgb))
        with torch.no_grad():
            (found,) = model.test_step(pseudo_collate([item]))  # alone: nothing is padded to others
        pairs.append((truth, found.cpu()))
    return draw(pictures, pairs, dataset.metainfo, least_score)


def _swaps_channels(cfg: Config) -> bool:
    """Whether the model turns what the pipeline gives it from BGR into RGB."""
    options = preprocessing(cfg)
    return options.get('bgr_to_rgb', options.get('to_rgb', False))


def _picture(item: dict, in_rgb: bool) -> np.ndarray:
    """What the pipeline made of a picture, (H, W, 3) uint8 RGB."""
    pixels = item['inputs'].permute(1, 2, 0).numpy()
    return np.ascontiguousarray(pixels if in_rgb else pixels[..., ::-1])


def _in_original_size(picture: np.ndarray, sample: BaseDataElement) -> np.ndarray:
    """Undo the resizing and padding: detections and label maps are of the original picture."""
    height, width = sample.img_shape[:2]
    return mmcv.imresize(picture[:height, :width], sample.ori_shape[1::-1])


def _detections(
    pictures: Sequence[np.ndarray], pairs: Sequence[Pair], meta: dict, least_score: float
) -> Figure:
    columns = []
    for picture, (truth, found) in zip(pictures, pairs, strict=True):
        real, seen = truth.gt_instances, found.pred_instances.numpy()
        seen = seen[seen.scores >= least_score]
        boxes = getattr(real.bboxes, 'tensor', real.bboxes).numpy()
        masks = real.masks.to_ndarray().astype(bool) if 'masks' in real else None
        columns.append(
            (
                _in_original_size(picture, truth),
                Detections(boxes, real.labels.numpy(), masks),
                Detections(seen.bboxes, seen.labels, seen.get('masks'), seen.scores),
            )
        )
    return plot_detections(columns, meta['classes'], _palette(meta))


def _label_maps(
    pictures: Sequence[np.ndarray], pairs: Sequence[Pair], meta: dict, least_score: float
) -> Figure:
    columns = [
        (
            _in_original_size(picture, truth),
            truth.gt_sem_seg.data[0].numpy(),
            found.pred_sem_seg.data[0].numpy(),
        )
        for picture, (truth, found) in zip(pictures, pairs, strict=True)
    ]
    return plot_label_maps(columns, meta['classes'], _palette(meta))


def _classes(
    pictures: Sequence[np.ndarray], pairs: Sequence[Pair], meta: dict, least_score: float
) -> Figure:
    names = meta.get('classes')

    def named(labels: torch.Tensor) -> str:
        return ', '.join(names[i] if names else str(i) for i in labels.tolist())

    return plot_classes(
        [
            (picture, named(truth.gt_label), named(found.pred_label), found.pred_score.max().item())
            for picture, (truth, found) in zip(pictures, pairs, strict=True)
        ]
    )


def _palette(meta: dict) -> Sequence[tuple[int, int, int]]:
    """The data set's colours, or some where it has none."""
    count = len(meta['classes'])
    hues = colormaps['hsv'](np.linspace(0, 1, count, endpoint=False), bytes=True)
    return meta.get('palette') or [tuple(map(int, colour[:3])) for colour in hues]


DRAWERS: dict[str, tuple[str, Callable[..., Figure]]] = {
    'mmdet': ('gt_instances', _detections),
    'mmseg': ('gt_sem_seg', _label_maps),
    'mmpretrain': ('gt_label', _classes),
}
"""default_scope of a config -> the ground truth of its samples, and what draws its predictions."""
