"""The page of an exported model, in a real Chromium; and what it does with hostile uploads."""

import io
import json
import re
import shutil
import socket
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from exported_models import scene
from PIL import Image

from heracles_mm.errors import DataError
from heracles_mm.runtime import Model, page
from heracles_mm.runtime.drawing import drawn

pytest.importorskip('gradio', reason='the app extra is not installed')
CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')


@pytest.fixture(scope='module')
def address(exported):
    examples = [Image.fromarray(scene(64, 96, index)) for index in (1, 2)]
    with page.served(Model(exported('instances').file), examples) as address:
        yield address


@pytest.fixture(scope='module')
def browser():
    playwright = pytest.importorskip('playwright.sync_api', reason='the dev extra has it')
    if CHROMIUM is None:
        pytest.skip('no Chromium is installed')
    with playwright.sync_playwright() as tool:
        chromium = tool.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        yield chromium
        chromium.close()


@contextmanager
def user(browser, address):
    """A page that has loaded, of a user of its own; what it asks for must be ours."""
    context = browser.new_context(viewport={'width': 1200, 'height': 900})
    view, asked = context.new_page(), []
    view.on('request', lambda request: asked.append(request.url))
    view.goto(address)
    view.get_by_text('least score').first.wait_for()
    yield view
    context.close()
    foreign = [url for url in asked if not url.startswith((address, 'data:', 'blob:'))]
    assert not foreign


def found(view):
    """How many objects the page says."""
    view.locator('#found').wait_for(timeout=60_000)
    return int(re.match(r'(\d+) found', view.locator('#found').inner_text())[1])


def upload(view, path):
    view.locator('input[type=file]').first.set_input_files(str(path))


def set_score(view, value):
    view.get_by_label('number input for least score').fill(str(value))
    view.keyboard.press('Tab')


def expect(condition):
    """Wait for what a page does in its own time."""
    for _ in range(600):
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_upload_threshold_and_toggles(browser, address, exported, tmp_path):
    """The count follows the slider without the model, and is the model's own; a box that is not
    drawn leaves its pixels as they were."""
    Image.fromarray(scene(64, 96)).save(tmp_path / 'a.png')
    result = Model(exported('instances').file)(tmp_path / 'a.png')
    with user(browser, address) as view:
        upload(view, tmp_path / 'a.png')
        assert found(view) == len(result.above(page.SCORE))
        text = view.inner_text('body')
        assert '96x64 px, model ' in text and 'instances: detection' in text
        assert all(name in text for name in result.above(page.SCORE).names())
        least = float(np.sort(result.scores)[-2])
        middle = round((least + float(result.scores.max())) / 2, 2)
        expected = len(result.above(middle))
        assert expected < len(result.above(page.SCORE))
        set_score(view, middle)
        assert expect(lambda: found(view) == expected)
        image = view.locator('#drawn img')
        before = image.get_attribute('src')
        for option in ('boxes', 'masks', 'labels'):
            view.get_by_label(option, exact=True).uncheck()
        assert expect(lambda: image.get_attribute('src') != before)
        assert expect(lambda: np.array_equal(pixels_of(view, image), scene(64, 96)))


def pixels_of(view, image):
    """What an image of the page shows."""
    content = view.request.get(image.get_attribute('src')).body()
    return np.asarray(Image.open(io.BytesIO(content)).convert('RGB'))


def test_an_example_and_two_users(browser, address, exported, tmp_path):
    """Each user sees the picture that is theirs."""
    Image.fromarray(scene(64, 96)).save(tmp_path / 'a.png')
    model = Model(exported('instances').file)
    with user(browser, address) as first, user(browser, address) as second:
        upload(first, tmp_path / 'a.png')
        second.locator('.gallery-item').first.click()
        for view, picture in ((first, scene(64, 96)), (second, scene(64, 96, 1))):
            expected = model(picture).above(page.SCORE)
            assert found(view) == len(expected)
            seen = pixels_of(view, view.locator('#drawn img'))
            assert np.array_equal(seen, drawn(picture, expected, model.description))


def test_a_broken_upload_is_one_sentence(browser, address, tmp_path):
    (tmp_path / 'broken.png').write_bytes(b'\x89PNG\r\n\x1a\n no more')
    with user(browser, address) as view:
        upload(view, tmp_path / 'broken.png')
        said = view.get_by_text('the file is no picture, or a broken or too large one')
        said.first.wait_for(timeout=60_000)
        assert 'Traceback' not in view.inner_text('body')


def post(address, path, body, kind='application/json'):
    request = urllib.request.Request(address + path, body, {'Content-Type': kind})
    return urllib.request.urlopen(request, timeout=60)


def test_no_other_file_of_the_machine_is_served(address, tmp_path):
    secret = tmp_path / 'secret.png'
    Image.fromarray(scene(8, 8)).save(secret)
    for path in (secret, '/etc/hostname', '../../etc/hostname'):
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(f'{address}gradio_api/file={path}', timeout=60)
        assert error.value.code in (403, 404)


def test_a_path_of_the_machine_is_no_upload(address, tmp_path):
    """As a program may send it in place of the page."""
    Image.fromarray(scene(8, 8)).save(tmp_path / 'secret.png')
    config = json.load(urllib.request.urlopen(address + 'config', timeout=60))
    event = next(each for each in config['dependencies'] if each['targets'][0][1] == 'change')
    file = {'path': str(tmp_path / 'secret.png'), 'meta': {'_type': 'gradio.FileData'}}
    call = {'data': [file], 'fn_index': event['id'], 'session_hash': 'hostile'}
    post(address, 'gradio_api/queue/join', json.dumps(call).encode())
    answers = urllib.request.urlopen(
        f'{address}gradio_api/queue/data?session_hash=hostile', timeout=60
    )
    last = next(json.loads(line[6:]) for line in answers if b'process_completed' in line)
    assert last['success'] is False and 'secret' not in json.dumps(last)


def test_a_huge_upload_is_refused_while_it_comes(address):
    """Sent as a form of one file of more than the most, of which the server keeps none."""
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    body = head + bytes(page.MOST_BYTES + 2**20) + b'\r\n--x--\r\n'
    with pytest.raises(urllib.error.HTTPError) as error:
        post(address, 'gradio_api/upload', body, 'multipart/form-data; boundary=x')
    assert error.value.code == 413
    assert 'maximum allowed size' in error.value.read().decode()


def test_the_page_listens_on_this_machine_alone(address):
    """A server of all addresses would answer at this one too."""
    port = urlsplit(address).port
    assert address == f'http://127.0.0.1:{port}/'
    with pytest.raises(OSError):
        socket.create_connection(('127.0.0.2', port), timeout=5)


def test_what_an_upload_may_be(exported, tmp_path, monkeypatch):
    model = Model(exported('instances').file)
    path = tmp_path / 'a.png'
    Image.fromarray(scene(64, 96)).save(path)
    assert page.look(model, str(path)).result.size == (64, 96)
    monkeypatch.setattr(page, 'MOST_PIXELS', 1000)
    with pytest.raises(DataError, match='has 96x64 px, and 0 million are the most'):
        page.look(model, str(path))
    monkeypatch.setattr(page, 'MOST_BYTES', 1000)
    with pytest.raises(DataError, match='larger than 0 MB'):
        page.look(model, str(path))


def test_its_folder_goes_when_it_ends_and_it_writes_nowhere_else(exported, tmp_path, monkeypatch):
    model = Model(exported('classes').file)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    with page.served(model, [Image.fromarray(scene(64, 64))]) as address:
        urllib.request.urlopen(address, timeout=60).read()
        assert [path.name[:16] for path in tmp_path.iterdir()] == ['heracles_mm_app_']
    assert not list(tmp_path.iterdir())


def test_class_names_are_no_html(exported):
    model = Model(exported('classes').file)
    path = Path(exported('classes').file).with_name('b.png')
    Image.fromarray(scene(64, 64)).save(path)
    names = tuple(f'<script>{name}' for name in model.description.classes)
    model.description = replace(model.description, classes=names)
    seen = page.look(model, str(path))
    assert '<script>' not in page.shown(model, seen, 0, True, True, True)[1]
