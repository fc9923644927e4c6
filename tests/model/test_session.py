"""Sessions: what runs is what was asked for, and what answers is a colour."""

import logging

import numpy as np
import onnxruntime
import pytest

from core.errors import ModelError, OptionsError, ProviderError
from core.model.session import open_session
from tests.model_files import write_model

GRAY = np.full((64, 96), 75, np.float32)


def test_a_session_reports_the_provider_that_it_really_runs_on(tmp_path):
    session = open_session(write_model(tmp_path / "m.onnx"), "auto")
    assert f"{session.provider}ExecutionProvider" in onnxruntime.get_available_providers()


def test_chroma_comes_at_the_models_stride(tmp_path):
    session = open_session(write_model(tmp_path / "m.onnx", stride=2, gain=(0.5, 1.0)), "cpu")
    chroma = session.predict(GRAY).chroma
    assert chroma.shape == (2, 32, 48)
    assert np.allclose(chroma[0], 12.5) and np.allclose(chroma[1], 25.0)


def test_zero_hints_and_no_hints_give_the_same_bits(tmp_path):
    session = open_session(write_model(tmp_path / "m.onnx"), "cpu")
    zeros = np.zeros((3, 64, 96), np.float32)
    assert np.array_equal(session.predict(GRAY).chroma, session.predict(GRAY, zeros).chroma)


def test_a_distribution_is_given_when_asked_for(tmp_path):
    session = open_session(write_model(tmp_path / "m.onnx", distribution=True), "cpu")
    assert session.predict(GRAY).distribution is None
    distribution = session.predict(GRAY, distribution=True).distribution
    assert distribution is not None
    assert np.allclose(distribution.sum(axis=0), 1)


@pytest.mark.parametrize("device", ["cuda", "tensorrt", "directml", "coreml"])
def test_a_device_asked_for_that_does_not_load_is_an_error_with_the_remedy(tmp_path, device):
    path = write_model(tmp_path / "m.onnx")
    try:
        session = open_session(path, device)
    except ProviderError as error:
        assert device in str(error) and "install" in str(error)
        assert error.exit_code == 3
    else:
        assert session.provider.lower() in (device, {"directml": "dml"}.get(device))


def test_auto_falls_back_when_a_listed_provider_does_not_load_and_says_so_once(
    tmp_path, monkeypatch, caplog
):
    path = write_model(tmp_path / "m.onnx")
    monkeypatch.setattr(
        onnxruntime,
        "get_available_providers",
        lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
    )
    from core.model import session as module

    module._say_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert open_session(path, "auto").provider == "CPU"
        assert open_session(path, "auto").provider == "CPU"
    assert [record.message for record in caplog.records if "cuda" in record.message] == [
        "cuda is installed but does not load; trying the next device"
    ]


def test_an_unknown_device_suggests_the_nearest(tmp_path):
    with pytest.raises(OptionsError, match="did you mean 'cuda'"):
        open_session(write_model(tmp_path / "m.onnx"), "cudaa")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_truncated_model_is_refused_by_name(tmp_path, share):
    path = write_model(tmp_path / "m.onnx")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ModelError, match=r"m\.onnx: ") as caught:
        open_session(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_text("a shopping list")
    with pytest.raises(ModelError, match="cannot be loaded as a model"):
        open_session(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_model_that_answers_with_no_number_is_an_error_not_a_picture(tmp_path, value):
    session = open_session(write_model(tmp_path / "m.onnx", constant=value), "cpu")
    with pytest.raises(ModelError, match="no numbers"):
        session.predict(GRAY)


def test_a_model_that_answers_at_another_size_is_an_error(tmp_path):
    session = open_session(write_model(tmp_path / "m.onnx", stride=4), "cpu")
    object.__setattr__(session.description, "stride", 2)
    with pytest.raises(ModelError, match="answered"):
        session.predict(GRAY)
