"""The index that mim, mmpretrain and list_configs read: every config once, and nothing invented."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import yaml

from heracles_mm.checkpoints.shipped import shipped_weights
from heracles_mm.configs import config_names, listed_configs

ROOT = Path(__file__).resolve().parents[2]
INDEX = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
METAFILES = {name: yaml.safe_load((ROOT / name).read_text()) for name in INDEX}
MODELS = {model['Name']: model for file in METAFILES.values() for model in file['Models']}
TASKS = {
    'Classifier': ['Image Classification'],
    'Token-label classifier': ['Image Classification'],
    'UperNet': ['Semantic Segmentation'],
    'Semantic FPN': ['Semantic Segmentation'],
    'Forecaster': ['Time Series Forecasting'],
    'RetinaNet': ['Object Detection'],
    'ATSS': ['Object Detection'],
    'GFL': ['Object Detection'],
    'DINO': ['Object Detection'],
    'Mask R-CNN': ['Object Detection', 'Instance Segmentation'],
    'Cascade Mask R-CNN': ['Object Detection', 'Instance Segmentation'],
    'RTMDet-Ins': ['Object Detection', 'Instance Segmentation'],
}
OF_MASK2FORMER = {
    'COCO': ['Object Detection', 'Instance Segmentation'],
    'COCO panoptic': ['Panoptic Segmentation', 'Object Detection', 'Instance Segmentation'],
    'ADE20K': ['Semantic Segmentation'],
    'Cityscapes': ['Semantic Segmentation'],
}


def test_the_index_names_every_metafile():
    assert sorted(INDEX) == sorted(f'configs/{p.name}' for p in ROOT.glob('configs/metafile_*.yml'))


def test_every_config_is_listed_once():
    listed = [model['Name'] for file in METAFILES.values() for model in file['Models']]
    assert sorted(listed) == config_names()


@pytest.mark.parametrize('metafile', METAFILES)
def test_a_metafile_holds_the_models_of_its_family_and_kind(metafile):
    """mmpretrain's hub takes classifiers only: it would build a detector in its own scope."""
    (collection,) = METAFILES[metafile]['Collections']
    family, _, kind = Path(metafile).stem.removeprefix('metafile_').partition('_')
    for model in METAFILES[metafile]['Models']:
        assert model['In Collection'] == collection['Name']
        assert f'{family}_' in model['Name']
        task = model['Results'][0]['Task']
        assert (task == 'Image Classification') == (kind == '')
        assert (task == 'Time Series Forecasting') == (kind == 'series')


@pytest.mark.parametrize('name', MODELS)
def test_an_entry_is_its_configs(name):
    model = MODELS[name]
    assert model['Config'] == f'configs/{name}.py'
    (data,) = {result['Dataset'] for result in model['Results']}
    tasks = TASKS.get(model['Metadata']['Method']) or OF_MASK2FORMER[data]
    assert [result['Task'] for result in model['Results']] == tasks
    dense = tasks[0] not in ('Image Classification', 'Time Series Forecasting')
    small = 'nano' in model['Metadata']['Backbone']
    assert ('FLOPs' in model['Metadata']) == (dense and not small)


@pytest.mark.parametrize('listed', listed_configs(), ids=lambda listed: listed.name)
def test_the_first_comment_of_a_config_says_what_its_entry_says(listed):
    """For the reader of the file; test_every_config.py holds the entry against the config."""
    lines = (ROOT / 'configs' / f'{listed.name}.py').read_text().splitlines()
    comment = ' '.join(line[2:] for line in itertools.takewhile(lambda x: x[:1] == '#', lines))
    lr = np.format_float_scientific(listed.lr, trim='-', exp_digits=1)
    clip = f', gradient clip {listed.clip}' if listed.clip else ''
    schedule = listed.schedule.replace('000 iterations', 'k iterations')
    data = listed.data.replace('embedded', 'the embedded')
    recipe = f'{schedule}, batch {listed.batch}, {listed.optimizer} {lr}{clip}'
    assert comment.startswith(f'{listed.method}, {listed.backbone}, {data}, {recipe}')
    assert ('gradient clip' in comment) == bool(listed.clip)


@pytest.mark.parametrize('name', sorted({*MODELS} - {*shipped_weights()}))
def test_an_entry_claims_nothing(name):
    """No weights exist, nothing was measured here, and a published figure says that it is one."""
    model = MODELS[name]
    assert 'Weights' not in model
    assert all(result['Metrics'] == {} for result in model['Results'])
    assert 'README' not in model or model['README'].startswith('Published')
    assert 'arXiv' in model.get('README', 'arXiv')
