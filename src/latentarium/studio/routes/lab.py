"""The lab's socket: the page asks for the next frame when it has the last one, so nothing queues.

    {"start": {"name": "ring", "drawing": "", "seed": 0}}   begins anew     -> {"real", "frame"}
    {"steps": 10, "only": ""}                               goes on         -> {"frame"}
    {"steps": 0}                                            looks again     -> {"frame"}

What can't be done is answered by {"sentence"}. A session lives as long as its connection.
"""

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from latentarium.errors import UserError
from latentarium.studio.lab.lab import Lab

MOST_SESSIONS = 4
MOST_STEPS = 100
"""Between two frames."""
LONGEST = 2000
"""Letters of a message."""


class Start(BaseModel):
    """What is to be learned."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = Field(max_length=20)
    drawing: str = Field("", max_length=200)
    seed: int = Field(0, ge=0, lt=2**32)


class Ask(BaseModel):
    """A message of the page."""

    model_config = ConfigDict(extra="forbid", strict=True)
    start: Start | None = None
    steps: int = Field(0, ge=0, le=MOST_STEPS)
    only: Literal["", "discriminator", "generator"] = ""


class Session:
    """One visitor's lab.

    Arguments:
        others: The sessions that have a lab; this one joins them when it begins.
    """

    def __init__(self, others: "set[Session]") -> None:
        self._others = others
        self._lab: Lab | None = None

    def answer(self, text: str) -> dict[str, Any]:
        """The reply to a message, whatever it holds."""
        try:
            return self._answered(Ask.model_validate_json(text[: LONGEST + 1]))
        except ValidationError:
            return {"sentence": "The lab can't read this: reload the page."}
        except UserError as error:
            return {"sentence": str(error)}
        except Exception:  # whatever it is, the page must live on
            logging.getLogger(__name__).exception("The lab failed.")
            return {"sentence": "The lab can't go on from here: begin anew."}

    def _answered(self, ask: Ask) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if ask.start:
            self._others.add(self)
            if len(self._others) > MOST_SESSIONS:
                self._others.discard(self)
                raise UserError(
                    f"{MOST_SESSIONS} labs are open already, as many as this machine bears: close "
                    "one, then begin anew."
                )
            self._lab = Lab(ask.start.name, drawing=ask.start.drawing, seed=ask.start.seed)
            found["real"] = self._lab.real()
        if self._lab is None:
            raise UserError("Nothing is being learned here yet: begin with a distribution.")
        if ask.steps:
            self._lab.advance(ask.steps, ask.only)
        return {**found, "frame": self._lab.frame()}

    def end(self) -> None:
        """Makes room for another one."""
        self._others.discard(self)
        self._lab = None


def router() -> APIRouter:
    """The socket."""
    routes = APIRouter()
    # one thread for all labs, so that the other processors decode meanwhile
    worker = ThreadPoolExecutor(1, "lab")
    sessions: set[Session] = set()

    @routes.websocket("/lab")
    async def lab(socket: WebSocket) -> None:
        await socket.accept()
        loop = asyncio.get_running_loop()
        session = Session(sessions)
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                text = message.get("text") or ""
                reply = await loop.run_in_executor(worker, session.answer, text)
                await socket.send_text(json.dumps(reply, allow_nan=False))
        except (WebSocketDisconnect, RuntimeError):
            return  # the page is gone
        finally:
            session.end()

    return routes
