"""Around every request: its id, the headers of every answer, how much may be sent, addresses that no database takes.

Written out as ASGI: the framework's own way of wrapping requests costs a third of the throughput.
"""

import re
from collections.abc import Mapping

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.keys import new_key
from registry.web.problems import PROBLEM_TYPE, REQUEST_ID, SAID, problem

_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TOO_LARGE = 413


class Edge:
    """Gives each request an id (or takes over a sane one), the same headers to every answer, and a limit of size."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str], most_bytes: int) -> None:
        self.app, self.headers, self.most = app, dict(headers), most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope)
        wanted = given.get(REQUEST_ID, "")
        scope.setdefault("state", {})["request_id"] = wanted if _SANE.fullmatch(wanted) else new_key("q")
        answer = _Answer(scope, send, self.headers)
        length = given.get("content-length", "")
        if length.isdecimal() and int(length) > self.most:
            await answer.refuse(_TOO_LARGE, "TooLarge", SAID[_TOO_LARGE])
        elif "\0" in scope["path"] or b"%00" in scope["query_string"]:
            # PostgreSQL does not take it, and nothing of ours is called by it
            await answer.refuse(422, "Rejected", "地址里有不能用的字符（NUL）")
        else:
            await self.app(scope, _counted(receive, self.most), answer.send)


def _counted(receive: Receive, most: int) -> Receive:
    """``receive`` that ends a body which is longer than it may be, however it is sent."""
    size = 0

    async def count() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise HTTPException(_TOO_LARGE)
        return message

    return count


class _Answer:
    """The answer on its way out."""

    def __init__(self, scope: Scope, send: Send, headers: Mapping[str, str]) -> None:
        self.scope, self.out, self.headers = scope, send, headers
        self.replaced = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            plain = not headers.get("content-type", "").startswith((PROBLEM_TYPE, "text/html"))
            if message["status"] == _TOO_LARGE and plain:
                # the framework's own word on a body of a route
                self.replaced = True
                await self.refuse(_TOO_LARGE, "TooLarge", SAID[_TOO_LARGE])
                return
            for name, value in self.headers.items():
                headers.setdefault(name, value)
            headers[REQUEST_ID] = self.scope["state"]["request_id"]
        if not self.replaced:
            await self.out(message)

    async def refuse(self, status: int, title: str, detail: str) -> None:
        """Answer with a problem, whatever the route would say."""
        made = problem(Request(self.scope), status, title, detail)
        fresh = _Answer(self.scope, self.out, self.headers)
        await made(self.scope, _nothing, fresh.send)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
