"""What the page's handlers tell, without a browser."""

import asyncio
import threading
from typing import Any

import pytest

from core.colorizer import Colorizer
from core.errors import OptionsError
from gradio_app.colorizer_pool import ColorizerPool
from gradio_app.page.handlers import Handlers
from gradio_app.page.pictures import MOST_OPEN, OpenPictures
from gradio_app.page.uploads import Uploads
from gradio_app.settings import ServerSettings
from tests.gradio_app.pictures import file_of, gray
from tests.model_files import write_model


class Halting:
    """A session that waits before its second look until `go_on` is set."""

    def __init__(self, session: Any) -> None:
        self.go_on = threading.Event()
        self._session, self._looks = session, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def predict(self, *planes: Any, **wanted: Any) -> Any:
        self._looks += 1
        assert self._looks != 2 or self.go_on.wait(30)
        return self._session.predict(*planes, **wanted)


@pytest.fixture
def pool(tmp_path):
    model = write_model(tmp_path / "tiny.onnx")
    pool = ColorizerPool(ServerSettings(model=str(model), workers=1, queue=4))
    yield pool
    pool.close()


def test_a_closer_look_says_how_far_it_is_and_gives_the_picture_at_its_end(pool, tmp_path):
    session = Halting(pool.colorizer.session)
    pool.colorizer = Colorizer(session)  # type: ignore[arg-type]
    pictures = OpenPictures(pool.folder)
    upload = tmp_path / "scan.png"
    upload.write_bytes(file_of(gray(300, 400), "PNG"))
    picture = pictures.open(upload, 10**6)

    async def told() -> list[tuple[Any, Any]]:
        lines = []
        async for shown in Handlers(pool, pictures, Uploads(tmp_path / "uploads")).change(
            picture.id, "tiny", 64, 1.0, True
        ):
            lines.append((shown.status, shown.progress))
            if "Looking from nearer, 1 of 13" in shown.progress:
                session.go_on.set()
        return lines

    status, progress = asyncio.run(told())[-1]
    assert session.go_on.is_set()
    assert "coloured in" in status and progress == ""


def test_a_duplicated_tab_costs_the_first_one_nothing_however_many_are_open(tmp_path):
    """Who was asked for just now, or has said to be open, is not the one to go."""
    pictures = OpenPictures(tmp_path)
    upload = tmp_path / "scan.png"

    def opened() -> str:
        upload.write_bytes(file_of(gray(30, 40), "PNG"))
        return pictures.open(upload, 10**6).id

    first, *others = [opened() for _ in range(MOST_OPEN)]
    twin = pictures.fork(first).id  # one more than may be open
    assert pictures.find(first).id == first
    pictures.fork(others[-1])
    pictures.mark_open(others[-1])
    opened()
    assert pictures.find(others[-1]) and pictures.find(twin)
    with pytest.raises(OptionsError):
        pictures.find(others[0])  # unasked for longest
