"""Run training in forked children, and kill them with SIGKILL at random moments and chosen places.

``python killer.py CASES.json FOLDER``. This process imports everything once and never trains, so
that each child starts in milliseconds and as fresh as a new process. Prints what happened as JSON.
"""

import contextlib
import itertools
import json
import mmap
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import kills_parts  # noqa: F401
import numpy as np
import torch
import torch._dynamo
import torchvision  # noqa: F401
from mmengine.config import Config
from mmengine.runner import runner as mmengine_runner

from heracles_mm.checkpoints import atomic, latest_checkpoint
from heracles_mm.cli import train
from heracles_mm.engine import exact_resume, hook_states

with contextlib.suppress(ImportError):  # mmdet and mmpretrain, which one case needs
    import kills_hooks  # noqa: F401

HERE = Path(__file__).resolve().parent
PLACES = ('elsewhere', 'while saving', 'while writing', 'between write and rename', 'after rename')
PIECES = 8
KILLS_OF_A_RUN = 6
Config.pretty_text = 'not shown'  # a fifth of a second each time
mmengine_runner.collect_env = dict  # three seconds
where = mmap.mmap(-1, 3)
"""Shared by parent and child: the number of the place in PLACES that the child is at, of the one
where it shall wait to be killed, and how often it has still to come there (0: it waits)."""


def at(place):
    where[0] = place
    if place == where[1] and where[2]:
        where[2] -= 1
        if not where[2]:
            signal.pause()


class SlowFile:
    """Writes in pieces, so that a kill really finds half a file."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, content):
        step = len(content) // PIECES + 1
        for start in range(0, len(content), step):
            self.file.write(content[start : start + step])
            self.file.flush()
            where[0] = 2
            if start == step:  # the second of the pieces
                at(2)
            time.sleep(0.004)
        at(3)


def slow_writing():
    """Make each stage of writing a checkpoint last long enough to be hit."""
    save, replace = torch.save, os.replace

    def slow_save(*args, **kwargs):
        at(1)
        save(*args, **kwargs)
        time.sleep(0.01)

    def slow_replace(source, target):
        time.sleep(0.01)
        replace(source, target)
        at(4)
        time.sleep(0.01)  # the old file and the note of the newest are still to be seen to
        where[0] = 0

    torch.save, os.replace = slow_save, slow_replace
    atomic.open = lambda path, mode: SlowFile(open(path, mode))  # noqa: SIM115


def forgetful():
    """As mmengine is without our part: a control, the comparison must find it wrong."""
    exact_resume.ExactResume.before_train = lambda self, runner: None


def forgets_hooks():
    """The same with our part but for the hooks."""
    hook_states.HookStates.give_back = lambda self, runner, states: None


def start(folder, argv, prepare, aim=(0, 0)):
    """Fork a child that trains in ``folder``, and waits at a place for the n-th time by ``aim``."""
    where[:] = bytes([0, *aim])
    child = os.fork()
    if child:
        return child
    try:
        os.chdir(folder)
        np.random.seed()  # where a run without a seed gets its own from: not the parent's
        log = os.open('log.txt', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        for one in prepare:
            one()
        code = train.main(argv)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def end_of(child, seconds):
    """Wait so long, or until it waits at the place it was told; then kill it.

    Returns its exit code, or None of a killed one.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not (where[1] and not where[2]):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def lines(folder):
    """The whole lines of the diary."""
    path = folder / 'diary.jsonl'
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def steps_and_end(diary):
    """What each step and validation was, in all attempts; the end; and what contradicts itself."""
    seen, contradictions = {}, []
    for line in diary:
        key = (
            next(iter(line)) if 'end' in line else f'{next(iter(line))} {next(iter(line.values()))}'
        )
        if seen.setdefault(key, line) != line:
            contradictions.append(f'{seen[key]} and then {line}'[:400])
    return seen, contradictions


def difference(killed, whole):
    """Where two diaries differ, '' for nowhere."""
    for key in sorted(set(killed) | set(whole)):
        if killed.get(key) != whole.get(key):
            if key == 'end' and key in killed and key in whole:
                ours, theirs = killed[key]['end'], whole[key]['end']
                return f'end: {[part for part in ours if ours[part] != theirs[part]]}'
            return f'{key}: {killed.get(key)} instead of {whole.get(key)}'[:400]
    return ''


def run_case(name, case, folder, chance):
    """Interrupt runs until there were ``kills``, and compare each with an uninterrupted one."""
    argv = [str(HERE / case['config']), '--work-dir', 'w', '--resume', 'auto']
    argv += ['--cfg-options', *case['options']] if case['options'] else []
    found = {'kills': 0, 'runs': 0, 'where': dict.fromkeys(PLACES, 0), 'wrong': [], 'attempts': []}

    prepare = [slow_writing, *(globals()[name] for name in case.get('prepare', ()))]

    def uninterrupted(folder, *options):
        folder.mkdir(parents=True)
        began = time.monotonic()
        code = end_of(start(folder, argv + list(options), [slow_writing]), 300)
        if code != 0:
            found['wrong'].append(f'the uninterrupted run: {code}, {log_of(folder)}')
        return steps_and_end(lines(folder))[0], time.monotonic() - began

    whole, length = uninterrupted(folder / 'whole')
    places = itertools.cycle((2, 1, 3, 4))
    while found['kills'] < case['kills'] and not found['wrong']:
        found['runs'] += 1
        run = folder / f'run_{found["runs"]}'
        run.mkdir()
        code, attempts = None, 0
        while code is None and not found['wrong']:
            attempts += 1
            if case.get('unseeded') and latest_checkpoint(run / 'w') is None:
                (run / 'diary.jsonl').unlink(missing_ok=True)  # another seed, so another run
            patience, aim = 300, (0, 0)
            if attempts <= KILLS_OF_A_RUN and attempts % 2:  # the first one comes there surely
                aim = next(places), 1 if attempts == 1 else chance.randint(1, 3)
            elif attempts <= KILLS_OF_A_RUN:
                patience = chance.uniform(0.2, 1.1) * length
            code = end_of(start(run, argv, prepare, aim), patience)
            if code is None:
                found['kills'] += 1
                found['where'][PLACES[where[0]]] += 1
        found['attempts'].append(attempts)
        if code != 0:
            found['wrong'].append(f'run {run.name} ended with {code}: {log_of(run)}')
            break
        killed, contradictions = steps_and_end(lines(run))
        if case.get('unseeded'):
            newest = latest_checkpoint(run / 'w')
            seed = torch.load(newest, weights_only=True)['meta']['seed']
            option = [] if '--cfg-options' in argv else ['--cfg-options']
            whole, _ = uninterrupted(
                folder / f'whole_{found["runs"]}', *option, f'randomness.seed={seed}'
            )
        found['wrong'] += contradictions
        if differs := difference(killed, whole):
            found['wrong'].append(f'{run.name}, {differs}')
    found['steps'] = sum(key.startswith('step') for key in whole)
    found['seconds'] = round(length, 2)
    return found


def log_of(folder):
    return (folder / 'log.txt').read_text()[-3000:]


if __name__ == '__main__':
    torch.set_num_threads(1)
    cases, chance = json.loads(Path(sys.argv[1]).read_text()), random.Random(int(sys.argv[3]))
    print(json.dumps({n: run_case(n, c, Path(sys.argv[2]) / n, chance) for n, c in cases.items()}))
