"""Label maps of a folder of pictures: all of them, whole, made once; and training with them."""

import io
import json
import logging
import os
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

pytest.importorskip('mmpretrain', reason='the classifiers are those of mmpretrain')
import mmcv
import mmpretrain
from mmpretrain.registry import DATASETS

from heracles_mm.checkpoints import AtomicLocalBackend
from heracles_mm.cli import make_token_labels as tool
from heracles_mm.cli import train as train_tool
from heracles_mm.datasets import LABEL_CLASSES
from heracles_mm.datasets.pictures import write_pictures
from heracles_mm.token_labels import CheckLabelMapsHook
from heracles_mm.token_labels.dense_scores import DenseScores
from heracles_mm.token_labels.label_map_files import (
    MANIFEST,
    LabelMapError,
    encode,
    read_label_map,
)

CONFIGS = Path(__file__).parents[2] / 'configs'
LABELLER = CONFIGS / 'heracles_nano_pictures.py'
STUDENT = CONFIGS / 'heracles_nano_tokenlabel_pictures.py'
PICTURES = 9 * 3


@pytest.fixture(scope='session')
def road(tmp_path_factory):
    """A folder with pictures by class, and weights of a classifier that nobody trained."""
    root = tmp_path_factory.mktemp('road')
    write_pictures(root / 'pictures', train=3, val=1, side=64)
    torch.manual_seed(0)
    model = mmpretrain.get_model(Config.fromfile(LABELLER))
    torch.nn.init.normal_(model.head.fc.weight)
    meta = {'dataset_meta': {'classes': sorted(LABEL_CLASSES)}}
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, root / 'labeller.pth')
    return root


def argv(road, maps, *more):
    return [
        *map(str, (LABELLER, road / 'pictures' / 'train', maps)),
        *('--checkpoint', str(road / 'labeller.pth')),
        *('--grid', '2', '--workers', '0', *more),
    ]


def made(maps) -> dict[str, float]:
    return {str(p.relative_to(maps)): p.stat().st_mtime_ns for p in maps.rglob('*.pt')}


@pytest.fixture(scope='session')
def maps(road):
    """The label maps of all training pictures."""
    folder = road / 'maps'
    assert tool.main(argv(road, folder)) == 0
    return folder


def test_every_picture_gets_the_scores_of_the_classifier(road, maps):
    pictures = {p.relative_to(road / 'pictures' / 'train') for p in road.glob('pictures/train/*/*')}
    assert len(pictures) == PICTURES
    assert set(made(maps)) == {str(p.with_suffix('.pt')) for p in pictures}
    model = mmpretrain.get_model(Config.fromfile(LABELLER), pretrained=str(road / 'labeller.pth'))
    scores = DenseScores(model)
    for picture in list(pictures)[:3]:
        image = mmcv.imread(str(road / 'pictures' / 'train' / picture))  # 64 px: 2 positions of 32
        inputs = torch.from_numpy(image).permute(2, 0, 1)[None]
        dense = scores(model.data_preprocessor({'inputs': inputs})['inputs'])[0]
        label_map = read_label_map(maps / picture.with_suffix('.pt'))
        assert label_map.ids.shape == (5, 2, 2)
        np.testing.assert_array_equal(label_map.ids[0], dense.argmax(0))
        kept = torch.gather(dense, 0, torch.from_numpy(label_map.ids))
        difference = kept - torch.from_numpy(label_map.scores)
        assert (
            difference.std(0).max() < 0.01
        )  # the same but for what each position is measured from


def test_the_manifest_names_classes_and_source(maps):
    manifest = json.loads((maps / MANIFEST).read_text())
    assert manifest['classes'] == sorted(LABEL_CLASSES)
    assert manifest['classifier'] == LABELLER.stem
    assert re.fullmatch(r'labeller\.pth, sha256 [0-9a-f]{12}', manifest['checkpoint'])


def test_what_is_there_is_left_and_what_is_not_whole_is_made_again(road, maps, capsys):
    before = made(maps)
    one, other, third = sorted(before)[:3]
    whole = (maps / one).read_bytes()
    (maps / one).write_bytes(whole[:-100])
    (maps / other).rename(maps / f'{other}.part')  # what a killed write leaves
    (maps / third).write_bytes(b'')
    capsys.readouterr()
    assert tool.main(argv(road, maps)) == 0
    said = capsys.readouterr().out
    assert '27 pictures, 24 with a label map; 3 to make' in said
    assert '27 label maps' in said and '3 made now' in said
    after = made(maps)
    assert {name for name in before if after[name] != before[name]} == {one, other, third}
    remade, original = read_label_map(maps / one), torch.load(io.BytesIO(whole))[0].float()
    np.testing.assert_allclose(remade.scores, original, atol=0.01)  # float16, another batch
    assert not list(maps.rglob('*.part'))


def test_the_size_is_printed_before_and_is_what_lies_there_after(road, maps, capsys):
    assert tool.main(argv(road, maps)) == 0
    said = capsys.readouterr().out
    total = sum(path.stat().st_size for path in maps.rglob('*.pt'))
    each = len(encode(torch.zeros(5, 2, 2), torch.zeros(5, 2, 2), 9))
    assert total == PICTURES * each
    assert f'of {each / 1000:.1f} kB each' in said
    assert f'{total / 1000:.1f} kB' in said
    assert 'free' in said


def test_shards_share_the_work_without_overlap(road, maps, tmp_path):
    seen = []
    for part in (1, 2, 3):
        before = set(made(tmp_path / 'm')) if part > 1 else set()
        assert tool.main(argv(road, tmp_path / 'm', '--shard', f'{part}/3')) == 0
        seen.append(set(made(tmp_path / 'm')) - before)
    assert [len(part) for part in seen] == [9, 9, 9]
    assert set.union(*seen) == set(made(maps))


def test_a_shard_that_starts_while_another_writes_the_manifest_is_welcome(road, tmp_path):
    folder = tmp_path / 'm'
    folder.mkdir()
    (folder / f'{MANIFEST}.4711.part').write_text('{"classes": [')
    assert tool.main(argv(road, folder, '--shard', '1/9')) == 0
    assert len(made(folder)) == 3


def test_a_full_disk_is_a_sentence_and_what_was_made_stays(road, tmp_path, monkeypatch, fails):
    written, put = [], AtomicLocalBackend.put

    def full_after_five(backend, content, target):
        if len(written) == 6:  # the manifest and five maps
            raise OSError(28, 'No space left on device')
        written.append(target)
        put(backend, content, target)

    monkeypatch.setattr(AtomicLocalBackend, 'put', full_after_five)
    line = fails(tool, argv(road, tmp_path / 'm'))
    assert 'cannot be written (No space left on device)' in line
    assert len(made(tmp_path / 'm')) == 5


@pytest.fixture
def fails(capfd):
    """Run a tool's main and return the one line that it says."""

    def run_and_read(module, arguments):
        assert module.main([str(word) for word in arguments]) == 2
        lines = [
            line for line in capfd.readouterr().err.splitlines() if line.startswith(module.NAME)
        ]
        assert len(lines) == 1, lines
        return lines[0]

    return run_and_read


@pytest.mark.slow
def test_a_mistake_is_one_clear_line(road, maps, tmp_path, fails):
    train, weights = road / 'pictures' / 'train', road / 'labeller.pth'
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'a.pt').touch()
    twice = tmp_path / 'twice' / 'bag'
    twice.mkdir(parents=True)
    for name in ('a.jpg', 'a.k.jpg', 'a.png'):
        (twice / name).touch()
    strange = tmp_path / 'strange'
    for name in ('bag', 'boat'):
        (strange / name).mkdir(parents=True)
        (strange / name / 'a.png').touch()
    torch.save({'state_dict': {'x': torch.zeros(1)}}, tmp_path / 'foreign.pth')
    state = torch.load(weights, weights_only=True)
    state['meta']['dataset_meta']['classes'] = ['a', 'b']
    torch.save(state, tmp_path / 'two.pth')
    cases = [
        ((LABELLER, tmp_path / 'no', maps), ['no does not exist']),
        ((LABELLER, tmp_path / 'empty', maps), ['empty holds no pictures', '.jpg']),
        ((LABELLER, tmp_path / 'twice', maps), ['a.jpg and bag/a.png', 'one label map']),
        (('absent.py', train, maps), ['absent.py does not exist']),
        (('no_such_model', train, maps), ['no_such_model', 'list_models']),
        ((LABELLER, train, maps), ['--checkpoint']),
        ((LABELLER, train, maps, '--checkpoint', 'no.pth'), ['no.pth does not exist']),
        (
            (LABELLER, train, maps, '--checkpoint', tmp_path / 'foreign.pth'),
            ['foreign.pth is not of this classifier', 'tensors'],
        ),
        (
            (LABELLER, train, maps, '--checkpoint', tmp_path / 'two.pth'),
            ['2 names', '9 classes'],
        ),
        ((*argv(road, maps), '--shard', '3/2'), ['--shard', "'3/2'"]),
        ((*argv(road, maps), '--topk', '0'), ['--topk', 'at least 1']),
        (argv(road, maps, '--topk', '2'), ['made with topk 5', 'would be with 2']),
        (argv(road, tmp_path / 'other'), ['other holds files but no label_maps.json']),
        (
            (LABELLER, strange, tmp_path / 'm', '--checkpoint', weights),
            ['1 of 2 folders', 'boat', 'same class list'],
        ),
    ]
    for arguments, words in cases:
        line = fails(tool, arguments)
        assert all(word in line for word in words), line


def test_a_damaged_picture_is_named_when_the_others_are_done(road, tmp_path, fails):
    folder = tmp_path / 'train' / 'bag'
    folder.mkdir(parents=True)
    whole = next((road / 'pictures' / 'train' / 'bag').iterdir()).read_bytes()
    for name, content in {'a.png': whole, 'b.png': b'', 'c.png': b'no picture'}.items():
        (folder / name).write_bytes(content)
    arguments = argv(road, tmp_path / 'maps')
    arguments[1] = str(tmp_path / 'train')
    line = fails(tool, arguments)
    assert '2 pictures' in line and 'bag/b.png, bag/c.png' in line
    assert set(made(tmp_path / 'maps')) == {'bag/a.pt'}


def train(road, maps, monkeypatch, work_dir, *options) -> int:
    monkeypatch.setenv('PICTURES', f'{road}/pictures/')
    monkeypatch.setenv('TOKEN_LABELS', str(maps))
    small = ('train_dataloader.batch_size=9', 'train_cfg.max_epochs=1', 'epochs=1')
    settings = [*small, 'default_hooks.logger.interval=1', *options]
    return train_tool.main([str(STUDENT), '--work-dir', str(work_dir), '--cfg-options', *settings])


@pytest.mark.slow
def test_one_epoch_of_pretraining_with_the_maps(road, maps, monkeypatch, tmp_path):
    """Export, label, train, evaluate: the whole road at its smallest."""
    name = f'experiment_name={tmp_path.name}'
    assert train(road, maps, monkeypatch, tmp_path, name) == 0
    scalars = next(tmp_path.rglob('scalars.json')).read_text().splitlines()
    logged = [json.loads(line) for line in scalars]
    steps = [line for line in logged if 'loss_patches' in line]
    assert len(steps) == 3
    for line in steps:
        assert line['loss'] == pytest.approx(line['loss_class'] + line['loss_patches'], rel=1e-3)
    assert 'accuracy/top1' in logged[-1]
    assert (tmp_path / 'epoch_1.pth').is_file()


def copied(maps, folder) -> Path:
    for path in maps.rglob('*'):
        if path.is_file():
            target = folder / path.relative_to(maps)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)
    return folder


def objection(road, maps, monkeypatch, num_classes=9, **steps) -> str:
    """What the hook says before the first step, with other steps of the pipeline (step3=...)."""
    monkeypatch.setenv('PICTURES', f'{road}/pictures/')
    monkeypatch.setenv('TOKEN_LABELS', str(maps))
    cfg = Config.fromfile(STUDENT)
    init_default_scope(cfg.default_scope)
    for name, step in steps.items():
        cfg.train_dataloader.dataset.pipeline[int(name.removeprefix('step'))] = step
    runner = SimpleNamespace(
        train_dataloader=SimpleNamespace(dataset=DATASETS.build(cfg.train_dataloader.dataset)),
        model=SimpleNamespace(head=SimpleNamespace(num_classes=num_classes)),
        logger=logging.getLogger('test'),
    )
    with pytest.raises(LabelMapError) as error:
        CheckLabelMapsHook().before_train(runner)
    return str(error.value)


def test_maps_that_do_not_fit_are_refused_before_training(road, maps, monkeypatch, tmp_path):
    def says(folder, **options) -> str:
        return objection(road, folder, monkeypatch, **options)

    assert '27 of 27 training pictures have no label map' in says(tmp_path / 'absent')

    other_classes = copied(maps, tmp_path / 'other_classes')
    manifest = json.loads((maps / MANIFEST).read_text())
    (other_classes / MANIFEST).unlink()
    manifest['classes'][3] = 'boat'
    (other_classes / MANIFEST).write_text(json.dumps(manifest))
    assert "class 3 is 'boat' there and" in says(other_classes)
    assert 'made for 9 classes and the model has 8' in says(maps, num_classes=8)

    line = says(maps, step3=dict(type='RandomFlip', prob=0.5))
    assert 'RandomFlip in the training pipeline may move pixels' in line
    inside = dict(type='RandomApply', transforms=[dict(type='mmpretrain.RandomCrop', crop_size=64)])
    assert 'RandomCrop in the training' in says(maps, step4=inside)
    assert 'needs LoadLabelMap' in says(maps, step5=dict(type='PackInputs'))

    broken = copied(maps, tmp_path / 'broken')
    (broken / 'bag' / '0000.pt').unlink()
    (broken / 'bag' / '0000.pt').write_bytes(b'PK cut short')
    assert 'bag/0000.pt cannot be read, it may be cut short' in says(broken)


def test_missing_maps_are_one_line_of_the_train_tool(road, maps, monkeypatch, tmp_path, capfd):
    incomplete = copied(maps, tmp_path / 'incomplete')
    for path in (*(incomplete / 'bag').iterdir(), incomplete / 'grass' / '0001.pt'):
        path.unlink()
    name = f'experiment_name={tmp_path.name}'
    assert train(road, incomplete, monkeypatch, tmp_path / 'w', name) == 2
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith('train:')]
    assert len(lines) == 1
    assert '4 of 27 training pictures have no label map' in lines[0]
    assert 'bag/0000.pt, bag/0001.pt, bag/0002.pt, ...' in lines[0]
    assert 'make_token_labels' in lines[0]


@pytest.mark.slow
def test_published_maps_without_a_manifest_train_too(road, maps, monkeypatch, tmp_path):
    """A folder of tensors (2, k, h, w) is all that is asked for; here of another grid and k."""
    for name in made(maps):
        target = tmp_path / 'published' / name
        target.parent.mkdir(parents=True, exist_ok=True)
        ids = torch.stack([torch.randperm(9)[:4] for _ in range(9)], -1).view(4, 3, 3)
        torch.save(torch.stack([5 * torch.rand(4, 3, 3), ids]).half(), target)
    workers = ('train_dataloader.num_workers=1', 'train_dataloader.batch_size=9')
    options = (*workers, f'experiment_name={tmp_path.name}')
    assert train(road, tmp_path / 'published', monkeypatch, tmp_path / 'w', *options) == 0


@pytest.mark.slow
def test_a_map_found_damaged_by_a_worker_is_one_line(road, maps, monkeypatch, tmp_path, capfd):
    """Only the first map is read beforehand; a worker's traceback is cut to its last line."""
    broken = copied(maps, tmp_path / 'broken')
    (broken / 'trouser' / '0002.pt').unlink()
    (broken / 'trouser' / '0002.pt').write_bytes(b'PK cut short')
    options = ('train_dataloader.num_workers=1', f'experiment_name={tmp_path.name}')
    assert train(road, broken, monkeypatch, tmp_path / 'w', *options) == 2
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith('train:')]
    assert len(lines) == 1 and len(lines[0]) < 400
    assert 'trouser/0002.pt cannot be read, it may be cut short' in lines[0]
