"""The exported files, each made once, also where several processes run the tests."""

import pytest
from filelock import FileLock


@pytest.fixture(scope='session')
def exported(tmp_path_factory):
    """A function from a name of ``configs/`` to an Exported."""
    for library in ('mmdet', 'mmseg', 'mmpretrain', 'onnxruntime', 'onnxscript'):
        pytest.importorskip(library)
    from exported_models import CONFIGS, Exported, make

    folder = tmp_path_factory.getbasetemp()
    if folder.name.startswith('popen-'):  # of a worker of pytest-xdist
        folder = folder.parent
    folder = folder / 'exported'
    folder.mkdir(exist_ok=True)

    def of(name):
        made = Exported(CONFIGS / f'{name}.py', folder / f'{name}.pth', folder / f'{name}.onnx')
        with FileLock(f'{folder / name}.lock'):
            return made if made.file.exists() else make(name, folder)

    return of
