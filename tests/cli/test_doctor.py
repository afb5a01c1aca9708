"""The doctor: every kind of breakage is recognised and names its cure, what is sound is left alone.

Environments are made of the folders that pip leaves behind, and of libraries that fail as broken
ones do; each is tried as the doctor tries the real one.
"""

import json
import sys
from argparse import Namespace
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.version import Version
from processes import with_path

from heracles_mm.cli import common, doctor
from heracles_mm.cli.doctor import PROBES, Diagnosis, Probed, failures, probe
from heracles_mm.installation import installed, out_of_range, overwritten, refused, which_line

ROOT = Path(__file__).resolve().parents[2]
OFFICIAL = {
    'torch': '2.12.1',
    'torchvision': '0.27.1',
    'setuptools': '80.8.0',
    'mmengine': '0.10.7',
    'mmcv-lite': '2.1.0',
    'mmdet': '3.3.0',
    'mmsegmentation': '1.2.2',
    'mmpretrain': '1.2.0',
}
ONEDL = {
    'torch': '2.12.1+cu126',
    'onedl-mmengine': '0.10.12',
    'onedl-mmcv': '2.3.6',
    'onedl-mmdetection': '3.5.1',
    'onedl-mmsegmentation': '1.4.2',
    'onedl-mmpretrain': '1.3.6',
}
COMPILED = {name: version for name, version in OFFICIAL.items() if name != 'mmcv-lite'}
COMPILED['mmcv'] = '2.1.0'


@pytest.fixture
def site(tmp_path) -> Path:
    folder = tmp_path / 'site'
    folder.mkdir()
    return folder


@pytest.fixture
def pip(site):
    """Leave what pip leaves of these distributions, and read it."""

    def write(**distributions: str) -> dict[str, Version]:
        for name, version in distributions.items():
            info = site / f'{name.replace("-", "_")}-{version}.dist-info'
            info.mkdir()
            text = f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n'
            (info / 'METADATA').write_text(text)
        return installed([str(site)])

    return write


@pytest.fixture
def broken(site, monkeypatch):
    """Put a module before the real one, run the probe ``name``, and return its one failure."""
    monkeypatch.syspath_prepend(str(site))

    def fail(name: str, module: str, text: str, versions: dict[str, Version]) -> str:
        (site / f'{module}.py').write_text(text)
        (sentence,) = failures(versions, {name: probe(PROBES[name])})
        return sentence

    return fail


def versions_of(distributions: dict[str, str]) -> dict[str, Version]:
    return {name: Version(version) for name, version in distributions.items()}


# ---------------------------------------------------------------- by the metadata of pip

SOUND = {
    'official': OFFICIAL,
    'compiled mmcv': COMPILED,
    'compiled and lite of one version': {**OFFICIAL, 'mmcv': '2.1.0'},
    'OneDL, which takes newer mmcv': ONEDL,
    'mmpretrain takes mmcv 2.2': {'mmcv-lite': '2.2.0', 'mmpretrain': '1.2.0'},
    'nothing': {},
}
LITE = 'pip install mmcv-lite==2.1.0'
OVERWRITTEN = {
    'both lines': ({**OFFICIAL, **ONEDL}, ['mmengine 0.10.7', '0.10.12', 'new environment']),
    'two mmcv': ({**OFFICIAL, 'mmcv': '2.2.0'}, ['mmcv 2.2.0 and mmcv-lite 2.1.0', LITE]),
}


@pytest.mark.parametrize('name', SOUND)
def test_a_sound_environment_is_left_alone(name, pip):
    versions = pip(**SOUND[name])
    assert versions == versions_of(SOUND[name])
    assert not overwritten(versions)
    assert not refused(versions)


@pytest.mark.parametrize('name', OVERWRITTEN)
def test_packages_that_overwrote_each_other_are_named_with_the_cure(name, pip):
    distributions, words = OVERWRITTEN[name]
    (sentence,) = overwritten(pip(**distributions))
    for word in words:
        assert word in sentence


@pytest.mark.parametrize('mmcv', ['mmcv', 'mmcv-lite', 'onedl-mmcv'])
def test_an_mmcv_that_mmdet_and_mmseg_refuse_is_named_with_the_cure(mmcv, pip):
    """They assert mmcv < 2.2 when they are imported."""
    versions = pip(**{mmcv: '2.2.0', 'mmdet': '3.3.0', 'mmsegmentation': '1.2.2'})
    sentences = refused(versions)
    assert list(sentences) == ['mmdet', 'mmseg']
    for sentence in sentences.values():
        assert f'{mmcv} 2.2.0' in sentence
        assert f'pip uninstall -y {mmcv} && {LITE}' in sentence


def test_what_pip_left_halfway_is_not_installed(pip, site):
    """An interrupted pip leaves a folder without METADATA, at which importlib.metadata stumbles."""
    (site / 'mmdet-3.3.0.dist-info').mkdir()
    assert pip(mmengine='0.10.7') == versions_of({'mmengine': '0.10.7'})


def test_the_line_follows_from_the_distributions():
    assert [which_line(names) for names in ({}, ['torch'], OFFICIAL, ONEDL)] == [
        'none',
        'none',
        'official',
        'OneDL',
    ]
    assert which_line([*OFFICIAL, *ONEDL]) == 'both'


REQUIREMENTS = [
    'torch>=2.6',
    "mmcv-lite==2.1.0; extra == 'openmmlab'",
    "mmdet==3.3.0; extra == 'openmmlab'",
    "torchvision; extra == 'openmmlab'",
    "setuptools<80.9,>=80; extra == 'openmmlab'",
    "onedl-mmcv==2.3.6; extra == 'onedl'",
    "numpy<1; extra == 'dev'",
]


@pytest.mark.parametrize(
    ('changed', 'found'),
    [
        ({}, []),
        ({'numpy': '2.4.6'}, []),  # of an extra for somebody else
        ({'mmdet': '3.2.0'}, [('mmdet==3.3.0', 'mmdet 3.2.0', False)]),
        ({'mmcv': '2.0.1'}, [('mmcv-lite==2.1.0', 'mmcv 2.0.1', False)]),
        ({'torch': '2.5.1+cu121'}, [('torch>=2.6', 'torch 2.5.1+cu121', True)]),
        ({'torch': '2.13.0.dev1'}, []),  # a night's build is newer than 2.6
    ],
)
def test_versions_are_held_against_the_ranges_of_their_line(changed, found):
    assert list(out_of_range(REQUIREMENTS, versions_of({**OFFICIAL, **changed}))) == found


def test_the_ranges_of_the_other_line_do_not_count():
    """OneDL needs no old setuptools."""
    assert not list(out_of_range(REQUIREMENTS, versions_of({**ONEDL, 'setuptools': '83.0'})))
    assert list(out_of_range(REQUIREMENTS, versions_of({**ONEDL, 'onedl-mmcv': '2.3.5'})))


# ---------------------------------------------------------------- by trying


def test_a_probe_that_kills_its_process_is_an_error_and_keeps_what_it_found():
    found = probe("report('loaded'); import os; os._exit(7)")
    assert found.found == ['loaded']
    assert 'exit code 7' in found.error


def test_a_probe_that_hangs_is_an_error(monkeypatch):
    monkeypatch.setattr(doctor, 'SECONDS', 1)
    assert 'within 1 seconds' in probe('import time; time.sleep(100)').error


def test_what_a_library_prints_is_not_taken_for_an_answer():
    found = probe(
        "print('hello', end=''); report('two\\nlines'); print('<end'); raise OSError('a\\nb')"
    )
    assert found == Probed(['two lines'], 'OSError: a b')


def test_a_torchvision_for_another_torch(broken):
    error = "raise RuntimeError('operator torchvision::nms does not exist')"
    sentence = broken('torchvision', 'torchvision', error, versions_of(OFFICIAL))
    assert 'torchvision::nms does not exist' in sentence
    assert sentence.endswith('pip install torch==2.12.1 torchvision')
    # torch from PyTorch's own index: PyPI's torchvision is made for another CUDA
    sentence = broken('torchvision', 'torchvision', error, versions_of(ONEDL))
    assert sentence.endswith('torchvision --index-url https://download.pytorch.org/whl/cu126')


def test_operators_of_torchvision_that_fail_in_place_of_mmcvs(broken):
    pytest.importorskip('mmcv')
    if not find_spec('mmcv._ext').origin.endswith('.py'):
        pytest.skip('mmcv has compiled operators')
    sentence = broken('mmcv', 'torchvision', 'import absent', versions_of(OFFICIAL))
    assert "No module named 'absent'" in sentence
    assert "in place of mmcv's" in sentence
    assert 'pip uninstall -y torchvision &&' in sentence


@pytest.mark.parametrize(
    ('distributions', 'cure'),
    [
        (COMPILED, f'pip uninstall -y mmcv && {LITE}'),
        # both are removed: uninstalling one takes the other's files
        ({**COMPILED, 'mmcv-lite': '2.1.0'}, f'pip uninstall -y mmcv mmcv-lite && {LITE}'),
        (ONEDL, 'MMCV_WITH_OPS=0 pip install --no-binary onedl-mmcv onedl-mmcv==2.3.6'),
    ],
)
def test_compiled_operators_that_do_not_load(distributions, cure, compiled_wrongly):
    (sentence,) = failures(versions_of(distributions), {'mmcv': compiled_wrongly})
    assert 'the compiled operators of' in sentence
    assert '_ext' in sentence  # the loader's own words name the file
    assert sentence.endswith(cure)


@pytest.fixture(scope='module')
def compiled_wrongly(tmp_path_factory) -> Probed:
    """What the probe finds in the real mmcv beside a compiled `_ext` that is no library at all."""
    pytest.importorskip('mmcv')
    site = tmp_path_factory.mktemp('site')
    (site / 'mmcv').mkdir()
    for path in Path(find_spec('mmcv').origin).parent.iterdir():
        if not path.name.startswith('_ext'):
            (site / 'mmcv' / path.name).symlink_to(path)
    (site / 'mmcv' / f'_ext{EXTENSION_SUFFIXES[0]}').write_text('built for another torch')
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        found = probe(PROBES['mmcv'])
    assert found.found == [f'compiled in {site / "mmcv" / "_ext"}{EXTENSION_SUFFIXES[0]}']
    return found


def test_setuptools_without_pkg_resources(broken):
    error = 'raise ModuleNotFoundError("No module named \'pkg_resources\'")'
    sentence = broken('pkg_resources', 'pkg_resources', error, versions_of(OFFICIAL))
    assert "No module named 'pkg_resources'" in sentence
    assert "pip install 'setuptools>=80,<80.9'" in sentence


def test_opencv_on_a_machine_without_a_screen(broken):
    versions = versions_of({'opencv-python': '4.12.0.88'})
    sentence = broken('cv2', 'cv2', "raise ImportError('libGL.so.1: cannot open')", versions)
    assert 'opencv-python 4.12.0.88' in sentence
    assert 'libGL.so.1' in sentence
    assert 'pip uninstall -y opencv-python && pip install opencv-python-headless' in sentence


def test_a_library_that_pip_knows_and_python_cannot_import(broken):
    sentence = broken('mmseg', 'mmseg', 'import ftfy_is_absent', versions_of(OFFICIAL))
    assert 'mmsegmentation 1.2.2 cannot be imported' in sentence
    assert "No module named 'ftfy_is_absent'" in sentence
    assert "pip install 'heracles-mm[openmmlab]'" in sentence
    assert '--force-reinstall --no-deps mmsegmentation==1.2.2' in sentence


def test_what_may_follow_from_another_fault_is_not_mended_by_itself():
    """Installing mmdet anew cures no torchvision; without a fault below it, it may cure mmdet."""
    error = Probed([], 'RuntimeError: operator torchvision::nms does not exist')
    versions = versions_of(OFFICIAL)
    cause, effect = failures(versions, {'torchvision': error, 'mmdet': error})
    assert 'pip install torch==2.12.1 torchvision' in cause
    assert effect.endswith('mend the faults above first')
    assert '--force-reinstall' in failures(versions, {'mmdet': error})[0]


def test_an_mmdet_that_refuses_mmcv_is_answered_by_its_cure_alone():
    versions = versions_of({**OFFICIAL, 'mmcv-lite': '2.2.0'})
    asserted = Probed([], 'AssertionError: MMCV==2.2.0 is used but incompatible.')
    assert failures(versions, {'mmdet': asserted}) == [refused(versions)['mmdet']]


def test_an_mmdet_that_somebody_taught_to_take_a_newer_mmcv_is_no_failure():
    """Editing its assertion is a known way round."""
    versions = versions_of({**OFFICIAL, 'mmcv-lite': '2.2.0'})
    assert not failures(versions, {'mmdet': Probed([]), 'gpu': Probed([], 'full')})


# ---------------------------------------------------------------- as a user runs it


def test_nothing_is_wrong_here(run):
    done = run(sys.executable, ROOT / 'tools' / 'doctor.py')
    assert done.returncode == 0, done.stdout + done.stderr
    rows = dict(row.partition(': ')[::2] for row in done.stdout.splitlines())
    assert 'no fault found' in rows
    assert 'fault' not in rows
    assert 'Error' not in rows['gpu']
    assert rows['python'].startswith(f'{sys.version_info[0]}.{sys.version_info[1]}.')
    for module, version in installed().items():
        (name,) = [key for key, names in doctor.DISTRIBUTIONS.items() if module in names]
        assert str(version) in rows[name]
    for module in ('torchvision', 'mmcv'):
        if find_spec(module):
            assert 'nms runs on cpu' in rows[f"{module}'s operators"]


@pytest.mark.parametrize(('faults', 'code'), [([], 0), (['x broke: mend x', 'y: mend y'], 1)])
def test_people_and_programs_read_the_same(faults, code, capsys, monkeypatch):
    found = Diagnosis({'torch': '2.12.1', 'gpu': 'none'}, ['old'], faults)
    monkeypatch.setattr(doctor, 'diagnose', lambda: found)
    assert doctor.main(['--json']) == code
    assert Diagnosis(**json.loads(capsys.readouterr().out)) == found
    assert doctor.main([]) == code
    *rows, last = capsys.readouterr().out.splitlines()
    assert rows == [
        'torch: 2.12.1',
        'gpu: none',
        'note: old',
        *(f'fault: {fault}' for fault in faults),
    ]
    assert ('no fault' in last) == (not faults)


def test_what_the_metadata_say_is_in_the_diagnosis(pip, site, monkeypatch):
    """All but the probes, which other tests run: a torch below the range, two mmcv."""
    pip(**{**OFFICIAL, 'torch': '2.5.1', 'mmcv': '2.0.1'})
    info = site / 'heracles_mm-0.1.0.dist-info'
    info.mkdir()
    ranges = [f'Requires-Dist: {requirement}\n' for requirement in REQUIREMENTS]
    (info / 'METADATA').write_text(f'Name: heracles-mm\nVersion: 0.1.0\n{"".join(ranges)}')
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(doctor, 'PROBES', {'gpu': 'raise OSError("no driver")'})
    found = doctor.diagnose()
    assert 'mmcv 2.0.1 and mmcv-lite 2.1.0' in found.facts['mmcv']
    assert found.facts['gpu'] == 'OSError: no driver'
    assert any('pip uninstall -y mmcv mmcv-lite' in fault for fault in found.faults)
    assert "torch 2.5.1 is out of range: pip install 'torch>=2.6'" in found.faults
    assert 'mmcv 2.0.1 was not tried, only mmcv-lite==2.1.0' in found.notes


def test_it_starts_where_the_other_tools_do_not(run):
    """Were it to import what it tries, it could not say what is wrong with it."""
    done = run(
        sys.executable,
        '-c',
        'import sys\n'
        "libraries = ('cv2', 'torchvision', 'mmcv', 'mmdet', 'mmseg', 'mmpretrain')\n"
        'sys.modules.update(dict.fromkeys(libraries))\n'  # importing them fails
        "import heracles_mm.cli.doctor; print('started')\n"
        'import heracles_mm.cli.train\n',
    )
    assert done.stdout == 'started\n'
    assert 'import of cv2 halted' in done.stderr


# ---------------------------------------------------------------- what other tools say


@pytest.fixture
def config(tmp_path) -> Namespace:
    path = tmp_path / 'config.py'
    path.write_text("default_scope = 'mmdet'\n")
    return Namespace(config=str(path), cfg_options=None)


@pytest.mark.skipif(
    which_line(installed()) == 'OneDL', reason='the official line beside it is a fault'
)
def test_train_says_in_a_sentence_that_mmdet_refuses_mmcv(pip, site, config, run):
    versions = pip(**{'mmdet': '3.3.0', 'mmcv-lite': '2.2.0'})
    (site / 'mmdet.py').write_text("assert False, 'MMCV==2.2.0 is used but incompatible'")
    train = ROOT / 'tools' / 'train.py'
    done = run(sys.executable, train, config.config, PYTHONPATH=with_path(ROOT, site))
    assert done.returncode == 2
    assert done.stderr == f'train: error: {refused(versions)["mmdet"]}\n'


def test_tools_stop_where_packages_overwrote_each_other(config, monkeypatch):
    pytest.importorskip('mmdet')
    versions = versions_of({**OFFICIAL, **ONEDL})
    monkeypatch.setattr(common, 'installed', lambda: versions)
    with pytest.raises(common.UserError) as error:
        common.read_config(config)
    assert str(error.value) == overwritten(versions)[0]


def test_tools_go_on_where_mmdet_takes_the_mmcv_after_all(config, monkeypatch):
    pytest.importorskip('mmdet')
    versions = versions_of({**OFFICIAL, 'mmcv-lite': '2.2.0'})
    monkeypatch.setattr(common, 'installed', lambda: versions)
    assert common.read_config(config).default_scope == 'mmdet'
