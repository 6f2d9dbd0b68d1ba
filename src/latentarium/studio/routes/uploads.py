"""Images of the visitor's own: one file after the other, then what they are."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse

from latentarium.studio.limiter import Streamed
from latentarium.studio.routes.answers import streamed
from latentarium.studio.training.uploads import Uploads

Name = Annotated[str, InPath(max_length=64)]


def router(uploads: Uploads) -> APIRouter:
    """The routes of uploads."""
    routes = APIRouter(prefix="/api/uploads")

    @routes.get("")
    def kept() -> list[dict[str, Any]]:
        return uploads.kept()

    @routes.post("/{name}")
    def begin(name: Name) -> None:
        uploads.begin(name)

    @routes.put("/{name}/{path:path}")
    async def take(name: Name, path: str, request: Request) -> None:
        """A file, as it is."""
        await uploads.take(name, path, request.stream())

    @routes.post("/{name}/end")
    def end(name: Name) -> Streamed:
        """All has come: what is it?"""
        return streamed(uploads.end(name))

    @routes.delete("/{name}/part")
    def cancel(name: Name) -> None:
        uploads.cancel(name)

    @routes.delete("/{name}")
    def remove(name: Name) -> None:
        uploads.remove(name)

    @routes.get("/{name}/pictures/{number}")
    def picture(name: Name, number: Annotated[int, InPath(ge=0, lt=100)]) -> FileResponse:
        """One of a few that are shown."""
        return FileResponse(uploads.picture(name, number), media_type="image/png")

    return routes
