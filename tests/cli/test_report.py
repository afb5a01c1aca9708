"""``tools/test.py --report``: one page for each library, opened in a browser."""

import re
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

pytest.importorskip('mmdet', reason='a detector is reported on')
pytest.importorskip('mmseg', reason='and a segmentor')
pytest.importorskip('mmpretrain', reason='and a classifier')
pytest.importorskip('tidecv', reason='the extra report is not installed')

from heracles_mm.cli import test as test_module
from heracles_mm.datasets.pictures import write_pictures

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
SCENES = [f'test_dataloader.dataset.num_{part}=4' for part in ('train', 'val')]
CASES = {
    'mask_rcnn_heracles_nano_scenes': (SCENES, ['box AP50', 'missed', 'nothing']),
    'upernet_hamsa_nano_scenes': (SCENES, ['IoU, %', 'mean IoU', 'of the pixels']),
    'hamsa_nano_pictures': ([], ['most often taken for', 'taken for']),
}
CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('reports')
    write_pictures(folder / 'pictures', train=1, val=1)
    return folder


@pytest.fixture
def argv(folder, monkeypatch):
    """Name of a config -> the tool's arguments, with random weights."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv('PICTURES', f'{folder}/pictures/')
    monkeypatch.setenv('HERACLES_CACHE', f'{folder}/cache')

    def of(name, *more):
        config = CONFIGS / f'{name}.py'
        if not Path(f'{name}.pth').exists():
            cfg = Config.fromfile(config)
            torch.manual_seed(0)
            with DefaultScope.overwrite_default_scope(cfg.default_scope):
                torch.save({'state_dict': MODELS.build(cfg.model).state_dict()}, f'{name}.pth')
        options = [*CASES[name][0], 'test_dataloader.num_workers=0']
        options.append('test_dataloader.persistent_workers=False')
        return [str(config), f'{name}.pth', *more, '--cfg-options', *options]

    return of


@pytest.fixture
def page(argv):
    """Name of a config -> its page, written once in this module."""

    def of(name):
        path = Path(f'{name}.html').absolute()
        if not path.exists():
            assert test_module.main(argv(name, '--report', str(path))) == 0
        return path

    return of


@pytest.mark.parametrize('name', CASES)
def test_a_page_holds_all_that_it_shows(name, page):
    text = page(name).read_text()
    assert f'<h1>{name}, {name}.pth</h1>' in text
    for words in CASES[name][1]:
        assert words in text
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert '<script' not in text


@pytest.fixture(scope='module')
def browser():
    playwright = pytest.importorskip('playwright.sync_api', reason='the dev extra has it')
    if CHROMIUM is None:
        pytest.skip('no Chromium is installed')
    with playwright.sync_playwright() as tool:
        chromium = tool.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        yield chromium
        chromium.close()


@pytest.mark.parametrize('name', CASES)
def test_a_browser_shows_every_picture_and_asks_for_nothing(name, page, browser):
    path, asked, said = page(name), [], []
    view = browser.new_page(viewport=dict(width=1200, height=900))
    view.on('request', lambda request: asked.append(request.url))
    view.on('console', lambda message: said.append(message.text))
    view.goto(path.as_uri())
    widths = view.eval_on_selector_all('img', 'all => all.map(one => one.naturalWidth)')
    assert len(widths) > 1 and all(widths)  # the matrix and at least one wrong picture
    assert view.evaluate('document.documentElement.scrollWidth <= window.innerWidth')
    assert {url.partition(':')[0] for url in asked} <= {'file', 'data'}
    assert not said
    view.close()


MISTAKES = {
    'suffix': (['--report', 'page.pdf'], 'must end in .html, not page.pdf'),
    'folder': (['--report', 'absent/page.html'], 'its folder does not exist'),
    'tta': (['--report', 'page.html', '--tta'], 'give --tta or --report'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_one_line_before_the_test(case, argv, capsys):
    options, words = MISTAKES[case]
    assert test_module.main(argv('hamsa_nano_pictures', *options)) == 2
    assert words in capsys.readouterr().err
    assert not Path('page.html').exists()


def test_an_order_that_changes_names_no_picture(argv, capsys):
    arguments = argv('hamsa_nano_pictures', '--report', 'page.html')
    assert test_module.main([*arguments, 'test_dataloader.sampler.shuffle=True']) == 2
    assert 'sampler shuffles' in capsys.readouterr().err


def test_objects_that_the_pipeline_resizes_are_refused(argv, capsys):
    """They would be compared with predictions in the picture's own pixels, and all be wrong."""
    _, *rest = argv('mask_rcnn_heracles_nano_scenes', '--report', 'page.html')
    cfg = Config.fromfile(CONFIGS / 'mask_rcnn_heracles_nano_scenes.py')
    resize = dict(type='Resize', scale=(160, 160), keep_ratio=True)
    cfg.test_dataloader.dataset.pipeline.insert(-1, resize)  # before PackDetInputs
    cfg.dump('resized.py')
    assert test_module.main(['resized.py', *rest]) == 2
    assert 'put LoadAnnotations behind Resize' in capsys.readouterr().err
    assert not Path('page.html').exists()
