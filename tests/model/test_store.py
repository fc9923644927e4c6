"""The store: models by name, the user's own beside the bundled ones."""

import pytest

from core.errors import ModelError
from core.model import store
from tests.model_files import write_model


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PHOTOCHROM_MODELS", str(tmp_path / "models"))


def test_the_default_model_is_bundled():
    from core.options import DEFAULT_MODEL

    assert store.resolve(DEFAULT_MODEL).parent == store.BUNDLED


def test_an_imported_model_is_found_by_the_name_in_its_metadata(tmp_path):
    store.import_model(write_model(tmp_path / "whatever.onnx", name="sunset"))
    assert store.resolve("sunset").name == "sunset.onnx"
    assert "sunset" in [found.name for found in store.installed()]


def test_a_removed_model_is_gone(tmp_path):
    store.import_model(write_model(tmp_path / "m.onnx", name="sunset"))
    store.remove("sunset")
    with pytest.raises(ModelError):
        store.resolve("sunset")


def test_a_model_may_be_given_by_its_path(tmp_path):
    path = write_model(tmp_path / "m.onnx")
    assert store.resolve(str(path)) == path


def test_a_home_that_nobody_has_is_no_such_file():
    with pytest.raises(ModelError, match="no such model file"):
        store.resolve("~nobody-of-that-name/x.onnx")


def test_a_misspelt_name_suggests_the_nearest(tmp_path):
    store.import_model(write_model(tmp_path / "m.onnx", name="sunset"))
    with pytest.raises(ModelError, match="did you mean 'sunset'"):
        store.resolve("sunst")


@pytest.mark.parametrize("name", ["../escape", ".hidden", "a/b", "a b"])
def test_a_name_that_would_leave_the_folder_is_refused(tmp_path, name):
    with pytest.raises(ModelError, match="cannot be a file's name"):
        store.import_model(write_model(tmp_path / "m.onnx", name=name))


def test_a_foreign_file_is_not_imported(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(ModelError):
        store.import_model(path)
    assert not list(store.user_folder().glob("*"))


def test_a_bundled_model_cannot_be_removed_or_shadowed(tmp_path):
    bundled = next(found for found in store.installed() if found.bundled)
    with pytest.raises(ModelError, match="stays"):
        store.remove(bundled.name)
    with pytest.raises(ModelError, match="bundled"):
        store.import_model(write_model(tmp_path / "m.onnx", name=bundled.name))
