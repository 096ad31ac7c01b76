"""What the API of duties is asked and answers, for its description."""

from datetime import date
from typing import Annotated, Any

from fastapi import UploadFile
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from registry.web.answers import Named, storable
from registry.web.shapes import Paged

Short = Annotated[str, StringConstraints(max_length=100), AfterValidator(storable)]
Remark = Annotated[str, StringConstraints(max_length=500), AfterValidator(storable)]
Why = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(storable)]
Year = Annotated[int, Field(ge=1, le=9999)]


class Wanted(BaseModel):
    kind: str
    zh: str
    by_hand: bool


class LawShown(BaseModel):
    """A row of the law: what an article asks, of whom, by when, with which evidence. ``due`` is null without a day."""

    id: str
    profile: str
    article: str
    words: str
    kind: list[str]
    actor: list[str]
    actor_zh: list[str]
    per: str
    deadline: str | None
    gates: list[str]
    wanted: list[Wanted]
    source: str


class LawCounted(LawShown):
    """A row of the law with how its duties of the year stand; ``state`` is the worst of them."""

    year: int
    due: date | None
    state: str | None
    state_zh: str
    counts: dict[str, int]
    evidence: list[str]


class LawList(BaseModel):
    results: list[LawCounted]


class OfWhom(BaseModel):
    per: str
    id: str
    name: str


class OfAgency(BaseModel):
    code: str
    name: str


class OfSystem(BaseModel):
    id: str
    ident: str | None
    name: str


class PieceShown(BaseModel):
    kind: str
    zh: str
    whole: bool
    derived: bool
    number: str
    day: date | None
    count: int
    of: int | None
    said: str
    handed: list[str]
    fix: str


class DutyShown(LawShown):
    """A duty of an agency, a system or the city in a year. ``left`` and ``late`` count in ``unit``."""

    year: int
    subject: OfWhom
    agency: OfAgency | None
    system: OfSystem | None
    due: date | None
    left: int | None
    late: int
    unit: str
    soon: bool
    state: str
    state_zh: str
    term_zh: str
    why: str
    waived: str | None
    evidence: list[PieceShown]


class DutyPage(Paged):
    results: list[DutyShown]


class EvidenceShown(BaseModel):
    """A piece of evidence as it was handed in, or (``waived``) what says that the duty does not apply."""

    id: str
    duty: str
    year: int
    kind: str
    waived: bool
    agency_id: str | None
    system_id: str | None
    number: str
    day: date | None
    sha256: str | None
    file_name: str | None
    note: str
    by: str
    at: str
    withdrawn_by: str | None
    withdrawn_at: str | None
    withdrawn_why: str


class OneDuty(LawShown):
    standings: list[DutyShown]
    handed: list[dict[str, Any]]


class NewEvidence(BaseModel):
    """Evidence of a duty: a number, a file, or both; of an agency or a system, as the duty is ``per``."""

    model_config = ConfigDict(extra="forbid")
    kind: Annotated[Named, Field(description="佐证的种类，见义务的 wanted")]
    number: Short = ""
    day: date | None = None
    agency: Named | None = None
    system: Named | None = None
    year: Year | None = None
    note: Remark = ""
    file: UploadFile | None = None


class NewWaiver(BaseModel):
    """Why a duty does not apply."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"system": "低保管理系统", "why": "没有对外接口"}]}
    )
    why: Why
    agency: Named | None = None
    system: Named | None = None
    year: Year | None = None


class Withdrawn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"why": "文号填错"}]})
    why: Why
