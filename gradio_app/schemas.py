"""The JSON documents of `/v1/`, as types: FastAPI checks them and writes them into OpenAPI."""

from pydantic import BaseModel, Field


class Health(BaseModel):
    """What runs here."""

    service: str = Field(description="always photochrom", examples=["photochrom"])
    version: str = Field(description="version of the program")
    api: int = Field(description="version of this interface", examples=[1])
    model: str = Field(description="the model that colours where a request names none")
    provider: str = Field(description="what that model runs on", examples=["CPU"])


class ListedModel(BaseModel):
    """A model that a request may name."""

    name: str
    version: str
    hints: bool = Field(description="whether it takes hints")
    side: int = Field(description="preferred short side of what it sees, in pixels")
    default: bool = Field(description="whether it colours where a request names none")
    card: str = Field(description="its own words about itself, in Markdown")


class ListedModels(BaseModel):
    """All models that a request may name."""

    models: list[ListedModel]


class Cancelled(BaseModel):
    """The request that was cancelled."""

    cancelled: str = Field(description="the id that it was sent with")


class Problem(BaseModel):
    """Why a request was not done (RFC 9457)."""

    type: str = Field(examples=["urn:photochrom:problem:truncated"])
    title: str = Field(description="the status in words")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="one sentence for a person: what is wrong and what to do")
    kind: str = Field(
        description="for programs: a kind of a report line, or one of the server's own (request, "
        "busy, token, host, origin, method, path, timeout, upload, full)"
    )
