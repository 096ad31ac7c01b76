"""Pages of the sync: every target and how it stands; one target with its plan, ledger, runs and parcels.

They read the register alone. What a run does stays with ``mulu-sync``; here something can be asked to be tried again.
"""

from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from catalog_specs import load
from registry.errors import Unavailable
from registry.models import SyncTarget
from registry.permits import Sight
from registry.web import sync_plans as plans
from registry.web.answers import granted_any, may_any
from registry.web.given import Asking, Reading, Seeing, Writing, today
from registry.web.sync_views import (
    PUSHES,
    SEES,
    Asked,
    Standing,
    count_rows,
    count_runs,
    find_run,
    ledger_rows,
    list_parcels,
    list_runs,
    parcel_counts,
    retry,
    standing_of,
    standings,
)
from registry.web.templates import render
from registry.whereabouts import dataset_url
from sync import targets

router = APIRouter(dependencies=[Depends(granted_any(SEES))])
SEE_OTHER = 303
PAGE, RUNS, PARCELS = 100, 20, 50
# of each trouble on the first tab, and of each run on the list of runs
_FIRST, _LINES = 10, 3
TABS = {"amiss": "情况", "plan": "计划", "ledger": "台账", "runs": "运行记录", "parcels": "收发件"}
ACTS = {"create": "新增", "patch": "更新", "withdraw": "撤下", "put": "报送"}
VERBS = {"run": "推送", "verify": "核对", "repair": "恢复", "receipts": "收回执", "withdraw": "全部撤下"}
ENDS = {
    "in_step": ("fine", "一致"),
    "failed": ("error", "有未办成的"),
    "unreachable": ("error", "目标不可达"),
    "stopped": ("warning", "中途停止"),
}
COUNTS = {"added": "新增", "updated": "更新", "deleted": "撤下", "ignored": "无变化", "errored": "失败"}
Word = Annotated[str, Query(max_length=32)]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]


# ---- all targets ------------------------------------------------------------------------------------------


@router.get("/sync", response_class=HTMLResponse)
def targets_page(request: Request, session: Reading) -> HTMLResponse:
    """Every target: what it is, what its token may do, how it stands, its last run."""
    rows = [(one, mark_of(one)) for one in standings(session, now=today())]
    return render(request, "sync.html", {"rows": rows} | words())


def mark_of(standing: Standing) -> tuple[str, str]:
    """How a target stands: a class of the style sheet, and the words."""
    if standing.amiss:
        return "error", f"有问题 {standing.amiss} 条"
    if standing.target.said:
        return "error", "上次没有办完"
    if standing.waiting:
        return "warning", f"待办 {standing.waiting} 条"
    return ("fine", "一致") if standing.all else ("plain", "还没有条目")


def words() -> dict[str, Any]:
    """What keys of the sync are called on its pages."""
    rules = load().sync
    return {
        "rules": rules,
        "kinds": {row.key: row.zh for row in rules.kinds},
        "modes": {row.key: row.zh for row in rules.modes},
        "files_zh": {row.key: row.zh for row in rules.files},
        "scopes": {key: row.zh for key, row in load().ckan.scope_index.items()},
        "troubles_zh": {row.key: row.zh for row in (*rules.troubles, *rules.drifts)},
        "verbs": VERBS,
        "ends": ENDS,
        "counts_zh": COUNTS,
        "acts": ACTS,
        "dataset_url": dataset_url,
    }


# ---- one target -------------------------------------------------------------------------------------------


class Seen:
    """What of a target is looked at: the tab, filters, the page."""

    def __init__(
        self,
        tab: Word = "",
        act: Word = "",
        state: Word = "",
        trouble: Word = "",
        drift: Word = "",
        run: Word = "",
        page: PageNumber = 1,
    ) -> None:
        self.tab = tab if tab in TABS else next(iter(TABS))
        self.act, self.run, self.page = act, run, page
        self.asked = Asked(state, trouble, drift)

    def query(self, **changes: Any) -> str:
        """The query of an address that shows the same otherwise."""
        asked = {"tab": self.tab, "act": self.act, "run": self.run, "page": self.page}
        asked |= {name: getattr(self.asked, name) for name in ("state", "trouble", "drift")} | changes
        return urlencode({key: value for key, value in asked.items() if value not in ("", None, 1)})


Looking = Annotated[Seen, Depends()]


@router.get("/sync/{name}", response_class=HTMLResponse)
def target_page(
    request: Request,
    session: Reading,
    sight: Seeing,
    actor: Asking,
    name: str,
    seen: Looking,
    retried: Annotated[int | None, Query(ge=0)] = None,
) -> HTMLResponse:
    """One target: what is amiss with its cure, what a run would do, its ledger, runs and parcels."""
    target = targets.find(session, name)
    standing = standing_of(session, target, now=today())
    of_parcels = standing.parcels or target.kind == targets.PROVINCE or target.mode == targets.FERRY
    values = {
        "standing": standing,
        "target": target,
        "mark": mark_of(standing),
        "tabs": {key: zh for key, zh in TABS.items() if key != "parcels" or of_parcels},
        "seen": seen,
        "pushes": may_any(actor, PUSHES),
        "retried": retried,
        **_SHOWN[seen.tab](request, session, target, seen, sight),
    }
    return render(request, "sync_target.html", values | words())


def _paged(total: int, page: int, size: int) -> dict[str, int]:
    """Which page of how many is shown, and where it begins."""
    pages = max(1, -(-total // size))
    at = min(page, pages)
    return {"found": total, "page": at, "pages": pages, "first": (at - 1) * size}


def _amiss(
    _request: Request, session: Session, target: SyncTarget, _seen: Seen, sight: Sight
) -> dict[str, Any]:
    """The first rows of each kind of trouble and of drift."""
    rules = load().sync
    asked: list[tuple[str, Any, str, Asked]]
    asked = [("trouble", row, row.cure_zh, Asked(trouble=row.key)) for row in rules.troubles]
    cures = {True: f"执行 mulu-sync repair {target.name} 恢复", False: "须在门户处理"}
    asked += [("drift", row, cures[row.repair], Asked(drift=row.key)) for row in rules.drifts]
    found = []
    for name, row, cure, which in asked:
        condition = which.where(target.id)
        rows = ledger_rows(session, condition, sight=sight, limit=_FIRST)
        if rows:
            found.append((name, row, cure, count_rows(session, condition), rows))
    return {"groups": found}


def _plan(request: Request, session: Session, target: SyncTarget, seen: Seen, sight: Sight) -> dict[str, Any]:
    for_whom = plans.ForWhom(sight, request.app.state.settings, today())
    at = (seen.page - 1) * PAGE
    try:
        found = plans.plan_seen(session, target, for_whom, limit=PAGE, offset=at)
    except Unavailable as error:
        return {"problem": error.message}
    shown = {"problem": "", "plan": found.plan, "remapped": found.remapped, "open": found.open}
    if found.plan is None:
        return shown | {"planned": found.judged} | _paged(found.open, seen.page, PAGE)
    rows = plans.listed(found.plan, seen.act)
    paged = _paged(len(rows), seen.page, PAGE)
    return shown | {"planned": rows[paged["first"] : paged["first"] + PAGE]} | paged


def _ledger(
    _request: Request, session: Session, target: SyncTarget, seen: Seen, sight: Sight
) -> dict[str, Any]:
    condition = seen.asked.where(target.id)
    at = _paged(count_rows(session, condition), seen.page, PAGE)
    rows = ledger_rows(session, condition, sight=sight, limit=PAGE, offset=at["first"])
    return {"rows": rows} | at


def _runs(
    _request: Request, session: Session, target: SyncTarget, seen: Seen, _sight: Sight
) -> dict[str, Any]:
    if not seen.run:
        found = list_runs(session, target, limit=RUNS)
        return {
            "one": None,
            "runs": [(run, run.failures[:_LINES]) for run in found],
            "all": count_runs(session, target),
        }
    run = find_run(session, target, seen.run)
    at = _paged(len(run.failures), seen.page, PAGE)
    return {"one": run, "runs": [(run, run.failures[at["first"] : at["first"] + PAGE])]} | at


def _parcels(
    _request: Request, session: Session, target: SyncTarget, seen: Seen, _sight: Sight
) -> dict[str, Any]:
    at = _paged(parcel_counts(session, target.id)[0], seen.page, PARCELS)
    return {"parcels": list_parcels(session, target, limit=PARCELS, offset=at["first"])} | at


_SHOWN = {"amiss": _amiss, "plan": _plan, "ledger": _ledger, "runs": _runs, "parcels": _parcels}


# ---- tried again ------------------------------------------------------------------------------------------


@router.post("/sync/{name}/retry", response_model=None)
def retry_form(
    session: Writing,
    actor: Asking,
    name: str,
    entry: Annotated[str, Form(max_length=200)] = "",
    back: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """One entry made due again, or all that are in trouble; then the page again."""
    done = retry(session, name, [entry] if entry else [], actor=actor, now=today())
    query = "&".join(part for part in (back, f"retried={done}") if part)
    return RedirectResponse(f"/sync/{quote(name)}?{query}", SEE_OTHER)
