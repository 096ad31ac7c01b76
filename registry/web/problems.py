"""Every error as a page or as RFC 9457 JSON, by what the client asked for."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from catalog_specs import SpecError, load
from registry.errors import MuluError, NotFound, Rejected, TooLarge, Unreadable
from registry.web.templates import render
from validators.findings import word

PROBLEM_TYPE = "application/problem+json"
_PROBLEM_SCHEMA = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["type", "title", "status", "detail", "instance"],
}
# what any route may answer instead; stands in the description of each (RFC 9457)
ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"description": said, "content": {PROBLEM_TYPE: {"schema": _PROBLEM_SCHEMA}}}
    for status, said in (
        (401, "没有登录，或令牌无效"),
        (403, "没有这项权限"),
        (404, "没有"),
        (410, "已注销"),
        (413, "过大"),
        (422, "不合规"),
        (429, "过于频繁"),
        (503, "暂时不能使用"),
    )
}
TYPE_PREFIX = "urn:mulu:problem:"
Next = Callable[[Request], Awaitable[Response]]


def enter(app: FastAPI) -> None:
    """Enter the handlers into the application."""
    app.add_exception_handler(MuluError, _mulu)
    app.add_exception_handler(SpecError, _spec)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def with_headers(headers: Mapping[str, str]) -> Callable[[Request, Next], Awaitable[Response]]:
    """A middleware that adds the same headers to every answer."""

    async def add(request: Request, call_next: Next) -> Response:
        response = await call_next(request)
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response

    return add


def problem(request: Request, status: int, title: str, detail: str, **more: object) -> Response:
    """One error: a page for a browser, RFC 9457 JSON for everything else."""
    wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
    if wants_page:
        return render(
            request, "problem.html", {"status": status, "title": title, "detail": detail}, status=status
        )
    body = {"type": f"{TYPE_PREFIX}{title}", "title": title, "status": status, "detail": detail}
    body |= {"instance": request.url.path} | more
    return JSONResponse(body, status_code=status, media_type=PROBLEM_TYPE)


async def _mulu(request: Request, error: Exception) -> Response:
    assert isinstance(error, MuluError)
    if isinstance(error, Unreadable):
        found = word(error.finding, load(), "zh")
        row = {"code": found.rule, "message": found.message, "fix": found.fix, "basis": found.source}
        return problem(request, error.status, "Unreadable", f"{found.message}。{found.fix}", errors=[row])
    return problem(request, error.status, type(error).__name__, error.message, **error.details)


async def _spec(request: Request, error: Exception) -> Response:
    return problem(request, Rejected.status, "Rejected", str(error))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    rows = [{"pointer": "/".join(map(str, e["loc"])), "message": e["msg"]} for e in error.errors()]
    detail = "；".join(f"{row['pointer']}：{row['message']}" for row in rows)
    return problem(request, Rejected.status, "Rejected", detail, errors=rows)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = {404: (NotFound.__name__, "没有这个页面或接口"), 413: (TooLarge.__name__, "内容过大")}
    title, detail = known.get(error.status_code, ("HTTP", str(error.detail)))
    response = problem(request, error.status_code, title, detail)
    response.headers.update(error.headers or {})
    return response
