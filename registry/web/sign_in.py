"""The pages of signing in and out, and one's own page: password, roles, API tokens."""

import secrets
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlsplit

import anyio
import anyio.to_thread
from fastapi import APIRouter, FastAPI, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from registry import accounts, sign_in, tokens
from registry.db import Database
from registry.errors import MuluError, NotAllowed, Rejected, Throttled, Unauthenticated
from registry.granting import limits
from registry.passwords import Checked, check_password, hash_password, judge_password
from registry.people import Visit, find_person
from registry.permits import Actor
from registry.web.given import COOKIE, Asking, MustChange, Reading, Writing, today, visit_of
from registry.web.own_page import account_values
from registry.web.problems import problem
from registry.web.templates import render

router = APIRouter()
FORM_COOKIE = "mulu_form"
SEE_OTHER = 303
T = TypeVar("T")


# ---- passwords are checked beside the requests ------------------------------------------------------------


class Desk:
    """Where passwords are checked: few at once, because each takes 64 MB; a crowd is told to come again."""

    crowded = "登录的人太多，请稍后再试"

    def __init__(self) -> None:
        self._rule = limits().hashing
        self._limiter = anyio.CapacityLimiter(self._rule.at_once)
        self._here: Counter[str] = Counter()

    async def run(self, request: Request, work: Callable[..., T], *arguments: Any) -> T:
        """Do ``work`` in a thread when it is its turn.

        Raises:
            Throttled: too many wait already, or too many of this address.
        """
        address = request.client.host if request.client else ""
        crowd = self._here.total() >= self._rule.waiting + self._rule.at_once
        if crowd or self._here[address] >= self._rule.per_address:
            raise Throttled(self.crowded, retry_after=self._rule.retry_seconds)
        self._here[address] += 1
        try:
            return await anyio.to_thread.run_sync(work, *arguments, limiter=self._limiter)
        finally:
            self._here[address] -= 1
            self._here += Counter()  # forget the addresses that are gone


def _desk(request: Request) -> Desk:
    state = request.app.state
    if not hasattr(state, "desk"):
        state.desk = Desk()
    found: Desk = state.desk
    return found


def _look_up(database: Database, login: str) -> sign_in.Attempt:
    with database.read() as session:
        return sign_in.look_up(session, login, now=today())


def _log_in(database: Database, login: str, password: str) -> sign_in.SignedIn | None:
    # looked up again when it is this one's turn, so that a login locked meanwhile is hashed no more
    now, attempt = today(), _look_up(database, login)
    checked = check_password(password, attempt.hashed)
    with database.write() as session:
        return sign_in.conclude(session, attempt, checked, now=now)


# ---- signing in and out -----------------------------------------------------------------------------------


@router.get("/login", response_class=HTMLResponse)
def login_form(request: Request, next: str = "/") -> Response:  # noqa: A002  (the name in the address)
    """The form for signing in."""
    return login_page(request, next)


def login_page(request: Request, after: str, *, error: str = "", status: int = 200) -> HTMLResponse:
    """The form for signing in, with what went wrong the last time."""
    form = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
    oidc = request.app.state.settings.oidc
    values = {"next": local(after), "error": error, "form": form, "oidc": oidc.label if oidc else ""}
    page = render(request, "login.html", values, status=status)
    page.set_cookie(FORM_COOKIE, form, httponly=True, samesite="lax", secure=secure(request), path="/login")
    return page


@router.post("/login", response_class=HTMLResponse)
async def log_in(
    request: Request,
    login: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=2000)] = "",
    form: Annotated[str, Form(max_length=200)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002
) -> Response:
    """Sign in with a password; a new session each time."""
    database: Database = request.app.state.database
    if not form or not secrets.compare_digest(form.encode(), request.cookies.get(FORM_COOKIE, "").encode()):
        return login_page(request, next, error="页面已过期，请再填一次", status=NotAllowed.status)
    try:
        # who is locked does not even stand in the queue
        await run_in_threadpool(_look_up, database, login)
        found = await _desk(request).run(request, _log_in, database, login, password)
    except Throttled as error:
        page = login_page(request, next, error=error.message, status=error.status)
        page.headers["Retry-After"] = str(error.details["retry_after"])
        return page
    if found is None:
        return login_page(request, next, error=sign_in.REFUSED, status=Unauthenticated.status)
    return enter_with(request, found, next)


def enter_with(request: Request, found: sign_in.SignedIn, after: str) -> Response:
    """On to where the person wanted to go, with the cookie of the new session."""
    answer = RedirectResponse("/account" if found.must_change else local(after), SEE_OTHER)
    age = int((found.expires_at - today()).total_seconds())
    answer.set_cookie(
        COOKIE, found.cookie, max_age=age, httponly=True, samesite="lax", secure=secure(request), path="/"
    )
    answer.delete_cookie(FORM_COOKIE, path="/login")
    return answer


def secure(request: Request) -> bool:
    """Whether cookies go over TLS only."""
    return request.app.state.settings.secure_cookies or request.url.scheme == "https"


def local(after: str) -> str:
    """An address to go on to, if it is one of our own pages; else the start page."""
    parts = urlsplit(after)
    plain = after.isascii() and after.isprintable() and "\\" not in after
    if not plain or parts.scheme or parts.netloc or not after.startswith("/") or after.startswith("//"):
        return "/"
    return after


@router.post("/logout")
def log_out(request: Request, session: Writing, actor: Asking) -> Response:
    """Sign out: the session is ended on the server."""
    visit = _own_visit(request)
    sign_in.sign_out(session, visit.key, actor=actor, now=today())
    answer = RedirectResponse("/login", SEE_OTHER)
    answer.delete_cookie(COOKIE, path="/")
    return answer


# ---- one's own page ---------------------------------------------------------------------------------------


def _own_visit(request: Request) -> Visit:
    visit = visit_of(request)
    if visit is None or not visit.csrf:
        raise NotAllowed("本人页面只能登录后使用，不能用令牌", reason="token")
    return visit


@router.get("/account", response_class=HTMLResponse)
def own_page(request: Request, session: Reading, actor: Asking) -> HTMLResponse:
    """One's own page: roles, password, API tokens."""
    _own_visit(request)
    return render(request, "account.html", account_values(session, actor, now=today()))


def _own_page_again(request: Request, actor: Actor, error: MuluError) -> HTMLResponse:
    database: Database = request.app.state.database
    with database.read() as session:
        values = account_values(session, actor, now=today(), error=error.message)
    return render(request, "account.html", values, status=error.status)


@router.post("/account/password", response_class=HTMLResponse)
async def change_password(
    request: Request,
    actor: Asking,
    old: Annotated[str, Form(max_length=2000)],
    new: Annotated[str, Form(max_length=2000)],
    again: Annotated[str, Form(max_length=2000)],
) -> Response:
    """Change one's own password; the other sessions end."""
    visit = _own_visit(request)
    try:
        if new != again:
            raise Rejected("两次填写的新口令不同")
        if new == old:
            raise Rejected("新口令不能与原口令相同")
        judge_password(new, actor.login, limits().password)
        await _desk(request).run(request, _change, request.app.state.database, visit, old, new)
    except (Rejected, NotAllowed, Throttled) as error:
        return await run_in_threadpool(_own_page_again, request, actor, error)
    return RedirectResponse("/account?done=password", SEE_OTHER)


def _change(database: Database, visit: Visit, old: str, new: str) -> None:
    actor, now = visit.actor, today()
    attempt = _look_up(database, actor.login)
    if not check_password(old, attempt.hashed).right:
        with database.write() as session:
            # a stolen session must not be able to try passwords without end
            sign_in.conclude(session, attempt, Checked(False, None), now=now)
        raise NotAllowed("原口令不对", reason="password")
    hashed = hash_password(new)
    with database.write() as session:
        person = find_person(session, actor.login)
        accounts.keep_password(session, person, hashed, actor=actor, now=now, keep_session=visit.key)


@router.post("/account/tokens", response_class=HTMLResponse)
def make_token(
    request: Request,
    session: Writing,
    actor: Asking,
    name: Annotated[str, Form(max_length=200)],
    days: Annotated[int, Form()],
    scopes: Annotated[list[str] | None, Form()] = None,
) -> HTMLResponse:
    """A new API token, shown this once."""
    _own_visit(request)
    now = today()
    try:
        made = tokens.create_token(session, actor.login, name, scopes or [], days=days, actor=actor, now=now)
    except Rejected as error:
        values = account_values(session, actor, now=now, error=error.message)
        return render(request, "account.html", values, status=error.status)
    return render(request, "account.html", account_values(session, actor, now=now, made=made))


@router.post("/account/tokens/revoke")
def end_token(
    request: Request, session: Writing, actor: Asking, token: Annotated[str, Form(max_length=64)]
) -> Response:
    """Revoke one of one's own tokens."""
    _own_visit(request)
    tokens.revoke_token(session, token, actor=actor, now=today())
    return RedirectResponse("/account?done=revoked", SEE_OTHER)


# ---- refusals ---------------------------------------------------------------------------------------------


def enter(app: FastAPI) -> None:
    """Enter the handlers of the refusals at the door."""
    app.add_exception_handler(Unauthenticated, _unknown)
    app.add_exception_handler(MustChange, _must_change)
    app.add_exception_handler(Throttled, _throttled)


async def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, Unauthenticated)
    if _is_page(request):
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        to = f"/login?next={quote(wanted, safe='')}" if request.method == "GET" else "/login"
        answer: Response = RedirectResponse(to, SEE_OTHER)
        answer.delete_cookie(COOKIE, path="/")
        return answer
    answer = problem(request, error.status, "Unauthenticated", error.message, **error.details)
    answer.headers["WWW-Authenticate"] = 'Bearer realm="mulu"'
    return answer


async def _must_change(request: Request, error: Exception) -> Response:
    assert isinstance(error, MustChange)
    if _is_page(request):
        return RedirectResponse("/account", SEE_OTHER)
    return problem(request, error.status, "NotAllowed", error.message, **error.details)


async def _throttled(request: Request, error: Exception) -> Response:
    assert isinstance(error, Throttled)
    answer = problem(request, error.status, "Throttled", error.message, **error.details)
    if "retry_after" in error.details:
        answer.headers["Retry-After"] = str(error.details["retry_after"])
    return answer


def _is_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
