"""mmpretrain finds every classifier of this package by the name of its config."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

pytest.importorskip('mmpretrain', reason='the model hub is of mmpretrain')

import mmpretrain
from mmpretrain.apis.model import ModelHub

import heracles_mm.classification
from heracles_mm.checkpoints.shipped import shipped_weights

CONFIGS = {
    path.stem: path
    for path in sorted((Path(__file__).parents[2] / 'configs').glob('*.py'))
    if Config.fromfile(path, import_custom_modules=False).default_scope == 'mmpretrain'
    and not path.stem.startswith('convnext')  # mmpretrain's own
}


def test_every_classifier_config_is_a_model_of_its_name():
    ours = {
        name
        for name in mmpretrain.list_models()
        if '.mim' in str(ModelHub._models_dict[name].config)
        and Path(ModelHub._models_dict[name].config).parents[2].name == 'heracles_mm'
    }
    assert ours == set(CONFIGS)
    assert set(CONFIGS) <= set(mmpretrain.list_models(task='Image Classification'))


def test_registering_again_changes_nothing():
    before = mmpretrain.list_models()
    importlib.reload(heracles_mm.classification)
    assert mmpretrain.list_models() == before


@pytest.mark.parametrize('name', CONFIGS)
def test_the_hub_has_its_config_and_claims_nothing(name):
    """Where no weights exist nothing was measured here, and a published figure says that it is one.
    What else an entry says, tests/configs holds."""
    metainfo = ModelHub.get(name)
    assert Path(metainfo.config.filename).samefile(CONFIGS[name])
    if name not in shipped_weights():
        assert metainfo.weights is None
        assert [result.data['Metrics'] for result in metainfo.results] == [{}]
        assert metainfo.readme is None or 'Published' in metainfo.readme


def test_a_model_by_its_name_sees_a_picture():
    model = mmpretrain.get_model('heracles_nano_parts', backbone=dict(drop_path_rate=0.1))
    assert isinstance(model, heracles_mm.classification.ClassTokenClassifier)
    result = mmpretrain.inference_model(model, np.zeros((60, 80, 3), np.uint8))
    assert result['pred_class'] == model._dataset_meta['classes'][result['pred_label']]
    assert result['pred_scores'].sum() == pytest.approx(1)
