"""Make or refresh the environment of `make env`. Python 3.6 can start this, to find a newer one."""

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = {'openmmlab': ROOT / '.venv', 'onedl': ROOT / '.venv-onedl'}
VERSIONS = ['3.11', '3.12', '3.13', '3.10', '3.14']
TORCH = ['torch==2.12.1', 'torchvision==0.27.1']
UV = shutil.which('uv')
PROBE = 'import sys; print("%d.%d" % sys.version_info[:2])' + ('' if UV else '; import ensurepip')
FULL = 'the disk is full (environment, package cache or TMPDIR): make room'
OFFLINE = "the package index cannot be reached: check the network and pip's or uv's settings"
CAUSES = {'No space': FULL, 'onnection broken': OFFLINE, 'to fetch': OFFLINE, 'timed out': OFFLINE}
WINDOWS = r'python -m venv .venv; .venv\Scripts\activate; pip install -e .[openmmlab,dev]'


def choose_python(requested):
    """Return (name, version) of the first interpreter that can make an environment."""
    names = [requested] if requested else ['python' + version for version in [*VERSIONS, '3']]
    objections = []
    for name in filter(shutil.which, names):
        probe = subprocess.run([name, '-c', PROBE], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        version = probe.stdout.decode().strip() or 'broken'
        if version in VERSIONS and not probe.returncode:
            return name, version
        lack = f'has no module ensurepip (Debian and Ubuntu: apt install python{version}-venv)'
        objections.append(f'{name} {lack if version in VERSIONS else "is " + version}')
    found = ', '.join(objections) or 'there is no ' + ' or '.join(names)
    sys.exit(f'no usable Python: {found}; install 3.10 to 3.14 or give PYTHON=/path/to/python3.13')


def run(note, outcome, *command):
    """Run a command in sight. The note, empty meanwhile, then says `outcome`, come what may."""
    note.write_text('')
    log = note.with_name('setup.log')
    env = {k: v for k, v in os.environ.items() if k not in ('PYTHONPATH', 'PYTHONHOME')}
    flags: dict = {'cwd': ROOT, 'env': env, 'stderr': subprocess.PIPE, 'errors': 'replace'}
    with subprocess.Popen(command, close_fds=False, **flags) as process, log.open('w') as file:
        for line in process.stderr or ():
            sys.stderr.write(line)
            file.write(line)
    note.write_text(outcome if process.returncode >= 0 else '')  # below 0 it was killed
    if process.returncode:
        causes = [CAUSES[words] for words in CAUSES if words in log.read_text()[-3000:]]
        causes.append(f'mend the cause, shown above and in {log}')
        sys.exit(f'error: {causes[0]}, then run the command again')


def set_up(folder, stack, requested, clean):
    """Bring an environment up to date, or remove it; while it is half made, its note is empty."""
    note = folder / 'heracles_mm.txt'
    if folder.exists() and not note.exists():
        sys.exit(f'error: {folder} was not made by this set-up and is left alone: move it away')
    python = folder / 'bin' / ('python' + (choose_python(requested)[1] if requested else ''))
    inputs = (ROOT / 'pyproject.toml').read_bytes() + Path(__file__).read_bytes()
    made, ready = f'{folder} ', f'{folder} {hashlib.sha256(inputs).hexdigest()}'
    held = note.read_text() if python.exists() and not clean else ''
    if held == ready:
        return
    if not held.startswith(made):
        if folder.exists():  # renamed first: half a removed one must not look like a user's
            folder.rename(f'{folder}.removed')
        shutil.rmtree(f'{folder}.removed', ignore_errors=True)
        if clean:
            return
        name = choose_python(requested)[0]
        if shutil.disk_usage(ROOT).free < 8 * 1024**3:
            sys.exit(f'error: no room in {ROOT}: make 8 GiB free, then run the command again')
        folder.mkdir()
        venv = [UV, 'venv', '--seed', '--allow-existing', '--python', name]
        run(note, '', *(venv if UV else [name, '-m', 'venv']), folder)
    pip = [UV, 'pip', 'install', '--python', python] if UV else [python, '-m', 'pip', 'install']
    run(note, made, *pip, *TORCH, '-e', f'.[{stack},dev]')
    run(note, made, python, '-IWignore', '-c', 'import heracles_mm, mmdet.apis')
    note.write_text(ready)


if __name__ == '__main__':
    if sys.platform == 'win32':
        sys.exit(f'error: this serves Linux and macOS; on Windows: {WINDOWS}')
    import fcntl

    signal.signal(signal.SIGINT, lambda *_: sys.exit('interrupted: the next call recovers'))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--stack', choices=ENVIRONMENTS, default='openmmlab')
    parser.add_argument('--python', help='the interpreter to use')
    parser.add_argument('--clean', action='store_true', help='remove the environment')
    asked = parser.parse_args()
    with open(f'{ENVIRONMENTS[asked.stack]}.lock', 'w') as lock:
        os.set_inheritable(lock.fileno(), True)  # pip holds it, too, should it outlive this
        fcntl.flock(lock, fcntl.LOCK_EX)
        set_up(ENVIRONMENTS[asked.stack], asked.stack, asked.python, asked.clean)
