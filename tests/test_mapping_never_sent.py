"""What never leaves the house is in no dataset: swept for by marks in every field of an offer."""

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from catalog_specs import load
from sync.mapping import Shape, desired
from sync.portal import Desired
from tests.mapped import FREE, OPEN, SHARE, data, offer

SPECS = load("zunyi_2020")
NEVER = [row.field for row in SPECS.ckan.never_sent]
FORMS = ["1", "2", "3"]
SHAPES = [
    replace(
        shape,
        scheming=scheming,
        upload=upload,
        file_url="" if upload else "https://data.zunyi.gov.cn/f/{name}",
    )
    for shape in (OPEN, SHARE)
    for scheming in (False, True)
    for upload in (True, False)
]


def _mark(place: str) -> str:
    return f"MARK-{place.upper().replace('_', '-').replace('.', '-')}"


def _marked_entry(open_type: str) -> dict[str, Any]:
    """An entry whose every field holds a mark, but for those that decide whether it may be shown."""
    deciding = {"open_type": open_type, "share_type": open_type, "secret_flag": "0"}
    return {key: _mark(f"entry.{key}") for key in SPECS.fields} | deciding


def _marked_item() -> dict[str, Any]:
    return {key: _mark(f"item.{key}") for key in SPECS.items} | FREE


def _sent(shape: Shape, form: str, *, carried: bool, location: str) -> Desired:
    kind = "1" if carried else "2"
    item = _marked_item() | {"open_type": kind, "share_type": kind}
    part = data(form=form, items=(item,), location=location, carried=carried)
    found = desired(offer(part, scope=shape.scope, content=_marked_entry(kind)), shape)
    assert found is not None
    return found


def _text(found: Desired) -> str:
    return json.dumps(asdict(found), ensure_ascii=False)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s.scope}-{s.scheming}-{s.upload}")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("carried", [True, False], ids=["carried", "not"])
def test_no_mark_of_what_is_never_sent_is_anywhere(shape: Shape, form: str, carried: bool) -> None:
    text = _text(_sent(shape, form, carried=carried, location="source:MARK-LOCATION#dbo.users"))
    assert [place for place in NEVER if _mark(place) in text] == []
    assert "MARK-LOCATION" not in text
    assert "dbo.users" not in text


def test_the_sweep_sees_what_is_sent() -> None:
    text = _text(_sent(OPEN, "2", carried=True, location=""))
    assert all(
        _mark(place) in text for place in ("entry.resource_name", "entry.time_range", "item.item_name")
    )


def test_only_what_a_row_names_is_sent() -> None:
    text = _text(_sent(OPEN, "2", carried=True, location=""))
    named = {row.source for row in SPECS.ckan.sent}
    places = {*(f"entry.{key}" for key in SPECS.fields), *(f"item.{key}" for key in SPECS.items)}
    assert [place for place in sorted(places - named) if _mark(place) in text] == []


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s.scope}-{s.scheming}-{s.upload}")
@pytest.mark.parametrize(
    "location",
    ["http://10.20.30.40/internal-api", "https://u:pass@api.zunyi.gov.cn/x", "jdbc:oracle:thin:@db:1521"],
)
def test_an_internal_address_is_nowhere(shape: Shape, location: str) -> None:
    for form in FORMS:
        text = _text(_sent(shape, form, carried=True, location=location))
        assert location not in text
        assert not any(word in text for word in ("10.20.30.40", "pass@", "jdbc"))


def test_what_is_not_carried_tells_nothing_of_its_bytes() -> None:
    for shape in SHAPES:
        found = _sent(shape, "2", carried=False, location="")
        assert found.files == ()
        assert "ab" * 32 not in _text(found)


@pytest.mark.parametrize("name", ["dbo.T_USERS", "民政库 dbo.t_users 表", "source:civil#dbo.t_users"])
def test_a_table_is_not_called_by_its_own_name(name: str) -> None:
    part = data(form="1", name=name, location="source:civil#dbo.t_users")
    for shape in SHAPES:
        found = desired(offer(part, scope=shape.scope), shape)
        assert found is not None
        assert found.package["resources"][0]["name"] == "公交线路站点（库表）"
        assert "t_users" not in _text(found).lower()
