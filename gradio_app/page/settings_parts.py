"""Makes the parts by which a person says how to colour: model, side, vividness, and others.

`payloads.ColourSettings` and `payloads.WaySettings` name them, and their values.
"""

from collections.abc import Sequence
from typing import Any, Final

import gradio as gr

from core.options import declared
from gradio_app.page import words
from gradio_app.page.payloads import WaySettings

_SIDES: Final = (("As the model likes it", 0), ("384 px", 384), ("512 px", 512), ("768 px", 768))
_OPTIONS: Final = {name: (default, limits) for name, _, default, limits in declared()}


def model_choice(names: Sequence[str], **settings: Any) -> gr.Dropdown:
    """Makes the choice of the model, which is hidden where there is one alone."""
    settings = {"value": names[0], "label": "Model"} | settings
    return gr.Dropdown(list(names), visible=True if len(names) > 1 else "hidden", **settings)


def side_choice(**settings: Any) -> gr.Dropdown:
    """Makes the choice of the short side, in px, that the model sees; 0 is the model's own."""
    settings = {"info": words.SIDE} | settings
    return gr.Dropdown(
        list(_SIDES), value=0, label="How large the model sees the picture", **settings
    )


def vividness_slider(**settings: Any) -> gr.Slider:
    """Makes the slider of how strong the colours are."""
    default, limits = _OPTIONS["vividness"]
    settings = {"value": default, "label": "Vividness"} | settings
    return gr.Slider(limits["low"], limits["high"], step=0.05, **settings)


def small_faces_switch(**settings: Any) -> gr.Checkbox:
    """Makes the switch of whether the model also looks at tiles of a larger picture."""
    settings = {"info": words.SMALL_FACES} | settings
    return gr.Checkbox(False, label="Small faces (slower)", **settings)


def dials() -> dict[str, gr.Slider]:
    """Makes the sliders of warmth, tint, calm and how far hints reach, each under its name."""
    return {
        name: gr.Slider(
            limits["low"],
            limits["high"],
            value=default,
            step=0.05,
            label=label,
            info=info,
            elem_id=name,
        )
        for name, label, info in words.DIALS
        for default, limits in (_OPTIONS[name],)
    }


#: The second of two ways is a little more vivid at first, so that they differ.
_SECOND_VIVIDNESS: Final = 1.3


def two_ways(
    names: Sequence[str], first: str, second: str, elem_id: str
) -> tuple[WaySettings, WaySettings]:
    """Makes two columns of settings under their titles; returns the parts of both ways."""
    parts: list[Any] = []
    default = _OPTIONS["vividness"][0]
    differ_by_model = len(names) > 1
    with gr.Row(elem_classes="ways", elem_id=elem_id):
        for title, name, vividness in (
            (first, names[0], default),
            (second, names[-1], default if differ_by_model else _SECOND_VIVIDNESS),
        ):
            key = title.split()[0].lower()
            with gr.Column(min_width=220, elem_id=f"{elem_id}-{key}"):
                gr.HTML(f"<h2>{title}</h2>", js_on_load=None)
                parts += [
                    model_choice(names, value=name, elem_id=f"{elem_id}-{key}-model"),
                    side_choice(info=None, elem_id=f"{elem_id}-{key}-side"),
                    vividness_slider(value=vividness, elem_id=f"{elem_id}-{key}-vividness"),
                    small_faces_switch(info=None, elem_id=f"{elem_id}-{key}-faces"),
                ]
    return WaySettings.pair(parts)
