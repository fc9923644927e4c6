"""What the API's documentation says: the OpenAPI parts that cannot be read off a signature, and a
reference page that fetches nothing from anywhere (FastAPI's own pages load scripts from a CDN)."""

from html import escape
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse

from core.options import declared
from gradio_app.problems import PROBLEM_TYPE
from gradio_app.schemas import Problem
from gradio_app.settings import ServerSettings

#: What every problem document is, as a part of the OpenAPI document.
PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
_SECURITY: Final = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "the server's token: the state file has it, `demo --token` sets it",
    }
}

_TYPES: Final = {int: "integer", float: "number", str: "string", bool: "boolean"}


def _parameter(name: str, about: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": about, "schema": schema}


def _option_parameters() -> list[dict[str, Any]]:
    found = []
    for name, kind, default, about in declared():
        schema: dict[str, Any] = {"type": _TYPES[kind], "default": default}
        schema |= {"enum": list(about["choices"])} if "choices" in about else {}
        schema |= {"minimum": about["low"], "maximum": about["high"]} if "low" in about else {}
        found.append(_parameter(name, about["help"], **schema))
    return found


_RAW: Final = "raw samples only: "
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_FORM: Final = {
    "schema": {
        "type": "object",
        "properties": {
            "image": {"type": "string", "format": "binary", "description": "an image file"},
            "pixels": {"type": "string", "format": "binary", "description": "or raw samples"},
            "hints": {
                "type": "string",
                "format": "binary",
                "description": "a hint document, or a transparent PNG of the picture's size",
            },
        },
        "additionalProperties": {"type": "string", "description": "options, as in the query"},
    }
}

_ALTERNATIVES: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "alternatives": {
            "type": "array",
            "description": "the likeliest first",
            "items": {
                "type": "object",
                "properties": {
                    "colour": {"type": "string", "description": "#rrggbb"},
                    "share": {"type": "integer", "description": "how likely, in per cent"},
                },
                "required": ["colour", "share"],
            },
        }
    },
    "required": ["alternatives"],
}

#: What FastAPI cannot know of POST /v1/colorize: the bodies are read by hand, to disk.
COLORIZE: Final[dict[str, Any]] = {
    "summary": "Colours one picture",
    "parameters": [
        *_option_parameters(),
        _parameter("id", "a name for POST /v1/cancel/{id}", type="string"),
        _parameter("width", _RAW + "pixels across", type="integer"),
        _parameter("height", _RAW + "pixels down", type="integer"),
        _parameter("channels", _RAW + "samples a pixel", type="integer", enum=[1, 3]),
        _parameter("depth", _RAW + "bits a sample, little-endian", type="integer", enum=[8, 16]),
        _parameter(
            "space",
            _RAW + "gray goes with 1 channel, srgb with 3",
            type="string",
            enum=["gray", "srgb"],
        ),
        _parameter(
            "want",
            _RAW + "rgb of the same depth, or float32 a*, b* that fit in sRGB at the "
            "source's own lightness, or as JSON the colours that the model thinks of at x, y",
            type="string",
            enum=["rgb", "chroma", "alternatives"],
            default="rgb",
        ),
        _parameter("x", _RAW + "with alternatives, the pixel's column", type="integer"),
        _parameter("y", _RAW + "with alternatives, the pixel's row", type="integer"),
    ],
    "requestBody": {
        "required": True,
        "content": {
            "image/*": _BINARY,
            "multipart/form-data": _FORM,
            "application/octet-stream": _BINARY,
        },
    },
    "responses": {
        "200": {
            "description": "The picture in colour, in the format and depth that came",
            "headers": {
                f"X-Photochrom-{name}": {"schema": {"type": "string"}}
                for name in ("Model", "Provider", "Seconds")
            },
            "content": {
                "image/*": _BINARY,
                "application/octet-stream": _BINARY,
                "application/json": {"schema": _ALTERNATIVES},
            },
        },
        **{
            status: {"description": about, "content": {PROBLEM_TYPE: {"schema": PROBLEM}}}
            for status, about in (
                ("400", "the body is no whole picture, or not the samples announced"),
                ("401", "the token is missing or wrong"),
                ("403", "another host's name, or another origin"),
                ("408", "the body came too slowly"),
                ("409", "cancelled"),
                ("413", "too many bytes or pixels"),
                ("415", "a type or format that is not read"),
                ("422", "an option or a hint is wrong"),
                ("503", "the queue is full; see Retry-After"),
                ("507", "the server's disk is full"),
            )
        },
    },
}


def document(app: FastAPI, settings: ServerSettings) -> dict[str, Any]:
    """The OpenAPI document; made once, since nothing in it changes while the server runs."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=[{"url": settings.root_path or "/"}],
        )
        components = made.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
        components["securitySchemes"] = _SECURITY
        # An empty requirement: on loopback the token may be left out, but it is never wrong.
        made["security"] = [{"token": []}] if settings.needs_token else [{}, {"token": []}]
        app.openapi_schema = made
    return app.openapi_schema


async def page(app: FastAPI) -> HTMLResponse:
    """The reference as one plain page, made from the OpenAPI document."""
    document = app.openapi()
    parts = [
        _operation(method, path, about)
        for path, methods in document["paths"].items()
        for method, about in methods.items()
    ]
    schemas = document["components"]["schemas"].items()
    parts += [_object(name, schema) for name, schema in schemas]
    return HTMLResponse(_PAGE.replace("PARTS", "".join(parts)))


def _operation(method: str, path: str, about: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(item['name'])}</code><td>{_schema(item['schema'])}"
        f"<td>{escape(item.get('description', ''))}"
        for item in about.get("parameters", ())
    )
    bodies = "".join(f"<li><code>{kind}</code>" for kind in _content(about.get("requestBody", {})))
    answers = "".join(
        f"<tr><td><code>{status}</code><td>{escape(answer.get('description', ''))}"
        for status, answer in about.get("responses", {}).items()
    )
    return (
        f"<section><h2><code>{method.upper()} {escape(path)}</code></h2>"
        f"<p>{escape(about.get('description') or about.get('summary', ''))}</p>"
        + (f"<h3>Parameters</h3><table>{rows}</table>" if rows else "")
        + (f"<h3>Bodies</h3><ul>{bodies}</ul>" if bodies else "")
        + f"<h3>Answers</h3><table>{answers}</table></section>"
    )


def _object(name: str, schema: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(key)}</code><td>{_schema(about)}"
        f"<td>{escape(about.get('description', ''))}"
        for key, about in schema.get("properties", {}).items()
    )
    return (
        f"<section><h2><code>{escape(name)}</code></h2>"
        f"<p>{escape(schema.get('description', ''))}</p><table>{rows}</table></section>"
    )


def _content(body: dict[str, Any]) -> list[str]:
    return [escape(kind) for kind in body.get("content", {})]


def _schema(schema: dict[str, Any]) -> str:
    text = schema.get("type", "")
    if "enum" in schema:
        text = " | ".join(str(choice) for choice in schema["enum"])
    if "minimum" in schema:
        text += f", {schema['minimum']} to {schema['maximum']}"
    if schema.get("default") not in (None, ""):
        text += f" (default {schema['default']})"
    return escape(text)


_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>photochrom: local server</title>
<style>:root{color-scheme:light dark;background:Canvas}
body{font:1rem/1.6 system-ui,sans-serif;max-width:56rem;
margin:3rem auto;padding:0 1.5rem}table{border-collapse:collapse;width:100%}td{vertical-align:top;
padding:.35rem 1rem .35rem 0;border-top:1px solid color-mix(in srgb,currentColor 18%,transparent)}
section{margin-top:3rem}h2{font-size:1.15rem}h3{font-size:.9rem;margin-bottom:.2rem}</style>
<main><h1>The local server</h1>
<p>What programs may say to photochrom on this machine. Errors are problem documents (RFC 9457).
Send <code>Authorization: Bearer TOKEN</code> where a token is needed; never put it in the URL.
The same as <a href="openapi.json">OpenAPI</a>.</p>
<pre>curl --data-binary @scan.tif -H 'Content-Type: image/tiff' \\
     'http://127.0.0.1:7860/v1/colorize?vividness=1.2' -o colour.tif</pre>
PARTS</main></html>"""
