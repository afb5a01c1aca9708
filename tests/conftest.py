"""The tests of trust (`pytest -m trust`): how large they run, and the figures that they print.
And for all tests: no deadline of hypothesis, since timings belong into benchmarks, and no test
leaves mmengine's default scope to the next."""

import pytest
from hypothesis import settings
from mmengine.registry import DefaultScope

settings.register_profile('no deadline', deadline=None)
settings.load_profile('no deadline')

FIGURES = pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption(
        '--trust-scale',
        type=int,
        default=1,
        help='raises how much the tests marked trust try (default 1, the size of the ordinary run)',
    )


def pytest_configure(config):
    config.stash[FIGURES] = []


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


@pytest.fixture(autouse=True)
def scope_of_its_own():
    """A runner that is built in a test changes the scope of the whole process."""
    before = DefaultScope._instance_dict.copy()
    yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(before)
