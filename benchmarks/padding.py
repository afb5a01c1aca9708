"""What does the padding of a batch change: a picture's maps, and a detector's AP?

mmdet pads the pictures of a batch to the largest of them. The config's val pictures, the sides of
--sides taking turns (multiples of the config's pad_size_divisor, or each is padded when alone too),
are shown to the model alone, then in batches as they come and in batches of one side. The last
lines compare the maps of the pictures that were padded with those of the same pictures alone, by
stage: over the whole picture, and in its upper left quarter, far from the padding.

    python benchmarks/padding.py --config configs/mask_rcnn_heracles_nano_scenes.py \\
        --checkpoint work_dirs/demo/iter_720.pth
"""

from statistics import mean

import torch
from common import log, machine, options
from mmdet.apis import init_detector
from mmdet.registry import DATASETS
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator

import heracles_mm.engine  # noqa: F401  (plain checkpoints)

MEASURES = {'box AP': 'coco/bbox_mAP', 'mask AP': 'coco/segm_mAP'}
Batch = list[dict]  # what the data set gives of each picture


def main() -> None:
    args = options(
        __doc__,
        config='configs/mask_rcnn_heracles_nano_scenes.py',
        checkpoint='work_dirs/demo/iter_720.pth',
        sides=[160, 128],
        batch=8,
    )
    model = init_detector(args.config, args.checkpoint, device='cpu')
    pictures, meta = read(model.cfg, args.sides)
    turns = len(args.sides)
    ways = {
        'alone': split(pictures, 1),
        f'in batches of {args.batch}, padded': split(pictures, args.batch),
        f'in batches of {args.batch} of one side': [
            batch for i in range(turns) for batch in split(pictures[i::turns], args.batch)
        ],
    }
    lines = [machine(), f'{len(pictures)} pictures, sides {args.sides}, {args.checkpoint}']
    for name, batches in ways.items():
        log(name)
        evaluator = Evaluator(model.cfg.val_evaluator)
        evaluator.dataset_meta = meta
        for batch in batches:
            data = pseudo_collate(batch)
            with torch.no_grad():
                evaluator.process(model.test_step(data), data)
        found = evaluator.evaluate(len(pictures))
        aps = '  '.join(f'{measure} {found[key]:.3f}' for measure, key in MEASURES.items())
        lines.append(f'{name:30} {aps}')
    log('maps')
    for stage, (whole, quarter) in enumerate(map_changes(model, split(pictures, args.batch))):
        lines.append(f'maps of stage {stage}: changed by {whole:.1%}, upper left {quarter:.2%}')
    print(*lines, sep='\n')  # below what the evaluators print


def read(cfg, sides: list[int]) -> tuple[Batch, dict]:
    """The val pictures, the sides taking turns, and the data set's meta information."""
    datasets = []
    for side in sides:
        settings = cfg.val_dataloader.dataset.copy()
        settings.pipeline = [
            {**step, 'scale': (side, side)} if step['type'] == 'Resize' else step
            for step in settings.pipeline
        ]
        datasets.append(DATASETS.build(settings))
    pictures = [datasets[i % len(sides)][i] for i in range(len(datasets[0]))]
    return pictures, datasets[0].metainfo


def split(pictures: Batch, size: int) -> list[Batch]:
    return [pictures[i : i + size] for i in range(0, len(pictures), size)]


@torch.no_grad()
def map_changes(model, batches: list[Batch]) -> list[tuple[float, ...]]:
    """By stage, the mean over padded pictures of ||padded - alone|| / ||alone||: of the whole
    picture and of its upper left quarter."""
    changes = []
    for batch in batches:
        together = maps(model, batch)
        for i, picture in enumerate(batch):
            alone = maps(model, [picture])
            if alone[0].shape[-2:] != together[0].shape[-2:]:  # the largest ones are not padded
                changes.append([change(a[0], b[i]) for a, b in zip(alone, together)])
    return [tuple(mean(part) for part in zip(*stage)) for stage in zip(*changes)]


def change(alone: torch.Tensor, padded: torch.Tensor) -> tuple[float, ...]:
    """Of maps (C, H, W) and (C, H', W') with H <= H', W <= W'."""
    _, h, w = alone.shape
    parts = [(slice(None), slice(h), slice(w)), (slice(None), slice(h // 2), slice(w // 2))]
    return tuple(((padded[p] - alone[p]).norm() / alone[p].norm()).item() for p in parts)


def maps(model, batch: Batch) -> tuple[torch.Tensor, ...]:
    return model.backbone(model.data_preprocessor(pseudo_collate(batch))['inputs'])


if __name__ == '__main__':
    main()
