"""Links in the folder of scenes lead nobody to write or delete elsewhere."""

from pathlib import Path

import pytest

from heracles_mm.datasets import CacheError, ScenesSpec, ensure_scenes
from heracles_mm.datasets.cache import MANIFEST

pytestmark = pytest.mark.trust
SPEC = ScenesSpec(num_train=3, num_val=2, size=64, object_px=(20, 40))


@pytest.fixture
def outside(tmp_path, monkeypatch):
    monkeypatch.setenv('HERACLES_CACHE', str(tmp_path / 'cache'))
    folder = tmp_path / 'outside'
    folder.mkdir()
    (folder / 'precious').write_bytes(b'precious')
    return folder


def link(path: Path, target: Path) -> None:
    path.rename(path.with_name(path.name + '.before'))
    path.symlink_to(target)


@pytest.mark.parametrize('what', ['picture', 'folder of pictures', 'manifest', 'all'])
def test_what_a_link_points_to_is_neither_taken_nor_touched(what, outside, trust_report):
    folder = ensure_scenes(SPEC)
    picture = next(folder.rglob('*.png'))
    path = {
        'picture': picture,
        'folder of pictures': picture.parent,
        'manifest': folder / MANIFEST,
        'all': folder,
    }[what]
    link(path, outside if path.is_dir() else outside / 'precious')
    try:
        again = ensure_scenes(SPEC)
    except CacheError as error:
        outcome = f'refused ({error})'
    else:
        assert not any(found.is_symlink() for found in (again, *again.rglob('*')))
        outcome = 'made again'
    assert [(p.name, p.read_bytes()) for p in outside.iterdir()] == [('precious', b'precious')]
    trust_report(f'caches: a link in place of {what}: {outcome.partition(" (")[0]}')
