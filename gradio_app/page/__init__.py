"""What a browser shows at `/`."""

from fastapi import FastAPI

from gradio_app.workshop import Workshop


def add_page(app: FastAPI, workshop: Workshop) -> None:
    """Mounts the page at `/`."""
    import gradio as gr

    with gr.Blocks() as blocks:
        gr.Markdown("photochrom")
    gr.mount_gradio_app(app, blocks, path="/")
