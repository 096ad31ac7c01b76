"""The sync in the REST API: targets and how they stand, plans, the ledger, runs; have something tried again.

A portal is spoken to by ``mulu-sync`` alone; everything here is read from the register.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from registry.web import sync_shapes as shapes
from registry.web.answers import Cursor, Limit, Named, granted_any, page, said
from registry.web.given import Asking, Reading, Seeing, Writing, today
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating
from registry.web.sync_plans import ForWhom, whole_plan
from registry.web.sync_views import (
    PUSHES,
    SEES,
    Asked,
    count_rows,
    count_runs,
    ledger_rows,
    list_runs,
    retry,
    standing_of,
    standings,
)
from sync import targets
from sync.plan import plan_json

MOST_NAMED = 1000
router = APIRouter(prefix="/api/v1/sync/targets", tags=["sync"], responses=ANSWERS)
reads, pushes = [Depends(granted_any(SEES))], [Depends(granted_any(PUSHES))]
Target = Annotated[str, Path(max_length=100, description="目标名称", examples=["city-open"])]
Key = Annotated[str, Query(max_length=32)]


@router.get("", response_model=shapes.TargetList, summary="同步目标", dependencies=reads)
def list_targets(session: Reading) -> Response:
    """Every target with how it stands."""
    return said({"results": [shapes.target_json(one) for one in standings(session, now=today())]})


@router.get("/{name}", response_model=shapes.TargetShown, summary="一个目标的情况", dependencies=reads)
def one_target(session: Reading, name: Target) -> Response:
    """How a target stands: its ledger by state, what is amiss, its last run."""
    return said(shapes.target_json(standing_of(session, targets.find(session, name), now=today())))


@router.get("/{name}/plan", response_model=shapes.PlanShown, summary="下次同步会做什么", dependencies=reads)
def plan_of_target(request: Request, session: Reading, seen: Seeing, name: Target) -> Response:
    """What a run would do now, from the ledger alone; nothing is written, the portal is not asked.

    409 where more is open than a server judges for one answer; ``mulu-sync plan --json`` has no such limit.
    """
    target = targets.find(session, name)
    plan, remapped = whole_plan(session, target, ForWhom(seen, request.app.state.settings, today()))
    return said(plan_json(plan) | {"remapped": remapped})


@router.get("/{name}/entries", response_model=shapes.SyncEntryPage, summary="台账", dependencies=reads)
def entries(
    session: Reading,
    seen: Seeing,
    name: Target,
    state: Annotated[Key, Query(description="状态，如 present、gone")] = "",
    trouble: Annotated[Key, Query(description="问题，如 refused、withheld")] = "",
    drift: Annotated[Key, Query(description="偏差，如 edited、missing")] = "",
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """What is known of each entry at a target, a page at a time."""
    target = targets.find(session, name)
    asked = Asked(state, trouble, drift).where(target.id)
    rows = ledger_rows(session, asked, sight=seen, after=cursor or "", limit=limit + 1)
    shown = [shapes.entry_json(row, target) for row in rows]
    return said(page(shown, limit, count_rows(session, asked), lambda row: str(row["entry_id"])))


@router.get("/{name}/runs", response_model=shapes.RunPage, summary="运行记录", dependencies=reads)
def runs(
    session: Reading,
    name: Target,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=100, description="每页条数")] = 20,
) -> Response:
    """Runs at a target with their counts and a line for each failure, the newest first."""
    target = targets.find(session, name)
    found = list_runs(session, target, after=cursor or "", limit=limit + 1)
    shown = [shapes.run_json(run) for run in found]
    return said(page(shown, limit, count_runs(session, target), lambda row: str(row["id"])))


class Retrying(BaseModel):
    """Which entries are tried again, by code or key; none: all that are in trouble at the target."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"codes": ["307024030101/000001"]}]}
    )
    codes: Annotated[list[Named], Field(max_length=MOST_NAMED)]


@router.post("/{name}/retry", response_model=shapes.Retried, summary="重试", dependencies=pushes)
def try_again(session: Writing, actor: Asking, again: Repeating, name: Target, body: Retrying) -> Response:
    """Make entries due again, whatever stopped them; the next run of ``mulu-sync`` tries them."""

    def deed() -> Answer:
        given: dict[str, Any] = {"actor": actor, "now": today()}
        return Answer({"retried": retry(session, name, body.codes, **given)})

    return again.once(session, actor, deed)
