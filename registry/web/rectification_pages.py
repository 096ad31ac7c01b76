"""Pages of orders to rectify: the list, one with its steps, the form of a new one."""

from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, File, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from catalog_specs import load
from registry.audit import events_of
from registry.errors import NotAllowed
from registry.permits import Actor, demand, may, roles_of
from registry.rectification_shown import OrdersAsked, OrderShown, list_orders, shown
from registry.rectifications import OrderGiven, find_order, order, step, triggers_of
from registry.supervised import is_external, spec_of, target_of
from registry.system_register import find_seen
from registry.web.given import Asking, Reading, Writing, today
from registry.web.papers import day_typed, paper_sent
from registry.web.templates import render

router = APIRouter()
SEE_OTHER = 303
PAGE = 50
Short = Annotated[str, Query(max_length=200)]
Typed = Annotated[str, Form(max_length=200)]
Told = Annotated[str, Form(max_length=4000)]
Upload = Annotated[UploadFile | None, File()]


def sees_supervision(actor: Actor) -> bool:
    """Whether someone sees reviews, orders and flags of any agency."""
    return any(may(actor, act, roles_of(load())) for act in spec_of().sees)


def demand_sight(actor: Actor) -> None:
    """Raises NotAllowed unless someone sees reviews, orders and flags of any agency."""
    if not sees_supervision(actor):
        raise NotAllowed("监督事项由本单位人员和主管部门查看；您没有这样的角色", reason="role")


# ---- list -------------------------------------------------------------------------------------------------


@router.get("/rectifications", response_class=HTMLResponse)
def orders_page(
    request: Request,
    session: Reading,
    actor: Asking,
    system: Short = "",
    agency: Short = "",
    only: Annotated[str, Query(max_length=16)] = "open",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> HTMLResponse:
    """The orders that someone sees, the newest first; the open ones unless all are asked for."""
    demand_sight(actor)
    asked = OrdersAsked(system or None, agency or None, None, only == "open", only == "overdue")
    given: dict[str, Any] = {"actor": actor, "now": today()}
    rows, count = list_orders(session, asked, **given, limit=PAGE, offset=(page - 1) * PAGE)
    tiles = [("未销号", OrdersAsked(is_open=True)), ("超期未销号", OrdersAsked(overdue=True))]
    values = {
        "rows": rows,
        "count": count,
        "tiles": [(zh, list_orders(session, one, **given, limit=0)[1]) for zh, one in tiles],
        "page": page,
        "pages": max(1, -(-count // PAGE)),
        "query": urlencode({"system": system, "agency": agency, "only": only}),
        "system": system,
        "agency": agency,
        "only": only,
        "orders": may(actor, spec_of().rectification.order, roles_of(load())),
    }
    return render(request, "rectifications.html", values)


# ---- a new one --------------------------------------------------------------------------------------------


@router.get("/rectifications/new", response_class=HTMLResponse)
def new_page(request: Request, session: Reading, actor: Asking, system: Short = "") -> HTMLResponse:
    """The form of a new order; a question for the system when none is named."""
    demand(actor, spec_of().rectification.order, roles_of(load()))
    values: dict[str, Any] = {"system": None, "triggers": {}, "external": "", "asked": system}
    if system.strip():
        found, owner = find_seen(session, system, actor=actor)
        specs = load(found.profile)
        demand(actor, spec_of().rectification.order, roles_of(specs), target_of(found, owner))
        values |= {"system": found, "owner": owner, "triggers": triggers_of(specs)}
        values["external"] = spec_of().external.zh if is_external(found) else ""
    return render(request, "rectification_new.html", values)


class OrderForm:
    """The fields of an order's form."""

    def __init__(
        self,
        system: Typed = "",
        trigger: Typed = "",
        words: Told = "",
        document: Typed = "",
        day: Typed = "",
        due: Typed = "",
    ) -> None:
        self.system, self.trigger, self.words, self.document = system, trigger, words, document
        self.day, self.due = day_typed(day, "通知日期"), day_typed(due, "整改期限")


@router.post("/rectifications", response_model=None)
def order_form(
    request: Request,
    session: Writing,
    actor: Asking,
    form: Annotated[OrderForm, Depends()],
    file: Upload = None,
) -> Response:
    """An order given; then its page."""
    now = today()
    paper = paper_sent(request, session, file, form.document, form.day, actor=actor, now=now)
    given = OrderGiven(form.trigger, form.words, paper, form.due)
    made = order(session, form.system, given, actor=actor, now=now)
    return RedirectResponse(f"/rectifications/{quote(made.number)}", SEE_OTHER)


# ---- one --------------------------------------------------------------------------------------------------


@router.get("/rectifications/{number}", response_class=HTMLResponse)
def order_page(request: Request, session: Reading, actor: Asking, number: str) -> HTMLResponse:
    """An order, what may be done about it, and what was done."""
    found = shown(find_order(session, number, actor=actor), actor=actor, now=today())
    return render(request, "rectification.html", {"one": found, "steps": _steps(session, found)})


def _steps(session: Session, found: OrderShown) -> list[dict[str, Any]]:
    """What was done, from the record of acts."""
    spec = spec_of().rectification
    names = {f"{move.key}_rectification": move.zh for move in spec.moves} | {
        "order_rectification": "责令整改"
    }
    return [
        {
            "at": event.at,
            "zh": names[event.act],
            "by": event.actor,
            "words": (event.details or {}).get("words", ""),
        }
        for event in events_of(session, found.id)
        if event.act in names
    ]


@router.post("/rectifications/{number}/{move}", response_model=None)
def step_form(
    request: Request,
    session: Writing,
    actor: Asking,
    number: str,
    move: str,
    words: Told = "",
    lock: Annotated[int | None, Form(ge=1, le=2**31 - 1)] = None,
    file: Upload = None,
) -> Response:
    """A step of an order; then its page."""
    now = today()
    paper = paper_sent(request, session, file, "", None, actor=actor, now=now)
    done = step(session, number, move, words, paper, actor=actor, now=now, lock=lock)
    return RedirectResponse(f"/rectifications/{quote(done.number)}", SEE_OTHER)
