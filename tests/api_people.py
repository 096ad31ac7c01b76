"""A register with one cast, and the API as one of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from registry.db import Database
from registry.web import create_app
from tests.cast import Cast, content, make_cast
from tests.web_people import enter, settings_of

OTHER = "11520300MB1A00079D"


@dataclass
class Api:
    """The API over a cast; ``as_role`` signs a client in as one of it."""

    cast: Cast
    app: FastAPI
    clients: dict[str, TestClient] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        return self.cast.database

    @property
    def entry(self) -> str:
        return f"/api/v1/entries/{self.cast.code}"

    def as_role(self, role: str) -> TestClient:
        if role not in self.clients:
            self.clients[role] = enter(TestClient(self.app), self.database, role)
        return self.clients[role]

    def move(self, role: str, move: str, **more: Any) -> Any:
        body = {"move": move, "subjects": [{"entry": self.cast.code}]} | more
        return self.as_role(role).post("/api/v1/moves", json=body)


@contextmanager
def api_of(database: Database, folder: Path) -> Iterator[Api]:
    """The API around one registered draft."""
    app = create_app(settings_of(database, files_folder=folder / "files", workers=0))
    yield Api(make_cast(database, folder), app)
    app.state.database.close()


def fresh(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A content that is not registered yet."""
    own = {"resource_code": None, "resource_category": ["部门信息资源类"]}
    return content(**(own | {"resource_name": f"企业年报信息{number}"} | changes))


__all__ = ["OTHER", "Api", "api_of", "fresh"]
