"""Requests over REST: filed, acted on as they were seen, refused with everything, never told to strangers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any
from urllib.parse import quote

import pytest

from registry import jobs, work
from registry.db import Database
from registry.workers import Worker
from tests.request_doors import Doors, asked, day, desk_ago, granted, received
from tests.requests_cast import CONDITIONAL, KEPT, OPEN_ENTRY, PUBLIC, USED

API = "/api/v1"
CITIZEN = {"name": "孟晓舟", "kind": "自然人", "contact": "139-0000-0000"}


@pytest.fixture
def doors(database: Database, tmp_path: Path) -> Iterator[Doors]:
    made = Doors(desk_ago(database, tmp_path), tmp_path)
    yield made
    made.close()


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Iterator[Doors]:
    made = Doors(desk_ago(sqlite_database, tmp_path), tmp_path)
    yield made
    made.close()


def post(doors: Doors, login: str, path: str, **body: Any) -> Any:
    return doors.as_login(login).post(f"{API}/{path}", json=body)


def get(doors: Doors, login: str, path: str, **query: Any) -> Any:
    return doors.as_login(login).get(f"{API}/{path}", params=query)


def file(doors: Doors, entry: str = CONDITIONAL, login: str = "steward-m", **changes: Any) -> Any:
    return post(doors, login, "requests", kind="share", entry=entry, data=asked(**changes))


def errors(answer: Any) -> dict[str, str]:
    """What is refused: the place of each, with its code."""
    assert answer.status_code == 422, answer.text
    assert all(row["source"] and row["fix"] for row in answer.json()["errors"])
    return {row["pointer"]: row["code"] for row in answer.json()["errors"]}


# ---- filed and answered -----------------------------------------------------------------------------------


def test_a_request_goes_the_whole_way(doors: Doors) -> None:
    made = file(doors)
    assert (made.status_code, made.json()["after"]) == (201, "filed")
    key = made.json()["key"]
    assert made.headers["location"] == f"{API}/requests/{key}"
    assert post(doors, "share-m", f"requests/{key}/acts", act="consent").json()["after"] == "received"
    agreed = post(doors, "share-c", f"requests/{key}/acts", act="agree", data={"items": ["姓名"]}).json()
    grant = agreed["grant"]
    given = {"form": "3", "where": "共享平台接口 db-v1"}
    assert (
        post(doors, "steward-c", f"grants/{quote(grant)}/acts", act="provide", data=given).status_code == 200
    )
    used = post(doors, "steward-m", f"grants/{quote(grant)}/usage", data=USED)
    assert (used.status_code, used.json()["content"]) == (201, USED)
    shown = get(doors, "steward-c", f"grants/{quote(grant)}").json()
    assert (shown["items"], shown["running"], len(shown["usage"])) == (["姓名"], True, 1)
    assert get(doors, "share-m", f"grants/{shown['key']}/usage").json()["results"] == shown["usage"]


def test_the_machine_answers_what_is_shared_without_conditions(here: Doors) -> None:
    key = file(here, PUBLIC, mode="查询").json()["key"]
    done = post(here, "share-m", f"requests/{key}/acts", act="consent").json()
    assert (done["after"], done["answered_by_machine"]) == ("agreed", True)
    shown = get(here, "steward-m", f"requests/{key}").json()
    assert [act["by_machine"] for act in shown["acts"]] == [False, False, True]
    assert shown["grants"][0]["number"] == done["grant"]


def test_numbers_and_keys_both_name_it(here: Doors) -> None:
    number = received(here.desk)
    by_number = get(here, "share-c", f"requests/{quote(number)}").json()
    assert get(here, "share-c", f"requests/{by_number['key']}").json() == by_number
    assert by_number["number"] == number and by_number["term"]["overdue"] > 0
    options = [one["act"] for one in by_number["options"]]
    assert options[:3] == ["agree", "refuse", "supplement"]


def test_everything_that_is_missing_is_named_in_its_place(here: Doors) -> None:
    found = errors(post(here, "steward-m", "requests", kind="share", entry=CONDITIONAL, data={"colour": 1}))
    assert found == {
        "/data/colour": "field_unknown",
        "/data/basis": "field_missing",
        "/data/scene": "field_missing",
        "/data/scope": "field_missing",
        "/data/mode": "field_missing",
    }
    assert errors(file(here, items=["姓名", "家庭成员病历"])) == {"/data/items": "item_not_shared"}
    assert errors(file(here, KEPT)) == {"": "not_shared"}
    assert errors(file(here, login="steward-w")) == {"/requester": "not_bound"}
    assert errors(file(here, login="steward-c")) == {"/requester": "own_entry"}
    open_one = post(here, "steward-m", "requests", kind="open", entry=OPEN_ENTRY, applicant={"kind": "公司"})
    assert errors(open_one) == {
        "/applicant/name": "field_missing",
        "/applicant/kind": "field_wrong",
        "/applicant/contact": "field_missing",
        "/data/purpose": "field_missing",
    }


def test_a_refusal_needs_reasons(here: Doors) -> None:
    number = quote(received(here.desk))
    assert errors(post(here, "share-c", f"requests/{number}/acts", act="refuse")) == {"": "reasons_missing"}
    done = post(here, "share-c", f"requests/{number}/acts", act="refuse", note="用途与职责不符").json()
    assert (done["before"], done["after"]) == ("received", "refused")
    assert get(here, "share-m", f"requests/{number}").json()["reasons"] == "用途与职责不符"


def test_the_second_answer_comes_too_late(here: Doors) -> None:
    number = quote(received(here.desk))
    lock = get(here, "share-c", f"requests/{number}").json()["lock"]
    first = post(here, "share-c", f"requests/{number}/acts", act="agree", lock=lock)
    stale = post(here, "share2-c", f"requests/{number}/acts", act="refuse", note="不", lock=lock)
    conflict = post(here, "share2-c", f"requests/{number}/acts", act="refuse", note="不")
    assert (first.status_code, stale.status_code, conflict.status_code) == (200, 412, 409)
    assert stale.json()["lock"] == first.json()["lock"] and "share-c 已于" in conflict.json()["detail"]


def test_of_two_answers_at_the_same_moment_one_is_given(doors: Doors) -> None:
    number = quote(received(doors.desk))
    clients, start = [doors.as_login(login) for login in ("share-c", "share2-c")], Barrier(2)

    def answer(client: Any) -> int:
        start.wait(10)
        body = {"act": "refuse", "note": "用途与职责不符"}
        return int(client.post(f"{API}/requests/{number}/acts", json=body).status_code)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(answer, clients)) == [200, 409]


def test_a_replayed_request_is_filed_once(doors: Doors) -> None:
    body = {"kind": "share", "entry": CONDITIONAL, "data": asked()}
    key, client = {"Idempotency-Key": "once"}, doors.as_login("steward-m")
    first, again = (client.post(f"{API}/requests", json=body, headers=key) for _ in range(2))
    assert first.json() == again.json() and again.headers["idempotency-replayed"] == "true"
    assert len(get(doors, "steward-m", "requests").json()["results"]) == 1


def test_roles_and_sides_are_asked_for(here: Doors) -> None:
    number = quote(received(here.desk))
    assert post(here, "steward-c", f"requests/{number}/acts", act="agree").json()["missing_roles"] == [
        "sharing_head"
    ]
    assert post(here, "share-m", f"requests/{number}/acts", act="agree").status_code == 403
    assert post(here, "head-m", "requests", kind="share", entry=CONDITIONAL, data=asked()).status_code == 403
    assert post(here, "share-c", f"requests/{number}/acts", act="dance").status_code == 404
    assert post(here, "steward-m", "requests", kind="dance", entry=CONDITIONAL).status_code == 404


# ---- seen -------------------------------------------------------------------------------------------------


def test_strangers_see_nothing(here: Doors) -> None:
    grant = granted(here.desk)
    number = get(here, "steward-m", f"grants/{quote(grant)}").json()["request"]
    for path in (f"requests/{quote(number)}", f"grants/{quote(grant)}", f"grants/{quote(grant)}/usage"):
        assert get(here, "share-p", path).status_code == 404
        assert get(here, "bureau", path).status_code == 200
    assert get(here, "share-p", "requests").json() == {"results": [], "next_cursor": None}
    assert post(here, "share-p", f"requests/{quote(number)}/acts", act="withdraw").status_code == 404


def test_lists_are_filtered_and_paged(here: Doors) -> None:
    first, second = received(here.desk), here.desk.file(data=asked()).number
    page = get(here, "steward-m", "requests", limit=1).json()
    assert [row["number"] for row in page["results"]] == [second]
    rest = get(here, "steward-m", "requests", limit=1, cursor=page["next_cursor"]).json()
    assert ([row["number"] for row in rest["results"]], rest["next_cursor"]) == ([first], None)
    for query, count in (
        ({"side": "requester"}, 2),
        ({"side": "provider"}, 0),
        ({"state": "filed"}, 1),
        ({"kind": "open"}, 0),
        ({"entry": CONDITIONAL}, 2),
        ({"agency": "遵义市民政局"}, 2),
    ):
        assert len(get(here, "steward-m", "requests", **query).json()["results"]) == count, query
    assert get(here, "steward-m", "requests", side="ours").status_code == 422


def test_what_is_late_stands_in_both_queues(here: Doors) -> None:
    number = received(here.desk)
    for login, mine in (("share-c", True), ("share-m", False), ("bureau", False)):
        (task,) = get(here, login, "queue").json()["requests"]
        assert (task["number"], task["act"], task["mine"]) == (number, "answer", mine)
        assert task["overdue"] > 0 and task["overdue_zh"].endswith("个工作日")
    assert get(here, "share-p", "queue").json()["requests"] == []


def test_an_applicant_is_told_to_the_provider_and_erased(here: Doors) -> None:
    body = {"kind": "open", "entry": OPEN_ENTRY, "data": {"purpose": "研究本市企业的分布"}}
    made = post(here, "steward-m", "requests", **body, applicant=CITIZEN)
    path = f"requests/{made.json()['key']}"
    assert "孟晓舟" not in made.text + get(here, "steward-m", "requests").text
    assert get(here, "steward-m", path).json()["applicant"] == CITIZEN
    assert get(here, "auditor", path).json()["applicant"] is None
    assert post(here, "steward-m", f"{path}/erase-applicant").status_code == 403
    assert post(here, "security_admin", f"{path}/erase-applicant").json()["erased_at"]
    assert post(here, "security_admin", f"{path}/erase-applicant").status_code == 409
    shown = get(here, "steward-m", path).json()
    assert (shown["applicant"], bool(shown["applicant_erased_at"])) == (None, True)


# ---- grants and disputes ----------------------------------------------------------------------------------


def test_a_grant_past_its_date_runs_no_more(here: Doors) -> None:
    grant = granted(here.desk, valid_until=day(-5))
    assert get(here, "steward-m", "grants", running=True).json()["results"] == []
    (row,) = get(here, "steward-m", "grants", running=False).json()["results"]
    assert (row["number"], row["state"], row["running"]) == (grant, "ended", False)
    given = {"form": "3", "where": "接口 a"}
    answer = post(here, "steward-c", f"grants/{quote(grant)}/acts", act="provide", data=given)
    assert errors(answer) == {"": "grant_over"}
    assert errors(post(here, "steward-m", f"grants/{quote(grant)}/usage", data=USED)) == {"": "grant_over"}
    renewed = post(here, "steward-m", "requests", kind="share", entry=CONDITIONAL, data=asked(extends=grant))
    assert "grant_over" in errors(renewed).values()


def test_the_daily_job_ends_what_is_past_its_date(here: Doors) -> None:
    over, runs = granted(here.desk, valid_until=day(-5)), granted(here.desk)
    assert work.RECURRING[work.EXPIRE] == timedelta(days=1)
    with here.desk.database.write() as session:
        job = jobs.enqueue(session, work.EXPIRE, {}, actor="system", now=datetime.now(UTC)).id
    Worker(here.desk.database, work.works(here.app.state.settings.files)).perform(job)
    assert (here.desk.grant(over).state, here.desk.grant(runs).state) == ("ended", "active")
    assert get(here, "bureau", f"jobs/{job}").json()["state"] == "done"
    assert get(here, "steward-m", f"grants/{quote(over)}").json()["acts"][-1]["by_machine"] is True


def test_a_place_holds_no_password(here: Doors) -> None:
    grant = quote(granted(here.desk))
    given = {"form": "3", "where": "https://u:p4ss@share.example/api"}
    answer = post(here, "steward-c", f"grants/{grant}/acts", act="provide", data=given)
    assert errors(answer) == {"/data/where": "credentials"}


def test_a_dispute_is_negotiated_then_coordinated(doors: Doors) -> None:
    number = received(doors.desk)
    made = post(doors, "share-m", "disputes", about=number, subject="逾期没有答复")
    assert (made.status_code, made.json()["step"], made.json()["request"]) == (201, "negotiate", number)
    path = f"disputes/{made.json()['key']}"
    acts = {
        login: [o["act"] for o in get(doors, login, path).json()["options"]]
        for login in ("share-m", "share-c")
    }
    assert acts == {"share-m": ["settle", "escalate"], "share-c": ["escalate"]}
    assert post(doors, "share-c", f"{path}/acts", act="settle", data={"outcome": "了"}).status_code == 403
    assert errors(post(doors, "share-m", f"{path}/acts", act="escalate")) == {"": "reasons_missing"}
    assert (
        post(doors, "share-m", f"{path}/acts", act="escalate", note="协商不成").json()["step"] == "coordinate"
    )
    assert [o["act"] for o in get(doors, "bureau", path).json()["options"]] == ["coordinate", "refer"]
    done = post(doors, "bureau", f"{path}/acts", act="coordinate", data={"outcome": "三日内提供"}).json()
    assert (done["step_zh"], done["outcome"], done["options"]) == ("已办结", "三日内提供", [])
    assert get(doors, "share-p", path).status_code == 404


def test_a_grant_in_dispute_is_named_by_its_number(here: Doors) -> None:
    grant = granted(here.desk)
    made = post(here, "share-m", "disputes", about=grant, subject="迟迟没有提供").json()
    assert made["grant"] == grant
    assert errors(post(here, "share-m", "disputes", about=grant, subject="又")) == {"": "disputed"}


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("requests", {"kind": "share"}, "/entry"),
        ("requests", {"kind": "share", "entry": "x", "colour": 1}, "/colour"),
        ("requests", {"kind": "share", "entry": "x", "data": {"a": "\0"}}, "/data"),
        ("requests/x/acts", {"act": "agree", "lock": 0}, "/lock"),
        ("grants/x/usage", {"kind": ""}, "/kind"),
        ("disputes", {"about": "x"}, "/subject"),
    ],
)
def test_what_is_malformed_is_named(here: Doors, path: str, body: dict[str, Any], pointer: str) -> None:
    answer = here.as_login("steward-m").post(f"{API}/{path}", json=body)
    assert answer.status_code == 422
    assert [row["pointer"] for row in answer.json()["errors"]] == [pointer]
