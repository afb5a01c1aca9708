"""A checkpoint is there whole or not at all, whenever the process dies."""

import os
import subprocess
import sys

import pytest

from heracles_mm.checkpoints import AtomicLocalBackend


def test_put_makes_the_folder_and_replaces_the_file(tmp_path):
    target = tmp_path / 'new' / 'epoch_1.pth'
    AtomicLocalBackend().put(b'old', target)
    AtomicLocalBackend().put(b'new', str(target))
    assert target.read_bytes() == b'new'
    assert os.listdir(target.parent) == ['epoch_1.pth']


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    target = tmp_path / 'epoch_1.pth'
    AtomicLocalBackend().put(b'old', target)

    def disk_is_full(descriptor):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', disk_is_full)
    with pytest.raises(OSError, match='No space left'):
        AtomicLocalBackend().put(b'new', target)
    assert target.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['epoch_1.pth']


def test_a_process_killed_while_writing_leaves_the_old_file_and_can_try_again(tmp_path):
    target = tmp_path / 'epoch_1.pth'
    AtomicLocalBackend().put(b'old', target)
    script = (
        'import os, signal, sys\n'
        'from heracles_mm.checkpoints import AtomicLocalBackend\n'
        'os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n'
        'AtomicLocalBackend().put(b"new" * 100000, sys.argv[1])\n'
    )
    path = os.pathsep.join(p for p in sys.path if p)
    died = subprocess.run(
        [sys.executable, '-c', script, target], env={**os.environ, 'PYTHONPATH': path}
    )
    assert died.returncode == -9
    assert target.read_bytes() == b'old'
    AtomicLocalBackend().put(b'new', target)
    assert target.read_bytes() == b'new'
    assert os.listdir(tmp_path) == ['epoch_1.pth']


def test_the_old_file_goes_when_the_new_one_stands_not_before(tmp_path, monkeypatch):
    """mmengine removes before it writes: with one file kept, a kill in between left none."""
    old, new = tmp_path / 'epoch_1.pth', tmp_path / 'epoch_2.pth'
    AtomicLocalBackend().put(b'old', old)
    AtomicLocalBackend().remove(old)

    def disk_is_full(source, target):
        raise OSError(28, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(os, 'replace', disk_is_full)
        with pytest.raises(OSError, match='No space left'):
            AtomicLocalBackend().put(b'new', new)
    assert os.listdir(tmp_path) == ['epoch_1.pth']
    AtomicLocalBackend().put(b'new', new)
    assert os.listdir(tmp_path) == ['epoch_2.pth']


LEAVES_A_PICTURE = """
import os, signal, sys
from heracles_mm.checkpoints import AtomicLocalBackend
storage = AtomicLocalBackend()
storage.remove('epoch_1.pth')
for other in ('loss.png', 'scalars.json', 'best/epoch_2.pth'):
    storage.put(b'something else', other)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_files_of_another_kind_do_not_let_the_old_checkpoint_go(tmp_path):
    """A kill between a picture and the next checkpoint left a run without any."""
    AtomicLocalBackend().put(b'old', tmp_path / 'epoch_1.pth')
    path = os.pathsep.join(p for p in sys.path if p)
    died = subprocess.run(
        [sys.executable, '-c', LEAVES_A_PICTURE],
        env={**os.environ, 'PYTHONPATH': path},
        cwd=tmp_path,
    )
    assert died.returncode == -9
    assert (tmp_path / 'epoch_1.pth').read_bytes() == b'old'
    assert (tmp_path / 'best' / 'epoch_2.pth').exists()


def test_a_file_that_something_else_wrote_takes_the_place_of_the_old_one(tmp_path):
    """As FSDP's strategy does, which writes its checkpoints itself."""
    old, new, part = (tmp_path / name for name in ('iter_1.pth', 'iter_2.pth', 'iter_2.pth.part'))
    AtomicLocalBackend().put(b'old', old)
    AtomicLocalBackend().remove(old)
    part.write_bytes(b'new')
    AtomicLocalBackend.replace(str(part), str(new))
    assert os.listdir(tmp_path) == ['iter_2.pth']
