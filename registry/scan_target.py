"""What is to be scanned, as people name it: a file, or a table or query of a database; opened, scanned, reported."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from catalog_specs import Specs, load
from registry.errors import Rejected
from registry.scan_report import report_json
from registry.scanning import Declared, Progress, facts_of, scan_source
from registry.settings import source_address
from registry.sources import open_file, open_table
from registry.sources.problems import Teller
from registry.sources.source import Source

_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*://")


@dataclass(frozen=True, slots=True)
class ScanTarget:
    """A file by its path, or a database by its address or as ``source:NAME``, with a table or a query of it."""

    place: str
    table: str = ""
    query: str = ""
    sheet: str = ""

    def is_database(self, specs: Specs) -> bool:
        """Whether the place is an address or a named source; a file may not be called like one."""
        return bool(_ADDRESS.match(self.place)) or self.place.startswith(specs.scanning.inputs.named)

    def check(self, specs: Specs) -> None:
        """Refuse what does not go together.

        Raises:
            Rejected: place, reason and cure; an address is never repeated, for it may hold a password.
        """
        if not self.is_database(specs):
            for name, given in (("--table", self.table), ("--query", self.query)):
                if given:
                    raise Rejected(
                        f"{name} 只用于数据库，{Path(self.place).name} 是文件；去掉 {name}，或写数据库地址"
                    )
            return
        if self.sheet:
            raise Rejected("--sheet 只用于工作簿，这里写的是数据库；去掉 --sheet，用 --table 写表名")
        if bool(self.table) == bool(self.query):
            what = "不能同时写" if self.table else "都没有写"
            raise Rejected(f"数据库：--table 和 --query {what}；写一个表名，或一条只读的查询")

    def open(self, specs: Specs, *, allowed: Sequence[str] | None = None) -> Source:
        """The source, opened. ``allowed``: the places that the operator allows, None for any (at the console).

        Raises:
            Rejected: as for ``check``. Unreadable, Unavailable: it cannot be read.
        """
        self.check(specs)
        if self.is_database(specs):
            return open_table(self.place, self.table or None, self.query or None, specs, allowed=allowed)
        return open_file(Path(self.place), specs, sheet=self.sheet or None)


def check_open_type(code: str, specs: Specs) -> None:
    """Refuse an open type that is none; empty is none given.

    Raises:
        Rejected: the message lists those there are.
    """
    if code and specs.code_value("open_type", code) is None:
        known = "、".join(f"{value.code}（{value.zh}）" for value in specs.codes["open_type"].values)
        raise Rejected(f"没有开放类型“{code}”；可用：{known}，不写则只查直接标识符")


def check_named(place: str, specs: Specs) -> None:
    """Refuse a source that the operator did not name.

    Raises:
        SourceUnreadable: there is none of that name; it says by which setting there would be.
    """
    inputs = specs.scanning.inputs
    name = place.removeprefix(inputs.named)
    if source_address(name) is None:
        raise Teller(inputs, place).refuse("unnamed", value=name.upper())


def judged_report(
    target: ScanTarget,
    declared: Declared | None,
    *,
    open_type: str | None = None,
    specs: Specs | None = None,
    allowed: Sequence[str] | None = None,
    progress: Progress | None = None,
    lang: str = "zh",
) -> dict[str, Any]:
    """A target scanned in full, as its JSON report; with what an entry declares also compared with its items.

    Raises:
        Rejected, Unreadable, Unavailable: as for ``ScanTarget.open``.
    """
    specs = specs or load()
    source = target.open(specs, allowed=allowed)
    opened = open_type or (declared.open_type if declared else None)
    result = scan_source(
        source,
        specs,
        columns=declared.columns if declared else None,
        open_type=opened,
        about_people=declared.about_people if declared else None,
        withheld=declared.withheld if declared else frozenset(),
        progress=progress,
    )
    facts = facts_of(source)
    told = _expectations(source, declared, specs) if declared else None
    items = declared.code if declared else None
    return report_json(result, facts, specs, lang, expectations=told, items=items)


def _expectations(source: Source, declared: Declared, specs: Specs) -> Mapping[str, Any]:
    """What Great Expectations says of the data, which are read once more for it."""
    # it takes seconds to import
    from validators.expectations import check_batches

    return asdict(check_batches(source.batches(), declared.content, specs))
