"""The addresses of the portal: what a link opens, and what stands below it. Reading changes nothing."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from activities.portal_links import PATH
from web.parts import Parts, Portal
from web.portal import pages
from web.portal.answering import Answering
from web.portal.entrance import Entrance, Instead, NotThere
from web.portal.guard import Guarded
from web.portal.reading import Reading
from web.portal.workflows import Unreachable

#: How pages are asked for; scanners that only want the head change nothing either.
READING = ["GET", "HEAD"]


def add_to(app: FastAPI, made_of: Parts, of: Portal) -> None:
    """Put the customers' pages into the application."""
    entrance = Entrance(made_of, of)
    reading = Reading(entrance, made_of)
    router = APIRouter(prefix=f"/{PATH}/{{token}}", include_in_schema=False)
    gets: dict[str, Callable[..., Response]] = {
        "": reading.home,
        "/invoice/{invoice_id}": reading.invoice,
        "/messages": reading.messages,
        "/message/{message_id}": reading.message,
        "/paper/{document_id}": reading.paper,
        "/exhibit/{invoice_id}/{number}": reading.exhibit,
        "/pay": reading.pay,
        "/code/{sealed}": reading.code,
    }
    for path, page in gets.items():
        router.add_api_route(path, page, methods=READING, response_model=None)
    answering = Answering(entrance, made_of)
    router.add_api_route("/answer/{answer_id}", answering.answered, methods=READING, response_model=None)
    router.add_api_route("/confirm", answering.confirm, methods=["POST"], response_model=None)
    router.add_api_route("/fresh", answering.fresh, methods=["POST"], response_model=None)
    router.add_api_route("/{action}", answering.form, methods=READING, response_model=None)
    router.add_api_route("/{action}", answering.review, methods=["POST"], response_model=None)
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=pages.STATIC), name="static")
    app.add_middleware(Guarded, path=f"/{PATH}/", secure=of.links.secure)

    def is_page(request: Request) -> bool:
        return request.url.path.startswith(f"/{PATH}/")

    async def missing(request: Request, problem: Exception) -> Response:
        return pages.not_found(request)

    async def instead(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, Instead)
        return problem.page

    async def refused(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, HTTPException)
        if not is_page(request):
            return Response(status_code=problem.status_code)
        return pages.too_large(request) if problem.status_code == 413 else pages.not_found(request)

    async def down(request: Request, problem: Exception) -> Response:
        return pages.unavailable(request) if is_page(request) else Response(status_code=503)

    app.add_exception_handler(NotThere, missing)
    app.add_exception_handler(Instead, instead)
    app.add_exception_handler(Unreachable, down)
    app.add_exception_handler(HTTPException, refused)
    for kind in (DBAPIError, PoolTimeout):
        app.add_exception_handler(kind, down)
