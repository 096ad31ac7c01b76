"""What the API answers, for its description. Answers are made by hand; the tests hold them to these shapes."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

CODE, KEY = "307024030101/000001", "e01jd2k9x3m7w5p0r8t2ab"
MOMENT = "2026-11-21T02:00:00+00:00"


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


class EntryBrief(BaseModel):
    """An entry in a list. ``awaits`` is the move that is next; null also for who does not see drafts."""

    model_config = _example(
        key=KEY,
        code=CODE,
        code_status="given",
        state="submitted",
        provider_code="115203000094210200",
        provider_name="遵义市民政局",
        resource_name="婚姻登记信息",
        share_type="2",
        open_type="3",
        data_grade="g4",
        version=1,
        in_force=None,
        archived_at=None,
        errors=0,
        warnings=1,
        lock=2,
        awaits="clear",
        awaits_role="secrecy_reviewer",
    )
    key: str
    code: str | None
    code_status: str
    state: str
    provider_code: str
    provider_name: str
    resource_name: str
    share_type: str | None
    open_type: str | None
    data_grade: str | None
    version: int
    in_force: int | None
    archived_at: datetime | None
    errors: int
    warnings: int
    lock: int
    awaits: str | None
    awaits_role: str | None


class Paged(BaseModel):
    """A page: ``next_cursor`` is null on the last one."""

    next_cursor: str | None
    total: int


class EntryPage(Paged):
    results: list[EntryBrief]


class FindingShown(BaseModel):
    rule: str
    level: str
    field: str
    label: str
    value: str
    message: str
    fix: str
    source: str


class NeedShown(BaseModel):
    need: str
    reason: str


class VersionBrief(BaseModel):
    number: int
    state: str
    digest: str


class EntryWhole(EntryBrief):
    """One entry with one of its versions: content, findings, what is still to be proven."""

    version_state: str
    digest: str
    profile: str
    spec: str
    created_at: datetime
    created_by: str
    content: dict[str, Any]
    erased_at: datetime | None
    findings: list[FindingShown]
    needs: list[NeedShown]
    versions: list[VersionBrief]


class VersionShown(VersionBrief):
    """One version as a list shows it."""

    created_at: datetime
    created_by: str
    submitted_at: datetime | None
    submitted_by: str | None
    change_class: str | None
    awaits: str | None
    awaits_role: str | None
    risk: int
    announced_at: datetime | None
    ended_at: datetime | None
    erased_at: datetime | None
    errors: int
    warnings: int


class VersionList(BaseModel):
    results: list[VersionShown]


class ChangeShown(BaseModel):
    kind: str
    field: str
    item: str
    label: str
    before: str
    after: str
    change_class: str


class Diff(BaseModel):
    """What changed from one version to another; ``change_class`` is note, ordinary or major."""

    first: int = Field(alias="from")
    to: int
    changes: list[ChangeShown]


class PastShown(BaseModel):
    """What was in force at the end of a day, and who had signed it."""

    day: date
    entry_id: str
    code: str | None
    agency_name: str
    full: bool
    version: dict[str, Any] | None
    signed: list[dict[str, Any]]
    shelved: list[dict[str, Any]]


class OpinionShown(BaseModel):
    """One move that was made. ``valid``: whether a signature still holds; null for what is none."""

    id: str
    number: int
    distribution_id: str | None
    move: str
    zh: str
    role: str
    login: str
    delegation_id: str | None
    operator: str | None
    note: str
    state_before: str
    state_after: str
    bound_class: str | None
    bound_digest: str | None
    data: dict[str, Any]
    sheet_id: str | None
    at: datetime
    valid: bool | None


class OpinionList(BaseModel):
    results: list[OpinionShown]


class RemarkShown(BaseModel):
    id: str
    opinion_id: str
    number: int
    field: str
    item: str
    phrase: str
    text: str
    why_late: str
    at: datetime


class RemarkList(BaseModel):
    results: list[RemarkShown]


class RecordShown(BaseModel):
    """One piece of evidence."""

    id: str
    kind: str
    zh: str
    entry_id: str | None
    system_id: str | None
    distribution_id: str | None
    number: str
    day: date | None
    sha256: str | None
    file_name: str | None
    bound_class: str | None
    bound_digest: str | None
    recorded_by: str
    at: datetime


class RecordList(BaseModel):
    results: list[RecordShown]


class DistributionShown(BaseModel):
    """One distribution; from ``location`` on only for who sees the entry whole."""

    id: str
    entry_id: str
    code: str | None
    name: str
    form: str
    patterns: list[str]
    items: list[str]
    opened: bool
    state: str
    location: str | None = None
    file_name: str | None = None
    sha256: str | None = None
    awaits: str | None = None
    awaits_since: datetime | None = None
    created_by: str | None = None
    created_at: datetime | None = None
    shelved_at: datetime | None = None
    ended_at: datetime | None = None
    lock: int | None = None


class DistributionList(BaseModel):
    results: list[DistributionShown]


class MissingShown(BaseModel):
    """A guard that is not met: its key, what is missing, how to bring it about, the source."""

    code: str
    gate: str
    message: str
    fix: str
    source: str
    details: list[str]


class OptionShown(BaseModel):
    move: str
    zh: str
    role: str
    distribution_id: str | None
    takes: list[str]
    missing: list[MissingShown]


class OptionList(BaseModel):
    results: list[OptionShown]


class DoneShown(BaseModel):
    """What came of a move; ``awaits`` is the next one, ``awaits_role`` the role that signs if it is one."""

    model_config = _example(
        entry_id=KEY,
        code=CODE,
        number=1,
        distribution_id=None,
        move="submit",
        before="draft",
        after="submitted",
        entry_state="submitted",
        opinion_id="o01jd2k9x3m7w5p0r8t2ab",
        lock=2,
        awaits="clear",
        awaits_role="secrecy_reviewer",
    )
    entry_id: str
    code: str | None
    number: int
    distribution_id: str | None
    move: str
    before: str
    after: str
    entry_state: str
    opinion_id: str
    lock: int
    awaits: str | None
    awaits_role: str | None


class DoneList(BaseModel):
    results: list[DoneShown]


class Gone(BaseModel):
    """What was revoked, and when."""

    id: str
    revoked_at: datetime | None
