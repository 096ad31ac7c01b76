"""The pages of promises kept: the overdue ledger, yearly figures, change events and what is done about their cases."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import delete, update

from registry.list_lines import fill_lines
from registry.models import ChangeEvent, ListLine, Version
from registry.web import create_app
from tests.cast import Cast
from tests.list_cast import MARKET
from tests.web_people import enter, settings_of

PAGE = {"Accept": "text/html"}
BASIS = "遵市编〔2026〕12号"


class Pages:
    """The application over one announced entry, as any of its cast."""

    def __init__(self, cast: Cast, app: FastAPI) -> None:
        self.cast, self.app = cast, app
        self.clients: dict[str, TestClient] = {}

    def as_(self, login: str) -> TestClient:
        if login not in self.clients:
            self.clients[login] = enter(TestClient(self.app), self.cast.database, login)
        return self.clients[login]

    def see(self, path: str, login: str = "steward") -> str:
        answer = self.as_(login).get(path, headers=PAGE)
        assert answer.status_code == 200, answer.text
        assert "<script" not in answer.text and " style=" not in answer.text
        return str(answer.text)

    def send(self, login: str, path: str, **fields: str) -> Any:
        client = self.as_(login)
        data = {"csrf": client.headers["X-CSRF-Token"]} | fields
        return client.post(path, data=data, headers=PAGE, follow_redirects=False)

    def event(self, **fields: str) -> dict[str, str]:
        """The form of an event that touches the entry by its agency."""
        yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
        given = {"kind": "duty", "basis": BASIS, "effective_on": yesterday, "agencies": MARKET}
        return given | fields

    def posted(self) -> str:
        """An event posted by the bureau; the address of its page."""
        done = self.send("bureau", "/changes", **self.event())
        assert done.status_code == 303, done.text
        return str(done.headers["location"])

    def deed(self, login: str, at: str, deed: str, reason: str = "与本目录无关") -> Any:
        return self.send(login, f"{at}/{deed}", entry=self.cast.code, reason=reason)


@contextmanager
def announced(cast: Cast, days: int) -> Iterator[Pages]:
    """The application over the entry of a cast, announced some days before now."""
    with cast.database.write() as session:
        session.execute(update(Version).values(announced_at=datetime.now(UTC) - timedelta(days=days)))
        session.execute(delete(ListLine))
        fill_lines(session)
    app = create_app(settings_of(cast.database, workers=0))
    yield Pages(cast, app)
    app.state.database.close()


@pytest.fixture
def pages(at: Callable[[str], Cast]) -> Iterator[Pages]:
    with announced(at("announced"), 1) as made:
        yield made


@pytest.fixture
def late(at: Callable[[str], Cast]) -> Iterator[Pages]:
    with announced(at("announced"), 60) as made:
        yield made


# ---- ledger and figures -----------------------------------------------------------------------------------


def test_who_kept_every_promise_has_an_empty_ledger(pages: Pages) -> None:
    assert "没有超期的承诺" in pages.see("/promises")


def test_a_shelf_that_is_owed_stands_in_the_ledger_with_delay_and_source(late: Pages) -> None:
    page = late.see("/promises")
    for said in ("企业登记基本信息", "未按承诺上架", "办法和依据"):
        assert said in page
    assert re.search(r'<span class="mark error">\d+ 个工作日</span>', page)
    assert f'href="/promises?agency={MARKET}"' in page


def test_the_ledger_is_asked_for_by_agency_and_kind(late: Pages) -> None:
    assert "企业登记基本信息" in late.see(f"/promises?agency={MARKET}&kind=shelf")
    assert "没有超期的承诺" in late.see("/promises?kind=data_update")
    answer = late.as_("steward").get("/promises?agency=没有", headers=PAGE)
    assert answer.status_code == 404


def test_the_figures_of_a_year_have_rates_and_their_definitions(pages: Pages) -> None:
    page = pages.see("/promises/figures")
    assert "0.0%" in page and "0/1" in page
    for said in ("上架率", "更新及时率", "各指标的口径和依据", "不符"):
        assert said in page


def test_a_year_that_has_not_begun_has_no_figures(pages: Pages) -> None:
    assert pages.as_("steward").get("/promises/figures?year=9000", headers=PAGE).status_code == 422


# ---- change events ----------------------------------------------------------------------------------------


def test_the_bureau_previews_and_posts_an_event(pages: Pages) -> None:
    assert "发布变更事件" in pages.see("/changes", "bureau")
    preview = pages.send("bureau", "/changes/preview", **pages.event())
    assert preview.status_code == 200
    assert "将涉及 1 条目录" in preview.text and "企业登记基本信息" in preview.text
    with pages.cast.database.read() as session:
        assert session.query(ChangeEvent).count() == 0
    page = pages.see(pages.posted())
    assert BASIS in page and "待更新" in page
    assert "BG-" in pages.see("/changes")


def test_others_are_not_offered_or_let_to_post(pages: Pages) -> None:
    assert "发布变更事件" not in pages.see("/changes")
    for path in ("/changes", "/changes/preview"):
        assert pages.send("steward", path, **pages.event()).status_code == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"effective_on": "昨天"},
        {"basis": ""},
        {"agencies": ""},
        {"laws": "《没写完"},
        {"kind": "nonsense"},
        {"effective_on": "1990-01-01"},
    ],
)
def test_what_is_wrong_in_the_form_is_said(pages: Pages, wrong: dict[str, str]) -> None:
    answer = pages.send("bureau", "/changes/preview", **pages.event(**wrong))
    assert (answer.status_code, 'class="alarm"' in answer.text) == (422, True)


def test_the_steward_answers_and_the_bureau_opens_it_again(pages: Pages) -> None:
    at = pages.posted()
    assert "答复不需更新</summary>" in pages.see(at)
    assert pages.deed("steward", at, "settle").status_code == 303
    answered = pages.see(at, "bureau")
    assert "与本目录无关" in answered and "退回答复</summary>" in answered
    assert pages.deed("bureau", at, "reopen", "须更新").status_code == 303
    assert "答复不需更新</summary>" in pages.see(at)


def test_the_bureau_extends_once(pages: Pages) -> None:
    at = pages.posted()
    assert "同意延期</summary>" in pages.see(at, "bureau") and "同意延期</summary>" not in pages.see(at)
    assert pages.deed("steward", at, "extend").status_code == 403
    assert pages.deed("bureau", at, "extend", "系统改造").status_code == 303
    page = pages.see(at, "bureau")
    assert "已延期：系统改造" in page and "同意延期</summary>" not in page
    assert pages.deed("bureau", at, "extend", "再延").status_code == 409


def test_a_withdrawn_event_asks_for_nothing(pages: Pages) -> None:
    at = pages.posted()
    assert pages.send("steward", f"{at}/withdraw", reason="错").status_code == 403
    assert pages.send("bureau", f"{at}/withdraw", reason="文号写错").status_code == 303
    page = pages.see(at, "bureau")
    assert "文号写错" in page and "</summary>" not in page


def test_what_is_not_known_is_not_there(pages: Pages) -> None:
    at = pages.posted()
    assert pages.as_("steward").get("/changes/BG-1999-0001", headers=PAGE).status_code == 404
    assert pages.deed("bureau", at, "explode").status_code == 404
    assert pages.send("steward", f"{at}/settle", entry="没有", reason="x").status_code == 404


def test_who_may_not_read_the_catalogue_sees_no_page(pages: Pages) -> None:
    assert TestClient(pages.app).get("/promises").status_code == 401
    assert TestClient(pages.app).get("/changes").status_code == 401
