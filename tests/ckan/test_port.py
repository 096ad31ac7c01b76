"""Datasets are pushed to a real CKAN, changed there by hand, and pushed again."""

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import requests
from ckanapi.errors import NotAuthorized

from catalog_specs import load
from sync.ckan import CkanPortal
from sync.portal import Refused, TokenRefused, Unreachable
from sync.portal_form import portal_form
from tests.ckan.conftest import Opened
from tests.ckan.server import Ckan, Person
from tests.ckan.wanted import REGISTRY, Wanted, push, shows

pytestmark = pytest.mark.ckan


# ---- created ----------------------------------------------------------------------------------------------


def test_a_dataset_is_created_with_our_ids_and_its_organization(
    ckan: Ckan, portal: CkanPortal, wanted: Wanted
) -> None:
    landed = push(portal, wanted)
    shown = shows(ckan, wanted)
    assert (landed.act, landed.portal_id, landed.portal_name) == ("create", wanted.id, wanted.name)
    assert (shown["id"], shown["metadata_modified"]) == (wanted.id, landed.modified)
    assert shown["organization"]["title"] == f"{wanted.organization} 局"
    assert [one["id"] for one in shown["resources"]] == [wanted.resource_id("api")]


@pytest.mark.parametrize("look", [False, True])
def test_what_stands_so_already_is_not_written(
    ckan: Ckan, portal: CkanPortal, with_file: Wanted, look: bool
) -> None:
    landed = push(portal, with_file)
    again = push(portal, with_file, with_file.known(landed, look=look))
    assert again == replace(landed, act="skip")
    assert shows(ckan, with_file)["metadata_modified"] == landed.modified
    assert with_file.shelf.opened == 1


def test_a_lost_ledger_finds_what_is_there(portal: CkanPortal, with_file: Wanted) -> None:
    landed = push(portal, with_file)
    assert push(portal, with_file, with_file.known(look=True)) == replace(landed, act="skip")
    assert push(portal, with_file, with_file.known(look=False)).act == "skip"


def test_bytes_are_uploaded_read_back_and_served(ckan: Ckan, portal: CkanPortal, with_file: Wanted) -> None:
    landed = push(portal, with_file)
    (sent,) = with_file.desired().files
    shown = shows(ckan, with_file)
    resource = next(one for one in shown["resources"] if one["id"] == sent.resource_id)
    assert requests.get(resource["url"], timeout=30).content == with_file.files["lots"]
    assert resource["hash"] == sent.sha256
    assert landed.files == {sent.resource_id: sent.sha256}
    assert portal.served(shown, [sent.resource_id, "other"]) == {sent.resource_id: sent.sha256, "other": ""}


def test_a_large_file_is_streamed(portal: CkanPortal, with_file: Wanted) -> None:
    content = secrets.token_bytes(2**20) * 9
    landed = push(portal, replace(with_file, files={"lots": content}))
    assert landed.files == {with_file.resource_id("lots"): with_file.shelf.put(content)}


def test_a_file_too_large_is_refused_in_the_portals_words_and_stays_out_of_sight(
    ckan: Ckan, portal: CkanPortal, with_file: Wanted
) -> None:
    with pytest.raises(Refused, match="File upload too large"):
        push(portal, replace(with_file, files={"lots": bytes(11 * 2**20)}))
    with pytest.raises(NotAuthorized):
        ckan.call("package_show", as_token="", id=with_file.name)
    assert with_file.name not in portal.names()


def test_half_a_push_is_finished(ckan: Ckan, portal: CkanPortal, with_file: Wanted) -> None:
    content, with_file.shelf.files = with_file.desired(), {}
    with pytest.raises(KeyError):
        portal.push(content, with_file.known(), with_file.shelf)
    assert ckan.call("package_show", id=with_file.id)["state"] == "draft"
    landed = push(portal, with_file, with_file.known(look=True))
    assert (landed.act, list(landed.files)) == ("patch", [with_file.resource_id("lots")])
    shows(ckan, with_file)


def test_a_refusal_keeps_the_portals_words_by_field(portal: CkanPortal, wanted: Wanted) -> None:
    bad = replace(wanted, more={"maintainer_email": "nobody"})
    with pytest.raises(Refused, match="maintainer_email: Email nobody is not a valid format") as refusal:
        push(portal, bad)
    assert list(refusal.value.fields) == ["maintainer_email"]


# ---- changed ----------------------------------------------------------------------------------------------


def test_a_change_replaces_the_whole_dataset_and_keeps_its_ids(
    ckan: Ckan, portal: CkanPortal, with_file: Wanted
) -> None:
    landed = push(portal, with_file)
    changed = replace(with_file, title="停车场", links={}, more={"tags": [{"name": "交通"}], "notes": ""})
    again = push(portal, changed, with_file.known(landed))
    shown = shows(ckan, changed)
    assert (again.act, again.portal_id, again.files) == ("patch", landed.portal_id, landed.files)
    assert [tag["name"] for tag in shown["tags"]] == ["交通"]
    assert with_file.shelf.opened == 1


def test_new_bytes_replace_the_old_under_the_same_id(
    ckan: Ckan, portal: CkanPortal, with_file: Wanted
) -> None:
    landed = push(portal, with_file)
    changed = replace(with_file, files={"lots": b"a\n1\n", "more": b"b\n2\n"})
    again = push(portal, changed, with_file.known(landed))
    urls = {one["id"]: one["url"] for one in shows(ckan, changed)["resources"]}
    assert again.files == {
        with_file.resource_id(key): with_file.shelf.put(changed.files[key]) for key in ("lots", "more")
    }
    assert requests.get(urls[with_file.resource_id("lots")], timeout=30).content == b"a\n1\n"


def test_metadata_beyond_what_a_form_takes_goes_before_the_file(
    ckan: Ckan, portal: CkanPortal, with_file: Wanted
) -> None:
    landed = push(portal, with_file)
    changed = replace(with_file, files={"lots": b"a\n1\n"}, more={"notes": "注" * 200_000})
    assert push(portal, changed, with_file.known(landed)).act == "patch"
    assert len(shows(ckan, changed)["notes"]) == 200_000


EDITS: dict[str, dict[str, Any]] = {
    "edited": {"title": "改过的标题", "notes": "改过"},
    "renamed": {"name": "renamed-by-hand"},
    "foreign extras": {"extras": [{"key": "added", "value": "by hand"}]},
    "another tag": {"tags": [{"name": "多余"}]},
    "foreign resource": {"resources": [{"url": "https://elsewhere.example/x", "name": "x"}]},
    "private": {"private": True},
    "draft": {"state": "draft"},
    "deleted": {"state": "deleted"},
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_was_done_by_hand_is_set_right(
    ckan: Ckan, portal: CkanPortal, with_file: Wanted, edit: str
) -> None:
    landed = push(portal, with_file)
    ckan.call("package_patch", id=landed.portal_id, **EDITS[edit])
    again = push(portal, with_file, with_file.known(landed, look=True))
    assert (again.act, again.portal_id, again.files) == ("patch", landed.portal_id, landed.files)
    assert shows(ckan, with_file)["name"] == with_file.name


def test_bytes_replaced_by_hand_are_found_and_sent_again(
    ckan: Ckan, portal: CkanPortal, with_file: Wanted
) -> None:
    landed = push(portal, with_file)
    resource = with_file.resource_id("lots")
    other = bytes(len(with_file.files["lots"]))
    answer = requests.post(
        f"{ckan.url}/api/action/resource_patch",
        data={"id": resource},
        files={"upload": ("lots.csv", other)},
        headers={"Authorization": ckan.token},
        timeout=30,
    )
    assert answer.ok
    shown = ckan.call("package_show", id=landed.portal_id)
    assert portal.served(shown, [resource]) == {resource: with_file.shelf.put(other)}
    assert push(portal, with_file, with_file.known(landed)).files == landed.files
    assert with_file.shelf.opened == 2


def test_a_file_that_is_served_as_a_page_is_not_ours_and_is_sent_again(
    ckan: Ckan, portal: CkanPortal, with_file: Wanted
) -> None:
    landed, resource = push(portal, with_file), with_file.resource_id("lots")
    ckan.call("resource_patch", id=resource, mimetype="text/html")
    shown = ckan.call("package_show", id=landed.portal_id)
    assert portal.served(shown, [resource]) == {resource: ""}
    assert push(portal, with_file, with_file.known(landed)).files == landed.files
    assert portal.served(shows(ckan, with_file), [resource]) == landed.files


def test_a_purged_dataset_is_created_again_with_the_same_ids(
    ckan: Ckan, portal: CkanPortal, with_file: Wanted
) -> None:
    landed = push(portal, with_file)
    ckan.call("dataset_purge", id=landed.portal_id)
    again = push(portal, with_file, with_file.known(landed))
    assert (again.act, again.portal_id, again.files) == ("create", landed.portal_id, landed.files)
    shows(ckan, with_file)


# ---- names ------------------------------------------------------------------------------------------------


def test_a_dataset_made_again_by_hand_gives_way_to_ours(
    ckan: Ckan, portal: CkanPortal, wanted: Wanted
) -> None:
    landed = push(portal, wanted)
    ckan.call("package_delete", id=landed.portal_id)
    made = ckan.call("package_create", name=wanted.name, owner_org=wanted.organization)
    assert ckan.call("package_show", id=landed.portal_id)["name"] == landed.portal_id
    again = push(portal, wanted, wanted.known(landed, look=True))
    assert (again.act, again.portal_id) == ("patch", landed.portal_id)
    assert shows(ckan, wanted)["id"] == landed.portal_id
    assert ckan.call("package_show", id=made["id"])["state"] == "deleted"


def test_a_name_held_by_a_deleted_dataset_is_taken_back(
    ckan: Ckan, portal: CkanPortal, wanted: Wanted
) -> None:
    landed = push(portal, wanted)
    ckan.call("package_patch", id=landed.portal_id, name=f"{wanted.name}-x")
    other = ckan.call("package_create", name=wanted.name, owner_org=ckan.organization())
    ckan.call("package_delete", id=other["id"])
    assert push(portal, wanted, wanted.known(landed, look=True)).portal_id == landed.portal_id
    assert shows(ckan, wanted)["id"] == landed.portal_id
    assert ckan.call("package_show", id=other["id"])["name"] == other["id"]


def test_a_new_dataset_takes_the_name_of_a_deleted_one(
    ckan: Ckan, portal: CkanPortal, wanted: Wanted
) -> None:
    other = ckan.call("package_create", name=wanted.name, owner_org=ckan.organization())
    ckan.call("package_delete", id=other["id"])
    assert push(portal, wanted, wanted.known(look=True)).act == "create"
    assert shows(ckan, wanted)["id"] == wanted.id


def test_a_nameless_dataset_of_our_organization_is_taken_over(
    ckan: Ckan, portal: CkanPortal, with_file: Wanted
) -> None:
    ckan.organization(with_file.organization)
    made = ckan.call("package_create", name=with_file.name, owner_org=with_file.organization)
    landed = push(portal, with_file, with_file.known())
    assert (landed.act, landed.portal_id) == ("patch", made["id"])
    assert shows(ckan, with_file)["id"] == made["id"]


@pytest.mark.parametrize("look", [False, True])
def test_a_name_of_somebody_elses_dataset_is_refused_with_its_owner(
    ckan: Ckan, portal: CkanPortal, wanted: Wanted, look: bool
) -> None:
    other = ckan.organization(title="另一个局")
    made = ckan.call("package_create", name=wanted.name, title="别人的", owner_org=other)
    with pytest.raises(Refused, match=r"占用：“别人的”（组织：另一个局"):
        push(portal, wanted, wanted.known(look=look))
    assert ckan.call("package_show", id=wanted.name)["metadata_modified"] == made["metadata_modified"]


def test_a_dataset_of_another_entry_is_not_taken_over(ckan: Ckan, portal: CkanPortal, wanted: Wanted) -> None:
    ckan.organization(wanted.organization)
    extras = [{"key": "mulu_registry", "value": REGISTRY}, {"key": "mulu_entry", "value": "another"}]
    ckan.call("package_create", name=wanted.name, owner_org=wanted.organization, extras=extras)
    with pytest.raises(Refused, match="不属于本条目"):
        push(portal, wanted)


# ---- organizations ----------------------------------------------------------------------------------------


def test_an_organization_is_renamed_and_brought_back(ckan: Ckan, portal: CkanPortal, wanted: Wanted) -> None:
    ckan.organization(wanted.organization, title="旧名")
    ckan.call("organization_delete", id=wanted.organization)
    push(portal, wanted)
    shown = ckan.call("organization_show", id=wanted.organization)
    assert (shown["state"], shown["title"]) == ("active", f"{wanted.organization} 局")


def test_an_organization_renamed_during_a_run_is_renamed_there(
    ckan: Ckan, portal: CkanPortal, wanted: Wanted
) -> None:
    landed = push(portal, wanted)
    desired = wanted.desired()
    renamed = replace(desired, organization={**desired.organization, "title": "新局名"})
    assert portal.push(renamed, wanted.known(landed), wanted.shelf).act == "skip"
    assert ckan.call("organization_show", id=wanted.organization)["title"] == "新局名"


def test_all_active_organizations_are_listed_page_by_page(ckan: Ckan, opened: Opened) -> None:
    made = [ckan.organization(title=f"{number} 局") for number in range(5)]
    ckan.call("organization_delete", id=made[0])
    names = ckan.call("organization_list", limit=1000)
    for page in (2, 3, 20):
        pace = load().sync.pace.model_copy(update={"page": page})
        found = opened(ckan.token, pace=pace).organizations()
        assert sorted(found) == sorted(names)
        assert [found.get(name) for name in made] == [None, "1 局", "2 局", "3 局", "4 局"]


def test_an_organization_that_vanishes_meanwhile_is_made_again(
    ckan: Ckan, portal: CkanPortal, wanted: Wanted
) -> None:
    landed = push(portal, wanted)
    ckan.call("dataset_purge", id=landed.portal_id)
    ckan.call("organization_purge", id=wanted.organization)
    assert push(portal, wanted, wanted.known(landed)).act == "create"
    ckan.call("package_delete", id=landed.portal_id)
    ckan.call("organization_delete", id=wanted.organization)
    push(portal, wanted, wanted.known(landed, look=True))
    assert ckan.call("organization_show", id=wanted.organization)["state"] == "active"


def test_many_threads_make_one_organization(opened: Opened, ckan: Ckan, organization: str) -> None:
    portals = [opened(ckan.token) for _ in range(2)]
    entries = [Wanted(f"{organization}/{number}", organization) for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        landed = list(pool.map(lambda number: push(portals[number % 2], entries[number]), range(8)))
    assert [one.act for one in landed] == ["create"] * 8
    assert ckan.call("organization_show", id=organization)["package_count"] == 8


# ---- two at once ------------------------------------------------------------------------------------------


def test_two_jobs_at_once_make_one_dataset(opened: Opened, ckan: Ckan, with_file: Wanted) -> None:
    desired, barrier = with_file.desired(), threading.Barrier(4)

    def job(portal: CkanPortal) -> str:
        barrier.wait()
        return str(portal.push(desired, with_file.known(), with_file.shelf).portal_id)

    portals = [opened(ckan.token) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(job, portals)) == {with_file.id}
    shows(ckan, with_file)
    assert ckan.call("package_search", fq=f'name:"{with_file.name}"')["count"] == 1


def test_an_edit_in_between_is_seen_and_overwritten(
    ckan: Ckan, portal: CkanPortal, with_file: Wanted
) -> None:
    landed = push(portal, with_file)
    changed = replace(with_file, files={"lots": b"new"})
    desired = changed.desired()

    def opens(sha256: str, size: int) -> Any:
        if changed.shelf.opened < 2:
            ckan.call("package_patch", id=landed.portal_id, notes=f"by hand {changed.shelf.opened}")
        return changed.shelf(sha256, size)

    assert portal.push(desired, with_file.known(landed), opens).act == "patch"
    assert shows(ckan, changed)["notes"] == desired.package["notes"]


def test_edits_without_end_are_left_for_later(ckan: Ckan, portal: CkanPortal, with_file: Wanted) -> None:
    landed = push(portal, with_file)
    changed = replace(with_file, files={"lots": b"new"})

    def opens(sha256: str, size: int) -> Any:
        ckan.call("package_patch", id=landed.portal_id, notes=secrets.token_hex(4))
        return changed.shelf(sha256, size)

    with pytest.raises(Unreachable, match="相撞"):
        portal.push(changed.desired(), with_file.known(landed), opens)


# ---- tokens -----------------------------------------------------------------------------------------------


def test_a_sysadmin_may_everything(portal: CkanPortal, ckan: Ckan) -> None:
    rights = portal.rights()
    assert (rights.user, rights.version) == ("admin", ckan.call("status_show")["ckan_version"])
    assert rights.sysadmin and rights.may_create and rights.choose_ids and rights.may_purge
    assert not rights.scheming and rights.strangers_read


def test_an_editor_may_write_in_its_organization(ckan: Ckan, opened: Opened, editor: Person) -> None:
    rights = opened(editor.token).rights()
    assert (rights.user, rights.may_create) == (editor.name, True)
    assert not (rights.sysadmin or rights.choose_ids or rights.may_purge or rights.may_create_organizations)
    assert not opened(ckan.person().token).rights().may_create


def test_an_editor_pushes_by_name(ckan: Ckan, opened: Opened, editor: Person, with_file: Wanted) -> None:
    portal = opened(editor.token)
    landed = push(portal, with_file)
    assert (landed.act, landed.portal_id == with_file.id) == ("create", False)
    assert push(portal, with_file, with_file.known(look=True)) == replace(landed, act="skip")
    changed = replace(with_file, title="另一个标题")
    assert push(portal, changed, with_file.known(landed)).act == "patch"
    assert shows(ckan, changed)["id"] == landed.portal_id


def test_half_an_editors_push_is_out_of_sight(
    ckan: Ckan, opened: Opened, editor: Person, with_file: Wanted
) -> None:
    portal = opened(editor.token)
    desired, with_file.shelf.files = with_file.desired(), {}
    with pytest.raises(KeyError):
        portal.push(desired, with_file.known(), with_file.shelf)
    with pytest.raises(NotAuthorized):
        ckan.call("package_show", as_token="", id=with_file.name)
    assert push(portal, with_file, with_file.known(look=True)).act == "patch"
    shows(ckan, with_file)


def test_an_editor_undeletes(ckan: Ckan, opened: Opened, editor: Person, wanted: Wanted) -> None:
    portal = opened(editor.token)
    landed = push(portal, wanted)
    ckan.call("package_delete", id=landed.portal_id)
    ckan.call("package_create", name=wanted.name, owner_org=wanted.organization)
    assert push(portal, wanted, wanted.known(landed, look=True)).portal_id == landed.portal_id
    assert shows(ckan, wanted)["id"] == landed.portal_id


def test_an_editor_is_told_who_must_make_the_organization(
    opened: Opened, editor: Person, wanted: Wanted
) -> None:
    with pytest.raises(Refused, match="令牌无权新建；由门户管理员建好"):
        push(opened(editor.token), replace(wanted, organization="org-not-there"))


def test_a_revoked_token_is_told_from_a_missing_right(
    ckan: Ckan, opened: Opened, editor: Person, wanted: Wanted
) -> None:
    ckan.revoke(editor.token)
    portal = opened(editor.token)
    with pytest.raises(TokenRefused, match="不认识令牌"):
        push(portal, wanted)
    with pytest.raises(TokenRefused):
        portal.rights()
    with pytest.raises(TokenRefused):
        opened("not-a-token").rights()


# ---- read -------------------------------------------------------------------------------------------------


def test_everything_is_read_page_by_page(ckan: Ckan, organization: str) -> None:
    pace = load().sync.pace.model_copy(update={"page": 2})
    portal = CkanPortal(ckan.url, ckan.token, shape=Wanted("", "").shape, pace=pace)
    entries = [Wanted(f"{organization}/{number}", organization) for number in range(11)]
    for one in entries:
        push(portal, one)
    seen = {one.id: one for one in portal.everything()}
    assert {one.id for one in entries} <= seen.keys()
    assert seen.keys() >= {one["id"] for one in ckan.call("package_search", rows=1000)["results"]}
    assert portal.names() == set(ckan.call("package_list"))
    form = portal_form(seen[entries[0].id].package, entries[0].shape)
    assert form == portal_form(entries[0].desired().package, entries[0].shape)
    portal.close()


def test_a_look_tells_living_from_deleted_and_from_none(
    ckan: Ckan, portal: CkanPortal, wanted: Wanted
) -> None:
    assert portal.look(wanted.id) is None
    landed = push(portal, wanted)
    seen = portal.look(wanted.name)
    assert seen is not None and (seen.id, seen.active, seen.modified) == (wanted.id, True, landed.modified)
    ckan.call("package_delete", id=wanted.id)
    deleted = portal.look(wanted.id)
    assert deleted is not None and not deleted.active
