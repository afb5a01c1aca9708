"""python -m heracles_mm.runtime, what it needs, and what it says of bad files."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from exported_models import scene
from PIL import Image

from heracles_mm.errors import ModelFileError
from heracles_mm.runtime import Description, Model, Resize
from heracles_mm.runtime.__main__ import main
from heracles_mm.runtime.description import KEY
from heracles_mm.runtime.geometry import geometry

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(scene(64, 96)).save('a.png')
    Path('words.png').write_text('no picture')
    return tmp_path


@pytest.fixture
def run(capsys):
    """Run the command line and return (exit code, lines of stdout, lines of stderr)."""

    def of(*argv):
        capsys.readouterr()  # what an export said that this test was the first to need
        code = main([str(word) for word in argv])
        printed, complained = capsys.readouterr()
        return code, printed.splitlines(), complained.splitlines()

    return of


def test_the_runtime_needs_neither_torch_nor_mmengine():
    """Everything that an environment with torch brings in beside numpy, Pillow and onnxruntime."""
    code = (
        'import sys\n'
        'import numpy, PIL.Image, PIL.ImageDraw, PIL.ImageOps, onnxruntime\n'
        'before = set(sys.modules)\n'
        'import heracles_mm.runtime, heracles_mm.runtime.__main__\n'
        'new = {name.partition(".")[0] for name in set(sys.modules) - before}\n'
        'print(sorted(new - sys.stdlib_module_names))'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "['heracles_mm']", done.stderr


def test_the_backbones_join_mmengine_that_is_imported_later():
    """The runtime's import must not be in the way of a config's custom_imports that follows; nor
    must one who only looks whether mmengine is there, nor a room of ours that the backbones need
    and that is the first to import it. (Elsewhere mmengine comes first.)"""
    code = (
        'import heracles_mm.runtime, importlib.util\n'
        'importlib.util.find_spec("mmengine")\n'
        'import heracles_mm.checkpoints\n'
        'from mmengine.registry import MODELS, Registry\n'
        'print(Registry("model", parent=MODELS, scope="some").get("Heracles").__name__)'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == 'Heracles', done.stderr


@pytest.mark.parametrize('name', ['instances', 'segments', 'classes'])
def test_pictures_are_drawn_and_described(name, exported, run, folder):
    code, printed, _ = run(exported(name).file, 'a.png', '--out', 'made', '--json', '--score', 0)
    assert code == 0
    (line,) = printed
    said = json.loads(line)
    assert said['picture'] == 'a.png' and said['size'] == [64, 96]
    key = dict(instances='masks', segments='areas', classes='top')[name]
    assert said[key]
    drawn = np.asarray(Image.open('made/a_found.png'))
    assert drawn.shape == (64, 96, 3) and (drawn != scene(64, 96)).any()
    files = {path.name for path in Path('made').iterdir()}
    assert files == {'a_found.png'} | ({'a_labels.png'} if name == 'segments' else set())
    code, printed, _ = run(exported(name).file, 'a.png', 'a.png')
    assert code == 0 and len(printed) == 2 and printed[0].startswith('a.png: ')


def with_metadata(source, **values):
    """A file with another description."""
    onnx = pytest.importorskip('onnx')
    model = onnx.load(source)
    for entry in model.metadata_props:
        if entry.key == KEY:
            entry.value = json.dumps({**json.loads(entry.value), **values})
    onnx.save(model, 'changed.onnx')
    return 'changed.onnx'


BAD = {
    'none': (None, 'absent.onnx does not exist'),
    'empty': (lambda file: b'', 'is damaged or no ONNX file'),
    'words': (lambda file: b'not a model', 'is damaged or no ONNX file'),
    'cut short': (lambda file: file.read_bytes()[:-1000], 'is damaged or no ONNX file'),
    'of a later release': (
        dict(version=9),
        'a description of version 9, and this heracles_mm reads',
    ),
    'another size': (dict(size=[32, 32]), 'its description says one of (32, 32)'),
    'no such task': (dict(task='song'), "the task 'song' is none of detection"),
    'a rule that is none': (dict(resize=dict(rule='melt')), "the rule 'melt' is none of keep"),
    'a side of nothing': (dict(size=[0, 64]), 'the size is (0, 64)'),
    'no numbers': (dict(mean=['a', 'b', 'c']), 'mean has not three numbers'),
    'something more': (dict(colour='red'), "unexpected keyword argument 'colour'"),
    'a backbone': (dict(task='features'), 'holds a backbone alone'),
    'another task': (dict(task='detection'), 'gives logits, and its description says'),
}


@pytest.mark.parametrize('case', BAD)
def test_a_bad_file_is_one_line(case, exported, run):
    change, words = BAD[case]
    file = 'absent.onnx'
    if callable(change):
        file = 'bad.onnx'
        Path(file).write_bytes(change(exported('classes').file))
    elif change:
        file = with_metadata(exported('classes').file, **change)
    code, printed, complained = run(file, 'a.png', '--out', 'made')
    assert (code, printed) == (2, [])
    (line,) = complained
    assert line.startswith('heracles_mm.runtime: error: ') and words in line
    assert not Path('made').exists()


MISTAKES = {
    'no picture': (('words.png',), 'words.png is no picture'),
    'no such picture': (('b.png',), 'b.png cannot be read: No such file'),
    'no engine': (('a.png', '--engine', 'tea'), "invalid choice: 'tea'"),
    'onto a file': (('a.png', '--out', 'words.png'), 'words.png/a_found.png cannot be written'),
    'a score in words': (('a.png', '--score', 'high'), 'must be from 0 to 1, not high'),
    'a score of no kind': (('a.png', '--score', 'nan'), 'must be from 0 to 1, not nan'),
    'no slice': (('a.png', '--slice', 0), 'slices are for detectors'),
    'slices of a classifier': (('a.png', '--slice', 64), 'slices are for detectors'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_one_line(case, exported, run):
    argv, words = MISTAKES[case]
    code, _, complained = run(exported('classes').file, *argv)
    assert code == 2 and len(complained) == 1
    assert words in complained[0]


def test_a_broken_picture_does_not_keep_the_others_back(exported, run):
    code, printed, complained = run(exported('classes').file, 'words.png', 'a.png')
    assert code == 2
    assert [line.partition(':')[0] for line in printed] == ['a.png']
    assert len(complained) == 1 and 'words.png' in complained[0]


def test_a_picture_is_never_drawn_over(exported, run, folder):
    """Neither the drawn one, nor one that is called as a drawing would be."""
    whole = Path('a.png').read_bytes()
    Path('a_found.png').write_bytes(whole)
    assert run(exported('classes').file, 'a.png', '--out', '.')[0] == 0
    assert Path('a.png').read_bytes() == whole
    Path('a_found.png').write_bytes(whole)
    code, _, complained = run(exported('classes').file, 'a_found.png', 'a.png', '--out', '.')
    assert code == 2 and 'a_found.png is one of the pictures' in complained[0]
    assert Path('a_found.png').read_bytes() == whole
    code, printed, complained = run(exported('classes').file, 'a.png', 'b.png', '--out', '.')
    assert code == 2 and len(printed) == 1 and 'b.png cannot be read' in complained[0]


def test_a_file_that_is_not_ours_says_so(exported, run):
    onnx = pytest.importorskip('onnx')
    model = onnx.load(exported('classes').file)
    del model.metadata_props[:]
    onnx.save(model, 'other.onnx')
    assert 'has no description of heracles_mm' in run('other.onnx', 'a.png')[2][0]


def test_nan_in_the_weights_is_said_and_not_shown(exported, run):
    onnx = pytest.importorskip('onnx')
    model = onnx.load(exported('classes').file)
    weights = max(model.graph.initializer, key=lambda each: len(each.raw_data))
    weights.raw_data = np.full(len(weights.raw_data) // 4, np.nan, np.float32).tobytes()
    onnx.save(model, 'nan.onnx')
    code, _, complained = run('nan.onnx', 'a.png')
    assert code == 2 and 'the model finds NaN in this picture' in complained[0]


def test_without_openvino_it_says_how_to_get_it(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, 'openvino', None)
    with pytest.raises(Exception, match=r"pip install 'heracles-mm\[openvino\]'"):
        Model(exported('classes').file, engine='openvino')


def described(size, resize):
    colours = dict(channels='RGB', mean=(0.0,) * 3, std=(1.0,) * 3)
    return Description('detection', (), (), size, resize=resize, **colours)


def test_a_description_survives_its_file():
    about = described((64, 96), Resize('edge', (72,), 'bicubic', (64, 64)))
    assert Description.from_metadata({KEY: about.to_json()}, 'file') == about
    with pytest.raises(ModelFileError, match='has no description'):
        Description.from_metadata({}, 'file')


PLACES = {
    # rule, size of the file, picture -> resized, part that is used, whole input
    'fits and is padded': (
        Resize('fit', (96, 64)),
        (64, 96),
        (60, 80),
        (64, 85),
        (64, 85),
        (64, 96),
    ),
    'upright in a wide file': (
        Resize('fit', (96, 64)),
        (64, 96),
        (96, 64),
        (64, 43),
        (64, 43),
        (64, 96),
    ),
    'any size': (Resize('fit', (96, 64)), None, (96, 64), (96, 64), (96, 64), (96, 64)),
    'cut out of the middle': (
        Resize('edge', (72,), crop=(64, 64)),
        (64, 64),
        (50, 100),
        (72, 144),
        (64, 64),
        (64, 64),
    ),
    'as it is, and too large': (Resize(), (64, 64), (128, 32), (64, 16), (64, 16), (64, 64)),
    'one pixel': (Resize('fit', (96, 64)), (64, 96), (1, 1), (64, 64), (64, 64), (64, 96)),
    'a line': (Resize('fit', (96, 64)), (64, 96), (1, 5000), (1, 96), (1, 96), (64, 96)),
    'a line, any size': (Resize('fit', (96, 64)), None, (1, 5000), (1, 96), (1, 96), (33, 96)),
}


@pytest.mark.parametrize('case', PLACES)
def test_where_a_picture_stands_in_the_input(case):
    resize, size, picture, inner, used, whole = PLACES[case]
    where = geometry(picture, described(size, resize))
    assert (where.inner, where.used, where.whole) == (inner, used, whole)
