"""An offer becomes a whole dataset: names, fields, tags, extras, items, files, addresses."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_specs import load
from sync.mapping import dataset_id, dataset_name, desired, mapping_digest, organization_name, resource_id
from sync.portal import FileSent
from sync.values import bounded, clean, public_address, tags
from tests.mapped import CONTENT, ITEMS, OPEN, REGISTRY, SHA, SHARE, data, extras, offer, resource, wished

CODES = st.one_of(
    st.from_regex(r"[0-9A-Z]{4,40}/[0-9]{1,10}", fullmatch=True),
    st.from_regex(r"[0-9A-Za-z/_-]{1,12}", fullmatch=True),
    st.text(max_size=60),
)
IDS = st.one_of(st.from_regex(r"e[0-9a-hjkmnp-tv-z]{20}", fullmatch=True), st.text(max_size=120))
ADDRESSES = load().ckan.addresses

# ---- names ------------------------------------------------------------------------------------------------


@given(CODES, IDS)
def test_a_name_is_always_one_that_a_portal_takes(code: str, entry_id: str) -> None:
    for name in (dataset_name(code, entry_id), organization_name(code)):
        assert re.fullmatch(r"[a-z0-9_-]{2,100}", name)
        assert name not in {"new", "edit", "search"}


@given(st.lists(st.tuples(CODES, IDS), unique_by=(lambda row: row[0], lambda row: row[1]), max_size=8))
def test_different_entries_have_different_names(rows: list[tuple[str, str]]) -> None:
    assert len({dataset_name(*row) for row in rows}) == len(rows)
    assert len({organization_name(code) for code, _ in rows}) == len(rows)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("307024030102/000001", "307024030102-000001"),
        ("BA6006/000218", "ba6006-000218"),
        ("307024030102-000001", "entry-e01"),
        ("ba6006/000218", "entry-e01"),
        ("BA6006/中文", "entry-e01"),
        ("SEARCH", "entry-e01"),
        ("ENTRY/E01", "entry-e01"),
        ("1", "entry-e01"),
        ("\u212a/1", "entry-e01"),  # the Kelvin sign is no K
    ],
)
def test_a_code_that_its_name_does_not_tell_gives_way_to_the_id(code: str, name: str) -> None:
    assert dataset_name(code, "e01") == name


def test_ids_are_of_registry_scope_and_thing() -> None:
    made = {dataset_id(r, s, "e1") for r in ("a", "b") for s in ("open", "share")}
    assert len(made) == 4
    assert resource_id("a", "open", "d1") == resource_id("a", "open", "d1") != resource_id("a", "open", "d2")


# ---- the dataset ------------------------------------------------------------------------------------------


def test_a_dataset_is_complete() -> None:
    found = wished()
    told = {key: value for key, value in found.package.items() if key not in {"resources", "extras", "tags"}}
    assert told == {
        "id": dataset_id(REGISTRY, "open", found.entry_id),
        "name": "307024030102-000001",
        "title": "公交线路站点",
        "notes": "市区公交线路的站点名称与日均客流",
        "owner_org": "11520300009421020x",
        "maintainer": "遵义市交通运输局",
        "license_id": "cc-by",
        "private": False,
        "state": "active",
        "type": "dataset",
        "groups": [],
        **dict.fromkeys(("author", "author_email", "maintainer_email", "url", "version"), ""),
    }
    assert found.organization == {"name": "11520300009421020x", "title": "遵义市交通运输局"}


def test_extras_are_chinese_words_under_ascii_keys() -> None:
    assert extras(wished()) == {
        "resource_code": "307024030102/000001",
        "mulu_registry": REGISTRY,
        "mulu_scope": "open",
        "mulu_entry": "e01jd2k9x3m7w5p0r8t2",
        "mulu_version": "3",
        "mulu_announced_at": "2026-03-01T01:02:03",
        "mulu_provider_name": "遵义市交通运输局",
        "mulu_update_cycle": "每月",
        "mulu_share_type": "无条件共享",
        "mulu_open_type": "无条件开放",
        "mulu_data_grade": "一般数据1级",
        "mulu_time_range": "2015/01/01",
        "mulu_spatial_scope": "全市",
    }


def test_with_a_schema_of_ours_extras_are_fields() -> None:
    package = wished(shape=replace(OPEN, scheming=True)).package
    assert package["extras"] == []
    assert (package["resource_code"], package["mulu_update_cycle"]) == ("307024030102/000001", "每月")


def test_tags_are_cut_where_a_portal_takes_no_such_character() -> None:
    assert wished().package["tags"] == [{"name": n} for n in ("B 线路", "公交", "工业交通", "站点")]
    given = ["公", " 低保 \t 救助 ", "a+b-c_d.e", "x" * 120, "低保；低保", "😀😀", "𠮷𠮷"]
    assert tags(given, load().ckan.tags) == sorted({"救助", "b-c_d.e", "x" * 100, "低保", "𠮷𠮷"})


def test_an_extra_is_cut_between_characters() -> None:
    found = extras(wished(content={"time_range": "年" * 20_000}))["mulu_time_range"]
    assert len(found.encode()) <= 32766
    assert found == "年" * (len(found) - 1) + "…"
    assert bounded("年年", 6) == "年年"


def test_text_loses_what_no_portal_keeps() -> None:
    assert clean("  甲\x00乙\x07\r\n丙\ud800\ufffe😀 ") == "甲乙\n丙😀"
    assert (clean(None), clean(5), clean(["甲", "乙"])) == ("", "5", "甲、乙")


def test_an_unknown_licence_is_told_as_it_is() -> None:
    assert wished(content={"license": "data-use-agreement"}).package["license_id"] == "data-use-agreement"


@pytest.mark.parametrize("open_type", ["3", "", None])
def test_nothing_is_shown_that_may_not_be(open_type: str | None) -> None:
    assert desired(offer(content={"open_type": open_type}), OPEN) is None
    assert desired(replace(offer(), data=()), OPEN) is None


def test_an_offer_of_another_scope_is_refused() -> None:
    with pytest.raises(ValueError, match="范围不一致"):
        desired(offer(scope="share"), OPEN)


# ---- items ------------------------------------------------------------------------------------------------


def test_items_are_told_by_name_type_and_length() -> None:
    assert json.loads(resource()["schema"]) == [
        {"title": "站点名称", "type": "字符型", "length": "50"},
        {"title": "日均客流", "type": "整型"},
    ]


@pytest.mark.parametrize("scope", [OPEN, SHARE], ids=["open", "share"])
@pytest.mark.parametrize(
    "change",
    [{"share_type": "3"}, {"mask_rule": "删除"}, {"share_type": "9", "open_type": "9"}],
    ids=["not shared", "suppressed", "not understood"],
)
def test_an_item_that_may_not_leave_is_not_told_and_keeps_the_bytes_here(
    scope: Any, change: dict[str, str]
) -> None:
    parts = data(items=(ITEMS[0], ITEMS[1] | change))
    assert [row["title"] for row in json.loads(resource(parts, shape=scope)["schema"])] == ["站点名称"]
    assert wished(parts, shape=scope).files == ()
    assert desired(offer(data(items=(ITEMS[1] | change,)), scope=scope.scope), scope) is None


def test_an_item_that_is_not_opened_may_still_be_shared() -> None:
    parts = data(items=(ITEMS[0], ITEMS[1] | {"open_type": "3"}))
    assert len(json.loads(resource(parts)["schema"])) == 1
    assert len(json.loads(resource(parts, shape=SHARE)["schema"])) == 2


def test_a_conditional_item_keeps_the_bytes_here() -> None:
    parts = data(items=(ITEMS[0], ITEMS[1] | {"open_type": "2"}))
    assert wished(parts).files == ()
    assert "有条件开放" in resource(parts)["description"]


# ---- files and addresses ----------------------------------------------------------------------------------


def test_an_uploaded_file_has_its_digest_and_a_name_that_a_portal_keeps() -> None:
    key = resource_id(REGISTRY, "open", "d01")
    found = resource()
    assert wished().files == (FileSent(key, SHA, 512, f"307024030102-000001-{key[:8]}.csv"),)
    assert (found["hash"], found["mulu_sha256"], found["size"], found["format"]) == (SHA, SHA, 512, "CSV")
    assert (found["url_type"], found["last_modified"]) == ("upload", "2026-03-02T08:30:00")
    assert "url" not in found
    assert found["description"] == "提供形式：文件；服务方式：批量交换"


def test_a_linked_file_is_had_from_us() -> None:
    shape = replace(OPEN, upload=False, file_url="https://data.zunyi.gov.cn/f/{distribution}/{name}")
    key = resource_id(REGISTRY, "open", "d01")
    found = resource(shape=shape)
    assert found["url"] == f"https://data.zunyi.gov.cn/f/d01/307024030102-000001-{key[:8]}.csv"
    assert found["mulu_sha256"] == SHA
    assert "url_type" not in found
    assert wished(shape=shape).files == ()


@pytest.mark.parametrize("change", [{"carried": False}, {"sha256": None}, {"size": None}, {"form": "1"}])
def test_without_bytes_a_resource_leads_to_our_page(change: dict[str, Any]) -> None:
    found = resource(data(**change))
    assert found["url"] == "https://data.zunyi.gov.cn/catalog/307024030102/000001"
    assert not {"hash", "mulu_sha256", "size", "url_type"} & found.keys()
    assert wished(data(**change)).files == ()


@pytest.mark.parametrize(
    ("shape", "words"), [(OPEN, "有条件开放：本处只列目录"), (SHARE, "有条件共享：本处只列目录")]
)
def test_conditional_data_are_to_be_applied_for(shape: Any, words: str) -> None:
    content = {"open_type": "2", "share_type": "2"}
    parts = data(items=tuple(item | content for item in ITEMS))
    found = resource(parts, shape=shape, content=content)
    assert words in found["description"]
    assert wished(parts, shape=shape, content=content).files == ()


def test_an_interface_is_told_in_the_open_alone() -> None:
    part = data(form="3", location="https://api.zunyi.gov.cn/bus", sha256=None, size=None, file_name=None)
    assert (resource(part)["url"], resource(part)["format"]) == ("https://api.zunyi.gov.cn/bus", "API")
    page = "https://data.zunyi.gov.cn/catalog/307024030102/000001"
    assert resource(part, shape=SHARE)["url"] == page
    assert resource(replace(part, carried=False))["url"] == page


@pytest.mark.parametrize(
    "location",
    [
        "http://user:secret@api.zunyi.gov.cn/x", "https://api.zunyi.gov.cn/x?token=1", "https://api.zunyi.gov.cn/#k",
        "http://10.1.2.3/x", "http://127.0.0.1/", "http://[fd00::1]/", "http://2130706433/", "http://0x7f.1/",
        "http://127.1/", "http://gateway/x", "http://db.internal/x", "http://a.localhost/", "ftp://data.gov.cn/x",
        "source:civil#dbo.users", "jdbc:mysql://10.0.0.1/x", "https://", "https://a..cn/", "http://a.cn:0/",
        "http://a.cn\\@10.0.0.1/", "http://a.cn:x/", "http://a b.cn/", "http://192.168.1.1.:80/", "",
        "http://169.254.169.254/latest", "http://[::ffff:10.0.0.1]/",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_not_told(location: str) -> None:
    assert public_address(location, ADDRESSES) == ""


@pytest.mark.parametrize(
    "location",
    ["https://api.zunyi.gov.cn/bus/v1", "http://政务.中国/接口", "https://api.zunyi.gov.cn:8443/x"],
)
def test_a_public_address_is_told(location: str) -> None:
    assert public_address(f" {location} ", ADDRESSES) == location


@pytest.mark.parametrize(
    ("name", "form", "said"),
    [
        ("a.XLSX", "2", "XLSX"),
        ("a.tar.gz", "2", "GZ"),
        ("无", "2", "文件"),
        ("a.q", "2", "文件"),
        ("a.csv", "1", "库表"),
    ],
)
def test_the_format_is_of_the_name_or_of_the_form(name: str, form: str, said: str) -> None:
    assert resource(data(file_name=name, form=form))["format"] == said


# ---- digests ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        wished(content={"resource_abstract": "另一摘要"}),
        wished(data(sha256="cd" * 32)),
        wished(data(loaded_at=datetime(2026, 3, 3, tzinfo=UTC))),
        wished(agency_name="遵义市交通局"),
        wished(number=4),
    ],
    ids=["text", "bytes", "time", "agency", "version"],
)
def test_what_is_shown_decides_the_digest(other: Any) -> None:
    assert other.digest != wished().digest


def test_what_is_not_shown_does_not() -> None:
    assert wished(content={"contact_phone": "0851-1"}, version_digest="00" * 32).digest == wished().digest
    assert wished(data(id="d02"), data()).digest == wished(data(), data(id="d02")).digest


def test_another_shape_is_another_mapping() -> None:
    assert (
        mapping_digest(OPEN) == mapping_digest(replace(OPEN)) != mapping_digest(replace(OPEN, upload=False))
    )


def test_the_content_stays_as_it_is() -> None:
    before = json.dumps(CONTENT, ensure_ascii=False)
    wished()
    assert json.dumps(CONTENT, ensure_ascii=False) == before
