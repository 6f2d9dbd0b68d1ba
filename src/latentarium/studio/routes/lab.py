"""The lab's socket. The page requests a frame when it has received the previous one, so that
no frames queue up.

    {"start": {"name": "ring", "drawing": "", "seed": 0}}   start           -> {"real", "frame"}
    {"steps": 10, "only": ""}                               train           -> {"frame"}
    {"steps": 0}                                            current state   -> {"frame"}

Errors are answered as `error_to_json` returns them. A session ends with its connection.
"""

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Literal

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from latentarium.errors import UserError, error_to_json
from latentarium.studio.lab import Lab
from latentarium.studio.services import Services
from latentarium.texts import Text

MAX_SESSIONS = 4
MAX_STEPS = 100
"""Maximum number of steps between two frames."""
MAX_MESSAGE = 2000
"""Maximum number of characters of a message."""


class StartMessage(BaseModel):
    """The distribution to learn."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)
    name: str = Field(max_length=20)
    drawing: str = Field("", max_length=200)
    seed: int = Field(0, ge=0, lt=2**32)


class LabMessage(BaseModel):
    """A message from the page."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)
    start: StartMessage | None = None
    steps: int = Field(0, ge=0, le=MAX_STEPS)
    only: Literal["", "discriminator", "generator"] = ""


class LabSession:
    """The lab of one connection.

    Arguments:
        active: The sessions that have a lab; this session is added when it starts.
    """

    def __init__(self, active: "set[LabSession]") -> None:
        self._active = active
        self._lab: Lab | None = None

    def answer(self, text: str) -> dict[str, Any]:
        """Return the reply to any message."""
        try:
            return self._handle(LabMessage.model_validate_json(text[: MAX_MESSAGE + 1]))
        except ValidationError:
            return error_to_json("The message can't be read: reload the page.", "invalid-request")
        except UserError as error:
            return error_to_json(error.text, error.code)
        except Exception:  # the connection must survive any error
            logging.getLogger(__name__).exception("The lab failed.")
            return error_to_json("The lab can't continue from here: restart it.", "internal")

    def _handle(self, message: LabMessage) -> dict[str, Any]:
        reply: dict[str, Any] = {}
        if message.start:
            self._active.add(self)
            if len(self._active) > MAX_SESSIONS:
                self._active.discard(self)
                raise UserError(
                    Text(
                        "{limit} labs are open, the maximum: close one, then restart.",
                        limit=MAX_SESSIONS,
                    ),
                    code="too-many-labs",
                )
            start = message.start
            self._lab = Lab(start.name, drawing=start.drawing, seed=start.seed)
            reply["real"] = self._lab.real()
        if self._lab is None:
            raise UserError(
                "The lab has not been started: choose a distribution.", code="not-started"
            )
        if message.steps:
            self._lab.advance(message.steps, message.only)
        return {**reply, "frame": self._lab.frame()}

    def end(self) -> None:
        """Discard the lab, so that another session may start."""
        self._active.discard(self)
        self._lab = None


def router(_: Services) -> APIRouter:
    """Return the socket's route."""
    routes = APIRouter()
    # one thread for all labs leaves the other processors to decode requests
    worker = ThreadPoolExecutor(1, "lab")
    sessions: set[LabSession] = set()

    @routes.websocket("/lab")
    async def lab(socket: WebSocket) -> None:
        await socket.accept()
        loop = asyncio.get_running_loop()
        session = LabSession(sessions)
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                text = message.get("text") or ""
                reply = await loop.run_in_executor(worker, session.answer, text)
                await socket.send_text(json.dumps(reply, allow_nan=False))
        except (WebSocketDisconnect, RuntimeError):
            return  # the page was closed
        finally:
            session.end()

    return routes
