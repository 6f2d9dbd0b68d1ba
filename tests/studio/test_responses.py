"""Streamed responses: their resources are freed however the connection ends."""

import asyncio
from types import SimpleNamespace

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from latentarium.studio.responses import json_lines


@pytest.mark.parametrize("parts_sent", [0, 1, 2])
def test_generator_is_closed_when_the_client_disconnects(parts_sent):
    closed = []

    def lines():
        try:
            while True:
                yield {"done": 1}
        finally:
            closed.append(True)

    left = [parts_sent]

    async def receive() -> Message:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message):
        if not left[0]:
            raise OSError("the client disconnected")
        left[0] -= 1

    state = SimpleNamespace(describe_error=str)
    scope = {
        "type": "http",
        "asgi": {"spec_version": "2.4"},
        "app": SimpleNamespace(state=state),
    }
    generator = lines()  # kept, so that garbage collection does not close it
    with pytest.raises(ClientDisconnect):
        asyncio.run(json_lines(generator)(scope, receive, send))
    assert closed == [True]
