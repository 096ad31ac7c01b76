"""CKAN's action interface for whoever reads catalogues: what is open, without an account, never to be written to."""

import json
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from registry.db import Database
from registry.web.ckan_actions import Ask, read
from registry.web.ckan_words import Refusal, as_json
from registry.web.given import today
from registry.web.open_index import BASE, Keeper

router = APIRouter()
# ckanext-harvest puts "/api" behind an address that may end in a slash
_PATHS = ("/api/3/action/{name}", "/api/action/{name}", "//api/3/action/{name}")
BODY_BYTES = 1 << 16
_CLOSED = Refusal(403, {"__type": "Authorization Error", "message": "Access denied: 公开目录没有开启"})


def is_open(request: Request) -> bool:
    """Whether the operator lets strangers read the open catalogue."""
    return bool(request.app.state.settings.open_catalogue)


def base_of(request: Request) -> str:
    """The address by which we are called: as the operator says, else as this request came."""
    return str(request.app.state.settings.public_url or request.base_url).rstrip("/")


def keeper_of(request: Request) -> Keeper:
    """The index of this process."""
    found: Keeper = request.app.state.open_catalogue
    return found


def based(body: bytes, base: str) -> bytes:
    """Ready JSON with the addresses of this answer."""
    return body.replace(BASE.encode(), json.dumps(base)[1:-1].encode())


async def _action(request: Request, name: str) -> Response:
    body = await request.body() if request.method == "POST" else b""
    return await run_in_threadpool(_answer, request, name, body)


for _path in _PATHS:
    router.add_api_route(_path, _action, methods=["GET", "POST"])


def _answer(request: Request, name: str, body: bytes) -> Response:
    try:
        if not is_open(request):
            raise _CLOSED
        params = _params(request, body)
        database: Database = request.app.state.database
        now = today()
        with database.read() as session:
            ask = Ask(session, keeper_of(request), params, base_of(request), now)
            result = as_json(read(name, ask))
    except Refusal as refusal:
        return _refused(request, name, refusal)
    return _sent(_envelope(request, name, True) + b',"result":' + based(result, base_of(request)) + b"}")


def _params(request: Request, body: bytes) -> dict[str, Any]:
    """What the call gives: its address, and the JSON (or the form) of its body."""
    found: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        known = found.get(name)
        found[name] = value if known is None else [*(known if isinstance(known, list) else [known]), value]
    if not body.strip():
        return found
    try:
        read_body = json.loads(body)
    except (ValueError, RecursionError):
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raise Refusal(400, "Bad request - JSON Error: Error decoding JSON data") from None
        read_body = {key: values[-1] for key, values in parse_qs(body.decode("utf-8", "replace")).items()}
    if not isinstance(read_body, dict):
        raise Refusal(400, "Bad request - JSON Error: Request data JSON decoded is not a dictionary")
    return found | read_body


def _envelope(request: Request, name: str, success: bool) -> bytes:
    address = f"{base_of(request)}/api/3/action/help_show?name={name[:100]}"
    return as_json({"help": address, "success": success})[:-1]


def _refused(request: Request, name: str, refusal: Refusal) -> Response:
    if isinstance(refusal.error, str):
        return _sent(as_json(refusal.error), refusal.status)
    body = _envelope(request, name, False) + b',"error":' + as_json(refusal.error) + b"}"
    return _sent(body, refusal.status)


def _sent(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json;charset=utf-8")
