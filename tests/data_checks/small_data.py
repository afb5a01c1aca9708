"""Small made data of each library, and configs that name them."""

import copy
import json
from pathlib import Path
from traceback import walk_tb

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS
from PIL import Image

from heracles_mm.data_checks import check_data
from heracles_mm.errors import DataError

WIDTH, HEIGHT = 64, 48
CLASSES = ('cat', 'dog')


def write_picture(path: Path, size=(WIDTH, HEIGHT), seed=0, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)


def polygon(x, y, w, h) -> list:
    return [[x, y, x + w, y, x + w, y + h, x, y + h]]


def coco_content(pictures=4, first=1, split='train') -> dict:
    """Two objects in each picture, one of each of two categories, whose ids have a gap."""
    images, annotations = [], []
    for i in range(first, first + pictures):
        images.append(
            dict(id=i, file_name=f'{split}_{i}.jpg', width=WIDTH, height=HEIGHT, license=1)
        )
        for k, category in enumerate((3, 7)):
            box = [30 + 2 * k, 20 + k, 22, 20]
            annotations.append(
                dict(
                    id=2 * i + k,
                    image_id=i,
                    category_id=category,
                    bbox=box,
                    area=440,
                    iscrowd=0,
                    segmentation=polygon(*box),
                )
            )
    categories = [dict(id=3, name='cat'), dict(id=7, name='dog')]
    return dict(images=images, categories=categories, annotations=annotations)


def write_coco(root: Path, split: str, content: dict | str | None = None, **options) -> dict:
    """Write the annotation file of ``split`` and its pictures; return a config's data set."""
    first = {'train': 1, 'val': 101}.get(split, 201)
    content = coco_content(first=first, split=split) if content is None else content
    text = content if isinstance(content, str) else json.dumps(content)
    (root / f'{split}.json').write_text(text)
    for image in coco_content(first=first, split=split)['images']:
        write_picture(root / split / image['file_name'], seed=image['id'], **options)
    return dict(
        type='CocoDataset',
        data_root=str(root),
        ann_file=f'{split}.json',
        data_prefix=dict(img=f'{split}/'),
        metainfo=dict(classes=CLASSES),
        test_mode=split == 'val',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
            dict(type='PackDetInputs'),
        ],
    )


def detection_config(root: Path) -> Config:
    """A config of a Mask R-CNN's heads on the data of ``root``."""
    heads = dict(bbox_head=dict(num_classes=2), mask_head=dict(num_classes=2))
    cfg = dict(
        default_scope='mmdet',
        model=dict(roi_head=heads),
        train_dataloader=dict(dataset=write_coco(root, 'train')),
        val_dataloader=dict(dataset=write_coco(root, 'val')),
        val_evaluator=dict(type='CocoMetric', ann_file=str(root / 'val.json')),
    )
    return Config(cfg)


def write_maps(root: Path, split: str, count=4) -> dict:
    """Pictures with label maps of 0 and 1; returns a config's data set."""
    for i in range(count):
        write_picture(root / f'images/{split}/{i}.png', seed=i + 50 * (split == 'val'))
        labels = np.zeros((HEIGHT, WIDTH), np.uint8)
        labels[5:25, 8:30], labels[0, 0] = 1, 255
        path = root / f'labels/{split}/{i}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(labels).save(path)
    return dict(
        type='BaseSegDataset',
        data_root=str(root),
        img_suffix='.png',
        data_prefix=dict(img_path=f'images/{split}', seg_map_path=f'labels/{split}'),
        metainfo=dict(classes=('ground', 'square'), palette=[[0, 0, 0], [9, 9, 9]]),
        test_mode=split == 'val',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ],
    )


def segmentation_config(root: Path) -> Config:
    cfg = dict(
        default_scope='mmseg',
        model=dict(decode_head=dict(num_classes=2), auxiliary_head=[dict(num_classes=2)]),
        train_dataloader=dict(dataset=write_maps(root, 'train')),
        val_dataloader=dict(dataset=write_maps(root, 'val')),
    )
    return Config(cfg)


def classification_config(root: Path) -> Config:
    """Folders by class, 'cat' with a folder in it."""
    for k, split in enumerate(('train', 'val')):
        for i, name in enumerate(('cat/1', 'cat/deep/2', 'dog/1')):
            write_picture(root / split / f'{name}.png', seed=10 * k + i)
    data = dict(
        type='CustomDataset', data_root=str(root), pipeline=[dict(type='LoadImageFromFile')]
    )
    cfg = dict(
        default_scope='mmpretrain',
        model=dict(head=dict(num_classes=2)),
        train_dataloader=dict(dataset=dict(data, data_prefix='train')),
        val_dataloader=dict(dataset=dict(data, data_prefix='val')),
    )
    return Config(cfg)


def write_voc(root: Path, split: str, count=4) -> dict:
    """Pictures with one object of each class; returns a config's data set."""
    first = {'train': 1, 'val': 101}[split]
    names = [f'{number:06}' for number in range(first, first + count)]
    for name in names:
        write_picture(root / 'VOC2007/JPEGImages' / f'{name}.jpg', seed=int(name))
        objects = ''.join(
            f'<object><name>{one}</name><difficult>0</difficult><bndbox><xmin>{5 + 20 * k}</xmin>'
            f'<ymin>6</ymin><xmax>{24 + 20 * k}</xmax><ymax>30</ymax></bndbox></object>'
            for k, one in enumerate(CLASSES)
        )
        size = f'<size><width>{WIDTH}</width><height>{HEIGHT}</height></size>'
        path = root / 'VOC2007/Annotations' / f'{name}.xml'
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'<annotation>{size}{objects}</annotation>')
    (root / f'VOC2007/{split}.txt').write_text('\n'.join(names) + '\n')
    return dict(
        type='VOCDataset',
        data_root=str(root),
        ann_file=f'VOC2007/{split}.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        metainfo=dict(classes=CLASSES),
        test_mode=split == 'val',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='PackDetInputs'),
        ],
    )


def voc_config(root: Path) -> Config:
    """A config of a RetinaNet's head on the data of ``root``."""
    cfg = dict(
        default_scope='mmdet',
        model=dict(bbox_head=dict(num_classes=2)),
        train_dataloader=dict(dataset=write_voc(root, 'train')),
        val_dataloader=dict(dataset=write_voc(root, 'val')),
        val_evaluator=dict(type='VOCMetric'),
    )
    return Config(cfg)


def write_panoptic(root: Path, split: str, count=3) -> dict:
    """Pictures of a cat and a dog on grass, whose ids need two colours; returns a data set."""
    first = {'train': 1, 'val': 101}[split]
    images, annotations = [], []
    for number in range(first, first + count):
        name = f'{number:06}'
        write_picture(root / split / f'{name}.jpg', seed=number)
        ids = np.full((HEIGHT, WIDTH), 700 + number)
        ids[5:25, 8:28], ids[5:25, 34:54] = 300 + number, 500 + number
        colours = np.stack([ids % 256, ids // 256 % 256, ids // 256**2], -1).astype(np.uint8)
        path = root / f'panoptic_{split}' / f'{name}.png'
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(colours).save(path)
        images.append(dict(id=number, file_name=f'{name}.jpg', width=WIDTH, height=HEIGHT))
        boxes = {3: [8, 5, 20, 20], 7: [34, 5, 20, 20], 9: [0, 0, WIDTH, HEIGHT]}
        segments = [
            dict(id=i, category_id=one, iscrowd=0, bbox=box, area=int((ids == i).sum()))
            for i, (one, box) in zip(np.unique(ids).tolist(), boxes.items(), strict=True)
        ]
        entry = dict(image_id=number, file_name=f'{name}.png', segments_info=segments)
        annotations.append(entry)
    categories = [
        dict(id=3, name='cat', isthing=1),
        dict(id=7, name='dog', isthing=1),
        dict(id=9, name='grass', isthing=0),
    ]
    content = dict(images=images, annotations=annotations, categories=categories)
    (root / f'panoptic_{split}.json').write_text(json.dumps(content))
    return dict(
        type='CocoPanopticDataset',
        data_root=str(root),
        ann_file=f'panoptic_{split}.json',
        data_prefix=dict(img=f'{split}/', seg=f'panoptic_{split}/'),
        metainfo=dict(classes=(*CLASSES, 'grass'), thing_classes=CLASSES, stuff_classes=('grass',)),
        test_mode=split == 'val',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticAnnotations'),
            dict(type='PackDetInputs'),
        ],
    )


def panoptic_config(root: Path) -> Config:
    """A config of a Mask2Former's heads on the data of ``root``."""
    classes = dict(num_things_classes=2, num_stuff_classes=1)
    weights = dict(class_weight=[1.0, 1.0, 1.0, 0.1])
    cfg = dict(
        default_scope='mmdet',
        model=dict(
            panoptic_head=dict(type='Mask2FormerHead', loss_cls=weights, **classes),
            panoptic_fusion_head=dict(type='MaskFormerFusionHead', **classes),
        ),
        train_dataloader=dict(dataset=write_panoptic(root, 'train')),
        val_dataloader=dict(dataset=write_panoptic(root, 'val')),
        val_evaluator=dict(
            type='CocoPanopticMetric',
            ann_file=str(root / 'panoptic_val.json'),
            seg_prefix=str(root / 'panoptic_val'),
        ),
    )
    return Config(cfg)


def lvis_content(split: str, content: dict) -> dict:
    """COCO's content as LVIS v1 has it."""
    for image in content['images']:
        name = image.pop('file_name')
        image['coco_url'] = f'http://images.cocodataset.org/{split}/{name}'
        image.update(neg_category_ids=[], not_exhaustive_category_ids=[])
    for category in content['categories']:
        category['frequency'] = 'f'
    for one in content['annotations']:
        del one['iscrowd']
    return content


def lvis_config(root: Path) -> Config:
    """The config of ``detection_config`` on LVIS' form of its data."""
    cfg = detection_config(root)
    for split in ('train', 'val'):
        path = root / f'{split}.json'
        path.write_text(json.dumps(lvis_content(split, json.loads(path.read_text()))))
        cfg[f'{split}_dataloader'].dataset.update(type='LVISV1Dataset', data_prefix=dict(img=''))
    cfg.val_evaluator.type = 'LVISMetric'
    return cfg


def built(cfg: Config, stage: str):
    """The data set as the library builds it."""
    with DATASETS.switch_scope_and_registry(cfg.default_scope) as registry:
        return registry.build(copy.deepcopy(cfg[f'{stage}_dataloader'].dataset))


def outcome(cfg: Config, stages=('train', 'val')) -> tuple[str | None, list[str]]:
    """The refusal, if any, and the warnings."""
    warnings = []
    try:
        check_data(cfg, stages, warnings.append)
    except DataError as error:
        assert '\n' not in str(error)
        return str(error), warnings
    return None, warnings


def assert_refused(damage, words, wrong, cfg: Config) -> None:
    """Do ``damage`` to sound data: the refusal has ``words``, and the library fails in its own code
    or ``wrong`` finds that it makes nonsense of them."""
    damage(cfg)
    refusal, _ = outcome(cfg)
    assert refusal is not None
    for word in words:
        assert word in refusal
    try:
        assert wrong(cfg)
    except Exception as error:
        *_, (frame, _) = walk_tb(error.__traceback__)
        place = Path(frame.f_code.co_filename).resolve()
        assert not place.is_relative_to(Path(__file__).parent), (
            f'the control itself fails: {error!r}'
        )


def assert_taken(words, cfg: Config) -> None:
    """The data are not refused; the warnings have ``words``, and there are none without."""
    refusal, warnings = outcome(cfg)
    assert refusal is None
    for word in words:
        assert any(word in warning for warning in warnings), warnings
    assert words or not warnings


def evaluated(cfg: Config, kind: type) -> dict[str, float]:
    """What a metric of mmdet's says of the annotations of the val data as predictions."""
    data = built(cfg, 'val')
    metric = kind(ann_file=cfg.val_evaluator.ann_file)
    metric.dataset_meta = data.metainfo
    for item in data:
        sample = item['data_samples']
        boxes, classes = sample.gt_instances.bboxes.tensor, sample.gt_instances.labels
        perfect = dict(bboxes=boxes, labels=classes, scores=torch.ones(len(boxes)))
        metric.process({}, [dict(sample.metainfo, pred_instances=perfect)])
    return metric.evaluate(len(data))


def option(name, value):
    return lambda cfg: cfg.merge_from_dict({name: value})
