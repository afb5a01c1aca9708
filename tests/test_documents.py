"""The documents name what exists: pages, pictures, files, and every public name."""

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob('*.md'), *ROOT.glob('docs/**/*.md')])
PUBLIC = {
    'backbones': 'heracles_mm',
    'spectral': 'heracles_mm.spectral',
    'checkpoints': 'heracles_mm.checkpoints',
    'datasets': 'heracles_mm.datasets',
    'engine': 'heracles_mm.engine',
    'counting': 'heracles_mm.counting',
    'visualization': 'heracles_mm.visualization',
    'classification': 'heracles_mm.classification',
}
"""API page -> the package whose public names it holds."""


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    """The built site; --strict makes a warning, such as a link to nowhere, an error."""
    pytest.importorskip('mkdocs', reason='the docs extra is not installed')
    folder = tmp_path_factory.mktemp('site')
    command = [sys.executable, '-m', 'mkdocs', 'build', '--strict', '--quiet', '-d', str(folder)]
    environment = {**os.environ, 'NO_MKDOCS_2_WARNING': '1'}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.parametrize('page', PUBLIC)
def test_the_api_pages_describe_every_public_name(site, page):
    if page == 'classification':
        pytest.importorskip('mmpretrain')
    described = (site / 'api' / page / 'index.html').read_text()
    for name in import_module(PUBLIC[page]).__all__:
        if not name.startswith('__'):
            assert re.search(rf'id="heracles_mm[\w.]*\.{name}"', described), name


def test_every_picture_of_the_documents_is_shown_somewhere():
    shown = ' '.join(page.read_text() for page in PAGES)
    assert not [path.name for path in ROOT.glob('docs/images/*') if path.name not in shown]


@pytest.mark.parametrize('page', PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_names_files_that_exist(page):
    text = page.read_text()
    links = [link for link in re.findall(r'\]\(([^)#]+)[^)]*\)', text) if '://' not in link]
    gone = [link for link in links if not (page.parent / link).exists()]
    named = re.findall(r'(?<![\w/}.])(?:tools|configs|benchmarks|tests|docs)/[\w/.{},*-]+', text)
    for pattern in (path for name in named for path in expand(name.rstrip('.,'))):
        if Path(pattern).suffix and not list(ROOT.glob(pattern)):
            gone.append(pattern)
    assert not gone


def expand(name: str) -> list[str]:
    """As a shell: 'a_{b,c}.py' is two names."""
    braces = re.search(r'\{([^{}]*)\}', name)
    if braces is None:
        return [name]
    before, after = name[: braces.start()], name[braces.end() :]
    return [path for word in braces[1].split(',') for path in expand(before + word + after)]
