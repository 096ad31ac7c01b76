"""Signing in by an OIDC provider of the city: code flow with PKCE, state and nonce. Owns ``authlib``.

Nobody gets an account or a role by it: the person was prepared here before (``accounts.link_identity``).
"""

import base64
import binascii
import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from registry import sign_in
from registry.db import Database
from registry.errors import Unauthenticated, Unavailable
from registry.settings import OidcSettings
from registry.web.given import today
from registry.web.sign_in import enter_with, local, login_page, secure

router = APIRouter()
FLOW_COOKIE = "mulu_oidc"
FLOW_PATH = "/login/oidc"
_FLOW_SECONDS = 600
_TIMEOUT = 10.0


def _client(request: Request) -> Any:
    """The client of the provider, kept so that its description is read once."""
    state = request.app.state
    if not hasattr(state, "oidc_client"):
        # loaded late: only where a provider is configured
        from authlib.integrations.starlette_client import OAuth

        settings: OidcSettings = state.settings.oidc
        state.oidc_client = OAuth().register(
            "city",
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            server_metadata_url=f"{settings.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": settings.scope,
                "code_challenge_method": "S256",
                "timeout": _TIMEOUT,
            },
        )
    return state.oidc_client


@router.get("/login/oidc")
async def start(request: Request, next: str = "/") -> Response:  # noqa: A002
    """On to the provider. What the answer must match goes into a cookie of this browser alone."""
    flow: dict[str, Any] = {}
    request.scope["session"] = flow
    answer: Response = await _asked(
        _client(request).authorize_redirect, request, str(request.url_for("callback"))
    )
    kept = {"flow": flow, "next": local(next)}
    value = base64.urlsafe_b64encode(json.dumps(kept).encode()).decode()
    answer.set_cookie(
        FLOW_COOKIE,
        value,
        max_age=_FLOW_SECONDS,
        httponly=True,
        samesite="lax",
        secure=secure(request),
        path=FLOW_PATH,
    )
    return answer


@router.get("/login/oidc/callback")
async def callback(request: Request) -> Response:
    """Back from the provider: state, nonce, signature, issuer and audience are checked, then the person is found."""
    after = "/"
    try:
        kept = _kept(request)
        after = kept["next"]
        found = await _found(request, kept["flow"])
    except (Unauthenticated, Unavailable) as error:
        answer: Response = login_page(request, after, error=error.message, status=error.status)
    else:
        answer = enter_with(request, found, after)
    # what was kept for this answer is good once
    answer.delete_cookie(FLOW_COOKIE, path=FLOW_PATH)
    return answer


async def _found(request: Request, flow: dict[str, Any]) -> sign_in.SignedIn:
    request.scope["session"] = flow
    token = await _asked(_client(request).authorize_access_token, request)
    settings: OidcSettings = request.app.state.settings.oidc
    claims = token.get("userinfo") or {}
    if claims.get("iss") != settings.issuer or not claims.get("sub"):
        raise Unauthenticated("统一身份认证的应答不是约定的签发方发出的")
    login = claims.get(settings.login_claim)
    database = request.app.state.database
    return await run_in_threadpool(_enter, database, settings.issuer, str(claims["sub"]), login)


def _enter(database: Database, issuer: str, subject: str, login: Any) -> sign_in.SignedIn:
    named = login if isinstance(login, str) else None
    with database.write() as session:
        return sign_in.identified(session, issuer, subject, named, now=today())


def _kept(request: Request) -> dict[str, Any]:
    try:
        kept = json.loads(base64.urlsafe_b64decode(request.cookies.get(FLOW_COOKIE, "")))
        return {"flow": dict(kept["flow"]), "next": local(str(kept["next"]))}
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise Unauthenticated("登录已中断或过期；请从登录页重新开始") from error


async def _asked(call: Any, *arguments: Any) -> Any:
    """A call of the provider, its errors in our words."""
    import httpx2
    from authlib.integrations.base_client import OAuthError
    from joserfc.errors import JoseError

    try:
        return await call(*arguments)
    except (OAuthError, JoseError) as error:
        raise Unauthenticated("统一身份认证没有通过；请从登录页重新开始") from error
    except (httpx2.HTTPError, RuntimeError, KeyError, ValueError) as error:
        raise Unavailable("统一身份认证现在不能使用；请稍后再试，或用账号口令登录") from error
