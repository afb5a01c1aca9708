"""The data sets as their authors distribute them, and the tool that prepares them."""

import pytest
from authors_data import SOURCES

from heracles_mm.cli import prepare_data


@pytest.fixture(scope='session')
def originals(tmp_path_factory):
    """Name -> (folder, what is drawn); they are copied before they are changed."""
    made = {}
    for name, (write, _) in SOURCES.items():
        folder = tmp_path_factory.mktemp(name)
        made[name] = folder, write(folder)
    return made


@pytest.fixture(scope='session')
def prepared(originals, tmp_path_factory):
    """Name -> the folder that the tool makes of the original."""
    made = {}
    for name, (_, source) in SOURCES.items():
        made[name] = tmp_path_factory.mktemp('prepared') / name
        number = ['--number', '3'] if name == 'coco-subset' else []
        words = [name, str(originals[name][0] / source), str(made[name]), *number]
        assert prepare_data.main(words) == 0
    return made


@pytest.fixture
def refusal(capfd, tmp_path):
    """Run the tool with what must be refused; return its one sentence, with nothing written."""

    def run(*words):
        before = sorted(tmp_path.rglob('*'))
        assert prepare_data.main([str(word) for word in words]) == 2
        lines = capfd.readouterr().err.splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith('prepare_data: error: ')
        assert sorted(tmp_path.rglob('*')) == before
        return lines[0]

    return run
