"""What pip installed of the two lines of OpenMMLab, by its metadata alone: nothing is imported."""

import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

LIBRARIES = {
    'mmengine': ('mmengine', 'onedl-mmengine'),
    'mmcv': ('mmcv', 'mmcv-lite', 'onedl-mmcv'),
    'mmdet': ('mmdet', 'onedl-mmdetection'),
    'mmseg': ('mmsegmentation', 'onedl-mmsegmentation'),
    'mmpretrain': ('mmpretrain', 'onedl-mmpretrain'),
}
"""The modules that both lines have -> the distributions that bring them."""
DISTRIBUTIONS = {
    'torch': ('torch',),
    'torchvision': ('torchvision',),
    'numpy': ('numpy',),
    'cv2': (
        'opencv-python',
        'opencv-python-headless',
        'opencv-contrib-python',
        'opencv-contrib-python-headless',
    ),
    'setuptools': ('setuptools',),
    **LIBRARIES,
}
"""The modules that matter -> the distributions that bring them."""
EXTRAS = {'official': 'openmmlab', 'OneDL': 'onedl'}


def installed(path: list[str] | None = None) -> dict[str, Version]:
    """Those of ``DISTRIBUTIONS`` that pip knows, but for one that it left without a version.

    Args:
        path: the folders to look in, by default those that Python imports from.
    """
    versions = {}
    for name in sum(DISTRIBUTIONS.values(), ()):
        found = distributions(name=name, path=sys.path if path is None else path)
        try:
            versions[name] = Version(next(iter(found)).version)
        except (StopIteration, InvalidVersion, TypeError, KeyError, OSError):
            continue  # Pythons differ in what a folder without metadata raises
    return versions


def which_line(names: Iterable[str]) -> str:
    """Of which line the distributions ``names`` are: 'official', 'OneDL', 'both' or 'none'."""
    libraries = {*names} & {*sum(LIBRARIES.values(), ())}
    forks = {name for name in libraries if name.startswith('onedl-')}
    if forks and libraries - forks:
        return 'both'
    return 'OneDL' if forks else 'official' if libraries else 'none'


def pip_install(names: Iterable[str]) -> str:
    """The command that completes the line of ``names``, the official one if there is none."""
    return f"pip install 'heracles-mm[{EXTRAS.get(which_line(names), 'openmmlab')}]'"


def with_versions(names: Iterable[str], versions: dict[str, Version]) -> str:
    """Those of ``names`` that are installed, with their versions; '' if none is."""
    return ' and '.join(f'{name} {versions[name]}' for name in names if name in versions)


def overwritten(versions: dict[str, Version]) -> list[str]:
    """Distributions that overwrote files of each other, a sentence with the cure for each case."""
    found = []
    twice = [names for names in LIBRARIES.values() if which_line({*names} & {*versions}) == 'both']
    if twice:
        both = with_versions(sum(twice, ()), versions)
        found.append(
            f'two lines of packages overwrote each other, {both}: make a new environment and '
            "pip install 'heracles-mm[openmmlab]' or 'heracles-mm[onedl]' there"
        )
    pair = ('mmcv', 'mmcv-lite')
    if len({versions[name] for name in pair if name in versions}) > 1:
        found.append(
            f'{with_versions(pair, versions)} overwrote each other: '
            'pip uninstall -y mmcv mmcv-lite && pip install mmcv-lite==2.1.0'
        )
    return found


def refused(versions: dict[str, Version]) -> dict[str, str]:
    """The modules that refuse the mmcv here, as they were released, each with the cure."""
    mmcv = [name for name in LIBRARIES['mmcv'] if name in versions]
    if not any(versions[name] >= Version('2.2') for name in mmcv):
        return {}
    cure = (
        f'refuses mmcv from 2.2 on, so {with_versions(mmcv, versions)}: '
        f'pip uninstall -y {" ".join(mmcv)} && pip install mmcv-lite==2.1.0'
    )
    modules = (('mmdet', 'mmdet'), ('mmseg', 'mmsegmentation'))
    return {
        module: f'{name} {versions[name]} {cure}' for module, name in modules if name in versions
    }


def out_of_range(
    requirements: Iterable[str], versions: dict[str, Version]
) -> Iterator[tuple[str, str, bool]]:
    """What is outside of this package's ``requirements``, as its metadata have them.

    Yields:
        The range, the version that is installed, and whether every user needs it so.
    """
    extra = EXTRAS.get(which_line(versions), 'openmmlab')
    for requirement in map(Requirement, requirements):
        if requirement.marker and not requirement.marker.evaluate({'extra': extra}):
            continue
        # a compiled mmcv is held against the range of mmcv-lite
        for name in {requirement.name, requirement.name.removesuffix('-lite')} & {*versions}:
            if not requirement.specifier.contains(versions[name], prereleases=True):
                asked = f'{requirement.name}{requirement.specifier}'
                yield asked, with_versions([name], versions), requirement.marker is None
