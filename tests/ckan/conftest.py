"""Fixtures of the tests of the port: entries to push, portals with tokens."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sync.ckan import CkanPortal
from tests.ckan.server import Ckan, Person
from tests.ckan.wanted import Wanted

Opened = Callable[..., CkanPortal]


@pytest.fixture
def organization() -> str:
    return f"org-{secrets.token_hex(4)}"


@pytest.fixture
def wanted(organization: str) -> Wanted:
    return Wanted(f"52030000/{secrets.token_hex(4)}", organization)


@pytest.fixture
def with_file(organization: str) -> Wanted:
    content = "名称,泊位\n体育馆,120\n".encode()
    return Wanted(f"52030000/{secrets.token_hex(4)}", organization, files={"lots": content})


@pytest.fixture
def opened(ckan: Ckan) -> Iterator[Opened]:
    """Opens the portal with a token, perhaps at another address or with another pace."""
    portals: list[CkanPortal] = []

    def portal_with(token: str, **more: Any) -> CkanPortal:
        portals.append(CkanPortal(more.pop("url", ckan.url), token, shape=Wanted("", "").shape, **more))
        return portals[-1]

    yield portal_with
    for portal in portals:
        portal.close()


@pytest.fixture
def portal(opened: Opened, ckan: Ckan) -> CkanPortal:
    return opened(ckan.token)


@pytest.fixture
def editor(ckan: Ckan, organization: str) -> Person:
    ckan.organization(organization, title=f"{organization} 局")
    return ckan.member(organization)
