"""The parts of the set-up that decide, without network and without installing anything."""

import ast
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location('setup_env', ROOT / 'tools' / 'setup_env.py')
assert spec and spec.loader
setup_env = importlib.util.module_from_spec(spec)
spec.loader.exec_module(setup_env)

KEY = setup_env.build_key('cp311', 'linux_x86_64', '')
WHEEL = setup_env.wheel_name('mmcv==2.1.0', 'cp311', 'linux_x86_64')


def write_wheel(path: Path, links: bytes = b'libtorch_cpu.so') -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('mmcv/_ext.cpython-311-x86_64-linux-gnu.so', b'\x7fELF' + links)
    return str(path)


def made_environment(tmp_path: Path, **note) -> 'setup_env.Environment':
    """An environment as a finished set-up leaves it, with this test's own interpreter."""
    environment = setup_env.Environment(str(tmp_path / '.venv'))
    (tmp_path / '.venv' / 'bin').mkdir(parents=True)
    (tmp_path / '.venv' / 'bin' / 'python').symlink_to(sys.executable)
    ours = list(sys.version_info[:2])
    environment.write(
        **{'place': environment.path, 'python': ours, 'inputs': 'key', 'cuda': '', **note}
    )
    return environment


# ---- the interpreter


def test_every_example_of_help_parses():
    _, _, block = setup_env.make_parser().format_help().partition('examples:\n')
    lines = [line.split() for line in block.splitlines()]
    assert lines
    for python, script, *words in lines:
        assert (python, script) == ('python3', 'tools/setup_env.py')
        setup_env.make_parser().parse_args(words)


def test_an_old_python_can_read_the_tool_and_say_that_it_is_too_old():
    ast.parse((ROOT / 'tools' / 'setup_env.py').read_text(), feature_version=(3, 6))


@given(st.tuples(st.integers(2, 4), st.integers(0, 30)))
def test_exactly_3_10_to_3_12_are_taken(version):
    refused = setup_env.objection('python', (version, ''))
    assert bool(refused) == (version not in [(3, 10), (3, 11), (3, 12)])


def test_the_first_usable_python_is_chosen():
    there = {'python3.11': ((3, 11), 'ensurepip'), 'python3.12': ((3, 12), '')}
    assert setup_env.choose_python('', there.get) == 'python3.12'


def test_a_requested_python_is_never_replaced_by_another():
    with pytest.raises(setup_env.SetupError, match=r'/my/python is 3\.9; install one or name it'):
        setup_env.choose_python('/my/python', {'/my/python': ((3, 9), '')}.get)


def test_a_python_without_venv_names_the_package_to_install():
    with pytest.raises(setup_env.SetupError, match=r'no module ensurepip .*python3\.11-venv'):
        setup_env.choose_python('python3.11', {'python3.11': ((3, 11), 'ensurepip')}.get)


def test_probing_a_real_python_and_a_missing_one():
    assert setup_env.probe_python(sys.executable) == (sys.version_info[:2], '')
    assert setup_env.probe_python('/no/such/python') is None


# ---- which wheel fits


def test_the_pins_come_from_pyproject():
    text = (ROOT / 'pyproject.toml').read_text()
    assert setup_env.pinned('mmcv', text) == 'mmcv==2.1.0'
    assert setup_env.pinned('onedl-mmcv', text) == 'onedl-mmcv==2.3.6'


def test_a_wheel_is_found_side_by_side_and_below_its_key(tmp_path):
    flat = write_wheel(tmp_path / 'flat' / WHEEL)
    kept = write_wheel(tmp_path / 'cache' / KEY / WHEEL)
    folders = [str(tmp_path / 'cache'), str(tmp_path / 'none'), str(tmp_path / 'flat')]
    assert setup_env.find_wheels(folders, WHEEL, KEY, '') == [kept, flat]


@pytest.mark.parametrize(
    'path',
    [
        'mmcv-2.1.0-cp312-cp312-linux_x86_64.whl',
        'mmcv-2.1.0-cp311-cp311-linux_aarch64.whl',
        'mmcv-2.2.0-cp311-cp311-linux_x86_64.whl',
        'onedl_mmcv-2.1.0-cp311-cp311-linux_x86_64.whl',
        'mmcv-2.1.0-cp311-cp311-linux_x86_64.whl.1234.partial',
        'torch2.11.0-cp311-linux_x86_64-cpu/' + WHEEL,
        'torch2.12.1-cp311-linux_x86_64-cu130/' + WHEEL,
    ],
)
def test_a_wheel_of_another_python_platform_version_torch_or_device_is_passed_over(tmp_path, path):
    write_wheel(tmp_path / path)
    assert setup_env.find_wheels([str(tmp_path)], WHEEL, KEY, '') == []


def test_cpu_and_cuda_wheels_do_not_stand_in_for_each_other(tmp_path):
    cpu = write_wheel(tmp_path / 'cpu' / WHEEL)
    cuda = write_wheel(tmp_path / 'cuda' / WHEEL, b'libtorch_cuda.so')
    folders = [str(tmp_path / 'cpu'), str(tmp_path / 'cuda')]
    assert setup_env.find_wheels(folders, WHEEL, KEY, '') == [cpu]
    assert setup_env.find_wheels(folders, WHEEL, KEY, 'cu130') == [cuda]


def test_a_truncated_wheel_is_passed_over(tmp_path):
    whole = Path(write_wheel(tmp_path / WHEEL))
    whole.write_bytes(whole.read_bytes()[:60])
    for cuda in ('', 'cu130'):
        assert setup_env.find_wheels([str(tmp_path)], WHEEL, KEY, cuda) == []


def test_folders_cache_first_then_the_named_then_the_one_beside(tmp_path):
    environ = {'XDG_CACHE_HOME': str(tmp_path), 'HERACLES_WHEELS': str(tmp_path)}
    assert setup_env.wheel_folders(environ, '/code/main') == [
        str(tmp_path / 'heracles_mm' / 'wheels'),
        str(tmp_path),
        '/code/shared/wheels',
    ]


def test_a_mistyped_wheel_folder_does_not_cost_a_silent_build(tmp_path):
    with pytest.raises(setup_env.SetupError, match=r'HERACLES_WHEELS=.* is no folder'):
        setup_env.wheel_folders({'HERACLES_WHEELS': str(tmp_path / 'typo')})


def test_keeping_a_wheel_leaves_nothing_half_written(tmp_path):
    built = write_wheel(tmp_path / 'work' / WHEEL)
    kept = setup_env.keep(built, str(tmp_path / 'cache' / KEY))
    assert Path(kept).read_bytes() == Path(built).read_bytes()
    assert os.listdir(tmp_path / 'cache' / KEY) == [WHEEL]


# ---- CPU or CUDA


@pytest.mark.parametrize(
    ('gpu', 'nvcc', 'force', 'expected'),
    [
        (True, 'release 13.0, V13.0.88', False, 'cu130'),
        (True, 'release 13.1, V13.1.2', False, 'cu130'),  # minor versions are compatible
        (True, 'release 12.4, V12.4.1', False, ''),
        (True, '', False, ''),
        (False, 'release 13.0, V13.0.88', False, ''),
        (False, 'release 13.0, V13.0.88', True, 'cu130'),
    ],
)
def test_cuda_ops_need_a_gpu_and_the_nvcc_of_torch(gpu, nvcc, force, expected):
    facts = {'gpu': gpu, 'nvcc': nvcc, 'cuda': '13.0'}
    cuda, why = setup_env.choose_cuda(facts, force)
    assert cuda == expected
    assert bool(cuda) == ('CPU ops only' not in why)


def test_insisting_on_cuda_without_nvcc_is_an_error():
    with pytest.raises(setup_env.SetupError, match='FORCE_CUDA=1 cannot be met: there is no nvcc'):
        setup_env.choose_cuda({'gpu': True, 'nvcc': '', 'cuda': '13.0'}, force=True)


# ---- refusals before minutes are lost


def test_no_compiler_and_no_headers(monkeypatch):
    monkeypatch.delenv('CXX', raising=False)
    facts = {'linker': 'g++', 'header': '/usr/include/python3.11/Python.h'}
    with pytest.raises(setup_env.SetupError, match=r'no C\+\+ compiler: .* HERACLES_WHEELS'):
        setup_env.check_compiler(facts, which=lambda name: None, isfile=lambda path: True)
    with pytest.raises(setup_env.SetupError, match=r'no Python headers: .*Python\.h is missing'):
        setup_env.check_compiler(facts, which=lambda name: name, isfile=lambda path: False)
    setup_env.check_compiler(facts, which=lambda name: name, isfile=lambda path: True)


def test_no_room_names_the_place_and_what_is_needed(tmp_path):
    setup_env.check_room(str(tmp_path / 'not' / 'yet'), 1, 'the environment')
    with pytest.raises(setup_env.SetupError, match=rf'free in {tmp_path}, 1024 GiB are needed'):
        setup_env.check_room(str(tmp_path / 'x'), 1024 * setup_env.GIB, 'it')


@pytest.mark.parametrize(
    ('text', 'cause'),
    [
        ('OSError: [Errno 28] No space left on device', 'the disk is full'),
        ('Retrying after NewConnectionError(...)', 'the package index cannot be reached'),
        ('c++: fatal error: Killed signal terminated program cc1plus', 'set MAX_JOBS=1'),
    ],
)
def test_a_failure_of_a_known_cause_is_one_sentence(tmp_path, text, cause):
    log = tmp_path / 'setup.log'
    log.write_text('ERROR: something\n' + text + '\nERROR: Failed to build')
    message = str(setup_env.explain(str(log), 'compiling'))
    assert cause in message
    assert len(message.splitlines()) == 1


def test_another_failure_shows_the_log_from_its_first_error(tmp_path):
    log = tmp_path / 'build.log'
    first = 'nms.cpp:7:1: error: expected ; before }'
    log.write_text('before\n' * 99 + first + '\n' + 'after\n' * 99)
    message = str(setup_env.explain(str(log), 'compiling')).splitlines()
    assert str(log) in message[0]
    assert message[1].strip() == first
    assert len(message) == 16
    log.write_text('\n'.join(f'line {i}' for i in range(99)))
    assert str(setup_env.explain(str(log), 'compiling')).endswith('line 98')


# ---- what is there already


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / 'tools').mkdir()
    (tmp_path / 'pyproject.toml').write_text('[project]')
    (tmp_path / 'tools' / 'setup_env.py').write_text('pass')
    return tmp_path


def test_the_key_follows_every_input(checkout):
    keys = {setup_env.inputs_key('openmmlab', str(checkout))}
    keys.add(setup_env.inputs_key('onedl', str(checkout)))
    (checkout / 'pyproject.toml').write_text('[project] ')
    keys.add(setup_env.inputs_key('openmmlab', str(checkout)))
    (checkout / 'tools' / 'setup_env.py').write_text('pass ')
    keys.add(setup_env.inputs_key('openmmlab', str(checkout)))
    assert len(keys) == 4
    assert setup_env.inputs_key('openmmlab', str(checkout)) in keys


def test_a_finished_environment_is_ready_for_the_same_wishes_only(tmp_path):
    environment = made_environment(tmp_path)
    ours = sys.version_info[:2]
    assert environment.is_ready('key', None, False)
    assert environment.is_ready('key', ours, False)
    assert not environment.is_ready('another key', None, False)
    assert not environment.is_ready('key', (2, 7), False)
    assert not environment.is_ready('key', None, True)
    Path(environment.python).unlink()  # the interpreter it was made from is gone
    assert not environment.is_ready('key', None, False)


def test_only_a_whole_environment_of_this_place_is_added_to(tmp_path):
    environment = made_environment(tmp_path)
    assert environment.is_sound(None)
    assert not environment.is_sound((2, 7))
    environment.write(**{**environment.read(), 'place': '/moved/from/here'})
    assert not environment.is_sound(None)


def test_an_environment_killed_while_pip_wrote_is_not_trusted(tmp_path, monkeypatch):
    environment = made_environment(tmp_path)
    before = environment.read()

    def killed(*_):
        raise KeyboardInterrupt

    def failed(*_):
        raise setup_env.SetupError('no network')

    monkeypatch.setattr(setup_env, 'run', failed)
    with pytest.raises(setup_env.SetupError):
        setup_env.pip_install(environment, 'step', 'package')
    assert environment.read() == before, 'pip undid its work: the next call goes on from here'
    monkeypatch.setattr(setup_env, 'run', killed)
    with pytest.raises(KeyboardInterrupt):
        setup_env.pip_install(environment, 'step', 'package')
    assert not environment.is_sound(None)
    assert not environment.is_ready('key', None, False)


def test_a_half_made_environment_is_made_anew(tmp_path, monkeypatch):
    environment = setup_env.Environment(str(tmp_path / '.venv'))
    (tmp_path / '.venv' / 'lib').mkdir(parents=True)
    (tmp_path / '.venv' / 'lib' / 'half').touch()
    monkeypatch.setattr(setup_env, 'ROOM_FOR_ENVIRONMENT', 1)
    for note in ('{"inputs": "ke', '', '{}'):
        Path(environment.note).write_text(note)
        assert not environment.is_sound(None)
    setup_env.create(environment, sys.executable)
    assert environment.is_sound(sys.version_info[:2])
    assert not environment.is_ready('key', None, False), 'nothing is installed yet'
    assert not (tmp_path / '.venv' / 'lib' / 'half').exists()


def test_somebody_elses_environment_is_never_removed(tmp_path):
    environment = setup_env.Environment(str(tmp_path / '.venv'))
    (tmp_path / '.venv').mkdir()
    assert not environment.is_foreign(), 'empty: a set-up that was killed at once'
    (tmp_path / '.venv' / 'pyvenv.cfg').touch()
    with pytest.raises(setup_env.SetupError, match='was not made by this set-up'):
        setup_env.create(environment, sys.executable)
    assert (tmp_path / '.venv' / 'pyvenv.cfg').exists()


def test_a_removal_that_is_cut_short_does_not_block_the_next_call(tmp_path, monkeypatch):
    environment = made_environment(tmp_path)
    rmtree = setup_env.shutil.rmtree

    def cut_short(path, ignore_errors=False):
        if os.path.isdir(path):
            raise KeyboardInterrupt

    monkeypatch.setattr(setup_env.shutil, 'rmtree', cut_short)
    with pytest.raises(KeyboardInterrupt):
        environment.remove()
    assert not environment.is_foreign()
    monkeypatch.setattr(setup_env.shutil, 'rmtree', rmtree)
    environment.remove()
    assert os.listdir(tmp_path) == []


# ---- running


def test_a_step_reports_its_seconds_and_hides_the_users_pythonpath(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv('PYTHONPATH', '/somewhere')
    log = tmp_path / 'log'
    code = 'import os; print(os.environ.get("PYTHONPATH"), os.environ["FLAG"])'
    setup_env.run('a step', [sys.executable, '-c', code], str(log), {'FLAG': 'on'})
    assert log.read_text().split() == ['None', 'on']
    assert 'a step: 0 s' in capfd.readouterr().out


@pytest.mark.parametrize(
    'ours', [signal.default_int_handler, signal.SIG_IGN], ids=['foreground', 'background']
)
def test_a_stopped_step_can_clean_up_after_itself(tmp_path, ours):
    """Also where this process ignores SIGINT, as a background job of a shell does."""
    cleaned = tmp_path / 'cleaned'
    code = (
        'import pathlib, time\n'
        'try:\n'
        '    print("started", flush=True)\n'
        '    time.sleep(100)\n'
        'finally:\n'
        f'    pathlib.Path({str(cleaned)!r}).touch()'
    )
    before = signal.signal(signal.SIGINT, ours)
    try:
        process = setup_env.launch(
            [sys.executable, '-c', code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        process.stdout.readline()
        setup_env.stop(process)
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.returncode
    assert cleaned.exists()


def test_the_progress_of_ninja_is_found_in_a_long_log(tmp_path):
    log = tmp_path / 'log'
    log.write_text('  [1/95] c++ a.cpp\n' + 'x' * 9000 + '\n  [17/95] c++ b.cpp\nwarning: [3/4]\n')
    assert setup_env.last_progress(str(log)) == ' [17/95]'
    log.write_text('nothing yet')
    assert setup_env.last_progress(str(log)) == ''


def test_two_calls_do_not_work_on_one_environment(tmp_path):
    path = str(tmp_path / '.venv.lock')
    code = f'import fcntl; fcntl.flock(open({path!r}), fcntl.LOCK_EX | fcntl.LOCK_NB)'
    with setup_env.hold_lock(path):
        assert subprocess.run([sys.executable, '-c', code], stderr=subprocess.DEVNULL).returncode
    assert subprocess.run([sys.executable, '-c', code]).returncode == 0


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--stack', 'openlab'], 'STACK=openlab is unknown: use openmmlab or onedl'),
        (['--python', '/no/such/python'], 'no usable Python: .* /no/such/python does not run'),
    ],
)
def test_errors_are_one_sentence_without_a_traceback(arguments, message):
    command = [sys.executable, ROOT / 'tools' / 'setup_env.py', *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert re.search(message, done.stderr)


def test_a_note_is_replaced_in_one_move(tmp_path):
    environment = made_environment(tmp_path)
    environment.write(inputs='new')
    assert json.loads(Path(environment.note).read_text()) == {'inputs': 'new'}
    assert not Path(environment.note + '.new').exists()


def test_an_interrupt_ends_the_set_up_with_one_sentence(tmp_path):
    """The whole program in a checkout of its own, stopped while it makes the environment."""
    if shutil.disk_usage(tmp_path).free < setup_env.ROOM_FOR_ENVIRONMENT:
        pytest.skip('the set-up refuses to start on a disk this full')
    (tmp_path / 'tools').mkdir()
    (tmp_path / 'pyproject.toml').write_bytes((ROOT / 'pyproject.toml').read_bytes())
    tool = tmp_path / 'tools' / 'setup_env.py'
    tool.write_bytes((ROOT / 'tools' / 'setup_env.py').read_bytes())
    process = subprocess.Popen(
        [sys.executable, tool, '--python', sys.executable],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert any('private environment' in line for line in process.stdout)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert errors == '[heracles_mm] interrupted: the next call recovers\n'
    assert not setup_env.Environment(str(tmp_path / '.venv')).is_sound(None)
