"""The tests of trust (`pytest -m trust`): how large they run, and the figures that they print.
And for all tests: no deadline of hypothesis, since timings belong into benchmarks; no default scope
of mmengine that another test or fixture left; as many threads as the workers of pytest-xdist leave
to each; the same draws of torch whichever tests ran before, so that a fault comes again (but after
draws of a fixture that tests share); and little time for garbage and for imports that no test
needs."""

import gc
import os

import pytest
import torch
from hypothesis import settings
from mmengine.registry import DefaultScope
from processes import with_path

settings.register_profile('no deadline', deadline=None)
settings.load_profile('no deadline')

FIGURES = pytest.StashKey()

if workers := os.environ.get('PYTEST_XDIST_WORKER_COUNT'):
    threads = max(1, os.cpu_count() // int(workers))
    torch.set_num_threads(threads)
    os.environ['OMP_NUM_THREADS'] = str(threads)  # of the programs that tests start


def pytest_addoption(parser):
    parser.addoption(
        '--trust-scale',
        type=int,
        default=1,
        help='raises how much the tests marked trust try (default 1, the size of the ordinary run)',
    )


def pytest_configure(config):
    config.stash[FIGURES] = []


def pytest_collectstart():
    """Before a module of tests is imported."""
    torch.manual_seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """Before a test and the fixtures that begin with it."""
    torch.manual_seed(0)


def pytest_sessionfinish(session):
    if hasattr(session.config, 'workeroutput'):
        session.config.workeroutput['figures'] = session.config.stash[FIGURES]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """A worker of pytest-xdist has ended: its figures are for the summary of the whole."""
    node.config.stash[FIGURES] += getattr(node, 'workeroutput', {}).get('figures', [])


def pytest_terminal_summary(terminalreporter, config):
    if config.stash[FIGURES]:
        terminalreporter.section('trust')
        for line in config.stash[FIGURES]:
            terminalreporter.write_line(line)


@pytest.fixture(scope='session')
def trust_scale(pytestconfig):
    """How much a trust test tries: a whole number, 1 unless --trust-scale says more."""
    return pytestconfig.getoption('--trust-scale')


@pytest.fixture(scope='session')
def trust_report(pytestconfig):
    """A function that takes one line, such as '24 kills survived', for the end of the session."""
    return pytestconfig.stash[FIGURES].append


@pytest.fixture(scope='module', autouse=True)
def garbage_is_sought_among_what_is_new():
    """mmengine collects garbage whenever it reads a data set, each time among the million objects
    of the libraries that all the tests of a worker import."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope='session', autouse=True)
def programs_start_quickly():
    """Where a test says nothing else."""
    before = filter(None, os.environ.get('PYTHONPATH', '').split(os.pathsep))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('PYTHONPATH', with_path(*before))
        yield


@pytest.fixture(autouse=True)
def scope_of_its_own():
    """A runner that a test or a fixture of its module builds changes the scope of the process."""
    DefaultScope._instance_dict.clear()
    yield
    DefaultScope._instance_dict.clear()
