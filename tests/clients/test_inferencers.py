"""The libraries' inferencers and model functions take our configs and checkpoints."""

import numpy as np
import pytest
from PIL import Image
from small_runs import CONFIGS

from heracles_mm.datasets.classification import PART_CLASSES
from heracles_mm.datasets.parts import LABEL_CLASSES, OBJECT_CLASSES


@pytest.fixture
def picture(tmp_path):
    """A file of a size that no stride divides."""
    pixels = np.random.default_rng(0).integers(0, 256, (90, 122, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'picture.png')
    return tmp_path / 'picture.png'


@pytest.fixture(params=['file', 'array'])
def given(request, picture):
    """The same picture as a path and as an array."""
    return str(picture) if request.param == 'file' else np.array(Image.open(picture))


@pytest.fixture
def detector(trained, small_config):
    checkpoint, config = trained('mmdet'), small_config('mmdet')
    from mmdet.apis import init_detector

    return init_detector(str(config), str(checkpoint), device='cpu')


@pytest.fixture
def segmentor(trained, small_config):
    checkpoint, config = trained('mmseg'), small_config('mmseg')
    from mmseg.apis import init_model

    return init_model(str(config), str(checkpoint), device='cpu')


def test_mmdet_functions_name_the_classes_and_find_in_any_size(detector, given):
    from mmdet.apis import inference_detector

    assert detector.dataset_meta['classes'] == OBJECT_CLASSES
    assert len(detector.dataset_meta['palette']) == len(OBJECT_CLASSES)
    found = inference_detector(detector, given).pred_instances
    assert found.masks.shape[1:] == (90, 122)
    assert all(0 <= label < len(OBJECT_CLASSES) for label in found.labels)


def test_det_inferencer_writes_a_picture_and_predictions(trained, small_config, picture, tmp_path):
    checkpoint, config = trained('mmdet'), small_config('mmdet')
    from mmdet.apis import DetInferencer

    inferencer = DetInferencer(str(config), str(checkpoint), device='cpu', show_progress=False)
    assert inferencer.model.dataset_meta['classes'] == OBJECT_CLASSES
    answer = inferencer(str(picture), out_dir=str(tmp_path / 'out'), no_save_pred=False)
    (found,) = answer['predictions']
    assert set(found) >= {'labels', 'scores', 'bboxes', 'masks'}
    assert (tmp_path / 'out' / 'vis' / 'picture.png').is_file()
    assert (tmp_path / 'out' / 'preds' / 'picture.json').is_file()


def test_mmseg_functions_name_the_classes_and_label_every_pixel(segmentor, given):
    from mmseg.apis import inference_model

    assert tuple(segmentor.dataset_meta['classes']) == LABEL_CLASSES
    labels = inference_model(segmentor, given).pred_sem_seg.data
    assert labels.shape == (1, 90, 122)
    assert 0 <= labels.min() <= labels.max() < len(LABEL_CLASSES)


def test_seg_inferencer_writes_a_picture_and_labels(trained, picture, tmp_path):
    checkpoint = trained('mmseg')
    from mmseg.apis import MMSegInferencer

    inferencer = MMSegInferencer(str(CONFIGS['mmseg']), str(checkpoint), device='cpu')
    answer = inferencer(str(picture), out_dir=str(tmp_path / 'out'))
    assert answer['predictions'].shape == (90, 122)
    assert len(list((tmp_path / 'out').rglob('*.png'))) == 2  # the picture, the label map


def test_mmpretrain_functions_name_the_class(trained, given):
    checkpoint = trained('mmpretrain')
    from mmpretrain import get_model, inference_model

    import heracles_mm.classification  # noqa: F401  (mmpretrain's model hub learns our names)

    model = get_model('heracles_nano_parts', pretrained=str(checkpoint), device='cpu')
    answer = inference_model(model, given)
    assert answer['pred_class'] == PART_CLASSES[answer['pred_label']]
    assert answer['pred_scores'].sum() == pytest.approx(1)


def test_classification_inferencer_takes_our_name_and_draws(trained, picture, tmp_path):
    """The name is of our model index; it works once heracles_mm.classification is imported."""
    checkpoint = trained('mmpretrain')
    from mmpretrain import ImageClassificationInferencer

    import heracles_mm.classification  # noqa: F401

    inferencer = ImageClassificationInferencer('heracles_nano_parts', str(checkpoint), device='cpu')
    answers = inferencer([str(picture)] * 2, batch_size=2, show_dir=str(tmp_path / 'out'))
    assert [answer['pred_class'] in PART_CLASSES for answer in answers] == [True, True]
    assert (tmp_path / 'out' / 'picture.png').is_file()


def test_features_for_retrieval_come_out_of_mmpretrains_extractor(trained, picture):
    checkpoint = trained('mmpretrain')
    from mmpretrain import FeatureExtractor

    extractor = FeatureExtractor(str(CONFIGS['mmpretrain']), str(checkpoint), device='cpu')
    (features,) = extractor(str(picture))
    assert features[-1].shape[-1] == 192
