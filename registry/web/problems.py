"""Every error as a page or as RFC 9457 JSON, by what the client asked for."""

from collections.abc import Iterator, Mapping, Sequence
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
TYPE_PREFIX = "urn:mulu:problem:"
REQUEST_ID = "X-Request-ID"
_ERROR = {
    "type": "object",
    "properties": {
        "pointer": {"type": "string", "description": "JSON 指针（以 / 开头），或参数所在（query/limit）"},
        "code": {"type": "string", "description": "规则、前提或错误的代码"},
        "message": {"type": "string"},
        "source": {"type": "string", "description": "依据"},
    },
    "required": ["pointer", "code", "message", "source"],
}
_PROBLEM_SCHEMA = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "examples": [f"{TYPE_PREFIX}MoveRefused"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "missing_roles": {"type": "array", "items": {"type": "string"}, "description": "403：哪些角色可以"},
        "errors": {"type": "array", "items": _ERROR},
    },
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
}
# what any route may answer instead; stands in the description of each (RFC 9457)
ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"description": said, "content": {PROBLEM_TYPE: {"schema": _PROBLEM_SCHEMA}}}
    for status, said in (
        (401, "没有登录，或令牌无效"),
        (403, "没有权限；missing_roles 写明须由谁办理"),
        (404, "没有，或看不到"),
        (405, "这个地址不支持这种方法"),
        (409, "状态不允许，或已有人办理"),
        (410, "已注销或已擦除"),
        (412, "看过之后已有变动（If-Match）"),
        (413, "过大"),
        (422, "内容不合规；errors 逐项写明"),
        (429, "过于频繁"),
        (503, "暂时不能使用"),
    )
}
# titles of what no class of ours stands for
_TITLES = {405: "MethodNotAllowed", 415: "UnsupportedMediaType", 500: "InternalError"}
SAID = {
    400: "内容不是合法的 JSON 或表单",
    404: "没有这个页面或接口",
    405: "这个地址不支持这种方法；可用的见 Allow",
    413: "内容过大",
}
# what pydantic says, in the language of the house; what is not listed is said as it comes
_MESSAGES = {
    "missing": "没有写",
    "extra_forbidden": "没有这一项",
    "json_invalid": "不是合法的 JSON",
    "string_type": "须为文本",
    "string_too_short": "过短",
    "string_too_long": "过长",
    "string_pattern_mismatch": "写法不对",
    "int_type": "须为整数",
    "int_parsing": "须为整数",
    "int_from_float": "须为整数",
    "bool_type": "须为 true 或 false",
    "bool_parsing": "须为 true 或 false",
    "dict_type": "须为对象",
    "list_type": "须为清单",
    "model_attributes_type": "须为对象",
    "too_short": "项数过少",
    "too_long": "项数过多",
    "greater_than_equal": "过小",
    "less_than_equal": "过大",
    "literal_error": "不在可选的值之中",
    "date_from_datetime_parsing": "须为日期，如 2026-11-30",
    "date_parsing": "须为日期，如 2026-11-30",
    "value_error": "不能用",
}


def enter(app: FastAPI) -> None:
    """Enter the handlers into the application."""
    app.add_exception_handler(MuluError, _mulu)
    app.add_exception_handler(SpecError, _spec)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _crash)


def problem(request: Request, status: int, title: str, detail: str, **more: Any) -> Response:
    """One error: a page for a browser, RFC 9457 JSON for everything else. ``code`` says more than ``title``."""
    wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
    if wants_page:
        return render(
            request, "problem.html", {"status": status, "title": title, "detail": detail}, status=status
        )
    code = str(more.pop("code", title))
    body = {"type": f"{TYPE_PREFIX}{code}", "title": title, "status": status, "detail": detail}
    body |= {"instance": request.url.path, "code": code, "request_id": request_id(request)} | more
    if "errors" in more:
        body["errors"] = [_row(error) for error in more["errors"]]
    return JSONResponse(body, status_code=status, media_type=PROBLEM_TYPE)


def request_id(request: Request) -> str:
    """The id of a request, as its answer carries it."""
    return str(getattr(request.state, "request_id", ""))


def _row(error: Mapping[str, Any]) -> dict[str, Any]:
    return {"pointer": "", "code": "Rejected", "message": "", "source": ""} | dict(error)


# ---- our own errors ---------------------------------------------------------------------------------------


async def _mulu(request: Request, error: Exception) -> Response:
    assert isinstance(error, MuluError)
    if isinstance(error, Unreadable):
        found = word(error.finding, load(), "zh")
        row = {"code": found.rule, "message": found.message, "fix": found.fix, "source": found.source}
        detail = f"{found.message}。{found.fix}"
        return problem(request, error.status, "Unreadable", detail, code=found.rule, errors=[row])
    answer = problem(request, error.status, type(error).__name__, error.message, **error.details)
    if "etag" in error.details:
        answer.headers["ETag"] = str(error.details["etag"])
    return answer


async def _spec(request: Request, error: Exception) -> Response:
    return problem(request, Rejected.status, "Rejected", str(error))


async def _crash(request: Request, error: Exception) -> Response:  # noqa: ARG001  (the server logs it)
    detail = f"系统出错，已记入日志；报修时请写明请求编号 {request_id(request)}"
    answer = problem(request, 500, _TITLES[500], detail)
    answer.headers[REQUEST_ID] = request_id(request)
    return answer


# ---- the framework's --------------------------------------------------------------------------------------


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    rows = [_invalid_row(found) for found in error.errors()]
    detail = "；".join(f"{row['pointer'] or '/'}：{row['message']}" for row in rows)
    return problem(request, Rejected.status, "Rejected", detail, errors=rows)


def _invalid_row(found: Mapping[str, Any]) -> dict[str, str]:
    """What pydantic found; never with the value, which may be what must not be here."""
    place, kind = list(found["loc"]), str(found["type"])
    in_body = place[:1] == ["body"] and kind != "json_invalid"
    pointer = "".join(f"/{part}" for part in place[1:]) if in_body else "/".join(map(str, place))
    known = _MESSAGES.get(kind)
    limits = "、".join(
        str(value) for key, value in sorted((found.get("ctx") or {}).items()) if key in _LIMITS
    )
    said = str(found["msg"]) if known is None else f"{known}（{limits}）" if limits else known
    if kind == "value_error":
        said = str((found.get("ctx") or {}).get("error") or said)
    return {"pointer": pointer, "code": kind, "message": said, "source": ""}


_LIMITS = frozenset({"ge", "le", "min_length", "max_length", "expected", "pattern"})


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    if status == 400:
        return problem(request, Rejected.status, "Rejected", SAID[400])
    titles = _TITLES | {404: NotFound.__name__, 413: TooLarge.__name__}
    detail = SAID.get(status, str(error.detail))
    response = problem(request, status, titles.get(status, "HTTP"), detail)
    response.headers.update(error.headers or {})
    if status == 405:
        response.headers["Allow"] = ", ".join(_allowed(request))
    return response


def _allowed(request: Request) -> Sequence[str]:
    """The methods of the first address that fits: the framework tells those of one route only."""
    found: dict[str, set[str]] = {}
    for route in _routes(request.app.routes):
        methods, match = getattr(route, "methods", None), getattr(route, "path_regex", None)
        if methods and match is not None and match.match(request.url.path):
            found.setdefault(route.path, set()).update(methods)
    return sorted(next(iter(found.values()), ()))


def _routes(routes: Any) -> Iterator[Any]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from _routes(included.routes)
