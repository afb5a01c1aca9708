"""The index that mim, mmpretrain and list_configs read: every config once, and nothing invented."""

from pathlib import Path

import pytest
import yaml

from heracles_mm.configs import config_names, read_header

ROOT = Path(__file__).resolve().parents[2]
INDEX = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
METAFILES = {name: yaml.safe_load((ROOT / name).read_text()) for name in INDEX}
MODELS = {model['Name']: model for file in METAFILES.values() for model in file['Models']}
TASKS = {
    'Classifier': ['Image Classification'],
    'Token-label classifier': ['Image Classification'],
    'UperNet': ['Semantic Segmentation'],
    'Semantic FPN': ['Semantic Segmentation'],
    'RetinaNet': ['Object Detection'],
    'GFL': ['Object Detection'],
    'Mask R-CNN': ['Object Detection', 'Instance Segmentation'],
    'Cascade Mask R-CNN': ['Object Detection', 'Instance Segmentation'],
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
        classifies = model['Results'][0]['Task'] == 'Image Classification'
        assert classifies == (kind != 'dense')


@pytest.mark.parametrize('name', MODELS)
def test_an_entry_is_its_configs(name):
    model = MODELS[name]
    assert model['Config'] == f'configs/{name}.py'
    header = read_header(ROOT / model['Config'])
    assert [result['Task'] for result in model['Results']] == TASKS[header.method]
    data = header.data.partition(' at ')[0].removeprefix('the ')
    assert {result['Dataset'] for result in model['Results']} == {data}


@pytest.mark.parametrize('name', MODELS)
def test_an_entry_claims_nothing(name):
    """No weights exist, nothing was measured here, and a published figure says that it is one."""
    model = MODELS[name]
    assert 'Weights' not in model
    assert all(result['Metrics'] == {} for result in model['Results'])
    assert 'README' not in model or model['README'].startswith('Published')
    assert 'arXiv' in model.get('README', 'arXiv')
