"""How routes of the API answer and are asked: JSON without detours, ETags, codes in addresses, roles demanded."""

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import Path, Query, Response
from pydantic import AfterValidator, StringConstraints
from starlette.convertors import Convertor, register_url_convertor

from catalog_specs import load
from registry.errors import NotAllowed, Stale
from registry.lookup import Row
from registry.models import Version
from registry.permits import Actor, demand, may, roles_of
from registry.text_files import depth_of
from registry.web.given import Asking

PAGE_LIMIT = 1000


class _Code(Convertor[str]):
    """An entry in an address: its key, or a resource code with its slash."""

    regex = "[^/]+(?:/[0-9]{1,10})?"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("code", _Code())
Code = Annotated[
    str,
    Path(description="资源代码或目录的内部编号", examples=["307024030101/000001", "e01jd2k9x3m7w5p0r8t2"]),
]
Limit = Annotated[int, Query(ge=1, le=PAGE_LIMIT, description="每页条数")]
Cursor = Annotated[str | None, Query(max_length=500, description="上一页的 next_cursor")]


# ---- what comes in ----------------------------------------------------------------------------------------


def storable(value: Any) -> Any:
    """A JSON value that every database takes: no NUL, no half character, no NaN, not nested too deep."""
    deepest = load().entry.limits["nesting"]
    if isinstance(value, dict | list) and depth_of(value) > deepest:
        raise ValueError(f"嵌套超过 {deepest} 层")
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, OverflowError) as error:
        raise ValueError("不是合法的 JSON 值") from error
    if "\\u0000" in text and _has_nul(value):
        raise ValueError("含有不能用的字符（NUL）")
    return value


def _has_nul(value: Any) -> bool:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if "\0" in one:
                return True
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one
    return False


JsonObject = Annotated[dict[str, Any], AfterValidator(storable)]
Text = Annotated[str, AfterValidator(storable)]
Named = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(storable)]
Note = Annotated[str, StringConstraints(max_length=2000), AfterValidator(storable)]


def granted(act: str) -> Callable[[Actor], Coroutine[Any, Any, Actor]]:
    """A dependency that gives who asks, if a role of his grants ``act``."""

    async def check(actor: Asking) -> Actor:
        demand(actor, act, roles_of(load()))
        return actor

    return check


def may_any(actor: Actor, acts: Sequence[str]) -> bool:
    """Whether ``actor`` may do one of some acts."""
    return any(may(actor, act, roles_of(load())) for act in acts)


def demand_any(actor: Actor, acts: Sequence[str]) -> None:
    """Raises NotAllowed unless ``actor`` may do one of some acts; the message names the roles that may."""
    if may_any(actor, acts):
        return
    roles = roles_of(load())
    granting = frozenset[str]().union(*(roles.granting.get(act, frozenset()) for act in acts))
    if actor.scopes is not None and any(held.role in granting for held in actor.held):
        named = "、".join(acts)
        raise NotAllowed(
            f"这个令牌的范围不含 {named} 中任何一个；另发一个含此范围的令牌", missing_scopes=list(acts)
        )
    names = "、".join(role.zh for role in roles.roles if role.key in granting)
    raise NotAllowed(f"须由{names}办理；您没有这些角色", missing_roles=sorted(granting), reason="role")


def granted_any(acts: Sequence[str]) -> Callable[[Actor], Coroutine[Any, Any, Actor]]:
    """A dependency that gives who asks, if a role of his grants one of some acts."""

    async def check(actor: Asking) -> Actor:
        demand_any(actor, acts)
        return actor

    return check


# ---- what goes out ----------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    if isinstance(value, date):  # moments are dates, too
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def said(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None, **named: str
) -> Response:
    """A value as JSON; for values of our own making, which need not be validated again."""
    body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
    return Response(body, status, dict(headers or {}) | named, media_type="application/json")


def page(rows: list[Any], limit: int, total: int, cursor: Callable[[Any], str]) -> dict[str, Any]:
    """A page made of one row more than it shows, if there are as many."""
    more = len(rows) > limit
    shown = rows[:limit]
    return {"results": shown, "next_cursor": cursor(shown[-1]) if more else None, "total": total}


# ---- ETags ------------------------------------------------------------------------------------------------


def etag_of(row: Row, version: Version) -> str:
    """What a client saw of an entry: this content of this version, judged by this law, after so many changes."""
    return f'"{version.digest}-{version.number}-{row.entry.lock}-{version.spec[:8]}"'


def is_seen(header: str | None, etag: str) -> bool:
    """Whether an If-Match or If-None-Match header names ``etag``."""
    named = [part.strip().removeprefix("W/") for part in (header or "").split(",")]
    return "*" in named or etag in named


def demand_seen(header: str | None, row: Row) -> int | None:
    """The lock that goes with the entry as the client saw it; None when he does not say.

    Raises:
        Stale: he saw another one; the answer carries the ETag of the present one.
    """
    if header is None:
        return None
    etag = etag_of(row, row.version)
    if not is_seen(header, etag):
        name = row.entry.code or row.entry.id
        raise Stale(f"{name} 在您看过之后已有变动；取回最新内容（ETag）后再办", etag=etag)
    return row.entry.lock
