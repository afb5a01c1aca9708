"""The libraries' analysis tools on our configs: what docs/clients.md says of each."""

import importlib
import json
import os
import re
import runpy
import shlex
import sys
from copy import deepcopy
from importlib import metadata
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from packaging.requirements import Requirement
from small_runs import CONFIGS, ROOT, SMALL, forget_instances

from heracles_mm.datasets.pictures import write_pictures

TABLE = re.findall(
    r'^\| `(python \$.+?)` \| (.*?) ?\|$', (ROOT / 'docs/clients.md').read_text(), re.MULTILINE
)
PICTURES = 'configs/heracles_nano_pictures.py'
INDICES = {'kfold-cross-valid.py': 8, 'visualization/vis_tsne.py': 40}
"""Tools for which two pictures are too few."""


def test_the_documents_tools_are_found():
    """An edit of the table must not switch its tests off."""
    tools = [command.split('/')[0] for command, _ in TABLE]
    counts = [tools.count(f'python ${name}') for name in ('MMDET', 'MMSEG', 'MMPRETRAIN')]
    assert counts == [11, 8, 14]


@pytest.mark.parametrize(('command', 'needs'), TABLE)
def test_a_tool_of_the_document_runs(command, needs, material, tmp_path):
    library, name, words = re.fullmatch(r'python \$(\w+)/(\S+) (.*)', command).groups()
    library, words = library.lower(), shlex.split(words)
    for needed in map(Requirement, re.findall(r"`pip install '?([^`']+)'?`", needs)):
        found = [each.version for each in metadata.distributions(name=needed.name)]
        if not found or found[0] not in needed.specifier:
            pytest.skip(f'needs {needed}')
    if 'robustness' in name and any(metadata.distributions(name='onedl-mmdetection')):
        pytest.skip('the OneDL mmdet has the tool and not its transform, Corrupt')
    words = [
        material(word, library, PICTURES in words) if word.isupper() else word for word in words
    ]
    run(library, name, words, tmp_path)
    assert 'drawn' not in command or any(
        path.suffix in ('.png', '.jpg') for path in tmp_path.rglob('*')
    )


OWN = {
    'mmdet': "_base_ = '{}/configs/mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py'",
    'mmseg': "_base_ = '{}/configs/fcn/fcn_r50-d8_4xb4-80k_ade20k-512x512.py'",
    'mmpretrain': """
_base_ = '{}/configs/resnet/resnet18_8xb32_in1k.py'
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='CustomDataset',
        data_root=r'''{{{{$PICTURES:}}}}''',
        pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
    )
)
""",
}
"""A config of each library, with its own backbone."""


@pytest.mark.parametrize(
    ('library', 'name', 'words', 'cause'),
    [
        ('mmdet', 'analysis_tools/optimize_anchors.py', ['CONFIG'], 'bbox_head'),
        ('mmdet', 'misc/get_image_metas.py', ['CONFIG'], 'csv or txt|data_root'),
        ('mmdet', 'analysis_tools/fuse_results.py', ['found.json'], 'models_name'),
        ('mmseg', 'analysis_tools/get_flops.py', ['CONFIG', '--shape', '64'], 'cannot be both set'),
        ('mmpretrain', 'visualization/browse_dataset.py', ['CONFIG', '--not-show'], 'adjust_bbox'),
    ],
)
def test_what_fails_on_ours_fails_on_the_librarys_own(
    library, name, words, cause, pictures, tmp_path
):
    if library == 'mmseg' and any(metadata.distributions(name='onedl-mmsegmentation')):
        pytest.skip('mended in the OneDL mmseg')
    own = tmp_path / 'own.py'
    own.write_text(OWN[library].format(tools_of(library).parent))
    for config in (CONFIGS[library].relative_to(ROOT), own):
        forget_instances()
        with pytest.raises(
            (AttributeError, NotImplementedError, TypeError, ValueError), match=cause
        ):
            run(library, name, [config if word == 'CONFIG' else word for word in words], tmp_path)


@pytest.mark.parametrize('library', CONFIGS)
def test_a_tool_and_every_run_of_a_process_have_their_own_visualizer(library, tmp_path):
    """mmengine keeps one of a name, so a run must not log into an earlier one's folder."""
    pytest.importorskip(library)
    cfg = Config.fromfile(CONFIGS[library])
    made = []
    with DefaultScope.overwrite_default_scope(library):
        visualizers = importlib.import_module(f'{library}.registry').VISUALIZERS
        made.append(
            visualizers.build({**deepcopy(cfg.visualizer), 'save_dir': str(tmp_path / 'tool')})
        )
        for name in ('first', 'second'):
            runner = Runner.__new__(Runner)
            runner._experiment_name, runner._log_dir = name, str(tmp_path / name)
            made.append(runner.build_visualizer(deepcopy(cfg.visualizer)))
    folders = [Path(one.get_backend('LocalVisBackend')._save_dir) for one in made]
    assert [path.relative_to(tmp_path).parts[0] for path in folders] == ['tool', 'first', 'second']


@pytest.fixture(scope='session')
def pictures(tmp_path_factory):
    """The folder that configs/heracles_nano_pictures.py reads."""
    folder = tmp_path_factory.mktemp('pictures')
    write_pictures(folder, train=4, val=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('PICTURES', f'{folder}/')
        yield folder


@pytest.fixture(scope='session')
def material(trained, pictures, tmp_path_factory):
    """A capital word of the table -> the file or folder that it stands for, made once."""
    made: dict[tuple, Path] = {}
    folder = tmp_path_factory.mktemp('material')

    def find(word: str, library: str, of_pictures: bool) -> Path:
        key = (word, library, of_pictures)
        if key not in made:
            made[key] = make(*key)
            forget_instances()
        return made[key]

    def make(word: str, library: str, of_pictures: bool) -> Path:
        if word == 'PICTURE':
            return next(pictures.glob('val/*/*'))
        if word == 'CHECKPOINT' and of_pictures:
            run(library, 'train.py', [PICTURES], folder)
            return next(folder.glob('work_dirs/*/*_1.pth'))
        if word == 'CONFIG':
            config = folder / 'with_preprocessor.py'
            config.write_text(
                f"_base_ = '{CONFIGS[library]}'\n"
                'data_preprocessor = _base_.model.data_preprocessor\n'
            )
            return config
        checkpoint = trained(library)
        if word == 'CHECKPOINT':
            return checkpoint
        if word == 'LOG':
            return next(checkpoint.parent.glob('*/vis_data/scalars.json'))
        if word == 'TRUTH':
            annotations = '*/annotations/instances_val.json'
            (file,) = Path(os.environ['HERACLES_CACHE']).glob(annotations)
            truth = json.loads(file.read_text())
            for category in truth['categories']:
                category['supercategory'] = 'object'
            (folder / 'truth.json').write_text(json.dumps(truth))
            return folder / 'truth.json'
        option, out = {
            'FOUND': ('--out', f'{library}.pkl'),
            'MAPS': ('--out', 'maps'),
            'DETECTIONS': ('--cfg-options', 'found.segm.json'),
        }[word]
        value = folder / out
        if word == 'DETECTIONS':
            value = f'test_evaluator.0.outfile_prefix={folder / "found"}'
        run(
            library,
            'test.py',
            [CONFIGS[library].relative_to(ROOT), checkpoint, option, value],
            folder,
        )
        return folder / out

    return find


def tools_of(library: str) -> Path:
    return Path(pytest.importorskip(library).__file__).parent / '.mim' / 'tools'


def run(library: str, name: str, words: list[str | Path], folder: Path) -> None:
    """Run a library's tool in ``folder``, in this process; a config of ours is made small."""
    script = tools_of(library) / name
    words = [str(word) for word in words]
    for i, word in enumerate(words):
        if word.startswith('configs/'):
            cfg = Config.fromfile(ROOT / word)
            small = dict(option.split('=') for option in SMALL[library])
            small = {key: int(value) for key, value in small.items()}
            for key in small:
                if key.endswith('.indices'):
                    small[key] = INDICES.get(name, small[key])
            cfg.merge_from_dict(small)
            words[i] = str(folder / Path(word).name)
            cfg.dump(words[i])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', [str(script), *words])
        patch.syspath_prepend(script.parents[2])  # test_robustness.py imports `tools`
        patch.chdir(folder)
        patch.setenv('MPLBACKEND', 'Agg')
        runpy.run_path(str(script), run_name='__main__')
