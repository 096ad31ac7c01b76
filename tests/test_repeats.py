"""Requests with an Idempotency-Key: done once, answered alike, kept with the deed or not at all."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Form, Response, UploadFile
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from registry import repeats
from registry.db import Database
from registry.errors import Conflict, Rejected
from registry.models import Agency, RepeatedRequest
from registry.permits import Actor
from registry.repeats import Answered, Ask
from registry.web import problems
from registry.web.given import Writing
from registry.web.repeating import Answer, Repeating
from tests.catalogue_files import at_once
from tests.conftest import NOW

STEWARD, HEAD = Actor("p1", "steward", "王敏"), Actor("p2", "head", "李强")
ASK = Ask("key-1", "POST", "/api/v1/agencies?", "body")


class Deeds:
    """A deed that counts itself: it writes an agency."""

    def __init__(self, status: int = 201) -> None:
        self.status, self.count = status, 0

    def __call__(self, database: Database, ask: Ask = ASK, actor: Actor = STEWARD, **given: Any) -> Answered:
        with database.write() as session:

            def deed() -> Answered:
                self.count += 1
                name = f"a{self.count}"
                row = {"id": name, "code": name, "name": name, "kind": "", "region": "", "number": self.count}
                session.add(Agency(**row, created_at=NOW))
                session.flush()
                return Answered(self.status, f'{{"名":"{name}"}}', {"Location": f"/{name}"})

            return repeats.once(session, ask, deed, person_id=actor.person_id, now=NOW, **given)


def count(database: Database, table: Any = Agency) -> int:
    with database.read() as session:
        return int(session.execute(select(func.count()).select_from(table)).scalar_one())


def test_a_repetition_is_answered_alike_and_done_once(database: Database) -> None:
    deed = Deeds()
    first, again = deed(database), deed(database)
    assert first == Answered(201, '{"名":"a1"}', {"Location": "/a1"})
    assert again == replace(first, replayed=True)
    assert (deed.count, count(database)) == (1, 1)


def test_without_a_key_each_request_is_one(database: Database) -> None:
    deed = Deeds()
    assert [deed(database, replace(ASK, key=None)).body for _ in range(2)] == ['{"名":"a1"}', '{"名":"a2"}']
    assert count(database, RepeatedRequest) == 0


@pytest.mark.parametrize(
    "other", [{"body": "other"}, {"path": "/api/v1/systems?"}, {"method": "PUT"}], ids=str
)
def test_a_key_is_not_used_for_another_request(other: dict[str, str], database: Database) -> None:
    deed = Deeds()
    deed(database)
    with pytest.raises(Rejected, match="另一个请求"):
        deed(database, replace(ASK, **other))
    assert deed.count == 1


def test_keys_belong_to_a_person(database: Database) -> None:
    deed = Deeds()
    assert [deed(database, actor=actor).body for actor in (STEWARD, HEAD)] == ['{"名":"a1"}', '{"名":"a2"}']


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "a\0b"])
def test_a_key_that_is_none_is_refused(key: str, sqlite_database: Database) -> None:
    with pytest.raises(Rejected, match="Idempotency-Key"):
        Deeds()(sqlite_database, replace(ASK, key=key))


def test_what_fails_is_not_kept_and_may_be_tried_again(database: Database) -> None:
    with pytest.raises(Rejected), database.write() as session:

        def fail() -> Answered:
            raise Rejected("缺少名称")

        repeats.once(session, ASK, fail, person_id="p1", now=NOW)
    assert count(database, RepeatedRequest) == 0
    assert Deeds()(database).replayed is False


def test_a_server_error_is_not_kept(database: Database) -> None:
    assert Deeds(503)(database).status == 503
    assert count(database, RepeatedRequest) == 0


def test_a_secret_is_shown_once_and_not_kept(database: Database) -> None:
    deed = Deeds()
    assert deed(database, shown_once=True).body == '{"名":"a1"}'
    with pytest.raises(Conflict, match="只显示一次"):
        deed(database, shown_once=True)
    with database.read() as session:
        assert session.execute(select(RepeatedRequest)).scalar_one().body is None


def test_twins_at_once_are_done_once(database: Database) -> None:
    deed = Deeds()

    def ask() -> str:
        try:
            return deed(database).body
        except Conflict as error:
            assert "正在办理" in error.message
            return "409"

    answers = set(at_once([ask] * 6))
    assert (count(database), answers <= {'{"名":"a1"}', "409"}) == (1, True)


def test_a_twin_is_refused_while_the_first_is_under_way(postgres_database: Database) -> None:
    """SQLite has one writer: there the twin waits and is given the same answer."""
    begun, gate, deed = threading.Event(), threading.Event(), Deeds()

    def slow() -> Answered:
        begun.set()
        gate.wait(30)
        return Answered(200, "1")

    def first() -> Answered:
        with postgres_database.write() as session:
            return repeats.once(session, ASK, slow, person_id="p1", now=NOW)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(first)
        begun.wait(30)
        with pytest.raises(Conflict, match="正在办理"):
            deed(postgres_database)
        gate.set()
        assert running.result().body == "1"
    assert deed(postgres_database).replayed


def test_old_keys_are_forgotten(database: Database) -> None:
    Deeds()(database)
    with database.write() as session:
        assert repeats.sweep(session, now=NOW + timedelta(days=1), keep=timedelta(days=2)) == 0
        assert repeats.sweep(session, now=NOW + timedelta(days=3), keep=timedelta(days=2)) == 1


# ---- over HTTP --------------------------------------------------------------------------------------------


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    """A small application with two routes that may be repeated."""
    app = FastAPI()
    app.state.database = database
    problems.enter(app)
    done: list[Any] = []

    def act(value: Any) -> Answer:
        done.append(value)
        return Answer({"第": len(done), "值": value}, 201, {"Location": f"/{len(done)}"})

    @app.post("/json")
    def take(session: Writing, again: Repeating, body: dict[str, Any]) -> Response:
        return again.once(session, STEWARD, lambda: act(body))

    @app.post("/form")
    def take_file(
        session: Writing, again: Repeating, file: UploadFile, note: Annotated[str, Form()]
    ) -> Response:
        return again.once(session, STEWARD, lambda: act([note, file.file.read().decode()]))

    with TestClient(app) as made:
        yield made


def test_a_json_request_is_replayed_byte_for_byte(client: TestClient) -> None:
    sent = {"json": {"b": 1, "a": "甲"}, "headers": {"Idempotency-Key": "k"}}
    first, again = (client.post("/json", **sent) for _ in range(2))
    assert (first.status_code, again.status_code, first.content) == (201, 201, again.content)
    assert (first.headers["location"], again.headers["location"]) == ("/1", "/1")
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    other = client.post("/json", json={"a": 2}, headers=sent["headers"])
    assert (other.status_code, other.json()["title"]) == (422, "Rejected")


def test_a_form_is_the_same_whatever_its_boundary(client: TestClient) -> None:
    def send(text: bytes) -> Any:
        files = {"file": ("目录.csv", text)}
        return client.post("/form", files=files, data={"note": "n"}, headers={"Idempotency-Key": "k"})

    first, again, other = send(b"abc"), send(b"abc"), send(b"abd")
    assert (first.json(), again.content) == ({"第": 1, "值": ["n", "abc"]}, first.content)
    assert (again.headers["idempotency-replayed"], other.status_code) == ("true", 422)
    assert json.loads(first.content)["值"] == ["n", "abc"]


def test_a_key_that_is_too_long_is_told(client: TestClient) -> None:
    answer = client.post("/json", json={}, headers={"Idempotency-Key": "x" * 300})
    assert answer.status_code == 422
