"""Files of label maps: what is written is read, and every kind of damage is one sentence."""

import io

import pytest
import torch

pytest.importorskip('mmpretrain', reason='label maps are read in mmpretrain pipelines')
from heracles_mm.errors import DataError
from heracles_mm.token_labels.label_map_files import (
    MANIFEST,
    LabelMapError,
    Manifest,
    encode,
    label_map_name,
    read_label_map,
)


def parts(topk=5, height=18, width=18, num_classes=1000):
    scores = torch.randn(topk, height, width)
    return scores, torch.randint(num_classes, scores.shape)


def test_a_published_file_is_read(tmp_path):
    """The published maps are (2, 5, 18, 18) float16 tensors: scores, then classes as numbers."""
    scores, ids = parts()
    torch.save(torch.stack([scores, ids]).half(), tmp_path / 'a.pt')
    label_map = read_label_map(tmp_path / 'a.pt')
    assert torch.equal(torch.from_numpy(label_map.ids), ids)
    assert torch.equal(torch.from_numpy(label_map.scores), scores.half().float())


def test_ours_is_the_published_file(tmp_path):
    scores, ids = parts()
    content = torch.load(io.BytesIO(encode(scores, ids, 1000)), weights_only=True)
    assert content.dtype == torch.float16 and content.shape == (2, 5, 18, 18)


@pytest.mark.parametrize('num_classes', [2, 1000, 2049, 2050, 21843])
def test_every_class_number_survives(tmp_path, num_classes):
    """float16 skips odd numbers from 2049 on; longer lists are written in float32."""
    ids = torch.tensor([0, num_classes // 2, num_classes - 2, num_classes - 1]).view(1, 2, 2)
    (tmp_path / 'a.pt').write_bytes(encode(torch.randn(1, 2, 2), ids, num_classes))
    assert torch.equal(torch.from_numpy(read_label_map(tmp_path / 'a.pt').ids), ids)


def test_a_files_length_depends_on_its_shape_alone():
    """This is how the tool knows a whole file without opening it."""
    lengths = {len(encode(*parts(num_classes=count), 1000)) for count in (1, 5, 1000)}
    assert len(lengths) == 1
    assert len(encode(*parts(topk=4), 1000)) not in lengths


def test_names_mirror_the_pictures():
    assert label_map_name('n01440764/n01440764_10026.JPEG') == 'n01440764/n01440764_10026.pt'
    assert label_map_name('a/b.c/x.y.png') == 'a/b.c/x.y.pt'


DAMAGE = {
    'cut short': (lambda content: content[: len(content) // 2], 'cannot be read, it may be cut'),
    'empty': (lambda content: b'', 'cannot be read, it may be cut'),
    'no tensor': (lambda content: saved({'scores': 1}), r'one tensor \(2, k, h, w\).*holds dict'),
    'wrong shape': (lambda content: saved(torch.zeros(5, 18, 18)), r'holds \(5, 18, 18\)'),
    'three parts': (lambda content: saved(torch.zeros(3, 5, 4, 4)), r'holds \(3, 5, 4, 4\)'),
    'no position': (lambda content: saved(torch.zeros(2, 5, 0, 4)), r'holds \(2, 5, 0, 4\)'),
    'negative class': (lambda content: saved(torch.full((2, 5, 4, 4), -1.0)), 'no whole numbers'),
    'half a class': (lambda content: saved(torch.full((2, 5, 4, 4), 0.5)), 'no whole numbers'),
    'not a number': (lambda content: saved(torch.full((2, 5, 4, 4), torch.nan)), 'no numbers'),
}


def saved(content) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize('kind', DAMAGE)
def test_a_damaged_file_is_one_sentence(kind, tmp_path):
    damage, words = DAMAGE[kind]
    path = tmp_path / 'n01' / 'a.pt'
    path.parent.mkdir()
    path.write_bytes(damage(encode(*parts(), 1000)))
    with pytest.raises(LabelMapError, match=words) as error:
        read_label_map(path)
    assert str(path) in str(error.value) and '\n' not in str(error.value)


def test_a_pickle_that_would_run_code_is_not_run(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (exec, ('raise SystemExit("ran")',))

    torch.save(Harmful(), tmp_path / 'a.pt')
    with pytest.raises(LabelMapError, match='cannot be read'):
        read_label_map(tmp_path / 'a.pt')


def test_a_missing_map_says_how_to_make_it(tmp_path):
    with pytest.raises(LabelMapError, match=r'a\.pt does not exist: run .*make_token_labels'):
        read_label_map(tmp_path / 'a.pt')


MADE = Manifest(['one', 'two'], 2, 'c.py', 'epoch_1.pth', topk=1, grid=4)


def test_the_manifest_is_kept_and_damage_is_an_error(tmp_path):
    assert Manifest.read(tmp_path) is None
    MADE.write(tmp_path)
    assert Manifest.read(tmp_path) == MADE
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]
    for damage in ('{"classes"', '{}', '[1]'):
        (tmp_path / MANIFEST).write_text(damage)
        with pytest.raises(LabelMapError, match=f'{MANIFEST} cannot be read'):
            Manifest.read(tmp_path)


def test_an_error_from_a_worker_process_stays_one_sentence():
    """A DataLoader's worker raises the same class with the whole traceback as its message."""
    from torch._utils import ExceptionWrapper

    try:
        read_label_map('absent.pt')
    except LabelMapError as error:
        sentence = str(error)
        wrapped = ExceptionWrapper(where='in DataLoader worker process 0')
    with pytest.raises(LabelMapError) as error:
        wrapped.reraise()
    assert str(error.value) == sentence
    assert str(DataError('a: b')) == 'a: b'
