"""What stands in for panopticapi: colours and ids are each other's inverse, and the quality of made
pictures is that of the paper's formula, computed segment by segment through mmdet."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heracles_mm.panoptic_quality import PQStat, id2rgb, rgb2id


@given(st.lists(st.integers(0, 256**3 - 1), min_size=1, max_size=20))
def test_colours_and_ids_are_each_others_inverse(ids):
    colours = id2rgb(np.array([ids]))
    assert colours.dtype == np.uint8
    assert rgb2id(colours).tolist() == [ids]
    first = colours[0, 0].tolist()
    assert first[0] + 256 * first[1] + 256 * 256 * first[2] == ids[0]


def quality(truth: np.ndarray, found: np.ndarray, categories: dict[int, int]) -> float:
    """The mean over categories; ``categories`` by segment id, 0 is no segment."""
    per_category = []
    for category in set(categories.values()):
        mine = [i for i in np.unique(truth) if categories.get(int(i)) == category]
        theirs = [i for i in np.unique(found) if categories.get(int(i)) == category]
        matched = []
        for i in mine:
            for j in theirs:
                both = ((truth == i) & (found == j)).sum()
                either = ((truth == i) | ((found == j) & (truth != 0))).sum()
                matched += [both / either] if both / either > 0.5 else []
        if mine or theirs:
            wrong = len(mine) + len(theirs) - 2 * len(matched)
            per_category.append(sum(matched) / (len(matched) + wrong / 2))
    return sum(per_category) / len(per_category)


@pytest.mark.parametrize('seed', range(5))
def test_the_quality_is_the_papers(seed, tmp_path, monkeypatch):
    utils = pytest.importorskip('mmdet.evaluation.functional.panoptic_utils')
    import mmcv

    monkeypatch.setattr(utils, 'PQStat', PQStat)
    rng = np.random.default_rng(seed)
    categories = {1: 7, 2: 7, 3: 8, 4: 9}
    stat, expected = PQStat(), []
    for picture in range(2):
        truth = rng.integers(0, 5, (4, 5)).repeat(8, 0).repeat(8, 1)
        found = np.where(rng.random(truth.shape) < 0.2, 4, truth)
        found[:8] = 3
        entries = []
        for folder, ids in (('truth', truth), ('found', found)):
            (tmp_path / folder).mkdir(exist_ok=True)
            mmcv.imwrite(id2rgb(ids)[..., ::-1], str(tmp_path / folder / f'{picture}.png'))
            segments = [
                dict(id=i, category_id=categories[i], iscrowd=0, area=int((ids == i).sum()))
                for i in np.unique(ids).tolist()
                if i
            ]
            name = f'{picture}.png'
            entries.append(dict(image_id=picture, file_name=name, segments_info=segments))
        named = {number: dict(isthing=number == 7) for number in (7, 8, 9)}
        one = utils.pq_compute_single_core(
            0, [entries], str(tmp_path / 'truth'), str(tmp_path / 'found'), named
        )
        alone, _ = one.pq_average(named, isthing=None)
        assert alone['pq'] == pytest.approx(quality(truth, found, categories))
        stat += one
        expected.append(one)
    summed = sum(one[7].iou for one in expected)
    assert stat[7].iou == pytest.approx(summed)
    things, each = stat.pq_average(named, isthing=True)
    assert things['pq'] == pytest.approx(each[7]['pq'])
    assert things['pq'] == pytest.approx(things['sq'] * things['rq'])


def test_without_a_segment_there_is_no_quality():
    """panopticapi divides by zero; an evaluation of one picture may have no stuff."""
    mean, each = PQStat().pq_average({1: dict(isthing=1)}, isthing=False)
    assert math.isnan(mean['pq'])
    assert (mean['n'], each) == (0, {})


def test_mmdet_finds_it_under_its_name_and_an_installed_one_wins(tmp_path):
    code = (
        'import heracles_mm\n'
        'from panopticapi import utils\n'
        'from panopticapi.evaluation import PQStat, VOID, OFFSET\n'
        'print(utils.__file__)'
    )
    printed = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip().endswith(('panoptic_quality.py', 'panopticapi/utils.py'))
    (tmp_path / 'panopticapi').mkdir()
    (tmp_path / 'panopticapi' / '__init__.py').write_text('own = True')
    code = f'import sys; sys.path.insert(0, {str(tmp_path)!r})\nimport heracles_mm, panopticapi\n'
    subprocess.run([sys.executable, '-c', f'{code}assert panopticapi.own'], check=True)
