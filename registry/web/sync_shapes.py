"""What the API answers about the sync, and the making of it."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from catalog_specs import load
from registry.models import SyncRun, SyncTarget
from registry.web.shapes import CODE, KEY, MOMENT, Paged
from registry.web.sync_views import LedgerRow, Standing
from registry.whereabouts import dataset_url

_COUNTS = {"total": 120, "added": 118, "updated": 1, "deleted": 0, "ignored": 0, "errored": 1}
_FAILURE = {"code": CODE, "name": "婚姻登记信息", "trouble": "refused", "said": "name: URL 已被占用"}


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


class RightsShown(BaseModel):
    """What a portal said that the token may do. Without ``may_purge`` a withdrawn dataset keeps its name there."""

    model_config = ConfigDict(extra="allow")
    user: str
    sysadmin: bool
    may_create: bool
    may_purge: bool


class RunBrief(BaseModel):
    """One run, without its failures."""

    id: str
    verb: str
    by: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    counts: dict[str, int]
    said: str


class FailureShown(BaseModel):
    """One entry that a run did not get done; ``said`` are the target's own words."""

    model_config = _example(**_FAILURE)
    code: str
    name: str
    trouble: str
    said: str


class RunShown(RunBrief):
    model_config = _example(
        id="y01jd2k9x3m7w5p0r8t2ab",
        verb="run",
        by="mulu-sync",
        started_at=MOMENT,
        ended_at=MOMENT,
        outcome="failed",
        counts=_COUNTS,
        said="",
        failures=[_FAILURE],
    )
    failures: list[FailureShown]


class RunPage(Paged):
    """Runs at a target, the newest first."""

    results: list[RunShown]


class ParcelCounts(BaseModel):
    """Parcels that went out, and those whose receipt is not there or not whole."""

    sent: int
    unanswered: int


class TargetShown(BaseModel):
    """A target and how it stands; its token is nowhere. States, troubles and drifts are keys of sync.yaml.

    ``in_step``: all that the registry says is known to stand there, and nothing else. ``amiss`` rows are in trouble or
    drifted, ``waiting`` entries wait for a run or a receipt, ``held_back`` ones are on the shelf and may not leave.
    """

    name: str
    kind: str
    mode: str
    scope: str
    files: str
    url: str
    rights: RightsShown | None
    in_step: bool
    entries: int
    amiss: int
    waiting: int
    held_back: int
    states: dict[str, int]
    troubles: dict[str, int]
    drifts: dict[str, int]
    rests_until: datetime | None
    said: str
    parcels: ParcelCounts
    last_run: RunBrief | None


class TargetList(BaseModel):
    results: list[TargetShown]


class PlannedShown(BaseModel):
    """One entry of a plan. ``differences`` are null: the portal is not asked (``mulu-sync plan`` asks it)."""

    code: str
    name: str
    act: Literal["create", "patch", "withdraw", "skip"]
    differences: None
    reasons: list[str] = Field(description="不能外发的原因，或没有外发的部分")


class PlanShown(BaseModel):
    """What a run would do, as ``mulu-sync plan --json`` gives it. ``remapped``: the rules of mapping are not those of the
    last run, so everything is judged anew."""

    target: str
    create: int
    patch: int
    withdraw: int
    skip: int
    entries: list[PlannedShown]
    held: list[PlannedShown]
    said: str
    remapped: bool


class SyncEntryShown(BaseModel):
    """An entry at a target. ``code`` is its key where it has none; ``name`` is empty where none is shown to you.

    ``due``: a run has something to do with it. ``url`` is the dataset at the portal, where it is known to be there.
    """

    model_config = _example(
        entry_id=KEY,
        code=CODE,
        name="婚姻登记信息",
        state="present",
        due=False,
        trouble="",
        said="",
        cure="",
        drift="",
        attempts=0,
        next_at=None,
        version=1,
        url="https://data.example.gov.cn/dataset/307024030101-000001",
        changed_at=MOMENT,
        seen_at=MOMENT,
        gone_at=None,
    )
    entry_id: str
    code: str
    name: str
    state: str
    due: bool
    trouble: str
    said: str
    cure: str = Field(description="怎么办")
    drift: str
    attempts: int
    next_at: datetime | None
    version: int | None
    url: str
    changed_at: datetime | None
    seen_at: datetime | None
    gone_at: datetime | None


class SyncEntryPage(Paged):
    results: list[SyncEntryShown]


class Retried(BaseModel):
    """How many entries were made due again."""

    retried: int


def target_json(standing: Standing) -> dict[str, Any]:
    """A ``TargetShown``."""
    target = standing.target
    named = {key: getattr(target, key) for key in ("name", "kind", "mode", "scope", "files", "url", "rights")}
    counted = {
        key: getattr(standing, key) for key in ("in_step", "amiss", "waiting", "states", "troubles", "drifts")
    }
    return (
        named
        | counted
        | {
            "entries": standing.all,
            "held_back": standing.held,
            "rests_until": standing.rests_until,
            "said": target.said,
            "parcels": {"sent": standing.parcels, "unanswered": standing.unanswered},
            "last_run": _run_brief(standing.last) if standing.last else None,
        }
    )


def _run_brief(run: SyncRun) -> dict[str, Any]:
    names = ("id", "verb", "by", "started_at", "ended_at", "outcome", "counts", "said")
    return {name: getattr(run, name) for name in names}


def run_json(run: SyncRun) -> dict[str, Any]:
    """A ``RunShown``."""
    keys = ("code", "name", "trouble", "said")
    return _run_brief(run) | {"failures": [{key: line.get(key, "") for key in keys} for line in run.failures]}


def entry_json(found: LedgerRow, target: SyncTarget) -> dict[str, Any]:
    """A ``SyncEntryShown``."""
    row = found.row
    names = (
        "entry_id",
        "state",
        "trouble",
        "said",
        "drift",
        "attempts",
        "next_at",
        "changed_at",
        "seen_at",
        "gone_at",
    )
    shown = {name: getattr(row, name) for name in names}
    cure = load().sync.trouble_index[row.trouble].cure_zh if row.trouble else ""
    more = {"code": found.code, "name": found.name, "due": found.due, "cure": cure, "version": row.number}
    return shown | more | {"url": dataset_url(target, row)}
