"""Made data, and the places where configs look for theirs."""

from pathlib import Path

import pytest
from made_data import ROOTS, make_data


@pytest.fixture(scope='module')
def made_folder(tmp_path_factory) -> Path:
    """A folder with made data, which every variable that moves a config's data names."""
    folder = tmp_path_factory.mktemp('made')
    make_data(folder)
    with pytest.MonkeyPatch.context() as to:
        for name in ROOTS:
            to.setenv(name, f'{folder}/series.csv' if name == 'CSV' else f'{folder}/')
        yield folder
