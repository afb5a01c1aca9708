"""The commands of docs/own_data.md lead from a few pictures to a model and its predictions."""

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from small_runs import ROOT, forget_instances

SECTIONS = dict(
    part.split('\n', 1) for part in (ROOT / 'docs/own_data.md').read_text().split('\n## ')[1:]
)
SHORT = {'side': 64, 'batch': 2, 'steps': 40, 'epochs': 3}
"""The settings that the document names for its user to change; 40 steps log the loss thrice."""

COLOURS = {'disc': (60, 60, 220), 'square': (220, 120, 60)}
"""Name to blue, green, red."""

COUNTS = {'train': 6, 'val': 2}


def drawn(
    rng: np.random.Generator, names: tuple[str, ...] = tuple(COLOURS), side: int = 96
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Noise with an object of each name, (side, side, 3), and their masks, (side, side)."""
    picture = rng.integers(60, 130, (side, side, 3), dtype=np.uint8)
    masks = {}
    for name, half in zip(names, rng.permutation(2)):
        radius = int(rng.integers(side // 8, side // 5))
        x, y = int(side // 4 + half * side // 2), int(rng.integers(radius, side - radius))
        mask = np.zeros((side, side), np.uint8)
        if name == 'disc':
            cv2.circle(mask, (x, y), radius, 1, cv2.FILLED)
        else:
            cv2.rectangle(mask, (x - radius, y - radius), (x + radius, y + radius), 1, cv2.FILLED)
        picture[mask > 0] = COLOURS[name]
        masks[name] = mask
    return picture, masks


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def boxes(root: Path) -> None:
    """COCO JSON beside the pictures."""
    rng = np.random.default_rng(0)
    ids = {name: number for number, name in enumerate(COLOURS, start=1)}
    for split, count in COUNTS.items():
        images, annotations = [], []
        for number in range(count):
            picture, masks = drawn(rng)
            name = f'{number:04}.jpg'
            write(root / split / name, picture)
            height, width = picture.shape[:2]
            images.append(dict(id=number, file_name=name, height=height, width=width))
            for kind, mask in masks.items():
                (outline,), _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
                annotations.append(
                    dict(
                        id=len(annotations) + 1,
                        image_id=number,
                        category_id=ids[kind],
                        bbox=list(cv2.boundingRect(mask)),
                        area=int(mask.sum()),
                        iscrowd=0,
                        segmentation=[outline.flatten().tolist()],
                    )
                )
        categories = [dict(id=number, name=name) for name, number in ids.items()]
        content = dict(images=images, annotations=annotations, categories=categories)
        (root / f'{split}.json').write_text(json.dumps(content))


def maps(root: Path) -> None:
    """Label maps: 0 the ground, 1 a disc, 2 a square."""
    rng = np.random.default_rng(0)
    for split, count in COUNTS.items():
        for number in range(count):
            picture, masks = drawn(rng)
            write(root / 'images' / split / f'{number:04}.jpg', picture)
            write(root / 'labels' / split / f'{number:04}.png', masks['disc'] + 2 * masks['square'])


def folders(root: Path) -> None:
    """A folder for each class."""
    rng = np.random.default_rng(0)
    for split, count in COUNTS.items():
        for number in range(count):
            for name in COLOURS:
                write(root / split / name / f'{number:04}.jpg', drawn(rng, (name,))[0])


def commands(text: str) -> list[str]:
    """The command lines in the bash blocks of ``text``, continued lines joined."""
    blocks = re.findall(r'^ *```bash\n(.*?)```', text, re.DOTALL | re.MULTILINE)
    lines = re.sub(r'\\\n *', '', ''.join(blocks)).splitlines()
    return [line.strip() for line in lines if ' examples/' in line]


def words_of(command: str) -> list[str]:
    """The words behind ``python``, with the checkpoint of a short run."""
    python, *words = shlex.split(re.sub(r'(iter|epoch)_\d+', last_checkpoint, command))
    assert python == 'python'
    return words


def run_alone(command: str, folder: Path) -> str:
    """Run a line in ``folder`` as its user does, in a process, and return what it printed."""
    done = subprocess.run(
        [sys.executable, *words_of(command)],
        cwd=folder,
        env={**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def run_here(command: str, folder: Path) -> None:
    """Run a line in ``folder``, in this process: imports cost more than the work."""
    script, *flags = words_of(command)
    forget_instances()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str((folder / script).parent))
        patch.setattr(sys, 'argv', [script, *flags])
        try:
            runpy.run_path(script, run_name='__main__')
        except SystemExit as end:
            assert not end.code


def last_checkpoint(found: re.Match) -> str:
    return f'{found[1]}_{SHORT["steps" if found[1] == "iter" else "epochs"]}'


@pytest.fixture(scope='module')
def checkout(tmp_path_factory) -> Path:
    """A folder like the checkout, with the three data sets, and the examples made short."""
    folder = tmp_path_factory.mktemp('checkout')
    for name in ('tools', 'configs'):
        (folder / name).symlink_to(ROOT / name)
    for make in (boxes, maps, folders):
        make(folder / 'data' / make.__name__)
    (folder / 'examples').mkdir()
    for path in ROOT.glob('examples/own_*.py'):
        text = path.read_text()
        for name, value in SHORT.items():
            text = re.sub(rf'^{name} = \d+', f'{name} = {value}', text, flags=re.MULTILINE)
        (folder / 'examples' / path.name).write_text(text)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ('section', 'library', 'metric'),
    [
        ('Boxes and masks', 'mmdet', 'coco/bbox_mAP'),
        ('Label maps', 'mmseg', 'mIoU'),
        ('Class folders', 'mmpretrain', 'accuracy/top1'),
    ],
)
def test_a_sections_commands_train_test_and_draw(section, library, metric, checkout, capfd):
    pytest.importorskip(library)
    train, test, draw = commands(SECTIONS[section])
    printed = run_alone(train, checkout)
    losses = losses_in(printed)
    assert 'rehearsed one step' in printed
    assert len(losses) == 3 and np.isfinite(losses).all()
    if library != 'mmpretrain':  # nine steps of a classifier are too few to fall
        assert losses[-1] < losses[0] / 2
    run_here(test, checkout)
    assert re.search(rf'\(test\).* {metric}: \d', ''.join(capfd.readouterr()))
    run_here(draw, checkout)
    assert cv2.imread(str(checkout / shlex.split(draw)[-1])).std() > 10  # something is drawn


@pytest.mark.slow
def test_the_checklists_four_pictures_are_learnt(checkout, capfd):
    pytest.importorskip('mmdet')
    (train,) = (line for line in commands(SECTIONS['Before an hour is gone']) if '--work-' in line)
    run_here(train, checkout)
    losses = losses_in(''.join(capfd.readouterr()))
    assert losses[-1] < losses[0] / 2


def losses_in(printed: str) -> list[float]:
    return [float(loss) for loss in re.findall(r' loss: ([\d.]+|nan)', printed)]


@pytest.mark.parametrize('library', ['mmdet', 'mmseg', 'mmpretrain'])
def test_the_checklist_shows_what_the_model_is_fed(library, checkout, tmp_path):
    tools = Path(pytest.importorskip(library).__file__).parent / '.mim' / 'tools'
    lines = commands(SECTIONS['Before an hour is gone'])
    (line,) = (line for line in lines if f'${library.upper()}/' in line)
    line = line.replace(f'${library.upper()}', str(tools)).replace(' drawn ', f' {tmp_path} ')
    run_here(line, checkout)
    pictures = list(tmp_path.rglob('*.jpg'))
    assert len(pictures) == COUNTS['train']  # of classes: those of one file name are one


LARGER = {
    'own_detection.py': 'mask_rcnn_heracles_s_coco',
    'own_segmentation.py': 'upernet_heracles_s_ade20k',
    'own_classes.py': 'heracles_s_flowers102',
}


HEADS = {
    'mmdet': ('roi_head.bbox_head', 'roi_head.mask_head'),
    'mmseg': ('decode_head', 'auxiliary_head'),
    'mmpretrain': ('head',),
}


@pytest.mark.parametrize('name', LARGER)
def test_an_s_base_fits_the_examples_without_their_last_part(name, tmp_path):
    """As the table says: the base's own schedule holds, and the heads have the user's classes."""
    assert f'`{LARGER[name]}.py`' in SECTIONS['What to change when']
    base = ROOT / 'configs' / f'{LARGER[name]}.py'
    text, last_part, _ = (ROOT / 'examples' / name).read_text().partition('\n# How long')
    assert last_part
    (tmp_path / name).write_text(re.sub(r"'\.\./configs/\w+\.py'", repr(str(base)), text))
    cfg = Config.fromfile(tmp_path / name)
    assert cfg.train_cfg == Config.fromfile(base).train_cfg
    library = cfg.default_scope
    pytest.importorskip(library)
    with DefaultScope.overwrite_default_scope(library):
        model = MODELS.build(cfg.model)
    assert {model.get_submodule(head).num_classes for head in HEADS[library]} == {len(cfg.classes)}
