"""What the user can put right is one line and exit code 2, any other error a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import toy_parts
from processes import with_path

from heracles_mm.cli import test as test_module
from heracles_mm.cli import train as train_module

ROOT = Path(__file__).resolve().parents[2]
TOY = ROOT / 'tests' / 'cli' / 'toy'
MUST_NOT_BE_BUILT = 'model.type=ToyModelThatMustNotBeBuilt'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'empty.pth').touch()
    (tmp_path / 'is_a_file').touch()
    config = tmp_path / 'child.py'
    for name, text in {
        'missing_base.py': "_base_ = 'absent_base.py'\n",
        'missing_import.py': "custom_imports = {'imports': ['absent_package']}\n",
        'missing_file.py': "text = open('absent_file.txt').read()\n",
    }.items():
        (tmp_path / name).write_text(text)
    return config


@pytest.fixture
def fails(capfd):
    """Run a tool's main and return the one line that it says."""

    def run_and_read(module, *argv):
        assert module.main([str(word) for word in argv]) == 2
        lines = capfd.readouterr().err.splitlines()
        lines = [line for line in lines if 'gcc: not found' not in line]  # mmengine asks for it
        assert len(lines) == 1, lines
        assert lines[0].startswith(f'{module.NAME}: error: ')
        return lines[0]

    return run_and_read


def option(*pairs):
    return ('--cfg-options', MUST_NOT_BE_BUILT, *pairs)


TOY_CONFIG = TOY / 'toy_config.py'
TRAIN_ERRORS = {
    'no config': ((), ['config']),
    'unknown flag': ((TOY_CONFIG, '--rezume'), ['--rezume']),
    'missing config': (('absent.py',), ['absent.py does not exist', 'looked in']),
    'missing base': (('missing_base.py',), ['missing_base.py names', 'absent_base.py']),
    'missing file': (('missing_file.py',), ['missing_file.py names', 'absent_file.txt']),
    'missing import': (('missing_import.py',), ['missing_import.py needs', "'absent_package'"]),
    'option without value': ((TOY_CONFIG, '--cfg-options', 'x'), ['KEY=VALUE']),
    'a dict as an option': (
        (TOY_CONFIG, '--cfg-options', "model.backbone={'dims':(8,16),'depth':3}"),
        ['--cfg-options takes no dicts', 'key by key'],
    ),
    'a dict that would be a text': (
        (TOY_CONFIG, '--cfg-options', 'model.backbone={"depth":3}'),
        ['--cfg-options takes no dicts', 'key by key'],
    ),
    'an open bracket': (
        (TOY_CONFIG, '--cfg-options', 'model.backbone.dims=[8,(16,32]'),
        ['--cfg-options takes no dicts and no unbalanced brackets'],
    ),
    'option that does not fit': (
        (TOY_CONFIG, '--cfg-options', 'default_scope.deeper=1'),
        ['--cfg-options does not fit', 'toy_config.py'],
    ),
    'unknown launcher': ((TOY_CONFIG, '--launcher', 'x'), ["'x'", 'pytorch']),
    'launcher without torchrun': (
        (TOY_CONFIG, '--launcher', 'pytorch', *option()),
        ['dist_train.sh'],
    ),
    'work folder is a file': (
        (TOY_CONFIG, '--work-dir', 'is_a_file/w'),
        ['is_a_file/w cannot be made'],
    ),
    'missing checkpoint': (
        (TOY_CONFIG, '--resume', 'absent.pth', *option()),
        ['absent.pth does not exist'],
    ),
    'missing load_from': (
        (TOY_CONFIG, *option('load_from=absent.pth')),
        ['absent.pth does not exist'],
    ),
    'no base batch size': (
        (TOY_CONFIG, '--auto-scale-lr', *option()),
        ['base_batch_size', '--cfg-options auto_scale_lr.base_batch_size'],
    ),
    'missing data': (
        (TOY_CONFIG, *option('train_dataloader.dataset.data_root=absent_folder')),
        ['train_dataloader needs', '/absent_folder', 'train_dataloader.dataset.data_root=PATH'],
    ),
    'missing validation annotations': (
        (TOY_CONFIG, *option('val_evaluator.ann_file=absent.json')),
        ['val_evaluator needs', '/absent.json'],
    ),
    'empty checkpoint': (
        (TOY_CONFIG, '--resume', 'empty.pth'),
        ['empty.pth cannot be read'],
    ),
}


@pytest.mark.parametrize('case', TRAIN_ERRORS)
def test_a_mistake_in_training_is_one_clear_line(case, fails):
    argv, words = TRAIN_ERRORS[case]
    line = fails(train_module, *argv)
    for word in words:
        assert word in line


@pytest.mark.parametrize('value', ['D:\\data', 'D:\\new', 'D:\\tools'])
def test_a_backslash_in_a_variable_is_named(value, fails, folder, monkeypatch):
    """mmengine fails with "bad escape", or makes a new line or a tab of it."""
    folder.write_text("root = '{{$HERACLES_TEST_ROOT:data/}}'\n" + TOY_CONFIG.read_text())
    monkeypatch.setenv('HERACLES_TEST_ROOT', value)
    assert 'backslash' in fails(train_module, folder)


TEST_ERRORS = {
    'no checkpoint': ((TOY_CONFIG,), ['checkpoint']),
    'missing config': (('absent.py', 'empty.pth'), ['absent.py does not exist']),
    'missing checkpoint': ((TOY_CONFIG, 'absent.pth', *option()), ['absent.pth does not exist']),
    'nothing to test on': (
        (TOY_CONFIG, 'empty.pth', *option('test_dataloader=None')),
        ['test_dataloader'],
    ),
    'out is no pickle': ((TOY_CONFIG, 'empty.pth', '--out', 'x.json', *option()), ['.pkl']),
    'no tta': ((TOY_CONFIG, 'empty.pth', '--tta', *option()), ['tta_model', 'toy_config.py']),
    'nothing that draws': (
        (TOY_CONFIG, 'empty.pth', '--show-dir', 'x', *option()),
        ['visualization hook'],
    ),
    'missing data': (
        (TOY_CONFIG, 'empty.pth', *option('test_dataloader.dataset.ann_file=absent.json')),
        ['test_dataloader needs', '/absent.json'],
    ),
}


@pytest.mark.parametrize('case', TEST_ERRORS)
def test_a_mistake_in_testing_is_one_clear_line(case, fails):
    argv, words = TEST_ERRORS[case]
    line = fails(test_module, *argv)
    for word in words:
        assert word in line


def test_amp_on_mps_is_refused(fails, monkeypatch):
    """mmengine fails on an assertion deep inside the optimizer wrapper."""
    monkeypatch.setattr(train_module, 'get_device', lambda: 'mps')
    assert '--amp is for CUDA and for CPUs' in fails(train_module, TOY_CONFIG, '--amp', *option())


def test_amp_on_a_gpu_changes_the_optimizer_wrapper_and_keeps_its_loss_scale(monkeypatch):
    from mmengine.config import Config

    monkeypatch.setattr(train_module, 'get_device', lambda: 'cuda')
    cfg = Config({'optim_wrapper': {'optimizer': {'type': 'AdamW'}, 'loss_scale': 128.0}})
    train_module._use_amp(cfg)
    assert cfg.optim_wrapper.type == 'AmpOptimWrapper'
    assert cfg.optim_wrapper.loss_scale == 128.0


def test_a_vanished_checkpoint_is_not_a_fresh_start(fails, tmp_path):
    """Training over again for days because a file was moved is what nobody wants."""
    (tmp_path / 'w').mkdir()
    (tmp_path / 'w' / 'last_checkpoint').write_text('/gone/iter_2.pth')
    line = fails(train_module, TOY_CONFIG, '--work-dir', 'w', '--resume', *option())
    assert '/gone/iter_2.pth' in line


def test_a_library_that_is_not_installed_is_named_with_the_way_to_get_it(fails, monkeypatch):
    from heracles_mm.cli import common

    monkeypatch.setattr(common.importlib.util, 'find_spec', lambda name: None)
    line = fails(train_module, TOY_CONFIG, *option('default_scope=mmseg'))
    assert 'mmseg, which is not installed' in line
    assert 'heracles-mm[openmmlab]' in line


@pytest.mark.parametrize(
    ('option', 'words'),
    [
        ('model.type=Heraclez', ["the model 'Heraclez'", 'custom_imports']),
        ('default_hooks.logger.type=LogerHook', ["'LogerHook'", 'misspelling of LoggerHook']),
    ],
)
def test_an_unknown_type_is_explained_after_its_traceback(option, words, cause):
    with pytest.raises(KeyError) as raised:
        train_module.main([str(TOY_CONFIG), '--cfg-options', option])
    line = cause(raised.value)
    assert line.startswith('train: error: the config asks for')
    assert '\n' not in line
    for word in words:
        assert word in line


OWN_ERRORS = {
    'broken config': ('model = dict(\n', SyntaxError),
    'name without a value': ('a = b\n', NameError),
    'key of an own module': ("custom_imports = dict(imports=['own_module'])\n", KeyError),
    'import inside of an own module': (
        "custom_imports = dict(imports=['own_import'])\n",
        ImportError,
    ),
    'option that the model has not': (('model.depth=3',), TypeError),
    'misspelt option of a data set': (('train_dataloader.dataset.data_rot=x',), TypeError),
    'part without a type': (('default_hooks.x.interval=3',), KeyError),
    'value out of range': (('optim_wrapper.optimizer.lr=-1.0',), ValueError),
    'assertion': ((MUST_NOT_BE_BUILT,), AssertionError),
}


@pytest.mark.parametrize('case', OWN_ERRORS)
def test_an_error_of_other_code_goes_on_as_it_is(case, cause, tmp_path, monkeypatch):
    """Of a config, a module or a library: no guess replaces its traceback or follows it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / 'own_module.py').write_text("{}['key']\n")
    (tmp_path / 'own_import.py').write_text('from json import absent_name\n')
    faulty, kind = OWN_ERRORS[case]
    argv = [str(TOY_CONFIG), '--cfg-options', *faulty]
    if isinstance(faulty, str):
        (tmp_path / 'faulty.py').write_text(faulty)
        argv = ['faulty.py']
    with pytest.raises(kind) as raised:
        train_module.main(argv)
    assert cause(raised.value) == ''


@pytest.mark.parametrize('kind', [TypeError, KeyboardInterrupt])
def test_an_error_in_training_goes_on_with_all_its_frames(kind, monkeypatch):
    """A debugger finds the batch; a wrong option is a TypeError, but so is many a bug."""

    def forward(self, *args, **kwargs):
        raise kind('raised in forward')

    monkeypatch.setattr(toy_parts.ToyModel, 'forward', forward)
    with pytest.raises(kind, match='raised in forward') as raised:
        train_module.main([str(TOY_CONFIG)])
    assert isinstance(raised.traceback[-1].frame.f_locals['self'], toy_parts.ToyModel)


def test_a_process_prints_the_traceback_and_the_cause_and_exits_with_1(train):
    done = train(TOY_CONFIG, '--cfg-options', 'model.type=Heraclez')
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert 'Traceback (most recent call last):' in lines
    assert [line[:22] for line in lines if 'train: error: ' in line] == ['train: error: the conf']
    if sys.version_info >= (3, 11):
        assert lines[-1].startswith('train: error: ')


@pytest.mark.parametrize(
    ('option', 'words'),
    [
        ('model.backbone.arch=xl', ["unknown arch 'xl'", 'nano']),
        (
            'train_dataloader.dataset.num_trian=8',
            ['ScenesDataset has no option num_trian', 'num_train,'],
        ),
    ],
)
def test_a_wrong_option_of_our_own_parts_is_one_line_too(option, words, fails):
    """Under mmdet, where a backbone is built inside of the build of a detector."""
    pytest.importorskip('mmdet')
    config = ROOT / 'configs' / 'mask_rcnn_heracles_nano_scenes.py'
    line = fails(train_module, config, '--cfg-options', option)
    for word in words:
        assert word in line


def test_auto_scale_lr_scales_by_the_batch_size(tmp_path, monkeypatch):
    """Half the base batch, half the rate; mmdet's 'enable' key is not needed in the config."""
    argv = [
        str(TOY_CONFIG),
        '--auto-scale-lr',
        '--work-dir',
        str(tmp_path / 'w'),
        '--cfg-options',
        'auto_scale_lr.base_batch_size=8',
        'param_scheduler=None',
        'train_cfg.max_iters=1',
        'experiment_name=scaled',
    ]
    assert train_module.main(argv) == 0
    saved = torch.load(tmp_path / 'w' / 'iter_1.pth', weights_only=True)
    assert saved['optimizer']['param_groups'][0]['lr'] == 0.025


@pytest.mark.parametrize(
    ('tool', 'way'),
    [('train', 'module'), ('train', 'link to the script'), ('test', 'script')],
)
def test_a_process_says_one_line_and_exits_with_2_from_any_folder(way, tool, tmp_path):
    """Also through a link, and a script of a checkout needs no installed package."""
    script = ROOT / 'tools' / f'{tool}.py'
    if way == 'link to the script':
        link = tmp_path / 'bin' / script.name
        link.parent.mkdir()
        link.symlink_to(script)
        script = link
    command = ['-m', f'heracles_mm.cli.{tool}'] if way == 'module' else [str(script)]
    argv = [sys.executable, *command, 'absent.py', *(['absent.pth'] if tool == 'test' else [])]
    env = {'PYTHONPATH': with_path(ROOT) if way == 'module' else with_path()}
    done = subprocess.run(argv, cwd=tmp_path, env=env, text=True, capture_output=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f'{tool}: error: the config file absent.py does not exist (looked in {tmp_path})'
    ]
