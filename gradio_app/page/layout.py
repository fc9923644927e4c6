"""The page: what stands where, and which event leads to which handler of `studio`.

Nothing is computed here. Labels stand here, sentences in `words`, looks in `theme` and
`assets/page.css`.
"""

import shutil
from pathlib import Path
from typing import Any, Final

import gradio as gr

from core.image.formats import SUFFIXES
from core.options import declared
from gradio_app.colorizer_pool import ColorizerPool
from gradio_app.page import words
from gradio_app.page.pictures import Gallery
from gradio_app.page.stage import stage
from gradio_app.page.studio import Studio
from gradio_app.page.uploads import Uploads

EXAMPLES: Final = Path(__file__).with_name("examples")

_SIDES: Final = (("As the model likes it", 0), ("384 px", 384), ("512 px", 512), ("768 px", 768))

_OPTIONS: Final = {name: (default, limits) for name, _, default, limits in declared()}

_FETCH: Final = """(address) => {
  if (!address) return;
  const link = document.createElement("a");
  link.href = address; link.download = "";
  document.body.append(link); link.click(); link.remove();
}"""
_NOTHING: Final = "() => null"
_REMEMBER: Final = '(id) => { sessionStorage.setItem("photochrom", id || ""); }'
_RECALL: Final = '() => sessionStorage.getItem("photochrom") || ""'


def blocks(pool: ColorizerPool, gallery: Gallery, uploads: Uploads) -> gr.Blocks:
    """The page, ready to be mounted.

    Every file that it shows lies in Gradio's own folder already, so that Gradio copies none.
    """
    studio = Studio(pool, gallery, uploads)
    examples = shutil.copytree(EXAMPLES, gallery.folder / "examples", dirs_exist_ok=True)
    with gr.Blocks(title="photochrom", analytics_enabled=False) as page:
        gr.HTML(words.HEADER, js_on_load=None)
        with gr.Tabs(elem_id="rooms"):
            with gr.Tab("Photograph", id="one"):
                id_box = _one_photograph(page, studio, examples)
            with gr.Tab("Compare", id="compare"):
                _comparison(studio, id_box)
            with gr.Tab("Many files", id="many"):
                _many_files(page, studio)
            with gr.Tab("Limits", id="limits"):
                gr.Markdown(words.CANNOT_KNOW, elem_classes="prose-page")
    return page


def _one_photograph(page: gr.Blocks, studio: Studio, folder: Path) -> gr.Textbox:
    id_box = gr.Textbox(visible="hidden", elem_id="picture-id", label="picture")
    address = gr.Textbox(visible="hidden", elem_id="result-address", label="result")
    with gr.Column(elem_id="chooser") as chooser:
        upload = gr.File(
            label=words.CHOOSE, file_types=sorted(SUFFIXES), type="filepath", height=300,
            elem_id="drop",
        )  # fmt: skip
        gr.HTML("<h2>Or try one of these</h2>", js_on_load=None)
        examples = gr.Gallery(
            [(str(path), path.stem.capitalize()) for path in sorted(folder.glob("*.jpg"))],
            columns=5, height="auto", object_fit="cover", allow_preview=False, show_label=False,
            interactive=False, buttons=[], elem_id="examples", label="Example photographs",
        )  # fmt: skip
    with gr.Row(visible=False, elem_id="studio") as studio_row:
        with gr.Column(scale=7, min_width=320):
            with gr.Tabs(elem_id="views"):
                with gr.Tab("Before and after"):
                    slider = gr.ImageSlider(
                        label="Before and after", show_label=False, interactive=False,
                        type="filepath", format="jpeg", buttons=["fullscreen"], max_height=900,
                        elem_id="before-after", container=False,
                    )  # fmt: skip
                with gr.Tab("Paint hints"):
                    gr.HTML(f"<p class='lead'>{words.HINTS}</p>", js_on_load=None)
                    painting = stage()
            status = gr.HTML(elem_id="status", js_on_load=None)
        with gr.Column(scale=3, min_width=300, elem_id="panel"):
            download = gr.Button("Download full size", variant="primary", elem_id="download")
            another = gr.Button("Another photograph", elem_id="another")
            vividness = _vividness(info="0 is the photograph as it was", elem_id="vividness")
            model = gr.Dropdown(
                studio.model_names, value=studio.model_names[0], label="Model", elem_id="model"
            )
            side = gr.Dropdown(
                list(_SIDES), value=0, label="Side", elem_id="side",
                info="Short side of what the model sees; more is not always better",
            )  # fmt: skip
            detail = _detail(elem_id="detail")
            looking = gr.HTML(elem_id="looking", js_on_load=None)
            with gr.Accordion("About this model", open=False):
                card = gr.Markdown(studio.card(studio.model_names[0]), elem_id="card")
            histogram = gr.HTML(label="Colours", elem_id="histogram", js_on_load=None)

    controls = [model, side, vividness, detail]
    shown = [slider, painting, status, histogram, looking]
    opened = [id_box, chooser, studio_row, *controls, *shown]
    opening = upload.upload(
        studio.open_upload,
        [upload, *controls],
        opened,
        api_name="open",
        concurrency_limit=None,
        preprocess=False,  # Gradio has no business with paths: `Uploads` decides
    )
    opening.then(None, id_box, js=_REMEMBER)
    # Room for another file, also after a failure.
    opening.then(None, None, upload, js=_NOTHING)
    examples.select(
        studio.open_example, controls, opened, api_visibility="private", concurrency_limit=None
    ).then(None, id_box, js=_REMEMBER)
    page.load(
        studio.restore, id_box, opened, js=_RECALL, api_visibility="private", show_progress="hidden"
    ).then(None, id_box, js=_REMEMBER)
    another.click(
        studio.close, id_box, [id_box, chooser, studio_row], api_visibility="private"
    ).then(None, id_box, js=_REMEMBER)
    for changed in (model.input, side.input, vividness.release, vividness.input, detail.input):
        changed(
            studio.change, [id_box, *controls], shown, api_visibility="private",
            trigger_mode="always_last", show_progress="hidden", concurrency_limit=None,
        )  # fmt: skip
    model.input(studio.card, model, card, api_visibility="private", show_progress="hidden")
    painting.paint(
        studio.paint, [id_box, *controls], shown, api_visibility="private",
        trigger_mode="always_last", show_progress="hidden", concurrency_limit=None,
    )  # fmt: skip
    painting.ask(
        studio.ask, [id_box, *controls], painting, api_visibility="private",
        trigger_mode="always_last", show_progress="hidden", concurrency_limit=None,
    )  # fmt: skip
    download.click(
        studio.full_size, [id_box, *controls], address, api_name="full_size",
        show_progress_on=download, concurrency_limit=None,
    ).success(None, address, js=_FETCH)  # fmt: skip
    return id_box


def _vividness(**settings: Any) -> gr.Slider:
    default, limits = _OPTIONS["vividness"]
    return gr.Slider(
        limits["low"], limits["high"], default, step=0.05, label="Vividness", **settings
    )


def _detail(**settings: Any) -> gr.Radio:
    default, limits = _OPTIONS["detail"]
    choices = [(str(value), value) for value in range(limits["low"], limits["high"] + 1)]
    help = limits["help"]
    return gr.Radio(
        choices, value=default, label="Detail", info=help[0].upper() + help[1:], **settings
    )


def _comparison(studio: Studio, id_box: gr.Textbox) -> None:
    names = studio.model_names
    with gr.Row():
        left = gr.Dropdown(names, value=names[0], label="Left", elem_id="left-model", min_width=240)
        right = gr.Dropdown(
            names, value=names[-1], label="Right", elem_id="right-model", min_width=240
        )
        go = gr.Button("Compare on the open photograph", variant="primary", elem_id="compare-go")
    slider = gr.ImageSlider(
        label="Left and right model", show_label=False, interactive=False, type="filepath",
        format="jpeg", buttons=["fullscreen"], max_height=900, elem_id="models-slider",
        container=False,
    )  # fmt: skip
    said = gr.HTML(js_on_load=None, elem_id="compare-said")
    go.click(
        studio.compare, [id_box, left, right], [slider, said], api_name="compare",
        concurrency_limit=None,
    )  # fmt: skip


def _many_files(page: gr.Blocks, studio: Studio) -> None:
    gr.HTML(f"<p class='lead'>{words.BATCH}</p>", js_on_load=None)
    files = gr.File(
        label="Photographs", file_count="multiple", type="filepath", height=220, elem_id="many-drop"
    )
    with gr.Row():
        model = gr.Dropdown(
            studio.model_names, value=studio.model_names[0], label="Model", min_width=240
        )
        vividness = _vividness(min_width=240)
        detail = _detail(elem_id="many-detail")
    with gr.Row():
        go = gr.Button("Colour them", variant="primary", elem_id="many-go")
        stop = gr.Button("Stop", elem_id="many-stop")
    report = gr.HTML(js_on_load=None, elem_id="many-report")
    go.click(
        studio.batch, [files, model, vividness, detail], [files, report], api_name="batch",
        show_progress_on=report, concurrency_limit=None, preprocess=False,
    )  # fmt: skip
    stop.click(
        studio.stop_batch, None, None, api_visibility="private", show_progress="hidden",
        concurrency_limit=None,
    )  # fmt: skip
    page.load(studio.last_batch, None, report, api_visibility="private", show_progress="hidden")
