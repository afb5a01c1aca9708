"""What is installed can be pinned, checked against a hash, and its licence looked up."""

import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

pytest.importorskip('mmengine')
packaging = pytest.importorskip('packaging')
from packaging.requirements import Requirement  # noqa: E402
from packaging.utils import canonicalize_name  # noqa: E402

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / 'requirements').glob('*.txt'))
sys.path[:0] = [str(ROOT / 'requirements'), str(ROOT / 'tools')]

import licences  # noqa: E402
import setup_env  # noqa: E402

pytestmark = pytest.mark.trust


def pins():
    """Name to (version, hashes)."""
    found = {}
    for path in LOCKS:
        text = re.sub(r'(?m)^#.*\n', '', path.read_text()).replace('\\\n', ' ')
        for line in text.splitlines():
            name, release, hashes = re.fullmatch(
                r'([a-z0-9-]+)==(\S+)((?: +\S+)*) *', line
            ).groups()
            assert name not in found, f'{name} is pinned twice'
            found[name] = release, hashes.split()
    return found


def installed(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def test_every_pin_has_hashes_and_names_no_place():
    """Nothing but name, version and SHA-256: an address would tie it to one index."""
    for name, (_, hashes) in pins().items():
        assert hashes, name
        assert all(re.fullmatch(r'--hash=sha256:[0-9a-f]{64}', each) for each in hashes), name


def test_the_pins_satisfy_what_the_project_asks_for():
    locked = {name: release for name, (release, _) in pins().items()}
    asked = licences.roots()
    for line in (*asked['the package'], *asked['openmmlab'], *setup_env.TORCH):
        requirement = Requirement(line)
        assert locked[canonicalize_name(requirement.name)] in requirement.specifier, line


def test_the_pins_satisfy_one_another():
    """As far as those are installed here in the pinned version, whose metadata can be read."""
    locked = {name: release for name, (release, _) in pins().items()}
    read = 0
    for name, release in locked.items():
        if installed(name) != release:
            continue
        for line in licences.distribution(name).requires or []:
            requirement = Requirement(line)
            if sys.version_info[:2] == (3, 11) and (
                requirement.marker is None or requirement.marker.evaluate({'extra': ''})
            ):
                pinned = locked.get(canonicalize_name(requirement.name))
                assert pinned, f'{name} needs {line}, which is not pinned'
                assert requirement.specifier.contains(pinned, prereleases=True), (name, line)
                read += 1
    if sys.version_info[:2] != (3, 11) or installed('mmengine') != locked['mmengine']:
        pytest.skip('the lock is of the official line on Python 3.11')
    assert read > len(locked) / 2


def test_what_is_installed_beside_the_lock(trust_report):
    """`make env` takes the newest that pyproject.toml allows, so releases move on; those that it
    pins may not."""
    locked = {name: release for name, (release, _) in pins().items()}
    here = {name: installed(name) for name in locked}
    if here['mmengine'] is None:
        pytest.skip('the lock is of the official line')
    other = [f'{n} {here[n]}, not {locked[n]}' for n in locked if here[n] not in (None, locked[n])]
    absent = [name for name in locked if here[name] is None]
    asked = [Requirement(line) for line in licences.roots()['openmmlab']]
    for requirement in asked:
        if '==' in str(requirement.specifier):
            assert here[canonicalize_name(requirement.name)] in requirement.specifier
    trust_report(
        f'supply: {len(locked)} pins with {sum(len(h) for _, h in pins().values())} hashes; here '
        f'{len(other)} other versions ({", ".join(other) or "none"}), '
        f'{len(absent)} not installed ({", ".join(absent) or "none"})'
    )


def test_the_licence_of_every_dependency_is_listed(trust_report):
    page = licences.read_page()
    missing = [name for name in pins() if name not in page]
    if sys.version_info[:2] == (3, 11):  # another Python needs backports
        missing += [name for name in licences.table() if name not in page]
    assert not missing, f'run `make licences`: docs/licences.md lacks {missing}'
    assert all(words.strip() for words in page.values())
    trust_report(f'supply: licences of {len(page)} packages listed in docs/licences.md')
