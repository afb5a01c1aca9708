"""The tests of trust (`pytest -m trust`): how large they run, and the figures that they print.
And for all tests: no deadline of hypothesis, since timings belong into benchmarks."""

import pytest
from hypothesis import settings

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
