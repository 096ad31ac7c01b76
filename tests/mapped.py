"""Offers to be mapped: an open file that is carried, and what differs from it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from registry.offers import Offer, OfferedData
from sync.mapping import Shape, desired
from sync.portal import Desired

REGISTRY = "9f" * 16
OPEN = Shape(REGISTRY, "open", page_url="https://data.zunyi.gov.cn/catalog/{code}")
SHARE = replace(OPEN, scope="share")
SHA = "ab" * 32
FREE = {"open_type": "1", "share_type": "1"}
ITEMS: tuple[dict[str, Any], ...] = (
    {"item_name": "站点名称", "item_code": "zdmc", "data_type": "C", "data_length": 50, **FREE},
    {"item_name": "日均客流", "item_code": "rjkl", "data_type": "I", **FREE},
)
CONTENT: dict[str, Any] = {
    "resource_code": "307024030102/000001",
    "resource_name": "公交线路站点",
    "resource_abstract": "市区公交线路的站点名称与日均客流",
    "keywords": ["公交、站点", "A/B 线路"],
    "data_class": ["ZD"],
    "provider_name": "遵义市交通运输局",
    "update_cycle": "每月",
    "share_type": "1",
    "open_type": "1",
    "data_grade": "g1",
    "time_range": "2015/01/01",
    "spatial_scope": "4",
    "license": "CC-BY-4.0",
}


def data(**changes: Any) -> OfferedData:
    """A file of 512 bytes that goes along."""
    made = OfferedData(
        id="d01",
        name="公交线路站点.csv",
        form="2",
        patterns=("批量交换",),
        items=ITEMS,
        location="",
        carried=True,
        sha256=SHA,
        size=512,
        file_name="公交线路站点.csv",
        loaded_at=datetime(2026, 3, 2, 8, 30, tzinfo=UTC),
    )
    return replace(made, **changes)


def offer(
    *parts: OfferedData, scope: str = "open", content: dict[str, Any] | None = None, **changes: Any
) -> Offer:
    """An offer of some distributions (the file when none is given); ``content`` is laid over the good one."""
    made = Offer(
        entry_id="e01jd2k9x3m7w5p0r8t2",
        code="307024030102/000001",
        number=3,
        version_digest="cd" * 32,
        profile="zunyi_2020",
        scope=scope,
        content=CONTENT | (content or {}),
        agency_code="11520300009421020X",
        agency_name="遵义市交通运输局",
        data=parts or (data(),),
        announced_at=datetime(2026, 3, 1, 1, 2, 3, tzinfo=UTC),
    )
    return replace(made, **changes)


def wished(*parts: OfferedData, shape: Shape = OPEN, **changes: Any) -> Desired:
    """An offer as it should stand at a target of a shape."""
    found = desired(offer(*parts, scope=shape.scope, **changes), shape)
    assert found is not None
    return found


def resource(*parts: OfferedData, shape: Shape = OPEN, **changes: Any) -> dict[str, Any]:
    """The first resource of what is wished."""
    found: dict[str, Any] = wished(*parts, shape=shape, **changes).package["resources"][0]
    return found


def extras(found: Desired) -> dict[str, str]:
    """The extras of a dataset by key."""
    return {row["key"]: row["value"] for row in found.package["extras"]}
