"""What the API answers about responsibility lists, and the making of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from registry.edition_sight import Between, Found
from registry.editions import Standing, edition_name
from registry.list_shelf import ShelfDifference
from registry.list_verify import Verdict
from registry.marks import fingerprint
from registry.models import Edition
from registry.plain_json import plain_json
from registry.web.shapes import MOMENT

AGENCY, AGENCY_NAME = "11520300009450000X", "遵义市人力资源和社会保障局"
KEY, VERIFY_CODE = "l01jd2k9x3m7w5p0r8t2ab", "7C1D-4F0E-9B57-3F1F-6F2B"
DIGEST = "7c1d4f0e9b573f1f6f2b" + "0" * 44


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


class EditionNamed(BaseModel):
    """An edition, briefly."""

    id: str
    year: int
    number: int
    name: str
    digest: str
    code: str


class StandingShown(BaseModel):
    """The last edition, and whether what is owed now is not what was sealed (E127)."""

    edition: EditionNamed | None
    stale: bool


class AgencyStanding(StandingShown):
    """The same of one agency."""

    agency_code: str
    agency_name: str


class StandingList(BaseModel):
    results: list[AgencyStanding]


class ColumnShown(BaseModel):
    key: str
    zh: str
    part: Literal["article", "annex"]


class LineShown(BaseModel):
    """One line: entry, version and the digest of its content; a text for every column."""

    entry: str
    version: int
    content: str
    cells: list[str]


class TableShown(BaseModel):
    key: str
    zh: str
    platform: str
    columns: list[ColumnShown]
    lines: list[LineShown]


class DocumentShown(BaseModel):
    """Lists as a document; from ``digest`` on only of a sealed one."""

    format: str
    title: str
    head: dict[str, str]
    as_of: str
    lists: list[TableShown]
    digest: str | None = None
    code: str | None = None
    mark: dict[str, Any] | None = None
    proof: dict[str, Any] | None = None


class ShelfShown(BaseModel):
    """An entry whose shelf is not what a list says (E127), in sentences."""

    rule: str
    entry_id: str
    code: str
    name: str
    agency_code: str
    list_zh: str
    missing: list[str]
    extra: list[str]
    message: str


class LiveLists(DocumentShown):
    """Lists as they stand now; ``standing`` is null of a system's. ``shelf``: where the shelf differs from them."""

    standing: StandingShown | None
    shelf: list[ShelfShown]


class EditionShown(BaseModel):
    """A sealed edition. ``proven``: it bears a proof that its sealing stands on the audit record."""

    model_config = _example(
        id=KEY,
        agency_code=AGENCY,
        agency_name=AGENCY_NAME,
        year=2026,
        number=1,
        name="2026年第1期",
        digest=DIGEST,
        code=VERIFY_CODE,
        rows=12,
        profile="zunyi_2020",
        spec="0" * 64,
        role="head",
        delegation_id=None,
        algorithm="ed25519",
        fingerprint="7C1D 4F0E 9B57 3F1F",
        proven=True,
        sealed_by="head",
        sealed_at=MOMENT,
        published_by="head",
        published_at=MOMENT,
        scan_sha256=None,
        scan_name=None,
        scan_by=None,
        scan_at=None,
    )
    id: str
    agency_code: str
    agency_name: str
    year: int
    number: int
    name: str
    digest: str
    code: str
    rows: int
    profile: str
    spec: str
    role: str
    delegation_id: str | None
    algorithm: str
    fingerprint: str
    proven: bool
    sealed_by: str
    sealed_at: datetime
    published_by: str | None
    published_at: datetime | None
    scan_sha256: str | None
    scan_name: str | None
    scan_by: str | None
    scan_at: datetime | None


class EditionWhole(EditionShown):
    """The same with what was sealed, where ``body`` is asked for."""

    document: DocumentShown | None = None


class EditionSealed(EditionShown):
    """What came of sealing; ``unchanged``: the list is what was sealed last, no new edition was made."""

    unchanged: bool


class EditionList(BaseModel):
    results: list[EditionShown]


class FieldChanged(BaseModel):
    key: str
    zh: str
    before: str
    after: str


class CauseShown(BaseModel):
    """A move made between the two."""

    move: str
    zh: str
    login: str
    at: datetime
    number: int


class LineChanged(BaseModel):
    list_key: str
    list_zh: str
    kind: Literal["added", "removed", "changed"]
    entry: str
    code: str
    name: str
    fields: list[FieldChanged]
    causes: list[CauseShown]


class ListDiff(BaseModel):
    """What the one has that the other has not; ``erased`` counts lines whose content was erased since."""

    before: str
    after: str
    lines: list[LineChanged]
    erased: int


class VerdictShown(BaseModel):
    """Whether a file is genuine; ``problems`` say what speaks against it, ``notes`` what else is to be known."""

    genuine: bool
    problems: list[str]
    notes: list[str]
    head: dict[str, str] | None
    digest: str | None


# ---- making them ------------------------------------------------------------------------------------------

_KEPT = (
    *("id", "year", "number", "digest", "code", "rows", "profile", "spec", "role", "delegation_id"),
    *("sealed_by", "sealed_at", "published_by", "published_at"),
    *("scan_sha256", "scan_name", "scan_by", "scan_at"),
)


def edition_json(found: Found) -> dict[str, Any]:
    """An edition as ``EditionShown``."""
    edition = found.edition
    named = {"agency_code": found.agency.code, "agency_name": found.agency.name, "name": found.name}
    mark = {"algorithm": edition.mark["algorithm"], "fingerprint": fingerprint(edition.mark["key"])}
    kept = {key: getattr(edition, key) for key in _KEPT}
    return named | kept | mark | {"proven": edition.proof is not None}


def standing_json(standing: Standing) -> dict[str, Any]:
    """A standing as ``StandingShown``."""
    last = standing.edition
    return {"edition": _named(last) if last else None, "stale": standing.stale}


def _named(edition: Edition) -> dict[str, Any]:
    kept = {key: getattr(edition, key) for key in ("id", "year", "number", "digest", "code")}
    return kept | {"name": edition_name(edition.year, edition.number)}


def agency_standing_json(standing: Standing) -> dict[str, Any]:
    """A standing as ``AgencyStanding``."""
    named = {"agency_code": standing.agency.code, "agency_name": standing.agency.name}
    return named | standing_json(standing)


def shelf_json(found: Iterable[ShelfDifference]) -> list[dict[str, Any]]:
    """Differences of the shelf, each as ``ShelfShown``."""
    return [plain_json(one) | {"message": one.message} for one in found]


def diff_json(between: Between) -> dict[str, Any]:
    """Differences as ``ListDiff``."""
    return {"before": between.before, "after": between.after} | plain_json(between.changes)


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as ``VerdictShown``."""
    document = verdict.document
    told = {"genuine": verdict.genuine, "problems": list(verdict.problems), "notes": list(verdict.notes)}
    head = dict(document.head) if document else None
    return told | {"head": head, "digest": document.digest if document else None}
