"""The pages of responsibility lists, and the page where anybody verifies one; without scripts."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from registry.db import Database
from registry.list_counts import list_counts
from registry.models import Edition
from registry.web import create_app, verify_pages
from tests.cast import Cast
from tests.conftest import NOW
from tests.list_cast import CIVIL, LIUPANSHUI, LPS, MARKET, announced, in_liupanshui, list_of, table, take_in
from tests.web_lists import EDITIONS, FIRST, HEAD, OTHER_HEAD, PAGE, SECOND, Web, web_of
from tests.web_people import enter, settings_of

ARTICLE_23 = ["共享信息名称", "信息项", "数据更新周期", "共享服务方式", "数据提供方式"]
ARTICLE_24 = ["开放信息名称", "信息项", "数据更新周期", "开放服务方式", "数据提供方式"]
ARTICLE_25 = ["共享开放信息名称", "信息项", "数据更新周期", "共享开放服务方式", "数据提供方式"]
PDF = ("盖章.pdf", b"%PDF-1.7 stamped", "application/pdf")


@pytest.fixture
def web(sqlite_database: Database, tmp_path: Path) -> Iterator[Web]:
    with web_of(sqlite_database, tmp_path) as made:
        yield made


def see(web: Web, path: str, login: str = "steward") -> str:
    answer = web.as_(login).get(path, headers=PAGE)
    assert answer.status_code == 200, answer.text
    assert "<script" not in answer.text and " style=" not in answer.text
    return str(answer.text)


def headings(page: str) -> list[str]:
    """The headings of the list on a page."""
    (head,) = re.findall(r'<table class="list">\s*<thead><tr>(.*?)</tr>', page, re.DOTALL)
    return re.findall(r"<th>(.*?)</th>", head)


def status_of(page: str, agency: str) -> str:
    """The last cell of an agency's row on the page of all."""
    (row,) = (r for r in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL) if f"<code>{agency}</code>" in r)
    return re.sub(r"<[^>]+>", "", re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)[-1]).strip()


# ---- all agencies, one agency -----------------------------------------------------------------------------


def test_the_page_of_all_marks_what_is_not_sealed_and_what_is_stale(web: Web) -> None:
    assert status_of(see(web, "/lists"), CIVIL) == "未封存"
    web.sealed()
    assert status_of(see(web, "/lists"), CIVIL) == "与现行清单一致"
    web.announce()
    page = see(web, "/lists")
    assert (status_of(page, CIVIL), status_of(page, MARKET)) == ("与现行清单不一致（E127）", "未封存")
    assert "E127" in see(web, f"/lists/{CIVIL}") and "看差别" in see(web, f"/lists/{CIVIL}")


def test_the_page_of_all_is_searched_by_name_code_and_state(web: Web) -> None:
    web.sealed()
    asked = {
        "?agency=市场": [MARKET],
        f"?agency={CIVIL.lower()}": [CIVIL],
        "?stale=1": [MARKET],
        "?agency=没有": [],
    }
    for query, codes in asked.items():
        assert re.findall(r"<code>(\w{18})</code>", see(web, f"/lists{query}")) == codes


def test_the_articles_columns_stand_in_their_order(web: Web) -> None:
    take_in(web.database, web.folder, in_liupanshui("OK06"), profile=LIUPANSHUI)
    assert headings(see(web, f"/lists/{CIVIL}")) == ARTICLE_23
    assert headings(see(web, f"/lists/{CIVIL}?list=open")) == ARTICLE_24
    assert headings(see(web, f"/lists/{LPS[0]}")) == ARTICLE_25


def test_every_line_leads_to_its_entry_and_tells_version_and_digest(web: Web) -> None:
    page = see(web, f"/lists/{CIVIL}")
    lines = list_of(web.database, CIVIL).lists[0].rows
    for line in lines:
        assert f'href="/entries/{line.entry}?version=1"' in page
        assert f"<code>{line.content}</code>" in page


def test_a_debt_is_marked_and_can_be_looked_at_alone(web: Web) -> None:
    owed = announced("OK03", promised_on="2026-01-05")
    take_in(web.database, web.folder, owed)
    page = see(web, f"/lists/{CIVIL}")
    assert re.search(r'<span class="mark error">未上架 \d+ 个工作日</span>', page)
    alone = see(web, f"/lists/{CIVIL}?debts=1")
    assert "最低生活保障对象信息" in alone


def test_long_lists_are_paged(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.web.list_views.PAGE", 1)
    first, second = (see(web, f"/lists/{CIVIL}?page={n}") for n in (1, 2))
    assert ("社会组织法人登记信息" in first, "婚姻登记信息" in first) == (True, False)
    assert "第 2 / 2 页，共 2 条" in second and "婚姻登记信息" in second


def test_the_counts_are_those_of_the_lists(database: Database, tmp_path: Path) -> None:
    old = {"promised_on": "2026-01-05"}
    take_in(database, tmp_path, announced("OK01", **old), announced("OK02"), announced("OK05"))
    with database.read() as session:
        found = sorted(
            (c.lines, c.shelved, c.overdue, c.worst) for c in list_counts(session, now=NOW).values()
        )
    document = list_of(database, CIVIL)
    worst = max(int(row["days_owed"]) for key in ("share", "open") for row in table(document, key))
    assert worst > 200
    assert found == [(2, 0, 0, 0), (3, 0, 1, worst)]


def test_what_stands_on_the_shelf_is_counted(at: Callable[[str], Cast]) -> None:
    shelved = at("shelved")
    with shelved.database.read() as session:
        (count,) = list_counts(session, now=shelved.now).values()
    assert (count.lines, count.shelved, count.overdue) == (2, 1, 0)


# ---- seal -------------------------------------------------------------------------------------------------


def seen_of(page: str) -> str:
    (found,) = re.findall(r'name="seen" value="([0-9a-f]{64})"', page)
    return str(found)


def test_the_head_previews_confirms_and_comes_to_the_edition(web: Web) -> None:
    page = see(web, f"/lists/{CIVIL}/seal", HEAD)
    assert "新增 3 条" in page
    done = web.form(HEAD, f"/lists/{CIVIL}/seal", seen=seen_of(page), publish="1")
    assert done.status_code == 303
    edition = see(web, done.headers["location"], HEAD)
    assert FIRST in edition and headings(edition) == ARTICLE_23
    assert "清单没有变化" in see(web, f"/lists/{CIVIL}/seal", HEAD)


def test_what_changed_after_the_preview_is_not_sealed(web: Web) -> None:
    seen = seen_of(see(web, f"/lists/{CIVIL}/seal", HEAD))
    web.announce()
    refused = web.form(HEAD, f"/lists/{CIVIL}/seal", seen=seen)
    assert (refused.status_code, "重新预览" in refused.text) == (409, True)
    with web.database.read() as session:
        assert session.query(Edition).count() == 0


def test_nobody_else_is_offered_or_let_to_seal(web: Web) -> None:
    assert "预览差别并封存" in see(web, f"/lists/{CIVIL}", HEAD)
    for login in ("steward", OTHER_HEAD):
        assert "预览差别并封存" not in see(web, f"/lists/{CIVIL}", login)
        assert web.as_(login).get(f"/lists/{CIVIL}/seal", headers=PAGE).status_code == 403
        assert web.form(login, f"/lists/{CIVIL}/seal", seen="0" * 64).status_code == 403


def test_a_form_from_elsewhere_seals_nothing(web: Web) -> None:
    answer = web.as_(HEAD).post(
        f"/lists/{CIVIL}/seal", data={"csrf": "made up"}, headers=PAGE | {"X-CSRF-Token": ""}
    )
    assert answer.status_code == 403


# ---- editions ---------------------------------------------------------------------------------------------


def test_an_edition_tells_code_digest_key_and_proof(web: Web) -> None:
    made = web.sealed()
    page = see(web, f"/editions/{made['id']}")
    for said in (made["code"], made["digest"], made["fingerprint"], "封存登记在审计记录里", "第23条"):
        assert said in page
    for form in ("xlsx", "pdf", "csv", "json", "md"):
        assert f'href="{EDITIONS}/{made["id"]}/file?format={form}"' in page


def test_an_unpublished_edition_is_marked_hidden_and_published_by_its_page(web: Web) -> None:
    key = web.sealed(publish=False)["id"]
    at = f"/editions/{key}"
    assert "尚未公布" in see(web, at) and "尚未公布" in see(web, f"/lists/{CIVIL}")
    assert web.as_(OTHER_HEAD).get(at, headers=PAGE).status_code == 404
    assert web.form("steward", f"{at}/publish").status_code == 403
    assert web.form(HEAD, f"{at}/publish").status_code == 303
    assert "尚未公布" not in see(web, at, OTHER_HEAD)


def test_the_scan_is_attached_on_the_page_once(web: Web) -> None:
    at = f"/editions/{web.sealed()['id']}"
    assert "附盖章扫描件" in see(web, at, HEAD) and "附盖章扫描件" not in see(web, at)
    assert web.form(HEAD, f"{at}/scan", files={"file": PDF}).status_code == 303
    assert "盖章.pdf" in see(web, at) and "附盖章扫描件" not in see(web, at, HEAD)
    assert web.form(HEAD, f"{at}/scan", files={"file": PDF}).status_code == 409


def test_differences_are_shown_field_by_field_with_their_cause(web: Web) -> None:
    first = web.sealed()["id"]
    take_in(web.database, web.folder, announced("OK01", update_cycle="每月"), now=datetime.now(UTC))
    page = see(web, f"/editions/{first}/diff")
    assert re.search(r"<td>数据更新周期</td><td><del>.+?</del></td><td><ins>每月</ins></td>", page)
    assert "存量目录导入" in page
    second = web.sealed()["id"]
    assert f'href="/editions/{first}/diff?to={second}"' in see(web, f"/editions/{second}")
    assert f"{FIRST}</a> → <a" in see(web, f"/editions/{first}/diff?to={second}")


# ---- strangers --------------------------------------------------------------------------------------------


def test_a_stranger_verifies_a_printed_code(web: Web) -> None:
    made = web.sealed()
    written = made["code"].lower().replace("-", " ")
    asked = web.stranger.get("/verify", params={"code": written}, follow_redirects=False)
    assert asked.headers["location"] == f"/verify/{made['code']}"
    page = web.stranger.get(f"/verify/{made['code']}").text
    for said in ("遵义市民政局", FIRST, made["digest"], made["fingerprint"], "这是最近公布的一期"):
        assert said in page
    assert "婚姻登记信息" not in page and "<nav>" not in page


def test_a_superseded_edition_is_told_by_its_code(web: Web) -> None:
    code = web.sealed()["code"]
    web.announce()
    hidden = web.sealed(publish=False)
    assert "这是最近公布的一期" in web.stranger.get(f"/verify/{code}").text
    web.as_(HEAD).post(f"{EDITIONS}/{hidden['id']}/publish")
    page = web.stranger.get(f"/verify/{code}").text
    assert "这不是最近一期" in page and SECOND in page


@pytest.mark.parametrize("code", ["AAAA-AAAA-AAAA-AAAA-AAAA", "没有", "%3Cscript%3E", "-"])
def test_an_unknown_code_is_said_plainly(web: Web, code: str) -> None:
    answer = web.stranger.get(f"/verify/{code}")
    assert (answer.status_code, "没有这个校验码" in answer.text) == (404, True)
    assert "<script" not in answer.text


def test_what_is_not_published_has_no_code_for_strangers(web: Web) -> None:
    made = web.sealed(publish=False)
    assert web.stranger.get(f"/verify/{made['code']}").status_code == 404
    data = web.as_(HEAD).get(f"{EDITIONS}/{made['id']}/file?format=csv").content
    page = web.stranger.post("/verify", files={"file": ("清单.csv", data)}).text
    assert "真实完整" in page and "本系统没有公布过这一期" in page


def test_a_stranger_verifies_a_file_and_an_altered_one(web: Web) -> None:
    key = web.sealed()["id"]
    data = web.as_("steward").get(f"{EDITIONS}/{key}/file?format=csv").content
    page = web.stranger.post("/verify", files={"file": ("清单.csv", data)}).text
    assert "真实完整" in page and "这是最近公布的一期" in page
    altered = data.replace("婚姻登记信息".encode(), "婚姻登记资料".encode(), 1)
    page = web.stranger.post("/verify", files={"file": ("清单.csv", altered)}).text
    assert "不能确认为封存的清单" in page and "真实完整" not in page


def test_a_stranger_sends_no_more_than_a_list_has(web: Web) -> None:
    large = b"x" * (verify_pages.most_bytes() + 1)
    assert web.stranger.post("/verify", files={"file": ("清单.csv", large)}).status_code == 413
    larger = b"x" * (verify_pages.most_bytes() + (2 << 20))
    assert web.stranger.post("/verify", files={"file": ("清单.csv", larger)}).status_code == 413
    assert web.stranger.post("/verify").status_code == 422


def test_who_is_signed_in_keeps_his_header_on_the_open_page(web: Web) -> None:
    assert "退出" in see(web, "/verify")
    assert "退出" not in web.stranger.get("/verify").text


def test_a_crowd_is_told_to_come_again(web: Web) -> None:
    desk = verify_pages.Counter()
    desk._here["testclient"] = 1000
    web.app.state.counter = desk
    answer = web.stranger.post("/verify", files={"file": ("清单.csv", b"x")})
    assert (answer.status_code, "核验的人太多" in answer.text) == (429, True)


# ---- beside the lists -------------------------------------------------------------------------------------


def test_what_is_not_shared_stands_beside_with_its_basis(web: Web) -> None:
    closed = {"share_type": "3", "non_share_basis": "《婚姻登记条例》第十条", "share_condition": None}
    take_in(web.database, web.folder, announced("OK03", **closed))
    page = see(web, f"/lists/{CIVIL}?list=negative")
    assert headings(page) == ["信息名称", "提供部门", "不予共享依据", "不予开放理由"]
    assert "最低生活保障对象信息" in page and "待上架" not in page


def test_where_the_shelf_is_not_as_the_list_says_is_told(at: Callable[[str], Cast]) -> None:
    cast = at("shelved")
    app = create_app(settings_of(cast.database, workers=0))
    page = enter(TestClient(app), cast.database, "steward").get(f"/lists/{MARKET}", headers=PAGE).text
    assert "上架内容与清单不一致（E127）" in page and "清单列有而架上没有" in page
    app.state.database.close()
