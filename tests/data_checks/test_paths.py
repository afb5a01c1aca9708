"""A missing data set is found in the config alone, for every shape that a config can have."""

import pytest
from mmengine.config import Config

from heracles_mm.data_checks.paths import missing_data

COCO = """
data_root = '{{$HERACLES_TEST_ROOT:data/coco/}}'
train_dataloader = dict(dataset=dict(
    type='CocoDataset', data_root=data_root, ann_file='annotations/train.json',
    data_prefix=dict(img='train/')))
val_dataloader = dict(dataset=dict(
    type='CocoDataset', data_root=data_root, ann_file='annotations/val.json',
    data_prefix=dict(img='val/')))
val_evaluator = dict(type='CocoMetric', ann_file=data_root + 'annotations/val.json')
"""


def one(dataset, evaluator=None):
    return Config({'train_dataloader': {'dataset': dataset}, 'train_evaluator': evaluator})


def sentence(*args, **kwargs):
    return missing_data(one(*args, **kwargs), ('train',))


@pytest.fixture
def coco(tmp_path, monkeypatch):
    """A config with mmengine's environment substitution, where the default folder is absent."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('HERACLES_TEST_ROOT', raising=False)
    (tmp_path / 'base.py').write_text(COCO)
    (tmp_path / 'config.py').write_text("_base_ = 'base.py'\n")
    return tmp_path / 'config.py'


@pytest.fixture
def root(tmp_path):
    """A data set that is there."""
    for folder in ('annotations', 'train', 'val'):
        (tmp_path / 'coco' / folder).mkdir(parents=True)
    for name in ('train', 'val'):
        (tmp_path / 'coco' / 'annotations' / f'{name}.json').write_text('{}')
    return tmp_path / 'coco'


def test_the_path_that_was_looked_at_and_both_ways_to_set_it_are_named(coco, tmp_path):
    message = missing_data(Config.fromfile(coco), ('train', 'val'))
    assert f'{tmp_path}/data/coco/annotations/train.json' in message
    assert 'set the environment variable HERACLES_TEST_ROOT' in message
    assert '--cfg-options train_dataloader.dataset.data_root=PATH' in message
    assert '3 more paths' in message
    assert '\n' not in message


@pytest.mark.parametrize(
    ('option', 'kind'), [('csv_file', 'file'), ('ann_file', 'file'), ('data_root', 'data folder')]
)
def test_a_variable_of_a_file_is_said_to_be_one(option, kind, tmp_path):
    dataset = f"dict(type='X', {option}=r'{{{{$HERACLES_TEST_PLACE:absent}}}}')"
    (tmp_path / 'config.py').write_text(f'train_dataloader = dict(dataset={dataset})\n')
    message = missing_data(Config.fromfile(tmp_path / 'config.py'), ('train',))
    assert f'set the environment variable HERACLES_TEST_PLACE to the {kind}, or' in message


def test_following_the_advice_helps(coco, root, monkeypatch):
    """Advice that is only nearly right costs more time than none."""
    monkeypatch.setenv('HERACLES_TEST_ROOT', f'{root}/')
    assert missing_data(Config.fromfile(coco), ('train', 'val')) is None
    monkeypatch.delenv('HERACLES_TEST_ROOT')
    cfg = Config.fromfile(coco)
    cfg.merge_from_dict({'train_dataloader.dataset.data_root': str(root)})
    assert missing_data(cfg, ('train',)) is None


def test_a_wrong_value_of_the_variable_is_blamed_on_the_variable(coco, monkeypatch):
    monkeypatch.setenv('HERACLES_TEST_ROOT', '/nowhere/')
    message = missing_data(Config.fromfile(coco), ('val',))
    assert '/nowhere/annotations/val.json' in message
    assert 'HERACLES_TEST_ROOT' in message


def test_only_the_stages_that_will_run_are_looked_at(coco):
    """test-dev annotations of COCO are not public; training must not ask for them."""
    assert missing_data(Config.fromfile(coco), ('test',)) is None


@pytest.mark.parametrize(
    ('wrapped', 'option'),
    [
        (lambda d: {'type': 'RepeatDataset', 'times': 2, 'dataset': d}, 'dataset.dataset'),
        (
            lambda d: {'type': 'ConcatDataset', 'datasets': [{'type': 'Scenes'}, d]},
            'dataset.datasets.1',
        ),
        (
            lambda d: {'type': 'RepeatDataset', 'dataset': {'datasets': [d]}},
            'dataset.dataset.datasets.0',
        ),
    ],
)
def test_wrapped_data_sets_are_found_with_the_option_that_reaches_them(wrapped, option, root):
    cfg = one(wrapped({'type': 'X', 'data_root': '/nowhere', 'ann_file': 'annotations/val.json'}))
    message = missing_data(cfg, ('train',))
    assert f'train_dataloader.{option}.data_root=PATH' in message
    cfg.merge_from_dict({f'train_dataloader.{option}.data_root': str(root)})
    assert missing_data(cfg, ('train',)) is None


@pytest.mark.parametrize(
    'dataset',
    [
        {'type': 'ScenesDataset', 'split': 'train'},  # ours: makes its own files
        {'type': 'CocoDataset', 'data_root': 's3://bucket/coco', 'ann_file': 'a.json'},
        {'type': 'X', 'data_root': 'x', 'ann_file': 'a', 'backend_args': {'backend': 'petrel'}},
        {'type': 'CIFAR10', 'data_root': 'absent', 'split': 'train'},  # downloads
        {'type': 'mmpretrain.CIFAR10', 'data_root': 'absent'},
        {'type': 'X', 'data_root': '', 'ann_file': '', 'data_prefix': ''},
        {'type': 'X', 'data_root': None, 'ann_file': None, 'data_prefix': {'img': None}},
    ],
)
def test_what_cannot_be_judged_by_local_paths_is_left_alone(dataset):
    assert sentence(dataset) is None


def test_a_self_downloading_data_set_that_may_not_is_checked():
    assert 'absent' in sentence({'type': 'CIFAR10', 'data_root': 'absent', 'download': False})


def test_an_image_folder_is_looked_for_as_well_as_the_annotations(root):
    message = sentence({'data_root': str(root), 'data_prefix': {'img_path': 'images/train'}})
    assert f'{root}/images/train' in message


def test_a_root_alone_is_looked_for(tmp_path):
    """mmpretrain's ImageNet: data_root and split."""
    message = sentence({'type': 'ImageNet', 'data_root': str(tmp_path / 'imagenet'), 'split': 'x'})
    assert 'imagenet' in message
    assert sentence({'type': 'ImageNet', 'data_root': str(tmp_path), 'split': 'x'}) is None


def test_absolute_files_do_not_need_the_root(root):
    """mmengine does not join them either."""
    assert sentence({'data_root': '/nowhere', 'ann_file': f'{root}/annotations/val.json'}) is None
    message = sentence({'data_root': str(root), 'ann_file': '/nowhere/val.json'})
    assert '--cfg-options train_dataloader.dataset.ann_file=PATH' in message


def test_the_annotations_of_one_evaluator_among_several_are_found():
    message = sentence({'type': 'Scenes'}, [{'type': 'A'}, {'type': 'B', 'ann_file': '/no/a.json'}])
    assert 'train_evaluator.1 needs /no/a.json' in message
    assert 'train_evaluator.1.ann_file=PATH' in message
