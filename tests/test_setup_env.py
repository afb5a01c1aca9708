"""The set-up chooses right, says what is wrong and recovers: with stand-ins for Python, pip and uv.

Every test runs the program in a small checkout of its own. A stand-in for Python is a shell script
that answers the probe, copies itself for `-m venv`, and for `-m pip` does what the file `pip` says.
"""

import ast
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

TOOL = Path(__file__).parents[1] / 'tools' / 'setup_env.py'
PYTHON = """#!/bin/sh
cd {here}
case "$*" in
  *version_info*) {probe};;
  '-m venv '*) mkdir -p "$3/bin"; cp {name} "$3/bin/python{version}"
    ln -sf python{version} "$3/bin/python"; echo venv >> calls;;
  '-m pip '*) echo "$*" >> calls; . ./pip;;
  *'import heracles_mm, mmdet.apis') echo check >> calls; . ./check;;
esac
"""
ROOMY = """import shutil, types
shutil.disk_usage = lambda path: types.SimpleNamespace(free=2**40)
"""  # these tests need no 8 GiB, nor fail where a disk has less
UV = """#!/bin/sh
cd {here}
case "$1" in
  venv) for folder; do :; done; ./python3.11 -m venv "$folder"; echo "uv $*" >> calls;;
  pip) echo "uv $*" >> calls; . ./pip;;
esac
"""


class Checkout:
    """A checkout in `root`; `here` holds the stand-ins and is the whole path."""

    def __init__(self, folder):
        self.root, self.here = folder / 'root', folder / 'here'
        (self.root / 'tools').mkdir(parents=True)
        self.here.mkdir()
        shutil.copy(TOOL, self.root / 'tools')
        (self.root / 'pyproject.toml').touch()
        for name in ('pip', 'check', 'calls'):
            (self.here / name).touch()
        for tool in ('mkdir', 'cp', 'ln', 'sleep', 'touch'):
            (self.here / tool).symlink_to(shutil.which(tool))
        (self.here / 'sitecustomize.py').write_text(ROOMY)
        self.environment = self.root / '.venv'
        self.python('3.11')

    def add(self, name, script, **words):
        (self.here / name).write_text(script.format(here=self.here, name=name, **words))
        (self.here / name).chmod(0o755)

    def python(self, version, name='', probe='echo {}'):
        name = name or f'python{version}'
        self.add(name, PYTHON, version=version, probe=probe.format(version))

    def start(self, *arguments, **environment):
        return subprocess.Popen(
            [sys.executable, self.root / 'tools' / 'setup_env.py', *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={'PATH': str(self.here), 'PYTHONPATH': str(self.here), **environment},
            start_new_session=True,  # as a terminal's job, which Ctrl-C reaches as a whole
        )

    def call(self, *arguments, **environment):
        """Run the program and return its exit code, and the lines of stdout and stderr."""
        process = self.start(*arguments, **environment)
        out, errors = process.communicate(timeout=60)
        return process.returncode, out.splitlines(), errors.splitlines()

    def set_up(self, *arguments, **environment):
        """Run the program, which must succeed, and return what it called."""
        (self.here / 'calls').write_text('')
        assert self.call(*arguments, **environment)[::2] == (0, [])
        return self.calls()

    def fail(self, *arguments):
        """Run the program, which must fail, and return its last line on stderr."""
        code, _, errors = self.call(*arguments)
        assert code == 1
        assert 'Traceback' not in '\n'.join(errors)
        return errors[-1]

    def calls(self):
        return [line.partition(' install ')[0] for line in self.lines()]

    def lines(self):
        return (self.here / 'calls').read_text().splitlines()

    def wait_for(self, name):
        deadline = time.monotonic() + 30
        while not (self.here / name).exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)


ANEW, AGAIN, NOTHING = ['venv', '-m pip', 'check'], ['-m pip', 'check'], []


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


# ---- which Python


def test_an_old_python_can_read_the_program_and_look_for_a_newer_one():
    ast.parse(TOOL.read_text(), feature_version=(3, 6))


@pytest.mark.parametrize('minor', [9, 10, 14, 15])
def test_python_3_10_to_3_14_are_taken(checkout, minor):
    checkout.python(f'3.{minor}', name='mine')
    assert (checkout.call('--python', 'mine')[0] == 0) == (10 <= minor <= 14)


def test_the_first_usable_python_is_taken(checkout):
    """3.11 first, but a Python that cannot make an environment is passed over."""
    checkout.python('3.11', probe='echo {}; exit 1')
    checkout.python('3.10')
    checkout.python('3.13')
    checkout.set_up()
    assert (checkout.environment / 'bin' / 'python3.13').exists()


def test_without_a_usable_python_one_sentence_names_those_found_and_why_not(checkout):
    checkout.python('3.8', name='python3')
    checkout.python('3.11', probe='exit 127')  # pyenv's stand-in for what is not installed
    checkout.python('3.12', probe='echo {}; exit 1')
    code, _, errors = checkout.call()
    assert code == 1
    assert errors == [
        'no usable Python: python3.11 is broken, python3.12 has no module ensurepip (Debian and '
        'Ubuntu: apt install python3.12-venv), python3 is 3.8; install 3.10 to 3.14 or give '
        'PYTHON=/path/to/python3.13'
    ]


def test_a_requested_python_is_never_replaced_by_another(checkout):
    assert 'there is no /my/python;' in checkout.fail('--python', '/my/python')
    assert checkout.lines() == []


# ---- what is called


@pytest.mark.parametrize(('stack', 'name'), [('openmmlab', '.venv'), ('onedl', '.venv-onedl')])
def test_a_new_environment_is_a_venv_one_pip_call_and_a_check(checkout, stack, name):
    assert checkout.set_up('--stack', stack) == ANEW
    assert checkout.lines()[1] == (
        f'-m pip install torch==2.12.1 torchvision==0.27.1 -e .[{stack},dev]'
    )
    assert [path.name for path in checkout.root.glob('.venv*/')] == [name]


def test_uv_is_used_where_it_is(checkout):
    """And may take a Python that lacks ensurepip, which uv does without."""
    checkout.python('3.11', probe='case "$*" in *ensurepip*) exit 1;; *) echo {};; esac')
    checkout.add('uv', UV)
    assert checkout.set_up()[1:] == [checkout.lines()[1], 'uv pip', 'check']
    assert checkout.lines()[1].startswith('uv venv --seed')  # with pip, as the other way
    python = checkout.environment / 'bin' / 'python'
    assert checkout.lines()[2].startswith(f'uv pip install --python {python} torch==')


def test_the_progress_of_pip_is_shown_and_the_users_pythonpath_hidden(checkout):
    """Foreign packages would count as installed."""
    (checkout.here / 'pip').write_text('echo 17% $PYTHONPATH $PYTHONHOME $FLAG; echo hint >&2')
    code, out, errors = checkout.call(
        PYTHONPATH=str(checkout.here), FLAG='kept', PYTHONHOME=sys.base_prefix
    )
    assert (code, out, errors) == (0, ['17% kept'], ['hint'])


# ---- the next call


def test_a_second_call_does_nothing_and_at_once(checkout):
    checkout.set_up()
    start = time.monotonic()
    assert checkout.set_up() == NOTHING
    assert time.monotonic() - start < 1


def test_changed_requirements_are_installed_into_the_same_environment(checkout):
    checkout.set_up()
    (checkout.root / 'pyproject.toml').write_text('changed')
    assert checkout.set_up() == AGAIN
    assert checkout.set_up() == NOTHING


def test_only_another_version_of_python_makes_the_environment_anew(checkout):
    checkout.set_up()
    checkout.python('3.11', name='same')
    checkout.python('3.13')
    assert checkout.set_up('--python', 'same') == NOTHING
    assert checkout.set_up('--python', 'python3.13') == ANEW
    assert checkout.set_up() == NOTHING


def test_an_environment_is_made_anew_where_it_was_moved_or_lost_its_python(checkout):
    """Its scripts name its place, and its Python is a link."""
    checkout.set_up()
    (checkout.environment / 'bin' / 'python3.11').unlink()
    assert checkout.set_up() == ANEW
    moved = checkout.root.with_name('moved')
    checkout.root.rename(moved)
    checkout.root, checkout.environment = moved, moved / '.venv'
    assert checkout.set_up() == ANEW


@pytest.mark.parametrize('arguments', [(), ('--clean',)])
def test_an_environment_of_somebody_else_is_left_alone(checkout, arguments):
    checkout.environment.mkdir()
    (checkout.environment / 'pyvenv.cfg').touch()
    assert 'was not made by this set-up and is left alone' in checkout.fail(*arguments)
    assert os.listdir(checkout.environment) == ['pyvenv.cfg']


def test_clean_removes_what_is_whole_half_made_or_half_removed(checkout):
    checkout.set_up()
    checkout.set_up('--stack', 'onedl')
    (checkout.root / '.venv.removed').mkdir()
    assert checkout.set_up('--clean') == NOTHING
    assert [path.name for path in checkout.root.glob('.venv*/')] == ['.venv-onedl']


# ---- failures


@pytest.mark.parametrize(
    ('said', 'sentence'),
    [
        ('OSError: [Errno 28] No space left on device', 'the disk is full'),
        ("Retrying after connection broken by 'NewConnectionError'", 'index cannot be reached'),
        ('  cause: Failed to fetch: https://pypi.org/simple/six/', 'index cannot be reached'),
        ('ReadTimeoutError: HTTPSConnectionPool: Read timed out.', 'index cannot be reached'),
        ('ERROR: No matching distribution found for mmdet', 'mend the cause, shown above and in '),
    ],
)
def test_a_failure_of_pip_is_shown_and_ends_with_one_sentence(checkout, said, sentence):
    (checkout.here / 'pip').write_text(f'echo "{said}" >&2; exit 1')
    code, _, errors = checkout.call()
    assert (code, errors[0]) == (1, said)
    assert errors[1].startswith('error: ')
    assert sentence in errors[1]
    assert errors[1].endswith(', then run the command again')
    assert (checkout.environment / 'setup.log').read_text() == f'{said}\n'


@pytest.mark.parametrize('step', ['pip', 'check'])
def test_after_a_failure_pip_runs_again_in_the_same_environment(checkout, step):
    """It has rolled back what it could not end, so that who is offline keeps the environment."""
    checkout.set_up()
    (checkout.root / 'pyproject.toml').write_text('changed')
    (checkout.here / step).write_text('exit 1')
    checkout.fail()
    (checkout.here / step).write_text('')
    assert checkout.set_up() == AGAIN


def test_after_a_failed_venv_the_environment_is_made_anew(checkout):
    checkout.python('3.11', probe='echo {};; *venv*) mkdir "$3/bin"; touch "$3/bin/python"; exit 1')
    checkout.fail()
    checkout.python('3.11')
    assert checkout.set_up() == ANEW


def test_after_pip_was_killed_the_environment_is_made_anew(checkout):
    """Half a package may lie there that pip takes for a whole one."""
    (checkout.here / 'pip').write_text('kill -9 $$')
    checkout.fail()
    (checkout.here / 'pip').write_text('')
    assert checkout.set_up() == ANEW


def test_ctrl_c_ends_pip_too_and_the_next_call_recovers(checkout):
    tidy = 'trap "sleep 0.5; touch tidied; exit 1" INT; touch started; while :; do sleep 0.1; done'
    (checkout.here / 'pip').write_text(tidy)
    process = checkout.start()
    checkout.wait_for('started')
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (1, 'interrupted: the next call recovers\n')
    assert (checkout.here / 'tidied').exists()  # pip removes gigabytes of temporary files
    (checkout.here / 'pip').write_text('')
    assert checkout.set_up() == ANEW


def test_two_set_ups_wait_for_each_other(checkout):
    (checkout.here / 'pip').write_text('touch started; sleep 1')
    processes = [checkout.start(), checkout.start()]
    assert [process.wait(timeout=30) for process in processes] == [0, 0]
    assert checkout.calls() == ANEW


def test_the_next_call_waits_for_the_pip_that_a_killed_set_up_left(checkout):
    (checkout.here / 'pip').write_text('touch started; sleep 1; echo end >> calls')
    process = checkout.start()
    checkout.wait_for('started')
    process.kill()
    assert checkout.call()[0] == 0
    assert checkout.calls() == ['venv', '-m pip', 'end', 'venv', '-m pip', 'end', 'check']


def test_a_full_disk_is_noticed_before_the_start(checkout, monkeypatch):
    module = runpy.run_path(str(TOOL))
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: SimpleNamespace(free=7 * 1024**3))
    python = str(checkout.here / 'python3.11')
    with pytest.raises(SystemExit, match='make 8 GiB free, then run the command again'):
        module['set_up'](checkout.environment, 'openmmlab', python, False)
    assert not checkout.environment.exists()


def test_windows_gets_the_commands_to_run_instead(monkeypatch):
    monkeypatch.setattr(sys, 'platform', 'win32')
    with pytest.raises(SystemExit, match=r'venv .venv; .venv\\Scripts\\activate; pip install -e'):
        runpy.run_path(str(TOOL), run_name='__main__')
