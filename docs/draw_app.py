"""The screenshot of docs/app.md: the page on a model, an example chosen, in a headless Chromium.

python docs/draw_app.py MODEL.onnx           # after: pip install '.[dev]', apt install chromium
"""

import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from heracles_mm.datasets.scenes import compose_scene
from heracles_mm.datasets.spec import ScenesSpec
from heracles_mm.runtime import Model
from heracles_mm.runtime.page import served

PICTURE = Path(__file__).parent / 'images' / 'app.png'
CHROMIUM = '/usr/bin/chromium'
EXAMPLES = (1, 2, 3, 5)
"""Of the scenes; the first is shown."""

SIDE = 480
"""Of the examples in px, so that words on them are sharp."""

COLOURS = 128
"""Of the screenshot, which makes it a small file."""


def main() -> None:
    spec = ScenesSpec()
    scenes = [compose_scene(spec, 'val', index).image[..., ::-1].copy() for index in EXAMPLES]
    examples = [Image.fromarray(scene).resize((SIDE, SIDE)) for scene in scenes]
    with served(Model(sys.argv[1]), examples) as address, sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        page = browser.new_page(viewport={'width': 1000, 'height': 800})
        page.goto(address)
        page.locator('.gallery-item').first.click()
        page.get_by_label('number input for least score').fill('0.6')
        page.keyboard.press('Tab')
        page.locator('#found').wait_for()
        page.wait_for_timeout(2000)  # until what moves stands still
        page.screenshot(path=PICTURE)
        browser.close()
    Image.open(PICTURE).convert('RGB').quantize(COLOURS).save(PICTURE, optimize=True)
    print(PICTURE)


if __name__ == '__main__':
    main()
