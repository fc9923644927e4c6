"""The page: what stands where, and which event leads to which of the `Handlers`.

Nothing is computed here. Labels stand here, sentences in `words`, looks in `theme` and
`assets/page.css`. Whether a photograph is open decides what is there: without one there is the
chooser alone, with one the picture, the painting area and the panel beside them.
"""

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import gradio as gr

from gradio_app.colorizer_pool import ColorizerPool
from gradio_app.page import examples, words
from gradio_app.page.films import KINDS, PageFilms
from gradio_app.page.handlers import Handlers
from gradio_app.page.hint_editor import hint_editor
from gradio_app.page.parts import (
    BatchParts,
    ComparisonParts,
    FilmParts,
    PhotographParts,
    Presence,
    Shown,
)
from gradio_app.page.payloads import ColourSettings
from gradio_app.page.pictures import OpenPictures
from gradio_app.page.settings_parts import (
    dials,
    model_choice,
    side_choice,
    small_faces_switch,
    two_ways,
    vividness_slider,
)
from gradio_app.page.uploads import Uploads
from gradio_app.page.voting import Voting

_FETCH: Final = """(address) => {
  if (!address) return;
  const link = document.createElement("a");
  link.href = address; link.download = "";
  document.body.append(link); link.click(); link.remove();
}"""
_NOTHING: Final = "() => null"
#: How many files are listed, which a list that scrolls does not show.
_COUNT: Final = """(files) => {
  const count = files ? files.length : 0, noun = count > 1 ? "files" : "file";
  return count ? `<p class="status" role="status">${count} ${noun} chosen</p>` : "";
}"""
#: What page.js remembers of the photograph, so that it finds it again after a reload or a restart.
_OPENED: Final = "(id) => { window.photochrom.opened(id); }"
_RESTORED: Final = "(id) => { window.photochrom.restored(id); }"
_CLOSED: Final = "() => { window.photochrom.closed(); }"
_RECALL: Final = "() => window.photochrom.lastId()"


def blocks(
    pool: ColorizerPool, pictures: OpenPictures, uploads: Uploads, voting: Voting
) -> gr.Blocks:
    """The page, ready to be mounted.

    Every file that it shows lies in Gradio's own folder already, so that Gradio copies none.
    """
    handlers = Handlers(pool, pictures, uploads)
    folder = pictures.folder / "examples"
    folder.mkdir(parents=True, exist_ok=True)
    for path in examples.paths():
        shutil.copy(path, folder)
    with gr.Blocks(title="photochrom", analytics_enabled=False) as page:
        gr.HTML(words.HEADER, js_on_load=None, elem_id="masthead")
        id_box = gr.Textbox(visible="hidden", elem_id="picture-id", label="picture")
        with gr.Row(elem_id="work"):
            with gr.Column(scale=7, min_width=320, elem_id="views"):
                with gr.Tabs(elem_id="tabs") as tabs:
                    with gr.Tab("Photograph", id="photograph", elem_id="tab-photograph"):
                        chooser, upload, gallery = _chooser(folder)
                        opened, slider = _before_and_after()
                    # Mounted from the start: it is there that strokes are kept.
                    with gr.Tab(
                        "Paint",
                        id="paint",
                        elem_id="tab-paint",
                        visible=False,
                        render_children=True,
                    ) as paint_tab:
                        painting = hint_editor()
                        gr.HTML(f"<p class='note'>{words.HINTS}</p>", js_on_load=None)
                    with gr.Tab(
                        "Compare", id="compare", elem_id="tab-compare", visible=False
                    ) as compare_tab:
                        _comparison(handlers, id_box)
                    with gr.Tab("Vote", id="vote", elem_id="tab-vote"):
                        _vote(voting, handlers.model_names, id_box)
                    with gr.Tab("Many files", id="many", elem_id="tab-many"):
                        _many_files(page, handlers)
                    # What films need is an extra: without it there is no tab.
                    has_films = bool(find_spec("av") and find_spec("cv2"))
                    with gr.Tab("Film", id="film", elem_id="tab-film", visible=has_films):
                        _film(PageFilms(pool, pictures, uploads), handlers.model_names)
                    with gr.Tab("Limits", id="limits", elem_id="tab-limits"):
                        gr.Markdown(words.CANNOT_KNOW, elem_classes="prose-page")
                status = gr.HTML(elem_id="status", js_on_load=None)
            with gr.Column(scale=3, min_width=280, elem_id="panel", visible=False) as panel:
                download = gr.Button("Download", variant="primary", elem_id="download")
                another = gr.Button("Another photograph", elem_id="another")
                controls, facts, histogram, progress, card = _controls(handlers)
        photograph = PhotographParts(
            id_box,
            Presence(
                chooser=chooser,
                opened=opened,
                paint_tab=paint_tab,
                compare_tab=compare_tab,
                panel=panel,
                tabs=tabs,
            ),
            controls,
            Shown(
                slider=slider,
                hint_editor=painting,
                status=status,
                facts=facts,
                histogram=histogram,
                progress=progress,
            ),
        )
        _opening(page, handlers, photograph, upload, gallery, another)
        _colouring(handlers, photograph, card)
        _fetching(handlers, photograph, download)
    return page


def _chooser(folder: Path) -> tuple[gr.Column, gr.File, gr.Gallery]:
    with gr.Column(elem_id="chooser") as chooser:
        # No list of suffixes: a file is what it holds, whatever it is called.
        upload = gr.File(label=words.CHOOSE, type="filepath", height=260, elem_id="drop")
        gr.HTML(f"<h2>{words.EXAMPLES}</h2>", js_on_load=None)
        gallery = gr.Gallery(
            [(str(path), words.EXAMPLE_NAMES[path.stem]) for path in examples.paths(folder)],
            columns=5,
            height="auto",
            object_fit="cover",
            allow_preview=False,
            show_label=False,
            interactive=False,
            buttons=[],
            elem_id="examples",
            label="Example photographs",
        )
    return chooser, upload, gallery


def _before_and_after() -> tuple[gr.Column, gr.ImageSlider]:
    with gr.Column(visible=False, elem_id="opened") as opened:
        slider = gr.ImageSlider(
            label="Before and after",
            show_label=False,
            interactive=False,
            type="filepath",
            format="jpeg",
            buttons=["fullscreen"],
            max_height=900,
            elem_id="before-after",
            container=False,
        )
    return opened, slider


def _controls(
    handlers: Handlers,
) -> tuple[ColourSettings, gr.HTML, gr.HTML, gr.HTML, gr.Markdown]:
    """Makes the parts that set how to colour, facts, histogram, progress, and the model's card."""
    names = handlers.model_names
    vividness = vividness_slider(info=words.VIVIDNESS, elem_id="vividness")
    small_faces = small_faces_switch(elem_id="small-faces")
    progress = gr.HTML(elem_id="looking", js_on_load=None)
    model = model_choice(names, elem_id="model")
    with gr.Accordion("Adjust", open=False, elem_id="adjust"):
        turned = dials()
    with gr.Accordion("More", open=False, elem_id="more"):
        facts = gr.HTML(elem_id="facts", js_on_load=None)
        histogram = gr.HTML(label="Colours", elem_id="histogram", js_on_load=None)
        side = side_choice(elem_id="side")
        with gr.Accordion("About this model", open=False):
            card = gr.Markdown(handlers.card(names[0]), elem_id="card")
    controls = ColourSettings(model, side, vividness, small_faces, **turned)
    return controls, facts, histogram, progress, card


def _opening(
    page: gr.Blocks,
    handlers: Handlers,
    photograph: PhotographParts,
    upload: gr.File,
    gallery: gr.Gallery,
    another: gr.Button,
) -> None:
    id_box, controls, opened = photograph.id_box, photograph.controls, photograph.listed()
    opening = upload.upload(
        handlers.open_upload,
        [upload, *controls],
        opened,
        api_name="open",
        concurrency_limit=None,
        preprocess=False,  # Gradio has no business with paths: `Uploads` decides
        show_progress_on=upload,
    )
    opening.then(None, id_box, js=_OPENED)
    # Room for another file, also after a failure.
    opening.then(None, None, upload, js=_NOTHING)
    gallery.select(
        handlers.open_example,
        [*controls],
        opened,
        api_visibility="private",
        concurrency_limit=None,
        show_progress_on=gallery,
    ).then(None, id_box, js=_OPENED)
    page.load(
        handlers.restore,
        id_box,
        opened,
        js=_RECALL,
        api_visibility="private",
        show_progress="hidden",
    ).then(None, id_box, js=_RESTORED)
    another.click(
        handlers.close,
        id_box,
        [id_box, *photograph.presence],
        api_visibility="private",
        show_progress="hidden",
    ).then(None, None, js=_CLOSED)


def _colouring(handlers: Handlers, photograph: PhotographParts, card: gr.Markdown) -> None:
    controls, shown = photograph.controls, [*photograph.shown]
    given = [photograph.id_box, *controls]
    settings: dict[str, Any] = {
        "api_visibility": "private",
        "trigger_mode": "always_last",
        "show_progress": "hidden",
        "concurrency_limit": None,
    }
    sliders = [control for control in controls if isinstance(control, gr.Slider)]
    others = [control for control in controls if not isinstance(control, gr.Slider)]
    changes = [control.input for control in others]
    changes += [event for slider in sliders for event in (slider.release, slider.input)]
    for changed in changes:
        changed(handlers.change, given, shown, **settings)
    model, painting = controls.model, photograph.shown.hint_editor
    model.input(handlers.card, model, card, api_visibility="private", show_progress="hidden")
    painting.paint(handlers.paint, given, shown, **settings)
    painting.ask(handlers.ask, given, painting, **settings)


def _fetching(handlers: Handlers, photograph: PhotographParts, download: gr.Button) -> None:
    address = gr.Textbox(visible="hidden", elem_id="result-address", label="result")
    download.click(
        handlers.full_size,
        [photograph.id_box, *photograph.controls],
        address,
        api_name="full_size",
        show_progress_on=download,
        concurrency_limit=None,
    ).success(None, address, js=_FETCH)


def _comparison(handlers: Handlers, id_box: gr.Textbox) -> None:
    left, right = two_ways(handlers.model_names, "Left", "Right", "compare-ways")
    go = gr.Button("Compare", variant="primary", elem_id="compare-go")
    slider = gr.ImageSlider(
        label="Left and right",
        show_label=False,
        interactive=False,
        type="filepath",
        format="jpeg",
        buttons=["fullscreen"],
        max_height=900,
        elem_id="compare-slider",
        container=False,
    )
    result = gr.HTML(js_on_load=None, elem_id="compare-said")
    go.click(
        handlers.compare,
        [id_box, *left, *right],
        [*ComparisonParts(slider, result)],
        api_name="compare",
        concurrency_limit=None,
    )


def _vote(voting: Voting, names: list[str], id_box: gr.Textbox) -> None:
    gr.HTML(f"<p class='lead'>{words.VOTE}</p>", js_on_load=None)
    photographs = _files(words.CHOOSE_FOR_VOTE, elem_id="vote-drop")
    first, second = two_ways(names, "First way", "Second way", "vote-ways")
    with gr.Accordion("Or pictures that were coloured elsewhere", open=False, elem_id="vote-own"):
        gr.HTML(f"<p class='note'>{words.OWN_PICTURES}</p>", js_on_load=None)
        with gr.Row():
            own = [
                _files(f"Pictures of the {which} way", elem_id=f"vote-own-{which}", min_width=220)
                for which in ("first", "second")
            ]
    go = gr.Button("Make the vote", variant="primary", elem_id="vote-go")
    result = gr.HTML(js_on_load=None, elem_id="vote-said")
    go.click(
        voting.make,
        [photographs, id_box, *first, *second, *own],
        result,
        api_name="vote",
        concurrency_limit=None,
        preprocess=False,
    )


def _files(label: str, **settings: Any) -> gr.File:
    return gr.File(label=label, file_count="multiple", type="filepath", **settings)


def _many_files(page: gr.Blocks, handlers: Handlers) -> None:
    gr.HTML(f"<p class='lead'>{words.BATCH}</p>", js_on_load=None)
    files = _files(words.CHOOSE_MANY, elem_id="many-drop")
    count = gr.HTML(js_on_load=None, elem_id="many-count")
    files.change(None, files, count, js=_COUNT)
    with gr.Row(elem_id="many-controls"):
        model = model_choice(handlers.model_names, min_width=240)
        vividness = vividness_slider(min_width=240)
        small_faces = small_faces_switch(elem_id="many-small-faces", min_width=240)
    with gr.Row(elem_id="many-acts"):
        go = gr.Button("Colour them", variant="primary", elem_id="many-go")
        stop = gr.Button("Stop", visible=False, elem_id="many-stop")
        again = gr.Button("Try the failed ones again", visible=False, elem_id="many-again")
    report = gr.HTML(js_on_load=None, elem_id="many-report")
    given = [files, model, vividness, small_faces]
    shown = [*BatchParts(files=files, report=report, stop=stop, again=again)]
    settings: dict[str, Any] = {
        "show_progress": "hidden",
        "concurrency_limit": None,
        "preprocess": False,
    }
    go.click(handlers.batch, given, shown, api_name="batch", **settings)
    again.click(handlers.batch, given, shown, api_visibility="private", **settings)
    stop.click(
        handlers.stop_batch,
        None,
        None,
        api_visibility="private",
        show_progress="hidden",
        concurrency_limit=None,
    )
    page.load(handlers.last_batch, None, report, api_visibility="private", show_progress="hidden")


def _film(films: PageFilms, names: list[str]) -> None:
    gr.HTML(f"<p class='lead'>{words.FILM}</p>", js_on_load=None)
    file = gr.File(label=words.CHOOSE_FILM, type="filepath", elem_id="film-drop")
    with gr.Row(elem_id="film-controls"):
        model = model_choice(names, min_width=240)
        vividness = vividness_slider(min_width=240, elem_id="film-vividness")
        kind = gr.Dropdown(list(KINDS), label="Result", min_width=240, elem_id="film-kind")
    frames = gr.HTML(js_on_load=None, elem_id="film-frames")
    with gr.Row(elem_id="film-acts"):
        go = gr.Button("Colour the whole film", variant="primary", elem_id="film-go")
        stop = gr.Button("Stop", visible=False, elem_id="film-stop")
    report = gr.HTML(js_on_load=None, elem_id="film-report")
    settings: dict[str, Any] = {"concurrency_limit": None, "preprocess": False}
    given = [file, model, vividness]
    file.upload(films.frames, given, frames, api_name="film_frames", **settings)
    for changed in (model.input, vividness.release):
        changed(films.frames, given, frames, api_visibility="private", **settings)
    file.clear(None, None, frames, js=_NOTHING)
    go.click(
        films.colour,
        [*given, kind],
        [*FilmParts(report=report, stop=stop)],
        api_name="film",
        show_progress="hidden",
        **settings,
    )
    stop.click(
        films.stop,
        None,
        None,
        api_visibility="private",
        show_progress="hidden",
        concurrency_limit=None,
    )
