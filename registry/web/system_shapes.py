"""What the routes of systems, their lives and their data copies take and answer."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import UploadFile
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from registry.web.agency_shapes import CIVIL, SYSTEM, MaybeWords
from registry.web.answers import JsonObject, Named, Text, storable
from registry.web.shapes import Paged

COPY = "c01jd2k9x3m7w5p0r8t2ab"
Line = Annotated[str, StringConstraints(max_length=200), AfterValidator(storable)]
Words = Annotated[Text, StringConstraints(max_length=500)]


def _given(**values: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", populate_by_name=True, json_schema_extra={"examples": [values]})


# ---- what comes in ----------------------------------------------------------------------------------------


class Entered(BaseModel):
    """What is entered of a system beside its name; ``null`` takes it away."""

    contractor: MaybeWords = None
    contract_no: MaybeWords = None
    contract_from: date | None = None
    contract_until: date | None = None
    protection_level: MaybeWords = Field(default=None, description="等级保护级别，代码 1 至 5")
    protection_no: MaybeWords = None
    crypto_no: MaybeWords = None
    crypto_on: date | None = None


class NewSystem(Entered):
    """``life``: the stage in which it is entered (planned, building, accepted, operating)."""

    model_config = _given(**{"agency": CIVIL, "name": "低保管理系统", "ident": "MZ-03", "class": "01"})
    agency: Named
    name: Named
    ident: MaybeWords = None
    system_class: MaybeWords = Field(default=None, alias="class")
    life: MaybeWords = None


class SystemEdit(Entered):
    """What is given is changed; ``null`` takes anything but the name away. The life is moved on by ``/life``."""

    model_config = _given(**{"class": "01", "contractor": "云上贵州公司", "contract_until": "2028-12-31"})
    name: MaybeWords = None
    ident: MaybeWords = None
    system_class: MaybeWords = Field(default=None, alias="class")
    successor: MaybeWords = None


class Step(BaseModel):
    """A step in the life of a system: a number, a file or both, as the move asks."""

    model_config = ConfigDict(extra="forbid")
    move: Annotated[Named, Field(description="build、accept、operate、cancel")]
    number: Annotated[str, StringConstraints(max_length=100), AfterValidator(storable)] = ""
    day: date | None = None
    note: Words = ""
    file: UploadFile | None = None


class NewCopy(BaseModel):
    """A copy; ``ids`` holds what identifies it: serial_no, storage_ids, contract_no … Without a grade the highest
    one of the entries in force is taken."""

    model_config = _given(
        kind="primary", name="主库主机磁盘1", medium="hdd", ids={"serial_no": "WD-1"}, data_grade="g3"
    )
    kind: Named
    name: Named
    holder: Line = ""
    medium: Line = ""
    ids: JsonObject = Field(default_factory=dict)
    data_grade: MaybeWords = None
    target: Line = ""
    note: Words = ""


class CopyEdit(BaseModel):
    """What is given is changed; ``ids`` key by key, ``null`` takes one away."""

    model_config = _given(name="主库主机磁盘2", ids={"property_no": "ZC-2024-0113"})
    kind: Line | None = None
    name: Line | None = None
    holder: Line | None = None
    medium: Line | None = None
    ids: JsonObject = Field(default_factory=dict)
    data_grade: Line | None = None
    target: Line | None = None
    note: Words | None = None

    def changes(self) -> dict[str, Any]:
        """What is changed, by the keys of systems.yaml."""
        plain = self.model_dump(exclude_unset=True)
        ids: dict[str, Any] = plain.pop("ids", {})
        return ids | plain


class CopyList(BaseModel):
    """A list of copies as a file: .xlsx, .csv or .jsonl."""

    model_config = ConfigDict(extra="forbid")
    file: UploadFile


# ---- what goes out ----------------------------------------------------------------------------------------


class SystemShown(BaseModel):
    """A system; ``class`` is a code of system_class, ``life`` a stage. ``external``: of the State or the province."""

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "id": SYSTEM,
                    "agency": CIVIL,
                    "agency_name": "遵义市民政局",
                    "name": "低保管理系统",
                    "ident": "MZ-03",
                    "class": "01",
                    "profile": "zunyi_2020",
                    "life": "operating",
                    "life_zh": "运行中",
                    "successor": None,
                    "contractor": "云上贵州公司",
                    "contract_no": "HT-2026-7",
                    "contract_from": "2026-01-01",
                    "contract_until": "2028-12-31",
                    "protection_level": "3",
                    "protection_no": None,
                    "crypto_no": None,
                    "crypto_on": None,
                    "external": False,
                    "external_said": "",
                    "warnings": [],
                }
            ]
        },
    )
    id: str
    agency: str
    agency_name: str
    name: str
    ident: str | None
    system_class: str | None = Field(alias="class")
    profile: str
    life: str
    life_zh: str
    successor: str | None
    contractor: str | None
    contract_no: str | None
    contract_from: date | None
    contract_until: date | None
    protection_level: str | None
    protection_no: str | None
    crypto_no: str | None
    crypto_on: date | None
    external: bool
    external_said: str
    warnings: list[str]


class SystemPage(Paged):
    results: list[SystemShown]


class StepShown(BaseModel):
    """One step of a life, with its paper."""

    id: str
    move: str | None
    zh: str
    before: str
    after: str
    day: date
    document: str
    sha256: str | None
    file_name: str | None
    note: str
    by: str
    at: datetime


class GapShown(BaseModel):
    """What shuts a gate: the gate, the words with the article, the cure."""

    code: str
    message: str
    fix: str = ""


class MoveShown(BaseModel):
    """A move that you may make from here; ``missing`` is what shuts its gates."""

    move: str
    zh: str
    to: str
    asks: str
    missing: list[GapShown]


class LifeShown(BaseModel):
    life: str
    steps: list[StepShown]
    moves: list[MoveShown]


class CountedChange(BaseModel):
    """``move`` is null for a system that was entered as one that is there."""

    system_id: str
    name: str
    day: date
    move: str | None
    move_zh: str


class CountShown(BaseModel):
    """An agency's systems on 1 January (``first``) and at the end (``last``)."""

    agency: str
    agency_name: str
    first: int
    last: int
    added: list[CountedChange]
    stopped: list[CountedChange]
    only_decreased: bool
    said: str


class CountsShown(BaseModel):
    year: int
    since: date
    until: date
    zh: str
    source: str
    only_decreased: bool
    results: list[CountShown]


class CopyShown(BaseModel):
    """A data copy. ``answered``: it has a terminal state; ``lock`` stands in the ETag."""

    id: str
    system: str | None
    grant: str | None
    kind: str
    kind_zh: str
    name: str
    holder: str
    medium: str
    medium_zh: str
    ids: dict[str, Any]
    data_grade: str | None
    target: str
    state: str
    state_zh: str
    answered: bool
    case: str | None
    note: str
    created_by: str
    created_at: datetime
    lock: int
    warnings: list[str]


class CopiesShown(BaseModel):
    results: list[CopyShown]


class VerdictShown(BaseModel):
    """What came of one row."""

    row: int
    name: str
    copy_id: str
    warnings: list[str]


class VerdictList(BaseModel):
    """The copies that were entered. Nothing is when a single row is wrong (422)."""

    results: list[VerdictShown]
