"""Failures of handlers become notes on the page, in words for people."""

import functools
import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any

import gradio as gr

from core.errors import PhotochromError
from gradio_app.page import words
from gradio_app.problems import Refused


def failures_as_notes(otherwise: Callable[[], Any] = gr.skip):
    """A handler whose failures reach the person as a sentence, never as a traceback.

    The page then gets `otherwise()`; by default it stays as it is. A failure that is raised would
    make Gradio cover the page's parts with the word Error.
    """

    def noting(handler: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isasyncgenfunction(handler):

            @functools.wraps(handler)
            async def guarded_generator(*arguments: Any, **named: Any) -> AsyncIterator[Any]:
                try:
                    async for shown in handler(*arguments, **named):
                        yield shown
                except (PhotochromError, MemoryError, Refused) as error:
                    show_note(error)
                    yield otherwise()

            return guarded_generator

        @functools.wraps(handler)
        async def guarded(*arguments: Any, **named: Any) -> Any:
            try:
                return await handler(*arguments, **named)
            except (PhotochromError, MemoryError, Refused) as error:
                show_note(error)
                return otherwise()

        return guarded

    return noting


def show_note(error: Exception) -> None:
    """Shows what went wrong as a note on the page."""
    gr.Warning(words.plain(error), duration=12, title="Not done")
