"""The OpenAPI document, held against what the server answers; and what each path may be asked."""

import jsonschema
import pytest
from openapi_spec_validator import validate

from tests.gradio_app.serving import TOKEN, server

PNG = {"Content-Type": "image/png"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS")
PATHS = {
    "/v1/health": {"GET", "HEAD"},
    "/v1/models": {"GET", "HEAD"},
    "/v1/reference": {"GET", "HEAD"},
    "/v1/openapi.json": {"GET", "HEAD"},
    "/v1/colorize": {"POST"},
    "/v1/cancel/nobody": {"POST"},
}


@pytest.fixture
def document(client):
    return client.get("/v1/openapi.json").json()


def check(document: dict, path: str, method: str, answer) -> None:
    """The answer is of the schema that the document gives for it."""
    answers = document["paths"][path][method]["responses"]
    about = answers.get(str(answer.status_code), answers["default"])
    kind = answer.headers["content-type"].partition(";")[0]
    schema = about["content"][kind]["schema"] | {"components": document["components"]}
    jsonschema.validate(answer.json(), schema)
    name = schema["$ref"].rpartition("/")[2]
    assert answer.json().keys() == document["components"]["schemas"][name]["properties"].keys()


def test_every_document_that_the_server_sends_is_of_its_schema(client, document):
    check(document, "/v1/health", "get", client.get("/v1/health"))
    check(document, "/v1/models", "get", client.get("/v1/models"))
    for answer in (
        client.post("/v1/colorize", content=b"no picture", headers=PNG),
        client.post("/v1/colorize?vividness=9", content=b"no picture", headers=PNG),
        client.post("/v1/colorize", content=b"", headers={"Content-Type": "text/plain"}),
        client.post("/v1/colorize", headers={"Origin": "https://elsewhere.example"}),
        client.post("/v1/colorize", headers={"Authorization": "Bearer wrong"}),
        client.post("/v1/colorize?token=1"),
    ):
        check(document, "/v1/colorize", "post", answer)
    check(document, "/v1/cancel/{id}", "post", client.post("/v1/cancel/nobody"))


def test_the_document_is_openapi(document):
    validate(document)


def test_the_document_names_no_answer_that_is_never_given(client, document):
    assert "ValidationError" not in str(document)
    assert document["paths"]["/v1/cancel/{id}"]["post"]["responses"].keys() == {"200", "default"}
    assert client.post("/v1/cancel/" + "x" * 5000).status_code == 404


def test_the_document_says_whether_the_token_is_needed(document, tmp_path):
    assert document["security"] == [{}, {"token": []}]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    with server(tmp_path, "--token", TOKEN) as running, running.client() as client:
        good = {"Authorization": f"Bearer {TOKEN}"}
        assert client.get("/v1/openapi.json", headers=good).json()["security"] == [{"token": []}]


@pytest.mark.parametrize("path", PATHS)
def test_a_method_that_a_path_has_not_is_answered_with_those_it_has(client, path):
    for method in METHODS:
        answer = client.request(method, path)
        allowed = {name.strip() for name in answer.headers.get("allow", "").split(",")}
        if method in PATHS[path]:
            assert answer.status_code not in (405, 501), method
        elif method == "OPTIONS":
            assert answer.status_code == 204 and allowed == PATHS[path] | {"OPTIONS"}
        else:
            assert answer.status_code == 405 and allowed == PATHS[path] | {"OPTIONS"}, method
            assert method == "HEAD" or answer.json()["kind"] == "method"


@pytest.mark.parametrize("path", [path for path in PATHS if "HEAD" in PATHS[path]])
def test_head_says_what_get_would_and_sends_nothing(client, path):
    got, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "cache-control"):
        assert head.headers.get(name) == got.headers.get(name)


def test_the_reference_shows_the_documents_too(client, document):
    page = client.get("/v1/reference").text
    for name in document["components"]["schemas"]:
        assert f"<code>{name}</code>" in page
