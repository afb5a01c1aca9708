"""mmdet's data: how much of the files is read, how often and by whom, and other kinds."""

import copy
import json

import pytest
from detection_changes import STAGES, boxes_end_outside, change, corners, each
from hypothesis import given
from hypothesis import strategies as st
from mmengine.registry import DATASETS
from small_data import coco_content, detection_config, outcome, write_picture

pytest.importorskip('mmdet')

from mmdet.datasets import CocoDataset

from heracles_mm.data_checks import check_data
from heracles_mm.data_checks.coco import coco_findings
from heracles_mm.data_checks.coco_annotations import Use
from heracles_mm.errors import UsageError


@pytest.fixture
def cfg(tmp_path):
    return detection_config(tmp_path)


@given(st.integers(0, 400))
def test_a_file_cut_anywhere_is_found(tmp_path_factory, length):
    """A copy can stop at any byte, and no rest of a JSON object is one."""
    text = json.dumps(coco_content())
    path = tmp_path_factory.mktemp('cut') / 'boxes.json'
    path.write_text(text[: min(length, len(text) - 1)])
    assert 'the annotation file' in next(coco_findings(Use(str(path), '', ()), 'sample', {}))


class TestOtherKinds:
    """A data set that is no plain COCO is not read as such."""

    @pytest.fixture
    def other(self, cfg):
        """A list of lines, and boxes that are corners, by subclasses of CocoDataset."""

        class Lines(CocoDataset):
            def load_data_list(self):
                with open(self.ann_file) as file:
                    return [dict(img_path=line.strip(), instances=[]) for line in file]

        class Corners(CocoDataset):
            def parse_data_info(self, raw_data_info):
                for one in raw_data_info['raw_ann_info']:
                    x1, y1, x2, y2 = one['bbox']
                    one['bbox'] = [x1, y1, x2 - x1, y2 - y1]
                return super().parse_data_info(raw_data_info)

        with DATASETS.switch_scope_and_registry('mmdet') as registry:
            for kind in (Lines, Corners):
                registry.register_module(module=kind, force=True)
            yield cfg.train_dataloader.dataset
            for kind in ('Lines', 'Corners'):
                registry.module_dict.pop(kind)

    def test_a_list_of_lines_passes(self, cfg, other, tmp_path):
        (tmp_path / 'train.json').write_text('train/train_1.jpg\n')
        other.type = 'Lines'
        assert outcome(cfg, ('train',)) == (None, [])

    def test_boxes_of_another_meaning_pass(self, cfg, other):
        change(cfg, annotations=each(bbox=corners))
        other.type = 'Corners'
        assert outcome(cfg, ('train',)) == (None, [])
        assert not boxes_end_outside(cfg)

    def test_paths_that_it_makes_itself_are_no_fault(self, cfg, other, tmp_path):
        other.type, other.ann_file = 'Lines', 'made_later.json'
        refusal, warnings = outcome(cfg, ('train',))
        assert refusal is None
        assert 'made_later.json, which does not exist' in warnings[0]

    @pytest.mark.parametrize('kind', ['Objects365V2Dataset', 'CityscapesDataset'])
    def test_the_librarys_own_kinds_pass(self, cfg, kind):
        """CityScapes's files are COCO's, with a filter of its own; the other is read by none."""
        cfg.train_dataloader.dataset.type = kind
        refusal, _ = outcome(cfg, ('train',))
        assert refusal is None


def test_a_file_of_several_data_sets_is_read_once(cfg, monkeypatch):
    data = cfg.train_dataloader.dataset
    cfg.train_dataloader = dict(dataset=dict(type='ConcatDataset', datasets=[data, data, data]))
    load, read = json.load, []
    monkeypatch.setattr(json, 'load', lambda file: read.append(file.name) or load(file))
    assert outcome(cfg) == (None, [])
    assert [name.rpartition('/')[2] for name in read] == ['train.json', 'val.json']


@pytest.mark.parametrize('split', STAGES)
def test_one_read_of_a_file_is_enough_in_a_process(cfg, split, monkeypatch):
    assert outcome(cfg) == (None, [])
    monkeypatch.setattr(json, 'load', None)
    assert outcome(cfg) == (None, [])
    assert outcome(copy.deepcopy(cfg), (split,)) == (None, [])


class TestLevels:
    """How much is looked at."""

    def many(self, cfg, tmp_path):
        """A thousand links to one picture, and the last one is damaged."""
        images = [dict(coco_content()['images'][0], id=i, file_name=f'{i}.jpg') for i in range(999)]
        write_picture(tmp_path / 'train/0.jpg')
        for image in images[1:]:
            (tmp_path / 'train' / image['file_name']).hardlink_to(tmp_path / 'train/0.jpg')
        (tmp_path / 'train/998.jpg').unlink()
        (tmp_path / 'train/998.jpg').write_bytes(b'404')
        change(cfg, images=images)

    def test_a_sample_is_spread_and_full_is_everything(self, cfg, tmp_path):
        self.many(cfg, tmp_path)
        assert outcome(cfg, ('train',))[0] is None
        cfg.check_data = 'full'
        assert '1 of the 999 pictures' in outcome(cfg, ('train',))[0]

    def test_off_looks_at_nothing(self, cfg, tmp_path):
        (tmp_path / 'train.json').unlink()
        assert 'does not exist' in outcome(cfg)[0]
        cfg.check_data = 'off'
        assert outcome(cfg) == (None, [])

    def test_another_level_is_a_mistake(self, cfg):
        cfg.check_data = 'some'
        with pytest.raises(UsageError, match='off, sample, full'):
            check_data(cfg, STAGES, print)


@pytest.mark.parametrize('name', ['LOCAL_RANK', 'SLURM_LOCALID', 'OMPI_COMM_WORLD_LOCAL_RANK'])
def test_one_process_of_a_machine_looks(cfg, tmp_path, name, monkeypatch):
    (tmp_path / 'train.json').write_text('')
    monkeypatch.setenv(name, '1')
    assert outcome(cfg) == (None, [])
    monkeypatch.setenv(name, '0')
    assert 'train.json is empty' in outcome(cfg)[0]
