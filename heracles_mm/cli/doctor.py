"""Print what is installed and whether it fits together: ``python -m heracles_mm.cli.doctor``.

It must start where the others do not, so it imports torch and mmengine's registry alone, as
``heracles_mm`` does; every other library is tried in a process of its own, which may crash.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from pathlib import Path

import torch
from packaging.version import Version

import heracles_mm
from heracles_mm.benchmark.machine import environment
from heracles_mm.installation import (
    DISTRIBUTIONS,
    LIBRARIES,
    installed,
    out_of_range,
    overwritten,
    pip_install,
    refused,
    which_line,
    with_versions,
)

GPU = """
import shutil, subprocess, torch, warnings
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter('always')
    gpus = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
for gpu in map(torch.cuda.get_device_properties, gpus):
    report(f'{gpu.name} with {gpu.total_memory / 2**30:.1f} GiB')
if torch.backends.mps.is_available():
    report('Apple MPS')
elif not gpus:
    report('none that torch sees ' + ' '.join(str(one.message) for one in warned))
if shutil.which('nvidia-smi'):
    query = ['nvidia-smi', '--query-gpu=driver_version', '--format=csv,noheader']
    done = subprocess.run(query, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    report('driver ' + ' '.join(done.stdout.splitlines()[:1]))
"""
BY_US = "torchvision's by heracles_mm"
MMCV = f"""
import heracles_mm, mmcv, importlib.util
origin = importlib.util.find_spec('mmcv._ext').origin
report("{BY_US}" if origin.endswith('.py') else 'compiled in ' + origin)
from mmcv.ops import nms
"""
NMS = """
import torch
for device in ['cpu', 'cuda'][: 1 + torch.cuda.is_available()]:
    try:
        boxes, scores = torch.eye(4, device=device), torch.ones(4, device=device)
    except RuntimeError:  # the GPU is full or broken, which no operator can help
        report(f'no room on {device}')
        continue
    nms(boxes, scores, 0.5)
    report(f'nms runs on {device}')
"""
PROBES = {
    'gpu': GPU,
    'pkg_resources': 'import pkg_resources',
    'cv2': 'import cv2',
    'torchvision': f'from torchvision.ops import nms\n{NMS}',
    'mmcv': MMCV + NMS,
    'mmdet': 'import heracles_mm, mmdet.apis',
    'mmseg': 'import heracles_mm, mmseg.apis',
    'mmpretrain': 'import heracles_mm, mmpretrain.apis',
}
"""What is tried, causes before what follows from them."""
PROBE = """
import json, sys

def report(text, mark='<found>'):
    print('\\n' + mark, ' '.join(text.split())[:400], flush=True)

code, sys.path[:] = json.loads(sys.argv[1])
try:
    exec(code, {'report': report})
    report('', '<end>')
except BaseException as error:
    report(f'{type(error).__name__}: {error}', '<end>')
"""
SECONDS = 120


@dataclass(frozen=True)
class Probed:
    """What a probe found before it ended or failed; ``error`` is '' where it did not fail."""

    found: list[str]
    error: str = ''


@dataclass(frozen=True)
class Diagnosis:
    """Facts by name, what is worth knowing, and what is wrong, each with its cure."""

    facts: dict[str, str]
    notes: list[str]
    faults: list[str]


def main(argv: list[str] | None = None) -> int:
    """Print the diagnosis; ``argv`` defaults to the command line. Returns 1 if there is a fault."""
    args = _parser().parse_args(argv)
    print('doctor: trying each library, which may take a minute', file=sys.stderr)
    found = diagnose()
    if args.json:
        print(json.dumps(asdict(found), indent=1))
        return bool(found.faults)
    notes, faults = [('note', note) for note in found.notes], [('fault', f) for f in found.faults]
    for name, text in (*found.facts.items(), *notes, *faults):
        print(f'{name}: {text}')
    print('mend the first fault first' if faults else 'no fault found')
    return bool(faults)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='doctor',
        description='Print what is installed and whether it fits together, for a bug report.',
        epilog='examples:\n  python tools/doctor.py\n  python tools/doctor.py --json\n',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    return parser


def diagnose() -> Diagnosis:
    """Try what is installed, which takes up to a minute; nothing is raised."""
    versions = installed()
    wanted = [name for name in PROBES if _is_wanted(name, versions)]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        probed = dict(zip(wanted, pool.map(probe, [PROBES[name] for name in wanted])))
    try:
        ranges, by_pip = requires('heracles-mm') or [], ''
    except PackageNotFoundError:
        ranges, by_pip = [], ', not installed by pip, so its ranges of versions are not known'
    outside = list(out_of_range(ranges, versions))
    notes = [f'{found} was not tried, only {asked}' for asked, found, must in outside if not must]
    if 'mmcv' in versions and versions['mmcv'] == versions.get('mmcv-lite'):
        notes.append('mmcv and mmcv-lite share their files: to uninstall one breaks the other')
    wrong = [
        f"{found} is out of range: pip install '{asked}'" for asked, found, must in outside if must
    ]
    facts = {
        **_machine(),
        'gpu': ', '.join(filter(None, [*probed['gpu'].found, probed['gpu'].error])),
        'heracles_mm': f'{heracles_mm.__version__} in {heracles_mm.__path__[0]}{by_pip}',
        **_packages(versions, probed),
    }
    return Diagnosis(facts, notes, [*overwritten(versions), *wrong, *failures(versions, probed)])


def _is_wanted(name: str, versions: dict[str, Version]) -> bool:
    if name == 'pkg_resources':
        return 'mmengine' in versions
    return name == 'gpu' or bool(find_spec(name) or with_versions(DISTRIBUTIONS[name], versions))


def probe(code: str) -> Probed:
    """Run ``code`` in a process that imports from where this one does."""
    command = [sys.executable, '-c', PROBE, json.dumps([code, sys.path])]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors='replace', timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return Probed([], f'no end within {SECONDS} seconds')
    lines = [row.partition(' ')[::2] for row in done.stdout.splitlines()]
    found = [text for mark, text in lines if mark == '<found>']
    for mark, text in lines:
        if mark == '<end>':
            return Probed(found, text)
    last = ' '.join(done.stderr.strip().splitlines()[-1:])
    return Probed(found, f'its process ended with exit code {done.returncode} {last}'.rstrip())


def failures(versions: dict[str, Version], probed: dict[str, Probed]) -> list[str]:
    """One sentence with the cure for each probe that failed."""
    failed = {name: result for name, result in probed.items() if result.error and name != 'gpu'}
    known = refused(versions)
    return [
        known.get(name) or _failure(name, result, versions, {*failed} - {name})
        for name, result in failed.items()
    ]


def _failure(name: str, result: Probed, versions: dict[str, Version], others: set[str]) -> str:
    brought_by = [one for one in DISTRIBUTIONS.get(name, ()) if one in versions]
    what = with_versions(brought_by, versions) or name
    remove = f'pip uninstall -y {" ".join(brought_by)} &&'
    exact = ' '.join(f'{one}=={versions[one]}' for one in brought_by)
    torch_is = versions.get('torch', Version(torch.__version__))
    fitting = f'pip uninstall -y torchvision && pip install torch=={torch_is.public} torchvision'
    if torch_is.local:
        fitting += f' --index-url https://download.pytorch.org/whl/{torch_is.local}'
    wrong = f'{what} cannot be imported'
    if name == 'pkg_resources':
        cure = (
            "pip install 'setuptools>=80,<80.9', since setuptools 82 dropped it and mmengine finds "
            'bases like mmdet:: of configs by it'
        )
    elif name == 'cv2':
        cure = f'{remove} pip install opencv-python-headless, which needs no library of a screen'
    elif name == 'torchvision':
        wrong, cure = f'{what} does not work with torch {torch.__version__}', fitting
    elif name == 'mmcv' and BY_US in result.found and 'torchvision' not in versions:
        wrong, cure = 'torchvision is not installed', fitting.partition('&& ')[2]
    elif name == 'mmcv' and BY_US in result.found:
        wrong, cure = "torchvision's operators do not work in place of mmcv's", fitting
    elif name == 'mmcv' and result.found:
        wrong = f'the compiled operators of {what} do not work with torch {torch.__version__}'
        cure = f'{remove} pip install mmcv-lite==2.1.0'
        if which_line(versions) == 'OneDL':
            cure = f'{remove} MMCV_WITH_OPS=0 pip install --no-binary onedl-mmcv onedl-mmcv==2.3.6'
    elif others & {'cv2', 'torchvision', 'mmcv'}:
        cure = 'mend the faults above first'
    else:
        cure = f'{pip_install(versions)} brings what it needs'
        cure += f', pip install --force-reinstall --no-deps {exact} its files' if exact else ''
    return f'{wrong} ({result.error}): {cure}'


def _machine() -> dict[str, str]:
    seen, info = environment(torch.device('cpu')), Path('/proc/meminfo')
    memory = info.read_text().splitlines()[:3] if info.is_file() else ['unknown']
    return {
        'python': f'{seen["python"]} ({sys.executable})',
        'platform': platform.platform(),
        'processor': f'{seen["cpu"]}, {seen["cpu_cores"]} cores, {seen["cpu_capability"]}',
        'memory': ', '.join(' '.join(row.split()) for row in memory),
        'threads': f'{seen["threads"]}, set: {seen["variables"] or "nothing"}',
    }


def _packages(versions: dict[str, Version], probed: dict[str, Probed]) -> dict[str, str]:
    facts = {'line': which_line(versions)}
    for module, names in DISTRIBUTIONS.items():
        cure = f' ({pip_install(versions)})' if module in LIBRARIES else ''
        absent = 'unknown to pip' if module in probed else f'not installed{cure}'
        facts[module] = with_versions(names, versions) or absent
    cuda, hip = torch.version.cuda, torch.version.hip
    build = f'ROCm {hip}' if hip else f'CUDA {cuda}' if cuda else 'the CPU alone'
    facts['torch'] = f'{torch.__version__}, built for {build}'
    for module in ('torchvision', 'mmcv'):
        if result := probed.get(module):
            failed = ['they fail'] if result.error else []
            facts[f"{module}'s operators"] = ', '.join([*result.found, *failed])
    return facts


if __name__ == '__main__':
    sys.exit(main())
