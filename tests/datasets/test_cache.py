"""One intact folder, whatever happens to the processes that make it."""

import errno
import fcntl
import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import heracles_mm
from heracles_mm.datasets import CacheError, ScenesSpec, cache_root, ensure_scenes
from heracles_mm.datasets import cache as cache_module
from heracles_mm.datasets.cache import MANIFEST, scenes_folder

SPEC = ScenesSpec(num_train=8, num_val=4, size=64, object_px=(20, 40))
SPEC_CODE = f'spec = ScenesSpec(**{SPEC.as_dict()!r})'

# A process that makes the scenes, after `prepare` has had its way. The bare package spares it the
# seconds that torch takes to import: the scenes do not need it.
PROGRAM = """
import logging, os, signal, sys, time, types
from pathlib import Path
sys.modules['heracles_mm'] = types.ModuleType('heracles_mm')
sys.modules['heracles_mm'].__path__ = [{package!r}]
from heracles_mm.datasets import ScenesSpec, ensure_scenes
logging.basicConfig(level=logging.INFO)
{spec}
{prepare}
print(ensure_scenes(spec))
"""

DIE_AT_THE_TENTH_FILE = """
written = []
write_bytes = Path.write_bytes
def write(path, content):
    written.append(path)
    if len(written) == 10:
        os.kill(os.getpid(), signal.SIGKILL)
    return write_bytes(path, content)
Path.write_bytes = write
"""

STOP_AT_THE_TENTH_FILE = DIE_AT_THE_TENTH_FILE.replace(
    'os.kill(os.getpid(), signal.SIGKILL)',
    "write_bytes(Path(os.environ['HERACLES_CACHE']) / 'reached', b''); time.sleep(600)",
)

DIE_BEFORE_THE_RENAME = """
Path.rename = lambda path, target: os.kill(os.getpid(), signal.SIGKILL)
"""

WAIT_FOR_THE_SIGN = """
print('ready', flush=True)
sys.stdin.readline()
"""


def start(prepare: str) -> subprocess.Popen[str]:
    package = str(Path(heracles_mm.__file__).parent)
    return subprocess.Popen(
        [sys.executable, '-c', PROGRAM.format(package=package, spec=SPEC_CODE, prepare=prepare)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


def leftovers(cache: Path) -> list[str]:
    return [path.name for path in cache.iterdir() if '.partial' in path.name]


def send_the_sign(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None and process.stdin is not None
    assert process.stdout.readline() == 'ready\n'
    process.stdin.write('go\n')
    process.stdin.flush()


def wait_until(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f'{path} did not appear'
        time.sleep(0.01)


def test_made_once_then_found(own_cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger='heracles_mm')
    folder = ensure_scenes(SPEC)
    assert folder.parent == own_cache
    assert folder.name.startswith('scenes-8-4-64px-')
    assert [record.message.split()[0] for record in caplog.records] == ['composing']
    before = {path: path.stat().st_mtime_ns for path in folder.rglob('*')}
    assert ensure_scenes(SPEC) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob('*')} == before
    assert not leftovers(own_cache)


def test_two_caches_are_byte_identical(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = content(ensure_scenes(SPEC))
    monkeypatch.setenv('HERACLES_CACHE', str(tmp_path / 'another'))
    assert content(ensure_scenes(SPEC)) == first
    assert len(first) == 2 * 12 + 2 + 1  # pictures, label maps, annotations, manifest


def test_every_option_has_a_folder_of_its_own() -> None:
    base = SPEC.as_dict()
    changed = {'num_train': 9, 'num_val': 5, 'size': 80, 'objects': (1, 2), 'object_px': (20, 41)}
    specs = [SPEC, *(ScenesSpec(**{**base, name: v}) for name, v in {**changed, 'seed': 1}.items())]
    assert len({scenes_folder(spec) for spec in specs}) == len(base) + 1


def test_a_new_generator_or_new_parts_do_not_reuse_old_scenes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folders = {scenes_folder(SPEC)}
    monkeypatch.setattr(cache_module, 'GENERATOR_VERSION', 10**6)
    folders.add(scenes_folder(SPEC))
    (tmp_path / 'parts.npz').write_bytes(b'others')
    monkeypatch.setattr(cache_module, 'PARTS_FILE', tmp_path / 'parts.npz')
    folders.add(scenes_folder(SPEC))
    assert len(folders) == 3


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('HERACLES_CACHE', '~/mine')
    assert cache_root() == Path.home() / 'mine'
    monkeypatch.delenv('HERACLES_CACHE')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert cache_root() == tmp_path / 'heracles_mm'
    monkeypatch.delenv('XDG_CACHE_HOME')
    assert cache_root() == Path.home() / '.cache' / 'heracles_mm'


def flip_a_byte(folder: Path) -> None:
    path = folder / 'images/val/000002.png'
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def remove_a_label_map(folder: Path) -> None:
    (folder / 'labels/train/000000.png').unlink()


def truncate_the_manifest(folder: Path) -> None:
    path = folder / MANIFEST
    path.write_bytes(path.read_bytes()[:100])


def remove_the_manifest(folder: Path) -> None:
    (folder / MANIFEST).unlink()


def empty_the_manifest(folder: Path) -> None:
    (folder / MANIFEST).write_text(json.dumps([]))


def leave_every_file_out_of_the_manifest(folder: Path) -> None:
    flip_a_byte(folder)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest['sha256'] = hashlib.sha256().hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    'damage',
    [
        flip_a_byte,
        remove_a_label_map,
        truncate_the_manifest,
        remove_the_manifest,
        empty_the_manifest,
        leave_every_file_out_of_the_manifest,
    ],
)
def test_damaged_scenes_are_made_again(
    damage, own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = ensure_scenes(SPEC)
    intact = content(folder)
    damage(folder)
    caplog.clear()
    assert ensure_scenes(SPEC) == folder
    assert content(folder) == intact
    warnings = [record.message for record in caplog.records if record.levelname == 'WARNING']
    assert len(warnings) == 1 and 'making them again' in warnings[0]
    assert not leftovers(own_cache)


def test_processes_at_once_make_one_folder(own_cache: Path) -> None:
    processes = [start(WAIT_FOR_THE_SIGN) for _ in range(3)]
    for process in processes:
        send_the_sign(process)
    ends = [process.communicate(timeout=60) for process in processes]
    folder = scenes_folder(SPEC)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert [out for out, _ in ends] == [f'{folder}\n'] * 3
    assert sum(err.count('composing') for _, err in ends) == 1
    assert not leftovers(own_cache)
    made = content(folder)
    assert content(ensure_scenes(SPEC)) == made  # intact: nothing was made again


def test_a_process_killed_in_the_middle_leaves_nothing_that_counts(own_cache: Path) -> None:
    process = start(DIE_AT_THE_TENTH_FILE)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert not scenes_folder(SPEC).exists()
    assert len(leftovers(own_cache)) == 1
    folder = ensure_scenes(SPEC)
    assert len(content(folder)) == 27
    assert not leftovers(own_cache)


def test_a_killed_process_frees_those_that_wait(own_cache: Path) -> None:
    own_cache.mkdir()
    stuck = start(STOP_AT_THE_TENTH_FILE)
    wait_until(own_cache / 'reached')
    waiting = start(WAIT_FOR_THE_SIGN)
    send_the_sign(waiting)
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(timeout=1)  # it does wait
    os.kill(stuck.pid, signal.SIGKILL)
    stuck.communicate(timeout=60)
    out, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0 and out == f'{scenes_folder(SPEC)}\n'
    assert not leftovers(own_cache)


def test_a_process_killed_while_it_replaces_damaged_scenes(own_cache: Path) -> None:
    folder = ensure_scenes(SPEC)
    intact = content(folder)
    flip_a_byte(folder)
    process = start(DIE_BEFORE_THE_RENAME)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL and not folder.exists()
    assert content(ensure_scenes(SPEC)) == intact
    assert not leftovers(own_cache)


def test_intact_scenes_need_no_right_to_write(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ensure_scenes(SPEC)

    def refuse(*_: object) -> None:
        raise AssertionError('no lock should be asked for')

    monkeypatch.setattr(fcntl, 'flock', refuse)
    assert ensure_scenes(SPEC) == folder


def test_a_cache_that_cannot_be_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('HERACLES_CACHE', str(tmp_path / 'file'))
    with pytest.raises(CacheError, match='set HERACLES_CACHE to a folder that can be written'):
        ensure_scenes(SPEC)


def test_a_full_disk_is_reported_and_leaves_nothing(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, 'write_bytes', full)
        with pytest.raises(CacheError, match=r'No space left.*HERACLES_CACHE') as caught:
            ensure_scenes(SPEC)
    assert '\n' not in str(caught.value)
    assert not leftovers(own_cache)
    assert len(content(ensure_scenes(SPEC))) == 27


def test_import_stays_light() -> None:
    code = (
        'import sys, heracles_mm;'
        'assert "heracles_mm.datasets" not in sys.modules and "cv2" not in sys.modules;'
        'import heracles_mm.datasets;'
        'heavy = {"mmcv", "mmdet", "mmseg", "mmpretrain"} & set(sys.modules);'
        'assert not heavy, heavy'
    )
    subprocess.run([sys.executable, '-c', code], check=True)
