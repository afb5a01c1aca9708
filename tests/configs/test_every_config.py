"""Contract of every config in the folder: it is used whole, trains, predicts, is as it says."""

import re
from pathlib import Path

import pytest
import torch
from batches import SERIES, SIDE
from mmengine.config import Config
from one_run import OneRun, run_once
from unused import unused_options
from variables import idle_names

from heracles_mm.configs import ListedConfig, listed_configs
from heracles_mm.data_checks.paths import inner_datasets

FOLDER = Path(__file__).resolve().parents[2] / 'configs'
CONFIGS = sorted(FOLDER.glob('*.py'))
FILES = [*CONFIGS, *sorted((FOLDER / '_base_').rglob('*.py'))]
LISTED = {one.name: one for one in listed_configs()}
METHODS = {
    'ATSS': ('atss_', 'ATSS'),
    'Cascade Mask R-CNN': ('cascade_mask_rcnn_', 'CascadeRCNN'),
    'Classifier': ('', 'LinearClsHead'),
    'DINO': ('dino_', 'DINO'),
    'Forecaster': ('', 'Forecaster'),
    'GFL': ('gfl_', 'GFL'),
    'Mask R-CNN': ('mask_rcnn_', 'MaskRCNN'),
    'Mask2Former': ('mask2former_', 'Mask2FormerHead'),
    'RTMDet-Ins': ('rtmdet_ins_', 'RTMDetInsSepBNHead'),
    'RetinaNet': ('retinanet_', 'RetinaNet'),
    'Semantic FPN': ('semantic_fpn_', 'FPNHead'),
    'Token-label classifier': ('', 'TokenLabelHead'),
    'UperNet': ('upernet_', 'UPerHead'),
}
"""What a metafile calls a method: how its file names begin, and the class that makes it."""

DATA = {
    'ADE20K': 'ADE20KDataset',
    'CIFAR-10': 'CIFAR10|CustomDataset',
    'CIFAR-100': 'CIFAR100',
    'COCO': 'CocoDataset',
    'COCO panoptic': 'CocoPanopticDataset',
    'CamVid': 'BaseSegDataset',
    'Cityscapes': 'CityscapesDataset',
    'ETTh1': 'SeriesDataset',
    'ETTh2': 'SeriesDataset',
    'Flowers-102': 'Flowers102',
    'ImageNet-1k': 'ImageNet',
    'Imagenette': 'CustomDataset',
    'LVIS v1': 'LVISV1Dataset',
    'Pascal VOC 07+12': 'VOCDataset',
    'Pascal VOC 2012': 'PascalVOCDataset',
    'Penn-Fudan': 'CocoDataset',
    'Stanford Cars': 'StanfordCars',
    'a CSV of series': 'SeriesDataset',
    'a folder of pictures': 'CustomDataset',
    'embedded product photos': 'PartsDataset',
    'embedded scenes': 'Scenes(Seg)?Dataset',
}
"""What a metafile calls the data, and the class that reads them."""


@pytest.fixture(scope='module', params=CONFIGS, ids=lambda path: path.stem)
def config(request, made_folder) -> Config:
    without_imports = Config.fromfile(request.param, import_custom_modules=False)
    pytest.importorskip(without_imports.default_scope, reason='the library of the config')
    for module in without_imports.custom_imports.imports:
        library = module.partition('.')[0]
        pytest.importorskip(library, reason=f'a part of the model is of {library}')
    if 'LVISMetric' in str(without_imports.val_evaluator):
        pytest.importorskip('lvis', reason="LVIS' own package: pip install 'heracles-mm[lvis]'")
    return Config.fromfile(request.param)


def _train_set(config: Config) -> dict:
    """Of several, the first."""
    return next(options for _, options in inner_datasets(config.train_dataloader, ''))


def _scope(path: Path) -> str:
    return Config.fromfile(path, import_custom_modules=False).default_scope


@pytest.fixture(scope='module')
def run(config, made_folder) -> OneRun:
    return run_once(config, made_folder)


@pytest.fixture
def listed(config) -> ListedConfig:
    return LISTED[Path(config.filename).stem]


def test_it_trains_a_step_and_every_parameter_learns(run):
    """AdamW and Muon keep a state of those parameters alone that had a gradient."""
    assert torch.tensor(list(run.losses.values())).isfinite().all()
    without = [name for name, p in run.model.named_parameters() if p not in run.optimizer.state]
    assert not without


def test_a_second_run_in_one_process_logs_into_its_own_folder(config):
    """All runs of a process share a visualizer that has a name, and with it the first folder."""
    assert 'name' not in config.get('visualizer', {})


def test_it_predicts(config, run, listed):
    result = run.predictions[0]
    if config.default_scope == 'mmdet':
        found = result.pred_instances
        assert len(found.scores) == len(found.bboxes)
        assert len(found.scores) > 0 or 'panoptic' in listed.data  # it may take all for stuff
        assert ((found.bboxes >= 0) & (found.bboxes <= SIDE)).all()
        segments = listed.method.endswith(('Mask R-CNN', 'Mask2Former', 'RTMDet-Ins'))
        assert ('masks' in found) == segments
        assert 'masks' not in found or found.masks.shape[1:] == (SIDE, SIDE)
        if 'panoptic' in listed.data:
            assert result.pred_panoptic_seg.sem_seg.shape == (1, SIDE, SIDE)
    elif config.default_scope == 'mmengine':
        assert result['forecast'].shape == (config.model.horizon, SERIES)
        assert result['forecast'].isfinite().all()
    elif config.default_scope == 'mmseg':
        classes = config.model.decode_head.num_classes
        assert result.seg_logits.data.shape == (classes, SIDE, SIDE)
        assert result.pred_sem_seg.data.shape == (1, SIDE, SIDE)
    else:
        assert result.pred_score.shape == (config.model.head.num_classes,)
        assert result.pred_score.sum().item() == pytest.approx(1, abs=1e-4)


def test_its_pipelines_give_pictures_and_its_heads_know_its_classes(config, run):
    if config.default_scope == 'mmengine':
        for item in (run.train_item, run.val_item):
            assert item['inputs'].shape == (config.model.backbone.look_back, SERIES)
            assert item['targets'].shape == (config.model.horizon, SERIES)
        return
    for item in (run.train_item, run.val_item):
        assert item['inputs'].dtype == torch.uint8
        assert item['inputs'].shape[0] == 3
    if run.classes is not None:  # a folder of pictures tells them when it is read
        text = str(config.model.to_dict())
        heads = {int(number) for number in re.findall(r"num_classes': (\d+)", text)}
        both = re.findall(r"num_things_classes': (\d+), 'num_stuff_classes': (\d+)", text)
        heads |= {int(things) + int(stuff) for things, stuff in both}
        assert heads == {len(run.classes)}


def test_norms_and_biases_do_not_decay_and_all_others_do(config, run):
    """Nor do the embeddings that Mask2Former's recipe spares."""
    keys = config.optim_wrapper.paramwise_cfg.get('custom_keys', {})
    spared = [key for key, options in keys.items() if options.get('decay_mult') == 0]
    decay = {
        p: group['weight_decay'] for group in run.optimizer.param_groups for p in group['params']
    }
    for name, parameter in run.model.named_parameters():
        flat = parameter.ndim == 1 or any(key in name for key in spared)
        expected = 0 if flat else config.optim_wrapper.optimizer.weight_decay
        assert decay[parameter] == expected, name


def test_its_metafile_counts_its_parameters(listed, run):
    assert listed.parameters == run.parameters


def test_every_option_is_used(config, run):
    assert unused_options(config, run.unread) == []


@pytest.mark.parametrize('path', FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_name_in_a_file_is_used(path):
    assert idle_names(path, FILES) == set()


def test_its_metafile_names_its_method_backbone_and_data(config, listed):
    start, made_by = METHODS[listed.method]
    family, arch = listed.backbone.lower().split('-', 1)
    assert f"'{made_by}'" in str(config.model.to_dict())
    backbone = config.model.backbone
    if arch == 'series':  # whose sizes stand in its config, and so do a peer's
        assert listed.name.startswith(f'{family}_')
        assert backbone.type.lower() == f'{family}{arch}'
    else:
        assert listed.name.startswith(f'{start}{family}_{arch.replace("-", "_")}_')
        assert backbone.type.removeprefix('mmpretrain.').lower() == family
        assert backbone.arch == arch or family == 'convnext'
    data, _, size = listed.data.partition(' at ')
    assert re.fullmatch(DATA[data], _train_set(config).type)
    if size:
        assert size == f'{backbone.get("img_size", 224)} px'


def test_its_metafile_states_its_recipe(config, listed):
    length, unit, *more = listed.schedule.split()
    assert config.train_cfg[f'max_{unit.replace("iterations", "iters")}'] == int(length)
    assert ' '.join(more) == _technique(unit, str(_train_set(config).get('pipeline')))
    processes = config.get('auto_scale_lr', {}).get('base_batch_size', 0)
    assert listed.batch == (processes or config.train_dataloader.batch_size)
    assert listed.batch % config.train_dataloader.batch_size == 0
    optimizer = config.optim_wrapper.optimizer
    assert (listed.optimizer, listed.lr) == (optimizer.type.rpartition('.')[2], optimizer.lr)
    assert listed.clip == config.optim_wrapper.get('clip_grad', {}).get('max_norm')


def _technique(unit: str, pipeline: str) -> str:
    if 'CachedMosaic' in pipeline:
        return 'with mosaics and mix-up'
    if "'ratio_range': (0.1, 2.0)" in pipeline:
        return 'with large-scale jitter'
    crops = 'RandomCrop' in pipeline and 'padding' not in pipeline  # that of small pictures shifts
    return 'with multi-scale crops' if unit == 'epochs' and crops else ''


def test_its_work_goes_through_our_hooks_and_imports(config):
    """Everything mmengine needs to find is in custom_imports, so mmdet's own tools run it too."""
    assert 'heracles_mm' in config.custom_imports.imports
    assert 'heracles_mm.engine' in config.custom_imports.imports
    assert not config.custom_imports.get('allow_failed_imports')
    assert 'PlainCheckpointHook' in [hook.type for hook in config.custom_hooks]


def test_it_depends_on_no_download(config):
    """download.openmmlab.com is gone, and no weights are public: nothing may be fetched."""
    assert 'http' not in str(config.to_dict())


def test_schedules_end_with_the_training(config):
    length = config.train_cfg.get('max_epochs') or config.train_cfg.max_iters
    assert config.param_scheduler[-1].end == length
    assert all(m < length for s in config.param_scheduler for m in s.get('milestones', ()))


PLACES = {
    'mask_rcnn_heracles_s_coco': ('COCO_ROOT', 'data/coco/'),
    'heracles_s_imagenet': ('IMAGENET_ROOT', 'data/imagenet/'),
    'heracles_s_cifar10': ('CIFAR10_ROOT', 'data/cifar10/'),
    'heracles_nano_cifar10': ('CIFAR10_FOLDERS', 'data/cifar10_folders/'),
    'heracles_s_cifar100': ('CIFAR100_ROOT', 'data/cifar100/'),
    'heracles_s_flowers102': ('FLOWERS102_ROOT', 'data/flowers102/'),
    'heracles_s_cars': ('CARS_ROOT', 'data/stanford_cars/'),
    'heracles_nano_imagenette': ('IMAGENETTE_ROOT', 'data/imagenette/'),
    'mask_rcnn_heracles_nano_pennfudan': ('PENN_FUDAN_ROOT', 'data/penn_fudan/'),
    'upernet_heracles_nano_camvid': ('CAMVID_ROOT', 'data/camvid/'),
    'upernet_heracles_s_cityscapes': ('CITYSCAPES_ROOT', 'data/cityscapes/'),
    'mask_rcnn_heracles_s_lvis': ('LVIS_ROOT', 'data/lvis_v1/'),
    'mask2former_heracles_s_coco_panoptic': ('COCO_ROOT', 'data/coco/'),
    'upernet_heracles_s_voc': ('VOC_ROOT', 'data/VOCdevkit/'),
    'retinanet_heracles_s_voc': ('VOC_ROOT', 'data/VOCdevkit/'),
    'heracles_etth1': ('ETT_ROOT', 'data/ett/'),
}


@pytest.mark.parametrize(('name', 'variable', 'default'), [(k, *v) for k, v in PLACES.items()])
def test_data_are_where_the_environment_says(name, variable, default, monkeypatch):
    path = CONFIGS[0].with_name(f'{name}.py')
    pytest.importorskip(_scope(path))
    for value, place in (('/somewhere/data/', '/somewhere/data/'), (None, default)):
        monkeypatch.delenv(variable, raising=False)
        if value:
            monkeypatch.setenv(variable, value)
        config = Config.fromfile(path)
        for loader in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
            assert {options.data_root for _, options in inner_datasets(loader, '')} == {place}
        metrics = config.val_evaluator
        for metric in [metrics] if isinstance(metrics, dict) else metrics:
            for key in metric.keys() & {'ann_file', 'seg_prefix'}:
                assert metric[key].startswith(place)


def test_a_fine_tuned_classifier_starts_from_the_environments_checkpoint(monkeypatch):
    path = CONFIGS[0].with_name('hamsa_s_cars_384.py')
    pytest.importorskip(_scope(path))
    monkeypatch.setenv('PRETRAINED', '/somewhere/classifier.pth')
    assert Config.fromfile(path).load_from == '/somewhere/classifier.pth'
