"""What the routes of acceptance and of table lists take and answer."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import UploadFile
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from registry.web.answers import Named, Note, storable
from registry.web.shapes import Paged

Line = Annotated[str, StringConstraints(max_length=200), AfterValidator(storable)]


class TableFile(BaseModel):
    """A list of tables as a file: DDL (.sql) or a data dictionary (.xlsx, .csv)."""

    model_config = ConfigDict(extra="forbid")
    file: UploadFile
    dialect: Line = ""


class Decision(BaseModel):
    """What is decided of some tables: covered by an entry, left out with a reason, or undecided again."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"act": "cover", "tables": ["t_qydj"], "entry": "102024030201/000001"},
                {"act": "exclude", "tables": ["sys_log"], "reason": "system_table", "why": "操作日志"},
            ]
        },
    )
    act: Literal["cover", "exclude", "undecide"]
    tables: Annotated[list[Named], Field(min_length=1, max_length=1000)]
    entry: Line = ""
    reason: Line = ""
    why: Note = ""
    of: Annotated[Line, Field(description="副本的原表")] = ""


# ---- what goes out ----------------------------------------------------------------------------------------


class Shown(BaseModel):
    kind: str
    kind_zh: str
    says: str
    number: str
    day: date | None
    file_name: str
    sha256: str


class Missing(BaseModel):
    kind: str
    says: str
    article: str
    source: str
    cure: str


class ElementShown(BaseModel):
    """An element of acceptance; ``holds``: what lacks here keeps the system from being accepted."""

    key: str
    zh: str
    level: str
    level_zh: str
    article: str
    source: str
    holds: bool
    met: bool
    found: list[Shown]
    missing: list[Missing]


class CoverageShown(BaseModel):
    """``counts`` by state; ``rate``: covered ÷ (all but those left out), null where nothing is owing."""

    tables: int
    counts: dict[str, int]
    rate: float | None
    open: int
    listed_at: datetime | None
    found_in: str


class ShelfShown(BaseModel):
    owing: int
    shelved: int
    rate: float | None
    overdue: list[str]


class TableShown(BaseModel):
    """A table of the newest list; ``state``: covered, drafted, excluded, lost or undecided."""

    name: str
    comment: str
    columns: int
    found_in: str
    state: str
    entry_id: str | None
    entry_code: str | None
    entry_name: str
    excluded: str
    why: str
    decided_by: str
    decided_at: datetime | None
    seen_at: datetime


class EntryShown(BaseModel):
    entry_id: str
    code: str
    name: str
    state: str
    state_zh: str
    grade: str
    share_type: str
    open_type: str
    announced: bool
    audited: bool
    owes: bool
    opened: bool
    shelved: bool
    open_shelved: bool
    promised: date | None
    announced_at: datetime | None


class AcceptanceShown(BaseModel):
    """Whether a system may be accepted; ``verdict``: ready, lacking or exempt (an external system)."""

    system_id: str
    system_name: str
    system_ident: str
    agency_code: str
    agency_name: str
    profile: str
    profile_zh: str
    contractor: str
    as_of: datetime
    specs_digest: str
    verdict: str
    verdict_zh: str
    why: str
    ready: bool
    lacking: list[str]
    elements: list[ElementShown]
    coverage: CoverageShown | None
    shelf: ShelfShown | None
    tables: list[TableShown]
    entries: list[EntryShown]
    warnings: list[str]


class TablePage(Paged):
    coverage: CoverageShown
    results: list[TableShown]


class ChangeShown(BaseModel):
    """What a new list changed, by the names of tables; ``decided``: how many keep their decision."""

    total: int
    added: list[str]
    back: list[str]
    gone: list[str]
    decided: int
    notes: list[str]


class HintShown(BaseModel):
    """A hint on an undecided table; ``exact``: one entry alone fits it without a doubt."""

    table: str
    by: str
    exact: bool
    says: str
    entry_id: str
    entry_code: str
    entry_name: str
    reason: str


class HintList(BaseModel):
    results: list[HintShown]


class Decided(BaseModel):
    tables: list[str]
