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
EXAMPLES = (7, 4, 1, 2)
"""Of the scenes; the first is shown."""


def main() -> None:
    spec = ScenesSpec()
    scenes = [compose_scene(spec, 'val', index).image[..., ::-1].copy() for index in EXAMPLES]
    examples = [Image.fromarray(scene) for scene in scenes]
    with served(Model(sys.argv[1]), examples) as address, sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        page = browser.new_page(viewport={'width': 1100, 'height': 860})
        page.goto(address)
        page.locator('.gallery-item').first.click()
        page.locator('#found').wait_for()
        page.wait_for_timeout(2000)  # until what moves stands still
        page.screenshot(path=PICTURE)
        browser.close()
    print(PICTURE)


if __name__ == '__main__':
    main()
