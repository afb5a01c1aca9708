"""Make the private environment that `make demo`, `make test` and `make lint` run in.

Why a program and not `pip install`: mmcv has no wheel for today's torch, its source builds its
compiled ops only against a torch that is installed already, and that takes minutes. So torch goes
in first, then mmcv (a kept wheel if one fits, else a build that is kept), then the rest.

Standard library only, and nothing newer than Python 3.6: any Python may start it, if only to read
that it is too old.
"""

import argparse
import contextlib
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENVIRONMENTS = {'openmmlab': '.venv', 'onedl': '.venv-onedl'}

PYTHONS = [(3, 10), (3, 11), (3, 12)]
PYTHON_NAMES = ['python3.11', 'python3.12', 'python3.10', 'python3']

# The newest pair that mmcv's sources still compile against: torch 2.14 demands C++20.
TORCH = '2.12.1'
TORCHVISION = '0.27.1'
# What mmcv's setup.py imports. setuptools: onedl-mmcv needs 80, and 80.9 starts to warn.
BUILD_TOOLS = ['setuptools>=80,<80.9', 'wheel', 'ninja', 'psutil', 'packaging']

GIB = 1024**3
ROOM_FOR_ENVIRONMENT = 8 * GIB
ROOM_FOR_BUILD = 1 * GIB


class SetupError(Exception):
    """Something the user must know, as one sentence: what is wrong and what to do."""


def say(text):
    print('[heracles_mm] ' + text, flush=True)


# ---------------------------------------------------------------- the interpreter

PROBE_PYTHON = """
import sys
problem = ''
try:
    import ensurepip, venv
except ImportError as error:
    problem = error.name
print(sys.version_info[0], sys.version_info[1], problem)
"""


def probe_python(name):
    """Return (version, missing module or '') of an interpreter, or None if it does not run."""
    try:
        answer = subprocess.check_output([name, '-c', PROBE_PYTHON], stderr=subprocess.DEVNULL)
        major, minor, missing = answer.decode().rstrip('\n').split(' ')
        return (int(major), int(minor)), missing
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None


def objection(name, probe):
    """Say why an interpreter cannot be used; '' if it can."""
    if probe is None:
        return '{} does not run'.format(name)
    version, missing = probe
    if version not in PYTHONS:
        return '{} is {}.{}'.format(name, *version)
    if missing:
        return '{} has no module {} (Debian and Ubuntu: apt install python{}.{}-venv)'.format(
            name, missing, *version
        )
    return ''


def choose_python(requested, probe=probe_python):
    """Return the first interpreter in range that can make an environment."""
    objections = []
    for name in [requested] if requested else PYTHON_NAMES:
        why_not = objection(name, probe(name))
        if not why_not:
            return name
        objections.append(why_not)
    raise SetupError(
        'no usable Python: heracles_mm needs 3.10, 3.11 or 3.12 with venv, but {}; install one or '
        'name it: make env PYTHON=/path/to/python3.11'.format(', '.join(objections))
    )


# ---------------------------------------------------------------- what is there already


class Environment:
    """A folder like .venv and a note in it that says how far its set-up came.

    The note is `{}` while pip writes, so that an environment whose set-up was killed is not
    trusted; it names the inputs once everything is in.
    """

    def __init__(self, path):
        self.path = path
        self.python = os.path.join(path, 'bin', 'python')
        self.log = os.path.join(path, 'setup.log')
        self.note = os.path.join(path, 'heracles_mm.json')

    def read(self):
        try:
            with open(self.note) as file:
                return json.load(file)
        except (OSError, ValueError):
            return {}

    def write(self, **note):
        with open(self.note + '.new', 'w') as file:
            json.dump(note, file)
        os.replace(self.note + '.new', self.note)

    def is_ready(self, inputs, python_version, force_cuda):
        note = self.read()
        return (
            note.get('inputs') == inputs
            and os.path.exists(self.python)
            and python_version in (None, tuple(note['python']))
            and (note['cuda'] or not force_cuda)
        )

    def is_foreign(self):
        """Whether the folder is somebody's own, which must not be overwritten or removed."""
        return bool(
            os.path.isdir(self.path) and os.listdir(self.path) and not os.path.exists(self.note)
        )

    def remove(self):
        """Rename, then delete: a removal that is cut short leaves nothing that looks foreign."""
        doomed = self.path + '.removed'
        shutil.rmtree(doomed, ignore_errors=True)
        if os.path.isdir(self.path):
            os.rename(self.path, doomed)
            shutil.rmtree(doomed)

    def is_sound(self, python_version):
        """Whether packages may be added: made here, whole, and of the Python that is asked for."""
        note = self.read()
        return (
            note.get('place') == self.path
            and python_version in (None, tuple(note['python']))
            and probe_python(self.python) == (tuple(note['python']), '')
        )


def inputs_key(stack, root=ROOT):
    """Hash all that decides what the environment holds; another key means: refresh it."""
    digest = hashlib.sha256('{} {}'.format(stack, root).encode())
    for name in ('pyproject.toml', os.path.join('tools', 'setup_env.py')):
        with open(os.path.join(root, name), 'rb') as file:
            digest.update(file.read())
    return digest.hexdigest()


def check_room(folder, needed, what):
    """Refuse to start what cannot end: a full disk shows up as a dozen different pip errors."""
    there = folder
    while not os.path.isdir(there):
        there = os.path.dirname(there)
    free = shutil.disk_usage(there).free
    if free < needed:
        raise SetupError(
            'no room for {}: {:.1f} GiB are free in {}, {:.0f} GiB are needed; make room and run '
            'the command again'.format(what, free / GIB, there, needed / GIB)
        )


# ---------------------------------------------------------------- running one step


def last_progress(log):
    """Return ninja's last `[17/95]` in a log, to show that a long build is alive."""
    with open(log, 'rb') as file:
        file.seek(max(0, os.path.getsize(log) - 50000))  # compiler commands are long lines
        steps = re.findall(rb'^ *(\[\d+/\d+\])', file.read(), re.MULTILINE)
    return ' ' + steps[-1].decode() if steps else ''


KNOWN_CAUSES = [
    ('No space left on device', 'the disk is full (environment, pip cache or TMPDIR): make room'),
    ('Killed signal|out of memory', 'a compiler ran out of memory: set MAX_JOBS=1'),
    (
        'NewConnectionError|NameResolutionError|Read timed out',
        'the package index cannot be reached: check the network and pip settings',
    ),
]


def explain(log, title):
    """Turn a failed step into one sentence; a cause that is not known is shown from the log."""
    with open(log, errors='replace') as file:
        lines = file.read().strip().splitlines()
    for pattern, cause in KNOWN_CAUSES:
        if re.search(pattern, '\n'.join(lines[-40:])):
            return SetupError('{} failed, {} and run the command again'.format(title, cause))
    errors = [i for i, line in enumerate(lines) if re.search(r'^ *FAILED|: error: |Error: ', line)]
    # A build goes on for pages after its first error.
    shown = lines[errors[0] : errors[0] + 15] if errors else lines[-15:]
    return SetupError(
        '{} failed: mend the cause, shown below from {}, and run the command again\n{}'.format(
            title, log, '\n'.join('    ' + line for line in shown)
        )
    )


def launch(command, **options):
    """Start a command in a session of its own, so that `stop` can end the compilers below pip too.

    It listens to SIGINT even where this process does not: a shell's background jobs ignore it and
    hand that on.
    """
    return subprocess.Popen(
        command,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )


def stop(process):
    """End a step and all below it; pip removes its gigabytes of temporary files on SIGINT alone."""
    for kill in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, kill)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)


def run(title, command, log, env=None):
    """Run a command into a log and show the seconds as they pass."""
    env = dict(os.environ, **(env or {}))
    for name in ('PYTHONPATH', 'PYTHONHOME'):  # would mix foreign packages in
        env.pop(name, None)
    live = sys.stdout.isatty()
    start = time.time()
    if not live:
        say(title + ' ...')
    with open(log, 'w') as file:
        # With our open files, so that the lock is held until the last of them is gone.
        process = launch(
            command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            close_fds=False,
        )
    try:
        shown = start
        while process.poll() is None:
            time.sleep(0.2)
            now = time.time()
            if now - shown >= (1 if live else 30):
                shown = now
                text = '{} ... {:.0f} s{}'.format(title, now - start, last_progress(log))
                if live:
                    width = shutil.get_terminal_size().columns - 1
                    print('\r\033[K' + text[:width], end='', flush=True)
                else:
                    say(text)
    finally:
        stop(process)
        if live:
            print('\r\033[K', end='', flush=True)
    if process.returncode != 0:
        raise explain(log, title)
    say('{}: {:.0f} s'.format(title, time.time() - start))


def pip_install(environment, title, *arguments):
    """Install, with the environment marked as not to be trusted until pip has ended by itself."""
    note = environment.read()
    environment.write()
    try:
        command = [environment.python, '-m', 'pip', 'install', '--no-input']
        run(title, command + list(arguments), environment.log)
    except SetupError:
        environment.write(**note)  # pip rolls back what fails
        raise
    environment.write(**note)


# ---------------------------------------------------------------- mmcv


def pinned(name, pyproject):
    """Return the requirement `name==...` from pyproject.toml, the one place that holds it."""
    return re.findall(r"'({}==[^']+)'".format(re.escape(name)), pyproject)[0]


def wheel_name(requirement, python_tag, platform):
    """Return the file name of the wheel that a build of a requirement gives here."""
    name, version = requirement.split('==')
    return '{}-{}-{}-{}-{}.whl'.format(
        name.replace('-', '_'), version, python_tag, python_tag, platform
    )


def build_key(python_tag, platform, cuda):
    """Name all that a compiled wheel is bound to; its folder in the cache."""
    return 'torch{}-{}-{}-{}'.format(TORCH, python_tag, platform, cuda or 'cpu')


def has_cuda_ops(wheel):
    """Tell from the libraries that its extension is linked to; None if the file is broken."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.startswith('mmcv/_ext')]
            return any(b'libtorch_cuda' in archive.read(name) for name in names)
    except zipfile.BadZipFile:
        return None


def find_wheels(folders, name, key, cuda):
    """Return the wheels worth trying: the right name, and CUDA ops exactly when they are wanted.

    A folder may be a cache (wheels below their key) or hold wheels side by side. The name of a
    wheel does not tell its torch, so the caller must see it run before it trusts one.
    """
    paths = [os.path.join(place, name) for f in folders for place in (os.path.join(f, key), f)]
    return [path for path in paths if os.path.isfile(path) and has_cuda_ops(path) == bool(cuda)]


def wheel_cache(environ=os.environ):
    """Return where compiled wheels are kept for the next environment, of any checkout."""
    cache_home = environ.get('XDG_CACHE_HOME') or os.path.join(os.path.expanduser('~'), '.cache')
    return os.path.join(cache_home, 'heracles_mm', 'wheels')


def wheel_folders(environ=os.environ, root=ROOT):
    """Return where ready wheels are looked for."""
    handed_over = environ.get('HERACLES_WHEELS')
    if handed_over and not os.path.isdir(handed_over):
        raise SetupError(
            'HERACLES_WHEELS={} is no folder: name one that holds mmcv wheels or leave it '
            'out'.format(handed_over)
        )
    beside = os.path.join(os.path.dirname(root), 'shared', 'wheels')
    return [wheel_cache(environ), *([os.path.abspath(handed_over)] if handed_over else []), beside]


ASK_PYTHON = """
import json, os, sys, sysconfig
print(json.dumps({
    'python_tag': 'cp%d%d' % sys.version_info[:2],
    'platform': sysconfig.get_platform().replace('-', '_').replace('.', '_'),
    'header': os.path.join(sysconfig.get_path('include'), 'Python.h'),
    'linker': (sysconfig.get_config_var('CXX') or 'c++').split()[0],
}))
"""

ASK_TORCH = """
import json, os, subprocess, torch
from torch.utils.cpp_extension import CUDA_HOME
nvcc = os.path.join(CUDA_HOME or '', 'bin', 'nvcc')
print(json.dumps({
    'gpu': torch.cuda.is_available(),
    'cuda': torch.version.cuda or '',
    'nvcc': subprocess.check_output([nvcc, '--version']).decode() if os.path.isfile(nvcc) else '',
}))
"""


def ask(environment, code):
    command = [environment.python, '-I', '-c', code]  # -I: without the user's PYTHONPATH
    return subprocess.check_output(command, stderr=subprocess.PIPE)


def choose_cuda(facts, force):
    """Return ('cu130' or '', why): CUDA ops need a GPU to serve and an nvcc of torch's own CUDA."""
    nvcc = ''.join(re.findall(r'release ([\d.]+)', facts['nvcc']))
    fits = bool(nvcc) and nvcc.split('.')[0] == facts['cuda'].split('.')[0]
    if fits and (facts['gpu'] or force):
        return 'cu' + facts['cuda'].replace('.', ''), 'with CUDA {} ops'.format(nvcc)
    if not nvcc:
        lack = 'there is no nvcc'
    elif not fits:
        lack = 'nvcc is {} and torch has CUDA {}'.format(nvcc, facts['cuda'] or 'support left out')
    else:
        lack = 'there is no GPU'
    if force:
        raise SetupError(
            'FORCE_CUDA=1 cannot be met: {}; install the CUDA {} toolkit or leave FORCE_CUDA '
            'out'.format(lack, facts['cuda'])
        )
    return '', 'with CPU ops only, as {}'.format(lack)


def check_compiler(facts, which=shutil.which, isfile=os.path.isfile):
    """Refuse a build that would fail after a minute with a page of text."""
    chosen = os.environ.get('CXX')
    for compiler in [chosen.split()[0]] if chosen else ['c++', facts['linker']]:
        if not which(compiler):
            raise SetupError(
                'no C++ compiler: mmcv must be compiled and {} was not found; install one '
                '(Debian and Ubuntu: apt install g++, macOS: xcode-select --install) or put a '
                'ready wheel into a folder named by HERACLES_WHEELS'.format(compiler)
            )
    if not isfile(facts['header']):
        raise SetupError(
            'no Python headers: mmcv must be compiled and {} is missing; install them (Debian and '
            'Ubuntu: apt install python3-dev) or choose another PYTHON'.format(facts['header'])
        )


def keep(wheel, folder):
    """Put a wheel into the cache in one move: there is never half of one under its name."""
    os.makedirs(folder, exist_ok=True)
    kept = os.path.join(folder, os.path.basename(wheel))
    partial = '{}.{}.partial'.format(kept, os.getpid())
    shutil.copyfile(wheel, partial)
    os.replace(partial, kept)
    return kept


def build_mmcv(environment, requirement, facts, cuda, folder):
    """Compile mmcv against the environment's torch and return the wheel, kept in the cache."""
    check_compiler(facts)
    check_room(environment.path, ROOM_FOR_BUILD, 'building mmcv')
    say(
        'compiling it, as it is published without a wheel for torch {}: 7 to 11 minutes on two '
        'free cores{}, once; the wheel is kept in {}'.format(
            TORCH, ', longer with CUDA' if cuda else '', folder
        )
    )
    work = os.path.join(environment.path, 'build-mmcv')
    shutil.rmtree(work, ignore_errors=True)
    flags = {
        'MMCV_WITH_OPS': '1',
        'CFLAGS': '-g0 -O2',  # without debug information: a 1.4 MB wheel, and less to write
        'FORCE_CUDA': '1' if cuda else '0',
        # Build isolation would hide torch; this puts the environment's ninja on the path.
        'PATH': os.path.dirname(environment.python) + os.pathsep + os.environ.get('PATH', ''),
    }
    if not cuda:
        flags['CUDA_VISIBLE_DEVICES'] = ''  # else mmcv sees the GPU and asks for nvcc
    command = [environment.python, '-m', 'pip', 'wheel', '-v', '--no-deps', '--no-build-isolation']
    command += ['--no-cache-dir', '-w', work, requirement]
    log = os.path.join(environment.path, 'build-mmcv.log')
    run('compiling ' + requirement, command, log, flags)
    kept = keep(glob.glob(os.path.join(work, '*.whl'))[0], folder)
    shutil.rmtree(work)
    return kept


RUN_OPS = """
import torch
from mmcv.ops import get_compiling_cuda_version, nms
boxes = torch.tensor([[0.0, 0, 9, 9], [0, 0, 9, 8], [20, 20, 29, 29]])
scores = torch.tensor([0.8, 0.9, 0.7])
assert nms(boxes, scores, 0.5)[1].tolist() == [1, 2]
cuda = get_compiling_cuda_version() != 'not available'
if cuda and torch.cuda.is_available():
    assert nms(boxes.cuda(), scores.cuda(), 0.5)[1].tolist() == [1, 2]
print(cuda)
"""


def ops_work(environment, cuda):
    """Whether the installed mmcv's compiled ops run, for the device they are wanted for."""
    try:
        return ask(environment, RUN_OPS).split()[-1].decode() == str(bool(cuda))
    except subprocess.CalledProcessError:
        return False


def installed_version(environment, name):
    code = 'from importlib.metadata import version; print(version({!r}))'.format(name)
    try:
        return ask(environment, code).decode().strip()
    except subprocess.CalledProcessError:
        return ''


def check_mmcv_can_come(environment, requirement, facts, folders):
    """Find out that mmcv can be neither taken nor compiled before gigabytes are loaded."""
    name, version = requirement.split('==')
    wheel = wheel_name(requirement, facts['python_tag'], facts['platform'])
    places = [os.path.join(folder, below) for folder in folders for below in ('', '*')]
    ready = any(glob.glob(os.path.join(place, wheel)) for place in places)
    if not ready and installed_version(environment, name) != version:
        check_compiler(facts)


def install_mmcv(environment, requirement, facts, folders, force_cuda):
    """Install mmcv with its ops, from a wheel that fits or by a build; return the CUDA tag."""
    cuda, why = choose_cuda(json.loads(ask(environment, ASK_TORCH).decode()), force_cuda)
    name, version = requirement.split('==')
    if installed_version(environment, name) == version and ops_work(environment, cuda):
        return cuda
    say('{} {}'.format(requirement, why))
    wheel = wheel_name(requirement, facts['python_tag'], facts['platform'])
    key = build_key(facts['python_tag'], facts['platform'], cuda)

    def works(path):
        title = '{} from {}'.format(requirement, os.path.dirname(path))
        pip_install(environment, title, '--no-deps', '--force-reinstall', path)
        return ops_work(environment, cuda)

    for path in find_wheels(folders, wheel, key, cuda):
        if works(path):
            return cuda
        say('{} does not run with torch {}: passed over'.format(path, TORCH))
    say('no fitting {} in {}'.format(wheel, ', '.join(folders)))
    built = build_mmcv(environment, requirement, facts, cuda, os.path.join(wheel_cache(), key))
    if not works(built):
        raise SetupError(
            '{} was built but its ops do not run: see {} and report it with your compiler and '
            'driver versions'.format(requirement, environment.log)
        )
    return cuda


# ---------------------------------------------------------------- the whole


def create(environment, requested):
    """Make an empty environment and its first note, in place of a half-made one."""
    if environment.is_foreign():
        raise SetupError(
            '{} was not made by this set-up and is left alone; move it away and run the command '
            'again'.format(environment.path)
        )
    python = choose_python(requested)
    if os.path.isdir(environment.path):
        say('removing the unfinished or unfitting environment ' + environment.path)
    environment.remove()
    check_room(os.path.dirname(environment.path), ROOM_FOR_ENVIRONMENT, 'the environment')
    os.makedirs(environment.path)
    environment.write()
    title = 'private environment {} with {}'.format(os.path.basename(environment.path), python)
    run(title, [python, '-m', 'venv', environment.path], environment.log)
    version, _ = probe_python(environment.python)
    environment.write(place=environment.path, python=version)


def set_up(environment, stack, inputs, requested, python_version, force_cuda):
    start = time.time()
    folders = wheel_folders()
    say('set-up of the {} line in {}'.format(stack, environment.path))
    if not environment.is_sound(python_version):
        create(environment, requested)
    note = environment.read()
    environment.write(place=note['place'], python=note['python'])  # no longer what it was
    with open(os.path.join(ROOT, 'pyproject.toml')) as file:
        pyproject = file.read()
    prefix = 'onedl-' if stack == 'onedl' else ''
    mmcv = pinned(prefix + 'mmcv', pyproject)
    facts = json.loads(ask(environment, ASK_PYTHON).decode())
    check_mmcv_can_come(environment, mmcv, facts, folders)
    pip_install(
        environment,
        'torch {} and torchvision {} (about 5 GB)'.format(TORCH, TORCHVISION),
        'torch==' + TORCH,
        'torchvision==' + TORCHVISION,
    )
    # mmcv is tried out as soon as it is in, so what it imports goes in first.
    tools = [pinned(prefix + 'mmengine', pyproject), 'opencv-python', *BUILD_TOOLS]
    pip_install(environment, 'mmengine and build tools', *tools)
    cuda = install_mmcv(environment, mmcv, facts, folders, force_cuda)
    package = '.[{},dev]'.format(stack)
    pins = ['torch==' + TORCH, 'torchvision==' + TORCHVISION]
    pip_install(environment, 'heracles_mm with ' + package[1:], *pins, '--editable', package)
    if not ops_work(environment, cuda):
        raise SetupError(
            "mmcv's ops do not run in {0}; remove that folder and run the command again".format(
                environment.path
            )
        )
    environment.write(**dict(environment.read(), inputs=inputs, cuda=cuda))
    say('ready after {:.0f} s: {}'.format(time.time() - start, environment.path))


def hold_lock(path):
    """Let one set-up at a time work on an environment; the kernel frees it with the process."""
    import fcntl

    lock = open(path, 'w')  # noqa: SIM115, must stay open until the process ends
    os.set_inheritable(lock.fileno(), True)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        say('another set-up is at work on {}: waiting for it'.format(path[: -len('.lock')]))
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def clean():
    """Remove what this project builds; results and the wheel cache are the user's."""
    for name in ENVIRONMENTS.values():
        environment = Environment(os.path.join(ROOT, name))
        if environment.is_foreign():
            say('{} was not made by this set-up and is left alone'.format(environment.path))
        else:
            with hold_lock(environment.path + '.lock'):
                environment.remove()
    for name in ('build', 'dist', '.mypy_cache', '.pytest_cache', '.ruff_cache', '.hypothesis'):
        shutil.rmtree(os.path.join(ROOT, name), ignore_errors=True)
    say('work_dirs and the compiled wheels in {} were kept'.format(wheel_cache()))


EXAMPLES = """examples:
  python3 tools/setup_env.py
  python3 tools/setup_env.py --stack onedl --python python3.12
  python3 tools/setup_env.py --clean
"""


def make_parser():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--stack', default='openmmlab', help='openmmlab (default) or onedl')
    parser.add_argument('--python', default='', help='the interpreter to use')
    parser.add_argument('--clean', action='store_true', help='remove environments and builds')
    return parser


def main():
    arguments = make_parser().parse_args()
    if os.name != 'posix':
        raise SetupError('the set-up runs on Linux and macOS only: on Windows, use WSL')
    if not os.path.isfile(os.path.join(ROOT, 'pyproject.toml')):
        raise SetupError('this sets up a checkout of the repository, which {} is not'.format(ROOT))
    if arguments.clean:
        return clean()
    stack = arguments.stack
    if stack not in ENVIRONMENTS:
        raise SetupError('STACK={} is unknown: use openmmlab or onedl'.format(stack))
    force_cuda = os.environ.get('FORCE_CUDA') == '1'
    requested = arguments.python
    version = probe_python(choose_python(requested))[0] if requested else None
    environment = Environment(os.path.join(ROOT, ENVIRONMENTS[stack]))
    inputs = inputs_key(stack)
    if environment.is_ready(inputs, version, force_cuda):
        return None
    with hold_lock(environment.path + '.lock'):
        if not environment.is_ready(inputs, version, force_cuda):
            set_up(environment, stack, inputs, requested, version, force_cuda)
    return None


if __name__ == '__main__':
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    try:
        main()
    except SetupError as error:
        sys.exit('[heracles_mm] error: {}'.format(error))
    except KeyboardInterrupt:
        sys.exit('[heracles_mm] interrupted: the next call recovers')
