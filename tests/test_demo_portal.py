"""What the demonstration leaves for a portal: open and shared entries of several departments, and what stays here."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from catalog_specs import load
from registry.blobs import open_blob
from registry.db import Database
from registry.demo import load_demo
from registry.models import Agency, Distribution, Entry, Opinion, Version
from registry.offers import Offer, OfferedData, offered_ids, offers
from registry.reconcile import differences
from registry.stores import FolderStore
from registry.synthetic_files import invented_file
from registry.synthetic_words import words
from sync.values import public_address
from tests import postgres
from tests.conftest import NOW
from validators.codes import credit_code_fault

SEED = 2026


@dataclass(frozen=True)
class Loaded:
    """A register with the demonstration, what was said when it was loaded, and what it offers in each scope."""

    database: Database
    files: FolderStore
    said: str
    offers: dict[str, dict[str, Offer]]

    def shown(self, scope: str) -> list[Offer]:
        return [offer for offer in self.offers[scope].values() if offer.shown]

    def data(self, scope: str) -> list[OfferedData]:
        return [made for offer in self.shown(scope) for made in offer.data]

    def bytes_of(self, made: OfferedData) -> bytes:
        with self.database.read() as session, open_blob(session, str(made.sha256), self.files) as source:
            return source.read()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MULU_KEY_DIR", str(folder / "keys"))
        environment.delenv("MULU_SPECS", raising=False)
        database = Database(_address(request, folder))
        files = FolderStore(folder / "files")
        said = load_demo(database, files=files, seed=SEED, now=NOW)
        yield Loaded(database, files, said, {scope: _offered(database, scope) for scope in ("open", "share")})
        database.close()


def _address(request: pytest.FixtureRequest, folder: Path) -> str:
    if request.param == "postgres":
        server, template = (request.getfixturevalue(f"postgres_{name}") for name in ("server", "template"))
        return postgres.new_database(server, template=template)
    path = folder / "mulu.sqlite3"
    path.write_bytes(request.getfixturevalue("sqlite_template").read_bytes())
    return f"sqlite:///{path}"


def _offered(database: Database, scope: str) -> dict[str, Offer]:
    with database.read() as session:
        return offers(session, list(offered_ids(session, scope)), scope, now=NOW)


# ---- what may leave ---------------------------------------------------------------------------------------


def test_there_is_enough_to_sync_in_both_scopes(demo: Loaded) -> None:
    assert (len(demo.shown("open")), len(demo.shown("share"))) == (24, 31)
    assert "开放范围 24 条（4 个部门），共享范围 31 条；另有 1 条在架而暂不外发" in demo.said
    assert "mulu-sync target add demo-open" in demo.said


def test_it_is_of_departments_of_two_cities(demo: Loaded) -> None:
    agencies = Counter(offer.agency_name for offer in demo.shown("open"))
    assert len(agencies) == 4 and min(agencies.values()) >= 2
    assert {name[:3] for name in agencies} == {"六盘水", "遵义市"}
    assert {offer.profile for offer in demo.shown("open")} == {"liupanshui_2025", "zunyi_2020"}


def test_most_is_open_to_all_and_some_is_catalogue_only(demo: Loaded) -> None:
    types = Counter(offer.content["open_type"] for offer in demo.shown("open"))
    assert types == {"1": 21, "2": 3}
    assert {made.carried for o in demo.shown("open") for made in o.data if o.content["open_type"] == "2"} == {
        False
    }


def test_interfaces_have_an_address_that_may_be_published(demo: Loaded) -> None:
    found = [made.location for made in demo.data("open") if made.form == "3"]
    assert len(found) == len(set(found)) == 4
    assert all(public_address(one, load().ckan.addresses) == one for one in found)


def test_tables_are_shared_and_not_opened(demo: Loaded) -> None:
    assert Counter(made.form for made in demo.data("share")) == {"2": 20, "3": 4, "1": 7}
    assert Counter(made.form for made in demo.data("open")) == {"2": 20, "3": 4}


def test_a_file_holds_a_column_for_each_item_and_a_few_rows(demo: Loaded) -> None:
    files = [made for made in demo.data("open") if made.sha256 and "学员" not in made.name]
    assert len(files) == 16
    for made in files:
        rows = list(csv.reader(io.StringIO(demo.bytes_of(made).decode("utf-8-sig"))))
        assert rows[0] == [item["item_name"] for item in made.items]
        assert 5 <= len(rows) - 1 <= 60
        assert made.file_name == f"{made.name}.csv" and not made.name.isascii()
        assert all(value for row in rows for value in row)


def test_the_record_agrees_with_the_register_on_both_databases(demo: Loaded) -> None:
    with demo.database.read() as session:
        assert list(differences(session)) == []


# ---- what stays here --------------------------------------------------------------------------------------


def test_one_is_withheld_because_nobody_said_the_second_word(demo: Loaded) -> None:
    kept = [offer for offer in demo.offers["open"].values() if offer.withheld]
    ((reason,),) = [made.reasons for offer in kept for made in offer.withheld]
    assert "还没有复核" in reason and "steward4" in reason
    assert not kept[0].shown and not kept[0].content


def test_one_is_suspended_and_one_is_off_the_shelf(demo: Loaded) -> None:
    with demo.database.read() as session:
        query = select(col(Agency.name), col(Distribution.state)).select_from(Distribution)
        query = query.join(Entry, col(Entry.id) == col(Distribution.entry_id))
        query = query.join(Agency, col(Agency.id) == col(Entry.agency_id)).where(col(Distribution.opened))
        states = Counter((name, state) for name, state in session.execute(query) if state != "shelved")
    assert states == {("六盘水市住房和城乡建设局", "suspended"): 1, ("遵义市医疗保障局", "off_shelf"): 1}


def test_nobody_reviewed_what_he_attached(demo: Loaded) -> None:
    with demo.database.read() as session:
        query = select(Opinion, Distribution).join(
            Distribution, col(Distribution.id) == col(Opinion.distribution_id)
        )
        rows = session.execute(query.where(col(Opinion.move) == "clear_data")).all()
        assert len(rows) >= 30
        assert all(opinion.login != made.created_by for opinion, made in rows)
        assert {opinion.login for opinion, _ in rows} == {"secrecy", "secrecy2", "secrecy3", "secrecy4"}


def test_the_drafts_of_the_third_department_went_the_whole_path(demo: Loaded) -> None:
    with demo.database.read() as session:
        query = select(col(Opinion.move), col(Opinion.login)).join(
            Version, (col(Version.entry_id) == col(Opinion.entry_id)) & (col(Version.number) == 1)
        )
        found = Counter(
            (move, login)
            for move, login in session.execute(query.where(col(Version.submitted_by) == "steward4"))
        )
    path = {("submit", "steward4"), ("clear", "secrecy4"), ("endorse", "chief4"), ("endorse", "head4")}
    assert {found[one] for one in path | {("approve", "auditor"), ("announce", "bureau")}} == {11}


def test_the_accounts_are_told_with_their_departments(demo: Loaded) -> None:
    told = [one.login for one in words().people if one.of]
    assert all(f"{login}（" in demo.said for login in told)
    assert "steward4（遵义市生态环境局）" in demo.said


# ---- the files --------------------------------------------------------------------------------------------

ITEMS: list[dict[str, Any]] = [
    {"item_name": "监测站点名称", "data_type": "C"},
    {"item_name": "监测时间", "data_type": "T"},
    {"item_name": "空气质量指数", "data_type": "I"},
    {"item_name": "细颗粒物浓度", "data_type": "F"},
    {"item_name": "统一社会信用代码", "data_type": "C"},
    {"item_name": "不在词表里的", "data_type": "C"},
]


def _rows(name: str = "站点", seed: int = SEED, edition: int = 1) -> list[list[str]]:
    file = invented_file(name, ITEMS, region="520300", seed=seed, edition=edition)
    rows = list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert len(rows) == file.rows + 1
    return rows


def test_a_file_is_the_same_for_a_seed_and_another_for_each_edition() -> None:
    assert _rows() == _rows()
    assert len({str(_rows()), str(_rows(seed=7)), str(_rows(edition=2)), str(_rows("别的"))}) == 4


def test_values_fit_the_items() -> None:
    for place, hour, index, dust, code, other in _rows()[1:]:
        assert place.endswith("站") and hour.startswith("2025-01-0") and hour.endswith(":00:00")
        assert 18 <= int(index) <= 145 and 5 <= float(dust) <= 75
        assert credit_code_fault(code, load().credit_code) == "" and code.startswith("91520300")
        assert other.startswith("不在词表里的")


def test_a_county_and_a_year_in_the_name_stand_in_every_row() -> None:
    assert all(row[0].startswith("桐梓县") for row in _rows("桐梓县2023年站点")[1:])
    assert all(row[1].startswith("2023-01") for row in _rows("桐梓县2023年站点")[1:])


def test_every_pattern_names_parts_that_there_are() -> None:
    plan = words().open_files
    named = {part for row in plan.values.values() for one in row for part in re.findall(r"\{(\w+)\}", one)}
    assert named <= {*plan.parts, "county", "year", "credit"} and set(plan.parts) <= named
    assert plan.rows[0] >= 5 and plan.rows[1] <= 60
