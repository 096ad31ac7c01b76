"""Pages of requests: a request brought to its use by forms alone, refusals on the same form, nothing for strangers."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from registry.db import Database
from registry.web.given import CSRF_HEADER
from tests.request_doors import Doors, asked, day, desk_ago, granted, received
from tests.requests_cast import CONDITIONAL, DESTROYED, KEPT, OPEN_ENTRY, PUBLIC, USED

CITIZEN = {"applicant/name": "孟晓舟", "applicant/kind": "自然人", "applicant/contact": "139-0000-0000"}


@pytest.fixture
def doors(sqlite_database: Database, tmp_path: Path) -> Iterator[Doors]:
    made = Doors(desk_ago(sqlite_database, tmp_path), tmp_path)
    yield made
    made.close()


def page(doors: Doors, login: str, path: str) -> str:
    answer = doors.as_login(login).get(path, headers={"accept": "text/html"})
    assert answer.status_code == 200, answer.text
    assert "<script" not in answer.text and 'style="' not in answer.text
    return unescape(answer.text)


def send(doors: Doors, login: str, at: str, action: str, **fields: Any) -> Any:
    """Send the form of a page whose address ends so, with its hidden fields and some more."""
    client = doors.as_login(login)
    shown = client.get(at, headers={"accept": "text/html"}).text
    forms = re.findall(r'<form[^>]* method="post" action="([^"]+)">(.*?)</form>', shown, re.DOTALL)
    act = fields.get("act")
    address, inner = next(
        (to, text)
        for to, text in forms
        if to.endswith(action) and (act is None or f'name="act" value="{act}"' in text)
    )
    hidden = dict(re.findall(r'type="hidden" name="([a-z]+)" value="([^"]*)"', inner))
    headers = {k: v for k, v in client.headers.items() if k.lower() != CSRF_HEADER.lower()}
    client.headers = headers  # type: ignore[assignment]
    return client.post(address, data=hidden | fields, headers={"accept": "text/html"})


def act(doors: Doors, login: str, at: str, name: str, **fields: Any) -> Any:
    return send(doors, login, at, "/act", act=name, **fields)


def new(entry: str, kind: str = "share") -> str:
    return f"/requests/new?entry={quote(entry)}&kind={kind}"


# ---- from end to end --------------------------------------------------------------------------------------


def test_forms_alone_bring_a_request_to_its_use(doors: Doors) -> None:
    made = send(doors, "steward-m", new(CONDITIONAL), "/requests", **asked(items=["姓名", "保障金额"]))
    at = made.headers["location"]
    assert (made.status_code, at[:10]) == (303, "/requests/")
    assert act(doors, "share-m", at, "consent").status_code == 303
    lacking = {"missing": "备案证明\n人员名单"}
    assert act(doors, "share-c", at, "supplement", **lacking).status_code == 303
    assert "备案证明、人员名单" in page(doors, "steward-m", at)
    assert act(doors, "steward-m", at, "resubmit", scope="窗口人员张某").status_code == 303
    assert act(doors, "share-m", at, "consent").status_code == 303
    assert act(doors, "share-c", at, "agree", items=["姓名"]).status_code == 303
    grant = re.findall(r'href="(/grants/s[^"]+)"', page(doors, "steward-m", at))[0]
    assert act(doors, "steward-c", grant, "provide", form="3", where="共享平台接口 db-v1").status_code == 303
    assert send(doors, "steward-m", grant, "/usage", **USED).status_code == 303
    shown = page(doors, "steward-c", grant)
    assert all(text in shown for text in ("有效", "共享平台接口 db-v1", *USED.values()))


def test_the_machine_answers_at_once_and_the_form_says_so_before(doors: Doors) -> None:
    assert "系统立即答复" in page(doors, "steward-m", new(PUBLIC))
    at = send(doors, "steward-m", new(PUBLIC), "/requests", **asked(mode="查询")).headers["location"]
    act(doors, "share-m", at, "consent")
    shown = page(doors, "steward-m", at)
    assert "系统自动答复" in shown and "同意共享" in shown


# ---- refused ----------------------------------------------------------------------------------------------


def test_what_is_not_shared_is_refused_before_anything_is_typed(doors: Doors) -> None:
    shown = page(doors, "steward-m", new(KEPT))
    assert "目录属于不予共享（依据：" in shown and "第14(3)条" in shown
    assert 'name="basis"' not in shown
    company = page(doors, "steward-w", new(CONDITIONAL))
    assert "不能申请政务数据共享" in company and 'name="basis"' not in company
    assert "不予共享" in page(doors, "steward-m", new(CONDITIONAL))  # the item that is kept, not to be ticked


def test_a_refused_form_comes_back_with_what_was_typed(doors: Doors) -> None:
    back = send(doors, "steward-m", new(CONDITIONAL), "/requests", basis="工作需要", scope="窗口<b>三人")
    assert back.status_code == 422
    shown = unescape(back.text)
    assert "使用依据“工作需要”没有实质内容" in shown and "没有填写使用场景" in shown and "第20条" in shown
    assert ">工作需要</textarea>" in shown
    assert "窗口&lt;b&gt;三人" in back.text


def test_a_refused_act_comes_back_open(doors: Doors) -> None:
    at = f"/requests/{received(doors.desk)}"
    back = act(doors, "share-c", at, "refuse", note="")
    assert (back.status_code, back.text.count('<details class="act ask" open>')) == (422, 1)
    assert "没有说明理由" in back.text
    grant = f"/grants/{granted(doors.desk)}"
    told = act(doors, "steward-c", grant, "provide", form="3", where="token=abc")
    assert told.status_code == 422 and "提供位置不得写账号、密码、密钥" in told.text
    assert ">token=abc</textarea>" in told.text
    unused = send(doors, "steward-m", grant, "/usage", scene="窗口核验")
    assert unused.status_code == 422 and ">窗口核验</textarea>" in unused.text


def test_the_second_answer_of_two_is_told_that_it_came_too_late(doors: Doors) -> None:
    at = f"/requests/{received(doors.desk)}"
    client = doors.as_login("share2-c")
    seen = client.get(at).text
    csrf, lock = (re.findall(f'name="{name}" value="([^"]*)"', seen)[-1] for name in ("csrf", "lock"))
    assert act(doors, "share-c", at, "agree").status_code == 303
    late = client.post(f"{at}/act", data={"csrf": csrf, "act": "refuse", "note": "不", "lock": lock})
    assert late.status_code == 412 and "在您看过之后已有变动" in late.text and "同意共享" in late.text


def test_a_form_without_our_mark_changes_nothing(doors: Doors) -> None:
    at = f"/requests/{received(doors.desk)}"
    client = doors.as_login("share-c")
    client.headers.pop(CSRF_HEADER)
    assert client.post(f"{at}/act", data={"act": "agree", "lock": "3", "csrf": "x" * 43}).status_code == 403
    assert "待答复" in page(doors, "share-c", at)


@pytest.mark.parametrize("lock", ["", "x", "9" * 40])
def test_a_form_without_a_lock_is_refused(doors: Doors, lock: str) -> None:
    at = f"/requests/{received(doors.desk)}"
    assert act(doors, "share-c", at, "agree", lock=lock).status_code == 422


# ---- seen -------------------------------------------------------------------------------------------------


def test_buttons_are_only_for_who_may(doors: Doors) -> None:
    at = f"/requests/{received(doors.desk)}"
    offered = {
        login: re.findall(r'name="act" value="([a-z_]+)"', page(doors, login, at))
        for login in ("share-c", "steward-c", "share-m", "bureau")
    }
    assert {"agree", "refuse", "supplement"} <= set(offered.pop("share-c"))
    assert offered == {"steward-c": [], "share-m": ["withdraw"], "bureau": []}
    assert doors.as_login("share-p").get(at).status_code == 404


def test_the_lists_have_a_tab_for_each_side(doors: Doors) -> None:
    number = received(doors.desk)
    assert number in page(doors, "steward-m", "/requests")
    assert number not in page(doors, "share-c", "/requests?tab=requester")
    assert number in (shown := page(doors, "share-c", "/requests?tab=provider")) and "超期" in shown
    assert "全部" in page(doors, "bureau", "/requests") and number in page(doors, "bureau", "/requests")
    assert "tab=all" not in page(doors, "share-c", "/requests")
    assert number not in page(doors, "bureau", "/requests?kind=open")
    assert "没有授权" in page(doors, "bureau", "/requests?tab=grants")


def test_what_is_late_is_told_to_both_sides(doors: Doors) -> None:
    number = received(doors.desk)
    mine, theirs = page(doors, "share-c", "/queue"), page(doors, "share-m", "/queue")
    assert number in mine and "超期" in mine and "对方逾期" not in mine
    assert number in theirs and "对方逾期（不由您办理）" in theirs
    assert "没有等待您办理的事项" in page(doors, "share-p", "/queue")


def test_an_applicant_is_shown_to_the_provider_only(doors: Doors) -> None:
    at = new(OPEN_ENTRY, "open")
    wrong = send(doors, "steward-m", at, "/requests", **CITIZEN | {"applicant/kind": ""})
    assert wrong.status_code == 422 and "没有填写申请人类别" in wrong.text
    made = send(doors, "steward-m", at, "/requests", **CITIZEN, purpose="研究本市企业的分布")
    there = made.headers["location"]
    assert "孟晓舟" in page(doors, "steward-m", there)
    assert "孟晓舟" not in page(doors, "auditor", there) + page(doors, "bureau", "/requests")
    assert "只有提供单位和主管部门可以看到" in page(doors, "auditor", there)


def test_an_entry_shows_what_may_be_asked_and_who_uses_it(doors: Doors) -> None:
    grant = granted(doors.desk)
    shown = page(doors, "steward-m", f"/entries/{CONDITIONAL}")
    assert all(word in shown for word in ("申请共享", "提出校核", grant))
    own = page(doors, "steward-c", f"/entries/{CONDITIONAL}")
    assert "登记开放申请" in own and "申请共享" not in own and grant in own
    assert grant not in page(doors, "share-p", f"/entries/{CONDITIONAL}")


# ---- grants and disputes ----------------------------------------------------------------------------------


def test_a_grant_past_its_date_asks_for_its_destruction_only(doors: Doors) -> None:
    number = doors.desk.provided(data=asked(valid_until=day(-5)))
    at = f"/grants/{number}"
    assert "期满" in (shown := page(doors, "steward-m", at)) and "登记销毁记录" in shown
    assert "申请续期" not in shown and 'value="usage"' not in shown
    assert send(doors, "steward-m", at, "/usage", **DESTROYED).status_code == 303
    assert "登记销毁记录" not in page(doors, "steward-m", at)


def test_an_extension_is_asked_for_with_what_stands(doors: Doors) -> None:
    number = granted(doors.desk)
    assert "申请续期" in page(doors, "steward-m", f"/grants/{number}")
    at = f"{new(CONDITIONAL)}&extends={quote(number)}"
    assert asked()["scene"] in page(doors, "steward-m", at)
    made = send(doors, "steward-m", at, "/requests", **asked(valid_until=day(700)))
    assert number in page(doors, "steward-m", made.headers["location"])


def test_a_dispute_is_opened_and_settled_on_the_page(doors: Doors) -> None:
    at = f"/requests/{received(doors.desk)}"
    assert "没有说明理由" in send(doors, "share-m", at, "/disputes", subject="").text
    assert send(doors, "share-m", at, "/disputes", subject="逾期没有答复").status_code == 303
    assert "双方协商" in page(doors, "share-c", at)
    dispute = re.findall(r'action="(/disputes/z[^/]+)/act"', page(doors, "share-m", at))[0]
    assert doors.as_login("share-m").get(dispute).headers["location"].startswith("/requests/")
    assert act(doors, "share-m", at, "settle", outcome="").status_code == 422
    done = act(doors, "share-m", at, "settle", outcome="本周内答复")
    assert done.status_code == 303
    assert "已办结" in (shown := page(doors, "share-m", at)) and "本周内答复" in shown


def test_an_unknown_entry_is_said_on_the_form(doors: Doors) -> None:
    answer = doors.as_login("steward-m").get("/requests/new?entry=9/9", headers={"accept": "text/html"})
    assert answer.status_code == 404 and 'value="9/9"' in answer.text
    assert 'name="entry"' in page(doors, "steward-m", "/requests/new")
