"""Routes of uploads: one request per file, then a check of all files."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi import Path as PathParameter

from latentarium.studio.responses import StreamedResponse, json_lines
from latentarium.studio.services import Services

Name = Annotated[str, PathParameter(max_length=64)]


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/uploads")
    uploads = services.uploads

    @routes.get("")
    def reports() -> list[dict[str, Any]]:
        return uploads.reports()

    @routes.post("/{name}")
    def begin(name: Name) -> None:
        uploads.begin(name)

    @routes.put("/{name}/{path:path}")
    async def receive(name: Name, path: str, request: Request) -> None:
        """Receive one file as the raw body."""
        await uploads.receive(name, path, request.stream())

    @routes.post("/{name}/end")
    def complete(name: Name) -> StreamedResponse:
        """Check the upload and stream progress, then the report."""
        return json_lines(uploads.complete(name))

    @routes.delete("/{name}/part")
    def cancel(name: Name) -> None:
        uploads.cancel(name)

    @routes.delete("/{name}")
    def remove(name: Name) -> None:
        uploads.remove(name)

    @routes.get("/{name}/pictures/{number}")
    def thumbnail(name: Name, number: Annotated[int, PathParameter(ge=0, lt=100)]) -> Response:
        return Response(uploads.thumbnail(name, number), media_type="image/png")

    return routes
