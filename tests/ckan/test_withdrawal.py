"""Datasets are withdrawn from a real CKAN, and it is read back that nothing of them is left."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
from ckanapi.errors import NotAuthorized, NotFound

from sync.ckan import CkanPortal
from sync.portal import Gone, Known, Portal, Refused, Unreachable
from tests.ckan.conftest import Opened
from tests.ckan.proxy import Fault, Proxy
from tests.ckan.server import Ckan, Person
from tests.ckan.wanted import Wanted, push, shows

pytestmark = pytest.mark.ckan
CHECKED = ("package_show", "package_search", "files")
RECORDS_LEFT = ("活动记录里仍有摘要，须由门户管理员清理",)


def withdraw(portal: Portal, wanted: Wanted, known: Known | None = None) -> Gone:
    known = known or wanted.known(look=True)
    return portal.withdraw(known, dataset_id=wanted.id, name=wanted.name)


def addresses(ckan: Ckan, wanted: Wanted) -> list[str]:
    return [one["url"] for one in shows(ckan, wanted)["resources"] if one["url_type"] == "upload"]


def statuses(urls: list[str], token: str = "") -> list[int]:
    return [requests.get(url, headers={"Authorization": token}, timeout=30).status_code for url in urls]


def found(ckan: Ckan, wanted: Wanted) -> int:
    return int(ckan.call("package_search", fq=f'name:"{wanted.name}"')["count"])


def test_a_withdrawn_dataset_is_gone_from_show_list_search_and_file_address(
    ckan: Ckan, portal: CkanPortal, with_file: Wanted
) -> None:
    landed = push(portal, with_file)
    files = addresses(ckan, with_file)
    assert statuses(files) == [200]
    assert withdraw(portal, with_file, with_file.known(landed)) == Gone("withdraw", False, CHECKED)
    with pytest.raises(NotFound):
        ckan.call("package_show", id=landed.portal_id)
    assert with_file.name not in portal.names() and found(ckan, with_file) == 0
    assert statuses(files) == statuses(files, ckan.token) == [404]


def test_what_was_never_there_is_skipped(portal: CkanPortal, wanted: Wanted) -> None:
    assert withdraw(portal, wanted) == Gone("skip", False, CHECKED)


def test_a_lost_ledger_withdraws_all_the_same(portal: CkanPortal, wanted: Wanted) -> None:
    push(portal, wanted)
    assert withdraw(portal, wanted).act == "withdraw"
    assert portal.look(wanted.id) is None


def test_one_that_was_deleted_by_hand_is_purged(ckan: Ckan, portal: CkanPortal, wanted: Wanted) -> None:
    landed = push(portal, wanted)
    ckan.call("package_delete", id=landed.portal_id)
    assert withdraw(portal, wanted, wanted.known(landed)) == Gone("withdraw", False, CHECKED)
    assert portal.look(wanted.id) is None


def test_a_renamed_one_is_withdrawn_too(ckan: Ckan, portal: CkanPortal, wanted: Wanted) -> None:
    landed = push(portal, wanted)
    ckan.call("package_patch", id=landed.portal_id, name=f"{wanted.name}-x")
    assert withdraw(portal, wanted, wanted.known(landed)).act == "withdraw"
    assert f"{wanted.name}-x" not in portal.names() and portal.look(wanted.id) is None


def test_a_copy_that_bears_our_marks_goes_along(ckan: Ckan, portal: CkanPortal, wanted: Wanted) -> None:
    landed = push(portal, wanted)
    ckan.call("package_patch", id=landed.portal_id, name=f"{wanted.name}-x")
    package = wanted.desired().package
    extras, owner = package["extras"], wanted.organization
    copy = ckan.call("package_create", name=wanted.name, owner_org=owner, extras=extras)
    assert withdraw(portal, wanted, wanted.known(landed)).act == "withdraw"
    assert portal.look(copy["id"]) is None and portal.look(landed.portal_id) is None


def test_somebody_elses_dataset_under_our_name_is_left_alone(
    ckan: Ckan, portal: CkanPortal, wanted: Wanted
) -> None:
    landed = push(portal, wanted)
    ckan.call("dataset_purge", id=landed.portal_id)
    other = ckan.call("package_create", name=wanted.name, owner_org=wanted.organization)
    assert withdraw(portal, wanted, wanted.known(landed)) == Gone("skip", False, CHECKED)
    assert ckan.call("package_show", as_token="", id=wanted.name)["id"] == other["id"]


def test_without_the_right_to_purge_the_name_is_kept_and_said_so(
    ckan: Ckan, opened: Opened, editor: Person, with_file: Wanted
) -> None:
    portal = opened(editor.token)
    landed = push(portal, with_file)
    files = addresses(ckan, with_file)
    known = with_file.known(landed)
    assert withdraw(portal, with_file, known) == Gone("withdraw", True, CHECKED, RECORDS_LEFT)
    assert withdraw(portal, with_file, known) == Gone("skip", True, CHECKED, RECORDS_LEFT)
    with pytest.raises(NotAuthorized):
        ckan.call("package_show", as_token="", id=landed.portal_id)
    assert with_file.name not in portal.names() and statuses(files) == [403]
    assert push(portal, with_file, with_file.known(look=True)).portal_id == landed.portal_id
    shows(ckan, with_file)


def test_a_token_without_the_right_to_delete_is_refused(ckan: Ckan, opened: Opened, wanted: Wanted) -> None:
    push(opened(ckan.token), wanted)
    member = ckan.member(wanted.organization, role="member")
    with pytest.raises(Refused, match="令牌无权删除"):
        withdraw(opened(member.token), wanted)
    shows(ckan, wanted)


def test_without_a_name_only_the_id_given_is_touched(ckan: Ckan, portal: CkanPortal, wanted: Wanted) -> None:
    landed = push(portal, wanted)
    extras, owner = wanted.desired().package["extras"], wanted.organization
    double = ckan.call("package_create", name=f"{wanted.name}-x", owner_org=owner, extras=extras)["id"]
    assert withdraw_id(portal, double).act == "withdraw"
    assert portal.look(double) is None and shows(ckan, wanted)["id"] == landed.portal_id
    assert withdraw_id(portal, double) == Gone("skip", False, CHECKED)


def test_what_the_token_cannot_see_is_not_taken_for_gone(
    ckan: Ckan, opened: Opened, editor: Person, wanted: Wanted
) -> None:
    portal = opened(editor.token)
    landed = push(portal, wanted)
    ckan.call("package_patch", id=landed.portal_id, private=True)
    ckan.call("organization_member_delete", id=wanted.organization, username=editor.name)
    with pytest.raises(Refused, match="可能仍在门户，令牌看不到它"):
        withdraw(portal, wanted, wanted.known(landed))
    with pytest.raises(Refused, match="可能仍在门户，令牌看不到它"):
        withdraw(portal, wanted)
    assert ckan.call("package_show", id=landed.portal_id)["state"] == "active"


def test_nothing_of_it_is_left_in_the_activity_stream(ckan: Ckan, portal: CkanPortal, wanted: Wanted) -> None:
    landed = push(portal, wanted)
    push(portal, replace(wanted, title="另一个标题"), wanted.known(landed))
    assert len(stream(ckan, landed.portal_id)) >= 2
    assert withdraw(portal, wanted, wanted.known(landed)).left == ()
    assert stream(ckan, landed.portal_id) == []


def test_what_the_stream_kept_of_one_purged_by_hand_is_cleared_too(
    ckan: Ckan, portal: CkanPortal, wanted: Wanted
) -> None:
    landed = push(portal, wanted)
    ckan.call("dataset_purge", id=landed.portal_id)
    assert stream(ckan, landed.portal_id)
    assert withdraw(portal, wanted, wanted.known(landed)) == Gone("skip", False, CHECKED)
    assert stream(ckan, landed.portal_id) == []


def stream(ckan: Ckan, key: str) -> list[Any]:
    listed = ckan.call("recently_changed_packages_activity_list", as_token="", limit=100)
    return [one for one in listed if one["object_id"] == key]


def withdraw_id(portal: Portal, key: str) -> Gone:
    return portal.withdraw(Known("", key), dataset_id=key, name="")


# ---- what the index still shows ---------------------------------------------------------------------------


@pytest.fixture
def ghost(ckan: Ckan, portal: CkanPortal, wanted: Wanted) -> Iterator[str]:
    """The id of a dataset that search finds and that is not there: its document put back into the index by hand."""
    landed = push(portal, wanted)
    core = f"http://127.0.0.1:{ckan.ports[3]}/solr/ckan"
    query: dict[str, Any] = {"q": f'id:"{landed.portal_id}"', "wt": "json"}
    (document,) = requests.get(f"{core}/select", params=query, timeout=30).json()["response"]["docs"]
    ckan.call("dataset_purge", id=landed.portal_id)
    # who may see it is indexed and not stored
    document |= {"permission_labels": ["public"]}
    assert requests.post(f"{core}/update?commit=true", json=[document], timeout=30).ok
    assert found(ckan, wanted) == 1
    yield landed.portal_id
    requests.post(f"{core}/update?commit=true", json={"delete": {"query": query["q"]}}, timeout=30)


def test_a_ghost_is_cleared_from_the_index(
    ckan: Ckan, portal: CkanPortal, wanted: Wanted, ghost: str
) -> None:
    assert withdraw(portal, wanted) == Gone("withdraw", False, CHECKED)
    assert found(ckan, wanted) == 0 and portal.look(ghost) is None


def test_a_ghost_that_the_token_cannot_clear_is_told(
    ckan: Ckan, opened: Opened, wanted: Wanted, ghost: str
) -> None:
    editor = ckan.member(wanted.organization)
    with pytest.raises(Refused, match="检索里还有已不在门户的数据集"):
        withdraw(opened(editor.token), wanted)


def test_a_ghost_is_cleared_by_its_id_and_a_dataset_of_its_name_stays(
    ckan: Ckan, opened: Opened, editor: Person, portal: CkanPortal, wanted: Wanted, ghost: str
) -> None:
    landed = push(opened(editor.token), wanted)
    assert landed.portal_id != ghost
    assert withdraw_id(portal, ghost) == Gone("withdraw", False, CHECKED)
    assert (found(ckan, wanted), shows(ckan, wanted)["id"]) == (1, landed.portal_id)


def test_an_index_that_is_late_is_waited_for(
    ckan: Ckan, opened: Opened, proxy: Proxy, wanted: Wanted
) -> None:
    portal = opened(ckan.token, url=proxy.url)
    landed = push(portal, wanted)
    late = json.dumps({"success": True, "result": {"count": 1, "results": [shows(ckan, wanted)]}})
    fault = Fault("status", action="package_search", status=200, text=late)
    with proxy.broken(fault), pytest.raises(Unreachable, match="索引可能滞后") as failure:
        withdraw(portal, wanted, wanted.known(landed))
    assert failure.value.maybe_done and portal.look(landed.portal_id) is None
    assert withdraw(portal, wanted, wanted.known(landed)) == Gone("skip", False, CHECKED)


def test_a_push_over_a_ghost_leaves_one_dataset(
    ckan: Ckan, portal: CkanPortal, wanted: Wanted, ghost: str
) -> None:
    assert push(portal, wanted, wanted.known(look=True)).act == "create"
    assert found(ckan, wanted) == 1
