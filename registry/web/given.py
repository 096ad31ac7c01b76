"""What routes are given: who asks, sessions of the database, the upload as a file, today.

Every route is refused unless someone with a role asks (``admit``, a dependency of the whole application); the few
open ones are named in ``OPEN``.
"""

import hmac
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, BinaryIO

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from catalog_specs import load
from catalog_specs.law_accounts import Accounts
from registry import sign_in, tokens
from registry.db import Database
from registry.errors import NotAllowed, TooLarge, Unauthenticated, Unavailable
from registry.people import Visit
from registry.permits import Actor, Sight, roles_of, sight

_CHUNK = 1 << 20
COOKIE = "mulu_session"
CSRF_HEADER = "X-CSRF-Token"
# nobody need be known for these
OPEN = frozenset(
    {
        *("/healthz", "/login", "/login/oidc", "/login/oidc/callback", "/verify", "/verify/{code}"),
        *("/certificates", "/certificates/{number}"),
        # what is opened to everybody anyway, and nothing else (registry.open_catalogue)
        *("/api/3/action/{name}", "/api/action/{name}", "//api/3/action/{name}"),
        *("/catalog.jsonld", "/catalog.ttl", "/data.json"),
        *("/open/dataset/{key}", "/open/files/{distribution_id}/{name}", "/open/entries/{code:code}"),
    }
)
# one's own page: also for who holds no role yet, or must change his password first
OWN = frozenset({"/account", "/account/password", "/account/tokens", "/account/tokens/revoke", "/logout"})
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class MustChange(NotAllowed):
    """The password is to be changed before anything else."""


async def get_session(request: Request) -> AsyncIterator[Session]:
    """A reading session for one request, closed before the answer is sent.

    Opening one asks nothing of the database: it connects in the thread of the route, at the first question.
    """
    database: Database = request.app.state.database
    with database.read() as session:
        yield session


# scope="function": what fails when the session ends must still be able to change the answer
Reading = Annotated[Session, Depends(get_session, scope="function")]


async def get_writing(request: Request) -> AsyncIterator[Session]:
    """A writing session for one request. It is committed before the answer is sent, or nothing of it is kept."""
    opened = request.app.state.database.write()
    session = opened.__enter__()
    try:
        yield session
    except BaseException as error:
        # the end may have to wait for the disk, which must not hold up the other requests
        if not await run_in_threadpool(opened.__exit__, type(error), error, error.__traceback__):
            raise
    else:
        await run_in_threadpool(opened.__exit__, None, None, None)


Writing = Annotated[Session, Depends(get_writing, scope="function")]


# ---- who asks ---------------------------------------------------------------------------------------------


async def admit(request: Request) -> Actor | None:
    """Who asks, by an API token or by the cookie of a session; None on the open routes.

    Raises:
        Unauthenticated: nobody, or a token or session that is no longer good.
        NotAllowed: without any role, or a form that does not come from our pages.
        MustChange: the password must be changed first.
    """
    path = str(getattr(request.scope["route"], "path", ""))
    if path in OPEN:
        return None
    now = today()
    visit = _visit(request, now)
    await _mark(request, visit, now)
    request.state.visit = visit
    if visit.csrf and request.method not in _READS and not await _from_our_page(request, visit.csrf):
        raise NotAllowed("表单已过期或不是本站的页面发出的；刷新页面后重做", reason="csrf")
    if path not in OWN:
        if visit.must_change:
            raise MustChange("须先更换口令", reason="must_change")
        if not visit.actor.held:
            raise NotAllowed("这个账号还没有角色；请安全管理员授予", reason="role", missing_roles=[])
    return visit.actor


def _visit(request: Request, now: datetime) -> Visit:
    """Two indexed questions on a connection that nothing else uses: quicker than a change of threads."""
    database: Database = request.app.state.database
    bearer = request.headers.get("authorization")
    with database.glance() as session:
        if bearer is not None:
            scheme, _, plain = bearer.partition(" ")
            if scheme.lower() != "bearer":
                raise Unauthenticated("只认 Authorization: Bearer 令牌")
            return tokens.visit_of(session, plain.strip(), now=now)
        if cookie := request.cookies.get(COOKIE):
            return sign_in.visit_of(session, cookie, now=now)
        raise Unauthenticated("请先登录，或以 Authorization: Bearer 给出令牌")


async def _mark(request: Request, visit: Visit, now: datetime) -> None:
    """Write down once in a while that the session or token was used; nobody waits for it."""
    rule = load().document("accounts", Accounts)
    pause = rule.session.seen_seconds if visit.csrf else rule.token.seen_seconds
    if visit.seen_at is not None and now - visit.seen_at < timedelta(seconds=pause):
        return
    await run_in_threadpool(_write_mark, request.app.state.database, visit, now)


def _write_mark(database: Database, visit: Visit, now: datetime) -> None:
    mark = sign_in.mark_seen if visit.csrf else tokens.mark_used
    with suppress(Unavailable), database.write_if_free() as session:
        mark(session, visit.key, now=now)


async def _from_our_page(request: Request, csrf: str) -> bool:
    given = request.headers.get(CSRF_HEADER, "")
    # an API call must say it in the header: its body is the route's own to read
    if not given and not request.url.path.startswith("/api/") and _is_form(request):
        given = str((await request.form()).get("csrf", ""))
    return hmac.compare_digest(given.encode(), csrf.encode())


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith(_FORMS)


async def _actor(found: Annotated[Actor | None, Depends(admit)]) -> Actor:
    if found is None:
        raise Unauthenticated("请先登录")
    return found


async def _sight(actor: Annotated[Actor, Depends(_actor)]) -> Sight:
    return sight(actor, roles_of(load()))


# who asks; a route that needs to know takes this
Asking = Annotated[Actor, Depends(_actor)]
# what he sees, as a condition of every query on entries
Seeing = Annotated[Sight, Depends(_sight)]


async def greet(request: Request) -> None:
    """On an open route: who asks, if anybody is signed in, for the header of the page."""
    with suppress(Unauthenticated):
        request.state.visit = _visit(request, today())


def visit_of(request: Request) -> Visit | None:
    """Who asks, for the header of a page and its forms; None before anybody is known."""
    found: Visit | None = getattr(request.state, "visit", None)
    return found


# ---- files and moments ------------------------------------------------------------------------------------


@contextmanager
def stored(file: BinaryIO, name: str) -> Iterator[Path]:
    """An upload as a file of its own name in a folder of its own, gone afterwards.

    Raises:
        TooLarge: it is larger than a catalogue file may be.
    """
    most = load().entry.limits["file_bytes"]
    with tempfile.TemporaryDirectory(prefix="mulu-") as folder:
        path = Path(folder) / (Path(name).name or "upload")
        size = 0
        with path.open("wb") as target:
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                if size > most:
                    raise TooLarge(f"文件超过 {most // _CHUNK} MB")
                target.write(chunk)
        yield path


def today() -> datetime:
    """This moment in UTC."""
    return datetime.now(UTC)
