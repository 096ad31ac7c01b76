"""Oneself in the REST API: who I am to the register, my API tokens."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from registry.models import ApiToken
from registry.tokens import NewToken, create_token, list_tokens, revoke_token
from registry.web import shapes
from registry.web.answers import Named, said
from registry.web.given import Asking, Reading, Writing, today
from registry.web.own_page import me_json
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating

router = APIRouter(prefix="/api/v1/people/me", tags=["people"], responses=ANSWERS)


class RoleShown(BaseModel):
    """A role held today; ``matters`` narrow a delegated one."""

    role: str
    zh: str
    agency_code: str | None
    agency_name: str | None
    system: str | None
    region: str | None
    matters: list[str] | None
    delegated: bool


class Me(BaseModel):
    """Who asks. ``may`` are the moves and permissions that his roles (and token) grant."""

    login: str
    name: str
    machine: bool
    agency_code: str | None
    agency_name: str | None
    roles: list[RoleShown]
    may: list[str]
    scopes: list[str] | None


class TokenShown(BaseModel):
    """An API token, without itself."""

    id: str
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


class TokenList(BaseModel):
    results: list[TokenShown]


class TokenMade(TokenShown):
    """A new token: ``token`` is shown this once."""

    token: str


class NewTokenAsked(BaseModel):
    """A token for oneself; ``scopes`` are moves and permissions that one holds."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "夜间统计", "scopes": ["read_own"], "days": 30}]},
    )
    name: Named
    scopes: Annotated[list[Named], Field(min_length=1, max_length=100)]
    days: Annotated[int, Field(ge=1, le=3660)]


@router.get("", response_model=Me, summary="本人")
def me(session: Reading, actor: Asking) -> Response:
    """Who you are to the register, and what you may do."""
    return said(me_json(session, actor))


@router.get("/tokens", response_model=TokenList, summary="本人的令牌")
def tokens(session: Reading, actor: Asking) -> Response:
    """Your API tokens, revoked and expired ones too."""
    return said({"results": [_token(row) for row, _person in list_tokens(session, actor.person_id)]})


@router.post("/tokens", status_code=201, response_model=TokenMade, summary="发一个令牌")
def make_token(session: Writing, actor: Asking, again: Repeating, body: NewTokenAsked) -> Response:
    """A new API token, shown this once; not with a token."""

    def deed() -> Answer:
        now, asked = today(), body
        made = create_token(
            session, actor.login, asked.name, asked.scopes, days=asked.days, actor=actor, now=now
        )
        return Answer(_made(made), 201)

    return again.once(session, actor, deed, shown_once=True)


@router.delete("/tokens/{key}", response_model=shapes.Gone, summary="撤销令牌")
def end_token(session: Writing, actor: Asking, key: str) -> Response:
    """Revoke one of your tokens."""
    token = revoke_token(session, key, actor=actor, now=today())
    return said({"id": token.id, "revoked_at": token.revoked_at})


def _token(row: ApiToken) -> dict[str, Any]:
    names = ("id", "name", "prefix", "scopes", "created_at", "expires_at", "used_at", "revoked_at")
    return {name: getattr(row, name) for name in names}


def _made(made: NewToken) -> dict[str, Any]:
    return _token(made.row) | {"token": made.plain}
