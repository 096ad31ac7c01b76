"""The tables of people: accounts, the roles they hold, written delegation, sessions and tokens."""

from datetime import date, datetime

from sqlmodel import Field, SQLModel

from registry.models.columns import json_column, moment


class Person(SQLModel, table=True):
    """A person or a machine with an account. ``login`` is stored folded; ``issuer`` and ``external_id`` are OIDC's."""

    id: str = Field(primary_key=True, max_length=32)
    login: str = Field(max_length=64, unique=True)
    name: str = Field(max_length=100)
    agency_id: str | None = Field(default=None, foreign_key="agency.id", index=True, max_length=32)
    machine: bool = False
    active: bool = True
    password_hash: str | None = Field(default=None, max_length=255)
    password_at: datetime | None = moment(nullable=True)
    must_change: bool = False
    issuer: str | None = Field(default=None, max_length=255)
    external_id: str | None = Field(default=None, max_length=255)
    created_by: str = Field(max_length=64)
    created_at: datetime = moment()


class RoleGrant(SQLModel, table=True):
    """A role that a person holds, for an agency, a region or a system, from and until days (both included)."""

    __tablename__ = "role_grant"

    id: str = Field(primary_key=True, max_length=32)
    person_id: str = Field(foreign_key="person.id", index=True, max_length=32)
    role: str = Field(max_length=32)
    agency_id: str | None = Field(default=None, foreign_key="agency.id", max_length=32)
    system_id: str | None = Field(default=None, foreign_key="system.id", max_length=32)
    region: str | None = Field(default=None, max_length=6)
    contract: str | None = Field(default=None, max_length=100)
    valid_from: date | None = None
    valid_until: date | None = None
    granted_by: str = Field(max_length=64)
    granted_at: datetime = moment()
    revoked_by: str | None = Field(default=None, max_length=64)
    revoked_at: datetime | None = moment(nullable=True)


class Delegation(SQLModel, table=True):
    """A written delegation with a period: ``matters`` are moves and permissions of roles.yaml's ``delegation``."""

    id: str = Field(primary_key=True, max_length=32)
    from_person_id: str = Field(foreign_key="person.id", index=True, max_length=32)
    to_person_id: str = Field(foreign_key="person.id", index=True, max_length=32)
    role: str = Field(max_length=32)
    agency_id: str = Field(foreign_key="agency.id", max_length=32)
    matters: list[str] = json_column()
    document: str = Field(max_length=100)
    sha256: str | None = Field(default=None, max_length=64)
    valid_from: date
    valid_until: date
    created_by: str = Field(max_length=64)
    created_at: datetime = moment()
    revoked_by: str | None = Field(default=None, max_length=64)
    revoked_at: datetime | None = moment(nullable=True)


class LoginSession(SQLModel, table=True):
    """A signed-in browser. Only the SHA-256 of its cookie is kept; ``csrf`` guards its forms."""

    __tablename__ = "login_session"

    digest: str = Field(primary_key=True, max_length=64)
    person_id: str = Field(foreign_key="person.id", index=True, max_length=32)
    csrf: str = Field(max_length=64)
    created_at: datetime = moment()
    seen_at: datetime = moment()
    expires_at: datetime = moment(index=True)


class ApiToken(SQLModel, table=True):
    """An API token, kept as its SHA-256 and first characters. ``scopes`` narrow what its person may do."""

    __tablename__ = "api_token"

    id: str = Field(primary_key=True, max_length=32)
    person_id: str = Field(foreign_key="person.id", index=True, max_length=32)
    name: str = Field(max_length=100)
    prefix: str = Field(max_length=16)
    digest: str = Field(max_length=64, unique=True)
    scopes: list[str] = json_column()
    created_by: str = Field(max_length=64)
    created_at: datetime = moment()
    expires_at: datetime = moment()
    used_at: datetime | None = moment(nullable=True)
    revoked_by: str | None = Field(default=None, max_length=64)
    revoked_at: datetime | None = moment(nullable=True)


class LoginFailure(SQLModel, table=True):
    """Failed log-ins under one login, known or not (only the SHA-256 of what was typed is kept)."""

    __tablename__ = "login_failure"

    digest: str = Field(primary_key=True, max_length=64)
    failed: int = 0
    last_at: datetime = moment()
    locked_until: datetime | None = moment(nullable=True)
