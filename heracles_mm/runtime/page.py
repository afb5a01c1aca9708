"""A page in the browser that shows what a model finds in a picture, by gradio.

https://www.gradio.app; ``pip install 'heracles-mm[app]'``. The page is for one machine: it listens
at 127.0.0.1, asks no other site for anything, and keeps what it is given in a folder of its own
that goes when it ends.
"""

import html
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from heracles_mm.errors import DataError, UserError
from heracles_mm.runtime.decoding import read_picture
from heracles_mm.runtime.drawing import drawn
from heracles_mm.runtime.model import Model
from heracles_mm.runtime.outcomes import ClassScores, Detections, LabelMap, Result

MOST_BYTES = 32 * 2**20
MOST_PIXELS = 50_000_000
"""Of an upload: a picture of 8000x6000 px is taken."""

USERS = 2
"""Who may wait for the model at a time without waiting for each other."""

SCORE = 0.3

ENLARGED = '#drawn img {width: 100%; height: 60vh; object-fit: contain}'
"""Small pictures too."""


@dataclass(frozen=True)
class Seen:
    """A picture of one user and what was found in it."""

    path: str
    result: Result
    seconds: float


@contextmanager
def served(
    model: Model,
    examples: Sequence[Image.Image] = (),
    inside: Mapping[str, Callable[[], Any]] | None = None,
    port: int | None = None,
) -> Iterator[str]:
    """Serve the page of a model; the context gets its address and ends it.

    Args:
        model: of any task.
        examples: pictures to choose from.
        inside: figures (matplotlib) of the model itself, by title, made when asked for.
        port: to listen at; None for a free one.

    Raises:
        UserError: gradio is not installed, or the port is taken.
    """
    # What gradio reads when it is imported or started.
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    try:
        import gradio
    except ModuleNotFoundError as error:
        raise UserError(
            f"the page needs {error.name}, not installed here: pip install 'heracles-mm[app]'"
        ) from error
    with tempfile.TemporaryDirectory(prefix='heracles_mm_app_') as folder:
        before = os.environ.get('GRADIO_TEMP_DIR')
        os.environ['GRADIO_TEMP_DIR'] = folder
        try:
            paths = []
            for index, example in enumerate(examples):
                paths.append(str(Path(folder) / f'example_{index + 1}.png'))
                example.save(paths[-1])
            page = _page(gradio, model, paths, inside or {})
            try:
                page.queue(default_concurrency_limit=USERS).launch(
                    server_name='127.0.0.1',
                    server_port=port,
                    prevent_thread_lock=True,
                    quiet=True,
                    max_file_size=MOST_BYTES,
                    ssr_mode=False,
                    footer_links=[],
                    css=ENLARGED,
                    theme=gradio.themes.Default(
                        font=['system-ui', 'sans-serif'], font_mono=['monospace']
                    ),
                )
            except OSError as error:
                raise UserError(f'the page cannot be served: {error}') from error
            try:
                yield f'http://127.0.0.1:{page.server_port}/'
            finally:
                page.close(verbose=False)
        finally:
            os.environ.pop('GRADIO_TEMP_DIR')
            if before is not None:
                os.environ['GRADIO_TEMP_DIR'] = before


def look(model: Model, path: str) -> Seen:
    """What the model finds in an uploaded file.

    Raises:
        DataError: it is too large, broken or no picture.
    """
    if Path(path).stat().st_size > MOST_BYTES:
        raise DataError(f'the file is larger than {MOST_BYTES // 2**20} MB, which is the most')
    try:
        with Image.open(path) as picture:
            width, height = picture.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError('the file is no picture, or a broken or too large one') from error
    if width * height > MOST_PIXELS:
        raise DataError(
            f'the picture has {width}x{height} px, and {MOST_PIXELS / 1e6:.0f} million are the most'
        )
    try:
        pixels = read_picture(path)
    except DataError as error:  # which names the folder
        raise DataError('the picture is broken or of a kind that cannot be read') from error
    start = time.perf_counter()
    result = model(pixels)
    return Seen(path, result, time.perf_counter() - start)


def shown(
    model: Model, seen: Seen, score: float, boxes: bool, masks: bool, labels: bool
) -> tuple[Image.Image, str]:
    """The picture as it is drawn, and HTML about it; the model is not asked again."""
    result = seen.result
    if isinstance(result, Detections):
        result = result.above(score)
    start = time.perf_counter()
    options = dict(boxes=boxes, masks=masks, labels=labels)
    image = drawn(seen.path, result, model.description, **options)
    seconds = time.perf_counter() - start
    height, width = result.size
    times = f'{width}x{height} px, model {seen.seconds:.2f} s, drawing {seconds:.2f} s'
    return image, f'{_legend(model, result)}<p>{times}</p>'


def _legend(model: Model, result: Result) -> str:
    """How often each class was found, or how much of it, beside its colour."""
    if isinstance(result, Detections):
        names = result.names()
        values = {name: str(names.count(name)) for name in dict.fromkeys(names)}
        head = f'{len(result)} found'
    elif isinstance(result, LabelMap):
        values = {name: f'{share:.1%}' for name, share in result.areas().items()}
        head = f'{len(values)} classes'
    else:
        assert isinstance(result, ClassScores)
        values = {name: f'{score:.1%}' for name, score in result.top()}
        head = 'best classes'
    colours = dict(zip(model.description.classes, model.description.palette, strict=True))
    square = '<span style="background:rgb{};padding:0 .6em;margin-right:.5em"></span>'
    rows = ''.join(
        f'<tr><td>{square.format(colours[name])}{html.escape(name)}</td><td>{value}</td></tr>'
        for name, value in values.items()
    )
    return f'<p id="found"><b>{head}</b></p><table>{rows}</table>'


def _page(
    gradio: Any, model: Model, examples: list[str], inside: Mapping[str, Callable[[], Any]]
) -> Any:
    """The page itself: what stands where, and what happens when."""

    about = model.description
    detects = about.task == 'detection'
    title = f'{about.name or "heracles_mm"}: {about.task}'

    def run(file: dict[str, Any] | None) -> Seen | None:
        if file is None:
            return None
        try:
            return look(model, file['path'])
        except UserError as error:
            raise gradio.Error(str(error), print_exception=False) from None

    def redraw(seen: Seen | None, *options: Any) -> tuple[Image.Image | None, str]:
        return (None, '') if seen is None else shown(model, seen, *options)

    hidden: dict[str, Any] = {'api_visibility': 'private', 'show_progress': 'hidden'}
    with gradio.Blocks(title=title, delete_cache=(60, 3600)) as page:
        gradio.Markdown(f'## {html.escape(title)}\n{html.escape(_facts(model))}')
        seen = gradio.State(None)
        with gradio.Row():
            with gradio.Column(scale=1):
                upload = gradio.Image(sources=['upload', 'clipboard'], label='picture', height=240)
                if examples:
                    gradio.Examples(examples, upload, label='or one of these', api_name=False)
                score = gradio.Slider(
                    0, 1, value=SCORE, step=0.01, label='least score', visible=detects
                )
                boxes = gradio.Checkbox(True, label='boxes', visible=detects)
                masks = gradio.Checkbox(
                    True, label='masks', visible=detects or about.task == 'segmentation'
                )
                labels = gradio.Checkbox(True, label='labels', visible=detects)
            with gradio.Column(scale=2):
                picture = gradio.Image(
                    label='what the model finds',
                    format='png',
                    interactive=False,
                    elem_id='drawn',
                    buttons=['fullscreen', 'download'],  # no sharing at Hugging Face
                )
                legend = gradio.HTML()
        if inside:
            with gradio.Accordion('inside the model', open=False):
                for name, figure in inside.items():
                    button = gradio.Button(name)
                    plot = gradio.Plot(show_label=False)
                    button.click(figure, None, plot, api_visibility='private')
        options = [score, boxes, masks, labels]
        drawing = dict(inputs=[seen, *options], outputs=[picture, legend], **hidden)
        # Without gradio's own reading: the file is judged, and read, by us.
        found = upload.change(run, upload, seen, preprocess=False, api_visibility='private')
        found.then(redraw, **drawing)
        for option in options:
            option.change(redraw, trigger_mode='always_last', **drawing)
    return page


def _facts(model: Model) -> str:
    about = model.description
    size = 'any size' if about.size is None else f'{about.size[1]}x{about.size[0]} px'
    license = f', {about.license}' if about.license else ''
    return f'{len(about.classes)} classes, input of {size}, {about.precision}{license}'
