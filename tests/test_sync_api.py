"""The sync in the REST API: how targets stand, plans, the ledger and runs page by page, tried again; who may."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from registry.db import Database
from registry.web import sync_shapes as shapes
from sync.mapping import mapping_digest
from tests.sync_board import API, NAME, PORTAL, Board, board_of

REFUSED = {"state": "absent", "trouble": "refused", "said": "name: 该 URL 已被使用"}
READERS = ("auditor", "bureau", "system_admin", "log_auditor")


@pytest.fixture
def board(sqlite_database: Database, tmp_path: Path) -> Iterator[Board]:
    with board_of(sqlite_database, tmp_path) as made:
        yield made


@pytest.fixture
def anywhere(database: Database, tmp_path: Path) -> Iterator[Board]:
    """The board on SQLite and on PostgreSQL."""
    with board_of(database, tmp_path) as made:
        yield made


def walk(board: Board, path: str, limit: int, **params: Any) -> list[dict[str, Any]]:
    """All results of a list, page by page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = board.ask(path, limit=limit, **cursor, **params)
        assert len(page["results"]) <= limit
        found += page["results"]
        if page["next_cursor"] is None:
            assert page["total"] == len(found)
            return found
        cursor = {"cursor": page["next_cursor"]}


# ---- targets ------------------------------------------------------------------------------------------------


def test_a_target_tells_how_it_stands(anywhere: Board) -> None:
    anywhere.row(anywhere.entries[0])
    anywhere.row(anywhere.entries[1], **REFUSED)
    anywhere.row(anywhere.entries[2], trouble="withheld")
    anywhere.asked(anywhere.entries[3])
    found = anywhere.ask()
    shapes.TargetShown.model_validate(found)
    assert (found["in_step"], found["amiss"], found["waiting"], found["held_back"]) == (False, 1, 1, 1)
    assert (found["states"]["present"], found["states"]["absent"]) == (2, 2)
    assert found["troubles"] == {"unreachable": 0, "refused": 1, "unacknowledged": 0, "withheld": 1}
    assert (found["entries"], found["url"], found["rights"]["may_purge"]) == (4, PORTAL, False)


def test_a_target_is_in_step_when_nothing_is_left_to_do(board: Board) -> None:
    for entry in board.entries:
        board.row(entry)
    assert board.ask()["in_step"] is True
    board.row(board.entries[0], state="uncertain")
    assert (board.ask()["in_step"], board.ask()["waiting"]) == (False, 1)


def test_targets_are_listed_by_name_without_those_removed(board: Board) -> None:
    gone = board.add("alt-portal")
    board.add("a-share", scope="share", url="https://share.example.gov.cn")
    with board.database.write() as session:
        from registry.models import SyncTarget

        session.get_one(SyncTarget, gone).removed_at = board.now
    found = board.as_("bureau").get(API).json()["results"]
    assert [one["name"] for one in found] == ["a-share", NAME]


def test_no_answer_holds_a_token(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULU_TARGET_CITY_OPEN_TOKEN", "geheim-4711")
    board.row(board.entries[0])
    for path in ("", "/plan", "/entries", "/runs"):
        assert "geheim-4711" not in board.as_("system_admin").get(f"{API}/{NAME}{path}").text


def test_the_last_run_and_parcels_are_told(board: Board) -> None:
    board.ran(30)
    newest = board.ran(1, outcome="in_step")
    board.sent(1, {"e1": "put"}, answered_at=board.now)
    board.sent(2, {"e1": "put"})
    found = board.ask()
    assert (found["last_run"]["id"], found["last_run"]["outcome"]) == (newest, "in_step")
    assert found["parcels"] == {"sent": 2, "unanswered": 1}


# ---- plan -----------------------------------------------------------------------------------------------------


def test_a_plan_is_that_of_the_command_line_without_differences(anywhere: Board) -> None:
    anywhere.asked(*anywhere.entries[:2])
    plan = anywhere.ask("/plan")
    shapes.PlanShown.model_validate(plan)
    assert (plan["create"], plan["patch"], plan["withdraw"], plan["skip"]) == (2, 0, 0, 0)
    assert {one["code"] for one in plan["entries"]} == {anywhere.code(e) for e in anywhere.entries[:2]}
    assert {(one["act"], one["differences"]) for one in plan["entries"]} == {("create", None)}


def test_a_plan_writes_nothing(board: Board) -> None:
    board.asked(*board.entries)
    board.ask("/plan")
    assert [board.get(entry).state for entry in board.entries] == ["absent"] * 4


def test_a_plan_says_whether_everything_is_judged_anew(board: Board) -> None:
    board.say(mapping=mapping_digest(board.shape()))
    assert board.ask("/plan")["remapped"] is False
    board.say(mapping="0" * 64)
    assert board.ask("/plan")["remapped"] is True


def test_a_plan_that_cannot_be_made_says_what_to_set(board: Board) -> None:
    board.say(files="link")
    answer = board.as_("system_admin").get(f"{API}/{NAME}/plan")
    assert (answer.status_code, "MULU_PUBLIC_URL" in answer.json()["detail"]) == (503, True)


def test_a_plan_that_is_too_long_is_left_to_the_command_line(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.web.sync_plans.MOST_JUDGED", 2)
    board.asked(*board.entries)
    answer = board.as_("system_admin").get(f"{API}/{NAME}/plan")
    assert (answer.status_code, f"mulu-sync plan {NAME} --json" in answer.json()["detail"]) == (409, True)


# ---- ledger and runs --------------------------------------------------------------------------------------------


def test_the_ledger_is_walked_page_by_page(anywhere: Board) -> None:
    for entry in anywhere.entries:
        anywhere.row(entry)
    found = walk(anywhere, "/entries", 3)
    assert [one["entry_id"] for one in found] == sorted(anywhere.entries)
    assert found[0]["url"] == f"{PORTAL}/dataset/dataset-0"
    shapes.SyncEntryShown.model_validate(found[0])


def test_the_ledger_is_narrowed_by_state_trouble_and_drift(anywhere: Board) -> None:
    anywhere.row(anywhere.entries[0], **REFUSED)
    anywhere.row(anywhere.entries[1], drift="edited")
    anywhere.row(anywhere.entries[2], state="gone", gone_at=anywhere.now)
    asked = {"state": "gone", "trouble": "refused", "drift": "edited"}
    found = {
        key: [one["code"] for one in walk(anywhere, "/entries", 10, **{key: asked[key]})] for key in asked
    }
    order = {
        key: [anywhere.code(anywhere.entries[n])] for key, n in (("trouble", 0), ("drift", 1), ("state", 2))
    }
    assert found == order


def test_a_refused_entry_tells_the_target_s_words_and_the_cure(board: Board) -> None:
    board.row(board.entries[0], **REFUSED)
    (one,) = board.ask("/entries", trouble="refused")["results"]
    assert (one["said"], one["url"], one["due"]) == ("name: 该 URL 已被使用", "", False)
    assert one["cure"] == "照目标的话改好条目或目标，再重试"


def test_an_unknown_state_or_target_is_refused_in_words(board: Board) -> None:
    client = board.as_("system_admin")
    answer = client.get(f"{API}/{NAME}/entries", params={"state": "lost"})
    assert (answer.status_code, "present" in answer.json()["detail"]) == (422, True)
    missing = client.get(f"{API}/none")
    assert (missing.status_code, NAME in missing.json()["detail"]) == (404, True)
    assert missing.headers["content-type"] == "application/problem+json"


def test_runs_are_walked_the_newest_first(anywhere: Board) -> None:
    line = {"code": "307/1", "name": "名录", "trouble": "refused", "said": "不要", "entry_id": "e1"}
    # two of one moment
    made = [anywhere.ran(n // 2, [line]) for n in range(5)]
    found = walk(anywhere, "/runs", 2)
    assert [one["id"] for one in found] == [made[1], made[0], made[3], made[2], made[4]]
    assert found[0]["failures"] == [{key: line[key] for key in ("code", "name", "trouble", "said")}]
    shapes.RunShown.model_validate(found[0])


def test_runs_of_another_target_are_no_place_to_go_on_from(board: Board) -> None:
    other = board.add("other")
    run = board.ran(target_id=other)
    answer = board.as_("system_admin").get(f"{API}/{NAME}/runs", params={"cursor": run})
    assert answer.status_code == 404
    assert board.ask("/runs") == {"results": [], "next_cursor": None, "total": 0}


# ---- tried again --------------------------------------------------------------------------------------------------


def retry(board: Board, login: str, codes: list[str], **more: Any) -> Any:
    return board.as_(login).post(f"{API}/{NAME}/retry", json={"codes": codes}, **more)


def test_entries_named_are_made_due_again(anywhere: Board) -> None:
    for entry in anywhere.entries[:2]:
        anywhere.row(entry, **REFUSED)
    anywhere.say(rests_until=anywhere.now + timedelta(hours=1))
    answer = retry(anywhere, "system_admin", [anywhere.code(anywhere.entries[0])])
    assert (answer.status_code, answer.json()) == (200, {"retried": 1})
    first, second = (anywhere.get(entry) for entry in anywhere.entries[:2])
    assert (first.trouble, first.asked > first.met, second.trouble) == ("", True, "refused")
    assert anywhere.ask()["rests_until"] is None


def test_without_names_all_that_are_in_trouble_are_made_due(board: Board) -> None:
    for entry in board.entries[:3]:
        board.row(entry, **REFUSED)
    board.row(board.entries[3])
    assert retry(board, "system_admin", []).json() == {"retried": 3}
    assert board.get(board.entries[3]).asked == board.get(board.entries[3]).met


def test_a_retry_with_a_key_is_made_once(board: Board) -> None:
    board.row(board.entries[0], **REFUSED)
    key = {"Idempotency-Key": "again"}
    first, second = (retry(board, "system_admin", [], headers=key) for _ in range(2))
    assert first.json() == second.json() == {"retried": 1}
    assert second.headers["Idempotency-Replayed"] == "true"


def test_a_name_that_is_no_entry_changes_nothing(board: Board) -> None:
    board.row(board.entries[0], **REFUSED)
    assert retry(board, "system_admin", [board.code(board.entries[0]), "keine/1"]).status_code == 404
    assert board.get(board.entries[0]).trouble == "refused"


def test_a_retry_says_what_it_is_about(board: Board) -> None:
    answer = board.as_("system_admin").post(f"{API}/{NAME}/retry", json={})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/codes")


# ---- who ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", f"/{NAME}", f"/{NAME}/plan", f"/{NAME}/entries", f"/{NAME}/runs"])
def test_others_are_refused_in_words(board: Board, path: str) -> None:
    for login in READERS:
        assert board.as_(login).get(f"{API}{path}").status_code == 200
    for login in ("steward", "security_admin"):
        answer = board.as_(login).get(f"{API}{path}")
        assert (answer.status_code, "须由" in answer.json()["detail"]) == (403, True)
        assert {"system_admin", "bureau", "sync_robot"} <= set(answer.json()["missing_roles"])


def test_the_robot_reads_and_pushes_as_far_as_its_token_goes(board: Board) -> None:
    board.row(board.entries[0], **REFUSED)
    reader = board.robot("read_outbox")
    assert reader.get(f"{API}/{NAME}").json()["troubles"]["refused"] == 1
    refused = reader.post(f"{API}/{NAME}/retry", json={"codes": []})
    assert (refused.status_code, "push_portal" in refused.json()["missing_scopes"]) == (403, True)
    pusher = board.robot("push_portal")
    assert pusher.get(f"{API}/{NAME}").status_code == 403
    assert pusher.post(f"{API}/{NAME}/retry", json={"codes": []}).json() == {"retried": 1}


def test_who_only_reads_may_not_have_it_tried_again(board: Board) -> None:
    board.row(board.entries[0], **REFUSED)
    answer = retry(board, "bureau", [])
    assert (answer.status_code, answer.json()["missing_roles"]) == (403, ["sync_robot", "system_admin"])
    assert board.get(board.entries[0]).trouble == "refused"


def test_the_application_starts_without_what_speaks_to_portals() -> None:
    import subprocess
    import sys

    code = "import registry.web, sys; print(sorted({'requests', 'ckanapi', 'fsspec', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
