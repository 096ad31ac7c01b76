"""What tests of files share: files made, read, imported, and what came of it."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import SQLModel

from catalog_specs import Specs
from registry.checking import FileCheck, check_file, read_file
from registry.db import Database
from registry.errors import Unreadable
from registry.intake import ImportResult, import_workbook
from registry.lookup import find_entry, versions_of
from registry.permits import EVERYTHING
from tests.conftest import NOW
from tests.packages import row_of
from validators.case import Facts
from validators.findings import word

Make = Callable[..., Path]
CODE, NAME = "115203000094210200", "遵义市民政局"
HEADER = ["信息资源名称", "信息资源提供方", "信息资源提供方代码", "共享类型"]
ROW = ["婚姻登记信息", NAME, CODE, "1"]
# the rows of a sheet as XML, and of a CSV file
TABLE = row_of(1, HEADER) + row_of(2, ROW)
CSV = ",".join(HEADER) + "\n" + ",".join(ROW) + "\n"
ENTRY = {"资源名称": "婚姻登记信息", "提供方": NAME, "提供方代码": CODE, "共享类型": "有条件共享"}


# ---- read -------------------------------------------------------------------------------------------------


def reason(path: Path, specs: Specs) -> str:
    """Why a file is refused, which also must be sayable in both languages."""
    with pytest.raises(Unreadable) as caught:
        read_file(path, specs)
    finding = caught.value.finding
    assert finding.rule == "E171"
    for lang in ("zh", "en"):
        worded = word(finding, specs, lang)
        assert worded.message and worded.fix and "{" not in worded.message
    return finding.reason


def file(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def checked(path: Path, facts: Facts, **given: Any) -> FileCheck:
    return check_file(path, facts=facts, profile="zunyi_2020", **given)


def contents(check: FileCheck) -> list[dict[str, Any]]:
    return [entry.content for entry in check.sheets.entries]


def rules(check: FileCheck) -> list[str]:
    return [line.worded.rule for line in check.lines()]


def cells(check: FileCheck, rule: str) -> list[str]:
    return [f"{line.place.sheet}!{line.cell}" for line in check.lines() if line.worded.rule == rule]


def cells_of(check: FileCheck, rule: str) -> list[str]:
    return [line.cell for line in check.lines() if line.worded.rule == rule]


def table(rows: list[dict[str, Any]]) -> list[list[Any]]:
    """Rows given as header -> value, as a table of all headers that occur."""
    headers = list(dict.fromkeys(itertools.chain.from_iterable(rows)))
    return [headers, *([row.get(header, "") for header in headers] for row in rows)]


def limited(specs: Specs, **limits: int) -> Specs:
    """The same specification with smaller limits, so that a small file meets them."""
    entry = specs.entry.model_copy(update={"limits": dict(specs.entry.limits) | limits})
    return replace(specs, documents=dict(specs.documents) | {"entry": entry})


def national(*, again: str, share: str = "2", count: int = 3) -> list[dict[str, Any]]:
    """Rows of the national template for one resource; ``again``: how its columns go on, repeated or blank."""
    own = {
        "类": "部门信息资源类",
        "项": "省及其下各级政务部门",
        "目": "贵州省",
        "细目1": "遵义市",
        "细目1.1": "民政局",
        "关联业务事项": "婚姻登记",
        "信息资源名称": "婚姻登记信息",
        "信息资源代码": "",
        "下设机构": "社会事务科",
        "信息资源摘要": "遵义市各婚姻登记机关办理的结婚、离婚登记记录",
        "格式分类": "数据库",
        "格式类型": "MySQL",
        "其他格式描述": "",
    }
    rows = []
    for number in range(count):
        first = own if number == 0 or again == "repeated" else dict.fromkeys(own, "")
        rows.append(
            first
            | {
                "信息项名称": f"信息项{number}",
                "数据类型": "C",
                "数据长度": 20,
                "共享类型": share,
                "共享条件/不予共享依据": "仅限依职权核验",
                "共享方式分类": "共享平台方式",
                "共享方式类型": "接口",
                "是否向社会开放": "否",
                "开放条件": "",
                "更新周期": "每日",
                "发布日期": "",
                "开放主题分类": "民政社区",
            }
        )
    return rows


# ---- imported ---------------------------------------------------------------------------------------------


def imported(database: Database, path: Path, **given: Any) -> ImportResult:
    with database.write() as session:
        return import_workbook(session, path, actor="王敏", now=NOW, **({"profile": "zunyi_2020"} | given))


def bring(database: Database, files: Make, *contents: dict[str, Any], **given: Any) -> ImportResult:
    return imported(database, files(contents, name="目录.jsonl"), **given)


def counts(result: ImportResult) -> tuple[int, int, int, int]:
    return tuple(result.counts[key] for key in ("added", "updated", "unchanged", "refused"))  # type: ignore[return-value]


def reasons(result: ImportResult) -> list[str]:
    found = [finding for entry in result.check.sheets.entries for finding in entry.findings]
    return [finding.reason for finding in found if finding.rule == "E167"]


def everything(database: Database) -> Counter[str]:
    """How many rows each table holds."""
    with database.read() as session:
        tables = SQLModel.metadata.sorted_tables
        return Counter(
            {t.name: session.execute(select(func.count()).select_from(t)).scalar_one() for t in tables}
        )


def states(
    database: Database, code: str = "307024030101/000001"
) -> tuple[str, int | None, list[tuple[int, str]]]:
    """An entry's state, the version in force, and the state of each version."""
    with database.read() as session:
        row = find_entry(session, code, sight=EVERYTHING)
        entry = row.entry
        return entry.state, entry.in_force, [(v.number, v.state) for v in versions_of(session, row)]


def at_once(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """Start all jobs at the same moment, each in a thread of its own; gives what they answer."""
    gate = threading.Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> Any:
        gate.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))
