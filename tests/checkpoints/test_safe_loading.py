"""Reading a checkpoint runs nothing that is inside it, by any of the ways mmengine reads one."""

import os
import pickle
import threading
import time
from pathlib import Path

import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader, load_from_local

from heracles_mm.checkpoints import (
    CheckpointError,
    latest_checkpoint,
    read_checkpoint,
    read_plain_checkpoints_only,
    whole,
)


class Payload:
    """Unpickling it writes a file."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return open, (self.target, 'w')


class GetattrPayload(Payload):
    """The same by way of getattr, which OneDL's mmengine allows."""

    def __reduce__(self):
        return getattr, (self.target, 'upper')


def read(path):
    return CheckpointLoader.load_checkpoint(str(path), 'cpu')


@pytest.fixture
def proof(tmp_path):
    return tmp_path / 'the_payload_ran'


@pytest.fixture(params=['zip', 'old format', 'bare pickle'])
def malicious(request, tmp_path, proof):
    path = tmp_path / 'malicious.pth'
    content = {'state_dict': {}, 'meta': Payload(proof)}
    if request.param == 'bare pickle':
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=request.param == 'zip')
    return path


def test_the_payload_would_run_without_us(tmp_path, proof):
    """Else the tests below prove nothing."""
    torch.save({'meta': Payload(proof)}, tmp_path / 'm.pth')
    torch.load(tmp_path / 'm.pth', weights_only=False)
    assert proof.exists()


def test_a_malicious_file_is_refused_in_one_sentence_and_does_not_run(malicious, proof):
    with read_plain_checkpoints_only(), pytest.raises(CheckpointError) as refused:
        read(malicious)
    assert 'malicious.pth holds Python objects' in str(refused.value)
    assert '--trust-checkpoint' in str(refused.value)
    assert '\n' not in str(refused.value)
    assert not proof.exists()


def test_getattr_is_refused_even_where_mmengine_allows_it(tmp_path):
    path = tmp_path / 'm.pth'
    torch.save({'meta': GetattrPayload('x')}, path)
    with read_plain_checkpoints_only(), pytest.raises(CheckpointError, match='getattr'):
        read(path)


def test_code_that_asks_torch_for_the_unsafe_way_does_not_get_it(malicious, proof, monkeypatch):
    """OneDL's mmengine does after a refusal, torch.hub (so every URL) by default."""
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    with read_plain_checkpoints_only():
        with pytest.raises(pickle.UnpicklingError):
            torch.load(malicious, weights_only=False)
        with pytest.raises(pickle.UnpicklingError):
            torch.hub.load_state_dict_from_url(
                malicious.as_uri(), model_dir=str(malicious.parent), progress=False
            )
    assert not proof.exists()


def test_an_old_runner_checkpoint_needs_to_be_trusted_and_then_loads(tmp_path):
    path = tmp_path / 'iter_2.pth'
    torch.save({'message_hub': {'log_scalars': {'loss': HistoryBuffer([1.0], [1])}}}, path)
    with (
        read_plain_checkpoints_only(),
        pytest.raises(CheckpointError, match=r'HistoryBuffer|getattr'),
    ):
        read(path)
    with read_plain_checkpoints_only(trusted=path):
        loaded = read(path)
    assert loaded['message_hub']['log_scalars']['loss'].current() == 1.0


def test_trust_reaches_the_named_file_only(tmp_path, malicious, proof):
    """A config may name a stranger's pretrained weights beside the user's own old checkpoint."""
    named = tmp_path / 'named.pth'
    torch.save({'message_hub': HistoryBuffer()}, named)
    with read_plain_checkpoints_only(trusted=named):
        read(named)
        with pytest.raises(CheckpointError):
            read(malicious)
        with pytest.raises(pickle.UnpicklingError):
            torch.load(malicious, weights_only=False)
    assert not proof.exists()


def test_plain_files_of_both_formats_load(tmp_path):
    state = {'state_dict': torch.nn.Linear(2, 2).state_dict(), 'meta': {'epoch': 1}}
    for new in (True, False):
        torch.save(state, tmp_path / 'plain.pth', _use_new_zipfile_serialization=new)
        with read_plain_checkpoints_only():
            assert read(tmp_path / 'plain.pth')['meta'] == {'epoch': 1}


@pytest.mark.parametrize(
    ('content', 'says'),
    [
        (b'', 'cannot be read'),
        (b'<html>404 Not Found</html>', 'not a PyTorch checkpoint'),
        (
            b'version https://git-lfs.github.com/spec/v1\n',
            'not a PyTorch checkpoint|cannot be read',
        ),
    ],
)
def test_what_is_no_checkpoint_is_called_that(tmp_path, content, says):
    path = tmp_path / 'x.pth'
    path.write_bytes(content)
    with read_plain_checkpoints_only(), pytest.raises(CheckpointError, match=says):
        read(path)


def test_a_file_cut_short_is_called_damaged(tmp_path):
    path = tmp_path / 'x.pth'
    torch.save({'w': torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:2000])
    with read_plain_checkpoints_only(), pytest.raises(CheckpointError, match='damaged'):
        read(path)


def test_a_missing_file_is_named(tmp_path):
    with read_plain_checkpoints_only(), pytest.raises(CheckpointError, match=r'absent\.pth'):
        read(tmp_path / 'absent.pth')


def test_everything_is_as_before_afterwards(monkeypatch):
    """The context belongs to one run of a tool; a notebook that calls it goes on as it was."""
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    with pytest.raises(KeyboardInterrupt), read_plain_checkpoints_only():
        raise KeyboardInterrupt
    assert_as_before()
    assert os.environ['TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'] == '1'


def assert_as_before():
    assert CheckpointLoader._get_checkpoint_loader('x.pth') is load_from_local
    assert 'TORCH_FORCE_WEIGHTS_ONLY_LOAD' not in os.environ


@pytest.mark.parametrize('first_to_end', [0, 1])
def test_two_contexts_may_end_in_any_order(first_to_end, tmp_path):
    """What one of them trusts is trusted until that one ends, and safety lasts to the last."""
    path = tmp_path / 'named.pth'
    torch.save({'message_hub': HistoryBuffer()}, path)
    contexts = [read_plain_checkpoints_only(trusted=path), read_plain_checkpoints_only()]
    for context in contexts:
        context.__enter__()
    contexts.pop(first_to_end).__exit__(None, None, None)
    assert os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] == '1'
    if first_to_end == 0:
        with pytest.raises(CheckpointError):
            read(path)
    else:
        read(path)
    contexts.pop().__exit__(None, None, None)
    assert_as_before()


def test_threads_that_read_at_once_leave_everything_as_it_was(tmp_path):
    """Half of them read a file that they trust, which needs torch's switch off for a moment."""
    plain, named = tmp_path / 'plain.pth', tmp_path / 'named.pth'
    torch.save({'w': torch.zeros(3)}, plain)
    torch.save({'message_hub': HistoryBuffer()}, named)
    failures = []

    def work(number):
        try:
            for _ in range(20):
                path = named if number % 2 else plain
                with read_plain_checkpoints_only(trusted=path if number % 2 else None):
                    time.sleep(0.0005 * (number % 3))
                    read(path)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert_as_before()


@pytest.fixture
def counted(monkeypatch):
    """The files whose bytes were checked."""
    checked = []
    check = whole._check_archive
    monkeypatch.setattr(whole, '_check_archive', lambda path: checked.append(path) or check(path))
    return checked


@pytest.mark.parametrize('seconds_old', [60, 0])
def test_a_file_that_stays_as_it_is_is_checked_once(seconds_old, tmp_path, counted, monkeypatch):
    """By --resume, by the seed and by the runner. A file of this moment may still change without
    a trace in its times, and is checked again."""
    path = tmp_path / 'iter_2.pth'
    torch.save({'w': torch.zeros(3), 'meta': {'seed': 3}}, path)
    now = time.time()
    monkeypatch.setattr(time, 'time', lambda: now + seconds_old)
    assert latest_checkpoint(tmp_path) == path
    assert read_checkpoint(path, mmap=True)['meta']['seed'] == 3
    with read_plain_checkpoints_only():
        read(path)
    assert len(counted) == (1 if seconds_old else 3)
    content = bytearray(path.read_bytes())
    content[-200] ^= 1
    path.write_bytes(content)
    os.utime(path, (now - 10, now - 10))
    with pytest.raises(CheckpointError):
        read_checkpoint(path)


@pytest.mark.skipif(not Path('/proc/self/maps').is_file(), reason='lists the maps of Linux')
def test_the_seed_is_read_without_the_tensors(tmp_path):
    """They stay on the disk: a large file costs no memory before the run itself reads it."""
    torch.save({'w': torch.zeros(50_000), 'seed': 5}, tmp_path / 'x.pth')
    content = read_checkpoint(tmp_path / 'x.pth', mmap=True)
    assert content['seed'] == 5
    assert 'x.pth' in Path('/proc/self/maps').read_text()


def test_old_formats_are_read_where_the_disk_was_asked_for(tmp_path):
    torch.save({'seed': 5}, tmp_path / 'x.pth', _use_new_zipfile_serialization=False)
    assert read_checkpoint(tmp_path / 'x.pth', mmap=True) == {'seed': 5}
