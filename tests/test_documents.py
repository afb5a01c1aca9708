"""The documents name what exists: pages, pictures, files, and every public name."""

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from heracles_mm import errors

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
    'token_labels': 'heracles_mm.token_labels',
    'data_checks': 'heracles_mm.data_checks',
    'forecasting': 'heracles_mm.forecasting',
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
    if page in ('classification', 'token_labels'):
        pytest.importorskip('mmpretrain')
    described = (site / 'api' / page / 'index.html').read_text()
    for name in import_module(PUBLIC[page]).__all__:
        if not name.startswith('__'):
            assert re.search(rf'id="heracles_mm[\w.]*\.{name}"', described), name


def test_every_error_that_a_user_may_catch_is_described(site):
    described = (site / 'api/errors/index.html').read_text()
    for name, value in vars(errors).items():
        if isinstance(value, type):
            assert f'id="heracles_mm.errors.{name}"' in described, name


def test_formulas_need_no_script_and_no_network(site):
    """A browser draws MathML by itself; nothing is left of the source that it was made from."""
    for page in ('heracles', 'hamsa', 'token_labels'):
        built = (site / page / 'index.html').read_text()
        assert '<math' in built and 'arithmatex' not in built
        assert not re.search(r'<(?:script|link)[^>]*(?:src|href)="(?:https?:)?//', built)


def test_the_start_page_lists_the_tasks_of_the_readme(site):
    tasks = (ROOT / 'README.md').read_text().split('\n## Tasks\n')[1].split('\n## ')[0]
    guides = re.findall(r'\(docs/([\w/]+)\.md\)', tasks)
    assert set(guides) == {path.stem for path in ROOT.glob('docs/*.md')} - {'index'}
    article = (site / 'index.html').read_text().split('<article')[1].split('</article>')[0]
    assert re.findall(r'href="([\w/]+)/"', article) == guides


@pytest.mark.parametrize('page', sorted(ROOT.glob('docs/*.md')), ids=lambda path: path.name)
def test_code_fits_the_page_and_lists_are_lists(page):
    """The site has room for 88 columns at 1280 px, and wants a blank line before a list."""
    parts = re.split(r'^ *```.*\n', page.read_text(), flags=re.MULTILINE)
    assert not [line for code in parts[1::2] for line in code.splitlines() if len(line) > 88]
    for text in parts[::2]:
        assert not re.search(r'^(?![*#\d])\S.*\n\* ', text, re.MULTILINE)


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
