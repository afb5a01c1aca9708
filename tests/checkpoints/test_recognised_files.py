"""Whatever a file of weights looks like, the backbone finds its own in it, or says what it is."""

import functools
import http.server
import sys
import threading

import pytest
import torch
from toy_spectral import ARCH, ToySpectral

import heracles_mm.engine  # noqa: F401  (lets mmengine read safetensors)
from heracles_mm import Heracles
from heracles_mm.checkpoints import CheckpointError, read_checkpoint, read_plain_checkpoints_only
from heracles_mm.checkpoints.recognise import WRAPPERS, weights_of


@pytest.fixture(scope='module')
def source():
    torch.manual_seed(0)
    return ToySpectral()


def build(checkpoint, **options):
    init_cfg = dict(type='Pretrained', checkpoint=str(checkpoint), **options)
    backbone = Heracles(ARCH, img_size=32, init_cfg=init_cfg)
    backbone.init_weights()
    return backbone


def assert_same(backbone, source):
    ours, theirs = backbone.state_dict(), source.backbone.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def prefixed(prefix, state):
    return {prefix + key: value for key, value in state.items()}


WRAPPINGS = {
    'nothing': lambda state: state,
    **{name: lambda state, name=name: {name: state, 'epoch': 3} for name in WRAPPERS},
    'two layers': lambda state: {'model': {'state_dict': state}},
    'DDP': lambda state: {'state_dict': prefixed('module.', state)},
    'EMA': lambda state: {
        'ema_state_dict': {'steps': torch.tensor(1), **prefixed('module.', state)}
    },
}
PLACES = {
    'a bare backbone': lambda source: source.backbone.state_dict(),
    'a whole model': lambda source: source.state_dict(),
    'a model inside a model': lambda source: prefixed('student.', source.state_dict()),
}


@pytest.mark.parametrize('prefix', [None, 'backbone.', 'backbone'])
@pytest.mark.parametrize('place', PLACES)
@pytest.mark.parametrize('wrapping', WRAPPINGS)
def test_the_backbone_is_found(wrapping, place, prefix, source, tmp_path, log):
    torch.save(WRAPPINGS[wrapping](PLACES[place](source)), tmp_path / 'x.pth')
    assert_same(build(tmp_path / 'x.pth', prefix=prefix), source)
    assert 'x.pth' in log[0]


def test_the_prefix_chooses_among_several_backbones(source, tmp_path):
    other = {key: torch.zeros_like(value) for key, value in source.state_dict().items()}
    torch.save({**prefixed('teacher.', other), **source.state_dict()}, tmp_path / 'x.pth')
    assert_same(build(tmp_path / 'x.pth', prefix='backbone.'), source)
    assert not build(tmp_path / 'x.pth', prefix='teacher.backbone').stages[0].norm.weight.any()
    with pytest.raises(CheckpointError, match=r"\['teacher.backbone.', 'backbone.'\].*name one"):
        build(tmp_path / 'x.pth')


def test_safetensors_files_load_by_every_loader(source, tmp_path):
    """mmengine's own loader too, so that load_from and inferencers can name one."""
    save_file = pytest.importorskip('safetensors.torch').save_file
    save_file(source.state_dict(), tmp_path / 'x.safetensors')
    assert_same(build(tmp_path / 'x.safetensors'), source)

    from mmengine.runner.checkpoint import load_checkpoint

    model = ToySpectral()
    load_checkpoint(model, str(tmp_path / 'x.safetensors'))
    assert_same(model.backbone, source)


@pytest.fixture
def server(tmp_path):
    """The address of a server of the test's folder."""
    quiet = type('Quiet', (http.server.SimpleHTTPRequestHandler,), {'log_message': lambda *a: None})
    handler = functools.partial(quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{running.server_port}'
        running.shutdown()


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))


@pytest.mark.parametrize('name', ['x.pth', 'x.safetensors'])
def test_addresses_load_as_files_do(name, source, tmp_path, server, own_cache):
    if name.endswith('.pth'):
        torch.save({'model': source.state_dict()}, tmp_path / name)
    else:
        pytest.importorskip('safetensors.torch').save_file(source.state_dict(), tmp_path / name)
    assert_same(build(f'{server}/{name}'), source)


@pytest.mark.parametrize('name', ['absent.pth', 'absent.safetensors'])
def test_an_address_of_nothing_is_named(name, server, own_cache):
    with pytest.raises(CheckpointError, match=rf'{name} cannot be read: .*404'):
        read_checkpoint(f'{server}/{name}')


class Payload:
    def __reduce__(self):
        return print, ('the payload ran',)


def test_code_in_a_file_is_refused_on_every_way_to_it(
    tmp_path, server, own_cache, capsys, monkeypatch
):
    """Also where the user's environment asks torch for the unsafe way."""
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    torch.save({'state_dict': {}, 'meta': Payload()}, tmp_path / 'x.pth')
    for place in (tmp_path / 'x.pth', f'{server}/x.pth'):
        with pytest.raises(CheckpointError, match=r'x\.pth') as refused:
            build(place)
        assert '\n' not in str(refused.value)
    assert 'the payload ran' not in capsys.readouterr().out


def truncated(path):
    path.write_bytes(path.read_bytes()[:3000])


def as_folder(path):
    path.unlink()
    path.mkdir()


BAD_FILES = {
    'cut short': (truncated, 'cannot be read, it may be damaged or cut short'),
    'empty': (lambda path: path.write_bytes(b''), 'cannot be read'),
    'a folder': (as_folder, 'is a folder: name a file in it'),
    'gone': (lambda path: path.unlink(), 'does not exist'),
    'a web page': (lambda path: path.write_bytes(b'<html>'), 'not a PyTorch checkpoint|damaged'),
}


@pytest.mark.parametrize('name', ['x.pth', 'x.safetensors'])
@pytest.mark.parametrize('case', BAD_FILES)
def test_a_bad_file_is_one_sentence_with_its_name(case, name, source, tmp_path):
    path = tmp_path / name
    if name.endswith('.pth'):
        torch.save(source.state_dict(), path)
    else:
        pytest.importorskip('safetensors.torch').save_file(source.state_dict(), path)
    spoil, message = BAD_FILES[case]
    spoil(path)
    with pytest.raises(CheckpointError, match=message) as refused:
        build(path)
    assert name in str(refused.value)
    assert '\n' not in str(refused.value)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'epoch': 3, 'lr': 0.1}, 'holds no weights: its entries are epoch, lr'),
        ([torch.zeros(1)], 'holds no weights: it is a list'),
        (torch.zeros(1), 'holds no weights: it is a Tensor'),
        ({'conv1.weight': torch.zeros(1), 'fc.bias': torch.zeros(1)}, 'look like conv1.weight, fc'),
    ],
)
def test_a_readable_file_of_something_else_is_described(content, message, tmp_path):
    torch.save(content, tmp_path / 'x.pth')
    with pytest.raises(CheckpointError, match=f'x.pth: .*{message}'):
        build(tmp_path / 'x.pth')


def test_averaged_files_of_mmengine_give_the_averaged_weights():
    """EMAHook stores them under state_dict, and the others under ema_state_dict."""
    averaged, raw = {'w': torch.ones(1)}, {'module.w': torch.zeros(1), 'steps': torch.tensor(1)}
    assert weights_of({'state_dict': averaged, 'ema_state_dict': raw})['w'] == 1


def test_without_safetensors_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'safetensors', None)
    with pytest.raises(CheckpointError, match=r'x.safetensors needs .* pip install safetensors'):
        build(tmp_path / 'x.safetensors')


def test_a_tool_that_trusts_a_file_goes_on_trusting_it_inside(tmp_path, source):
    """A runner's context is open while init_cfg opens its own, and must outlive it."""
    named = tmp_path / 'named.pth'
    torch.save({'meta': Payload()}, named)
    torch.save(source.state_dict(), tmp_path / 'x.pth')
    with read_plain_checkpoints_only(trusted=named):
        build(tmp_path / 'x.pth')
        read_checkpoint(named)
    with pytest.raises(CheckpointError):
        read_checkpoint(named)
