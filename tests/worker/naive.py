"""The naive design, to be compared with: one Celery task a scan that loads the model each time and
runs the usual scikit-image script. `python -m celery -A tests.worker.naive worker` serves it."""

import os
from pathlib import Path

from celery import Celery

app = Celery("naive", broker=os.environ.get("PHOTOCHROM_BROKER", "redis://localhost:6379/0"))
app.conf.task_ignore_result = True
app.conf.broker_connection_retry_on_startup = True


@app.task(name="naive.colour")
def colour(source: str, destination: str, model: str) -> None:
    import numpy as np
    import onnxruntime
    from skimage import color, io, transform

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    multiple = int(about["photochrom.multiple"])
    side = -(-int(about["photochrom.side"]) // multiple) * multiple
    picture = io.imread(source)
    rgb = color.gray2rgb(picture) if picture.ndim == 2 else picture[..., :3]
    lab = color.rgb2lab(rgb)
    small = np.asarray(transform.resize(lab[..., 0], (side, side), anti_aliasing=True))
    feed = {"lightness": small[None, None].astype(np.float32)}
    if "hints" in {given.name for given in session.get_inputs()}:
        feed["hints"] = np.zeros((1, 3, side, side), np.float32)
    chroma = np.asarray(session.run(["chroma"], feed)[0])[0].transpose(1, 2, 0)
    lab[..., 1:] = transform.resize(chroma, lab.shape[:2], order=1)
    Path(destination).parent.mkdir(parents=True, exist_ok=True)
    coloured = np.clip(color.lab2rgb(lab) * 255, 0, 255).astype(np.uint8)
    io.imsave(destination, coloured, quality=92, check_contrast=False)
