"""List the licence of everything that an environment of the package holds, as its metadata say.

    make licences    # or: python requirements/licences.py

Writes ``docs/licences.md``: what the package and its extras bring, the OneDL line's excepted, from
the packages that are installed beside the interpreter which runs it. No version stands there: the
lock has them.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10, where pytest brings it
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PAGE = ROOT / 'docs' / 'licences.md'
KNOWN = {
    'cuda-toolkit': 'none named: an empty package that asks for the nvidia ones',
    'lvis': 'BSD-2-Clause, by its LICENSE file',
}
"""What the metadata do not say."""
HEAD = """# Licences of what the package needs

heracles_mm is Apache-2.0 and bundles no code of others. Of its embedded pictures,
`heracles_mm/datasets/SCENE_PARTS_NOTICE.md` tells. What it needs comes from the package index,
under the licences below: `make licences` makes this page from the metadata of what is installed on
Linux with Python 3.11, in their own words. The OneDL forks (`onedl-*`) are not in it.

| package | licence | needed by |
|---|---|---|
"""


def roots() -> dict[str, list[str]]:
    """What is asked for, by who asks: the package and each of its extras."""
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
    extras = project['optional-dependencies']
    return {
        'the package': project['dependencies'],
        **{extra: lines for extra, lines in extras.items() if extra != 'onedl'},
    }


def closure(lines: list[str]) -> Iterator[str]:
    """Names of the installed packages among ``lines`` and all that these need."""
    seen: set[tuple[str, frozenset[str]]] = set()
    open_ = [(line, frozenset[str]()) for line in lines]
    while open_:
        line, extras = open_.pop()
        requirement = Requirement(line)
        marker = requirement.marker
        if marker and not any(marker.evaluate({'extra': extra}) for extra in ('', *extras)):
            continue
        needed = canonicalize_name(requirement.name), frozenset(requirement.extras)
        found = installed(needed[0])
        if found and needed[0] != 'heracles-mm' and needed not in seen:
            seen.add(needed)
            open_ += [(line, needed[1]) for line in found.requires or []]
    yield from sorted({name for name, _ in seen})


def installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def licence(found: Distribution) -> str:
    """The licence expression, else the classifiers, else the first line of the licence field."""
    metadata = found.metadata
    if known := KNOWN.get(canonicalize_name(metadata['Name'])):
        return known
    if expression := metadata.get('License-Expression'):
        return expression
    classifiers = [
        line.split(' :: ')[-1]
        for line in metadata.get_all('Classifier', [])
        if line.startswith('License ::') and line != 'License :: OSI Approved'
    ]
    text = (metadata.get('License') or '').strip().splitlines()
    return ', '.join(classifiers) or (text[0] if text else '')


def table() -> dict[str, tuple[str, str]]:
    """Name to (licence, what of ours needs it)."""
    rows: dict[str, tuple[str, str]] = {}
    for who, lines in roots().items():
        for name in closure(lines):
            found = installed(name)
            assert found is not None
            rows.setdefault(name, (licence(found), who))
    return dict(sorted(rows.items()))


def read_page() -> dict[str, str]:
    """Name to licence, of the page as it is."""
    rows = PAGE.read_text().partition('|---|---|---|')[2]
    return dict(re.findall(r'(?m)^\| ([a-z0-9-]+) \| (.*?) \|', rows))


def main() -> None:
    rows = table()
    if silent := [name for name, (words, _) in rows.items() if not words]:
        sys.exit(f'no licence in the metadata of {silent}: look it up and write it into KNOWN')
    lines = (f'| {name} | {words} | {by} |\n' for name, (words, by) in rows.items())
    PAGE.write_text(HEAD + ''.join(lines))
    print(f'{PAGE.relative_to(ROOT)}: {len(rows)} packages')


if __name__ == '__main__':
    main()
