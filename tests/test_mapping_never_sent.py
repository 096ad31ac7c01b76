"""What never leaves the house is in no dataset: swept for by marks in every field of an offer."""

import json
from dataclasses import asdict, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_specs import load
from sync.mapping import Shape, desired
from sync.portal import Desired
from sync.values import tells_place
from tests.mapped import FREE, OPEN, SHARE, data, offer, resource, wished

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


@pytest.mark.parametrize(
    "name",
    [
        "t_marriage", "T_MARRIAGE登记", "CIVIL_DB 婚姻", "婚姻（civil_db）", "Public.T_Marriage", "ｔ_marriage",
        "婚姻登记 10.20.30.40", "10.20.30.40库", "婚姻 fd00::1", "婚姻 [fd00::12:3]", "db01:1521 婚姻",
        "婚姻库ORCL01：1521",
        "jdbc:mysql://db/x", "HTTP://db/x", "库 oracle01.intranet", "\\\\FS01\\婚姻",
    ],
)  # fmt: skip
def test_a_name_that_tells_where_the_data_lie_gives_way(name: str) -> None:
    part = data(form="1", name=name, location="source:civil_db#public.t_marriage")
    assert wished(part).package["resources"][0]["name"] == "公交线路站点（库表）"
    beside = data(id="d02", name=name)
    assert wished(beside, part).package["resources"][1]["name"] == "公交线路站点（文件）"


@pytest.mark.parametrize(
    "name",
    ["婚姻登记", "t_marriages.csv", "civil_dbs", "公共 public 设施.csv", "GDP：2023年",
     "10:30 班次", "第1.2.3版", "2015.01.01 站点", "A:B"],
)  # fmt: skip
def test_a_name_that_tells_no_place_stays(name: str) -> None:
    part = data(form="1", name=name, location="source:civil_db#public.t_marriage")
    assert wished(part).package["resources"][0]["name"] == name


@given(
    st.sampled_from(["{}", "婚姻{}登记", "({})", "{} 表", "表：{}"]),
    st.sampled_from(["source:civil_db#public.t_marriage", "civil_db", "public.t_marriage", "t_marriage"]),
    st.data(),
)
def test_no_case_of_a_location_is_told(frame: str, word: str, draw: Any) -> None:
    cases = draw.draw(st.lists(st.booleans(), min_size=len(word), max_size=len(word)))
    written = "".join(c.upper() if up else c for c, up in zip(word, cases, strict=True))
    locations = ["", "source:civil_db#public.t_marriage"]
    assert tells_place(frame.format(written), locations, SPECS.ckan.addresses)


@given(st.ip_addresses(), st.sampled_from(["{}", "库{}", "{}库", "（{}）", "{}:1521", "[{}]:1521", "{}."]))
def test_no_ip_address_is_told(address: IPv4Address | IPv6Address, frame: str) -> None:
    assert tells_place(frame.format(address), [], SPECS.ckan.addresses)


def test_a_way_of_serving_that_tells_a_place_is_not_told() -> None:
    part = data(form="1", patterns=("直连 10.20.30.40",), location="source:civil#dbo.t_users")
    assert resource(part)["description"] == "提供形式：库表"
