"""What is no longer desired leaves a real CKAN, whatever else stands in the way of the same dataset."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO

import pytest
import requests

from registry.errors import MuluError, NotFound
from sync.ckan import CkanPortal
from sync.portal import Known, Landed, Refused
from tests.ckan.conftest import Opened
from tests.ckan.server import Ckan, Person
from tests.ckan.wanted import Wanted, push, shows

pytestmark = pytest.mark.ckan
OLD = {"a": b"a,1\n", "b": b"b,1\n"}


@pytest.fixture
def two_files(organization: str, wanted: Wanted) -> Wanted:
    return replace(wanted, files=OLD)


def statuses(ckan: Ckan, urls: Mapping[str, str]) -> dict[str, int]:
    return {key: requests.get(url, timeout=30).status_code for key, url in urls.items()}


def addresses(ckan: Ckan, wanted: Wanted) -> dict[str, str]:
    urls = {one["id"]: one["url"] for one in shows(ckan, wanted)["resources"]}
    return {key: urls[wanted.resource_id(key)] for key in wanted.files}


def push_without(portal: CkanPortal, wanted: Wanted, known: Known, lost: bytes) -> Landed:
    """Push where the bytes of one file are not to be had."""

    def opens(sha256: str, size: int) -> BinaryIO:
        if wanted.shelf.files[sha256] == lost:
            raise NotFound("文件不在存储里")
        return wanted.shelf(sha256, size)

    return portal.push(wanted.desired(), known, opens)


def test_a_file_goes_although_the_bytes_of_another_are_missing(
    ckan: Ckan, portal: CkanPortal, two_files: Wanted
) -> None:
    landed = push(portal, two_files)
    urls = addresses(ckan, two_files)
    changed = replace(two_files, title="新标题", files={"b": b"b,2\n"})
    with pytest.raises(NotFound, match="文件不在存储里"):
        push_without(portal, changed, two_files.known(landed), b"b,2\n")
    assert statuses(ckan, urls) == {"a": 404, "b": 404}
    shown = ckan.call("package_show", as_token="", id=landed.portal_id)
    assert (shown["title"], [one["name"] for one in shown["resources"]]) == ("新标题", ["api"])
    assert push(portal, changed, two_files.known(landed, look=True)).act == "patch"
    assert statuses(ckan, addresses(ckan, changed)) == {"b": 200}


def test_a_file_that_is_still_desired_stays(ckan: Ckan, portal: CkanPortal, two_files: Wanted) -> None:
    landed = push(portal, two_files)
    urls = addresses(ckan, two_files)
    changed = replace(two_files, files={"b": OLD["b"], "c": b"c,1\n"})
    with pytest.raises(MuluError):
        push_without(portal, changed, two_files.known(landed), b"c,1\n")
    assert statuses(ckan, urls) == {"a": 404, "b": 200}


def test_a_file_goes_although_another_is_too_large(ckan: Ckan, portal: CkanPortal, two_files: Wanted) -> None:
    landed = push(portal, two_files)
    urls = addresses(ckan, two_files)
    with pytest.raises(Refused, match="File upload too large"):
        push(portal, replace(two_files, files={"b": bytes(11 * 2**20)}), two_files.known(landed))
    assert statuses(ckan, urls) == {"a": 404, "b": 404}


REFUSED: dict[str, dict[str, Any]] = {
    "metadata": {"more": {"maintainer_email": "nobody"}},
    "organization": {"organization": "org-not-there"},
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_goes_although_something_else_is_refused(
    ckan: Ckan, opened: Opened, editor: Person, two_files: Wanted, what: str
) -> None:
    portal = opened(editor.token)
    landed = push(portal, two_files)
    urls = addresses(ckan, two_files)
    with pytest.raises(Refused):
        push(portal, replace(two_files, files={"b": OLD["b"]}, **REFUSED[what]), two_files.known(landed))
    assert statuses(ckan, urls) == {"a": 404, "b": 200}


def test_half_a_dataset_out_of_sight_stays_there(ckan: Ckan, portal: CkanPortal, two_files: Wanted) -> None:
    with pytest.raises(NotFound):
        push_without(portal, two_files, two_files.known(), OLD["b"])
    assert ckan.call("package_show", id=two_files.id)["state"] == "draft"


def test_nothing_is_written_where_nothing_has_to_go(
    ckan: Ckan, portal: CkanPortal, two_files: Wanted
) -> None:
    landed = push(portal, two_files)
    more = replace(two_files, files={**OLD, "c": b"c,1\n"})
    with pytest.raises(NotFound):
        push_without(portal, more, two_files.known(landed), b"c,1\n")
    assert shows(ckan, two_files)["metadata_modified"] == landed.modified
