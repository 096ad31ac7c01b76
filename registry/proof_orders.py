"""A proof from order to entry: planned, scanned while nothing is held, entered in one transaction."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from catalog_specs import load
from registry.attaching import Sent
from registry.db import Database
from registry.errors import Rejected
from registry.permits import Actor, roles_of, sight
from registry.proof_plans import Plan, plan_proof
from registry.proofs import Kind, Made, Scanned, check, enter_proof
from registry.scan_report import report_json
from registry.scanning import Progress
from registry.sources import Source
from registry.stores import Store

Who = Callable[[Session], Actor]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be proven, and how. ``name`` is an entry's code or key, or a distribution's key.

    ``methods`` by item stand above the mask rules; ``contract`` is the digest of an interface's contract; ``place``
    is where a table may be scanned again by itself; ``renew`` asks for a new standing proof.
    """

    name: str
    kind: Kind = "file"
    methods: Mapping[str, str] = field(default_factory=dict)
    contract: str = ""
    place: str = ""
    renew: bool = False

    @property
    def is_file(self) -> bool:
        """Whether it is a file that is to be proven, not a table or an interface."""
        return self.kind == "file"


def planned(session: Session, order: Order, actor: Actor) -> Plan:
    """The plan of an order, as far as ``actor`` sees and may."""
    seen = sight(actor, roles_of(load()))
    return plan_proof(
        session, order.name, sight=seen, actor=actor, methods=order.methods, is_file=order.is_file
    )


def prove(
    database: Database,
    order: Order,
    source: Source,
    path: Path | None,
    *,
    who: Who,
    files: Store,
    now: datetime,
    progress: Progress | None = None,
) -> Made:
    """Scan ``source`` in full and enter what was found. ``path`` is the file itself, None for what is no file.

    ``who`` says who asks, each time anew: what he may do is asked when it is entered, too. The rows given back stand
    on their own.

    Raises:
        Everything that ``plan_proof``, ``check`` and ``enter_proof`` raise.
    """
    with database.read() as session:
        plan = planned(session, order, who(session))
    scanned = check(
        plan,
        source,
        kind=order.kind,
        contract=order.contract,
        place=order.place,
        progress=progress,
    )
    with database.write() as session:
        made = entered(session, order, plan, scanned, path, actor=who(session), files=files, now=now)
        session.expunge(made.batch)
        session.expunge(made.standing)
    return made


def entered(
    session: Session,
    order: Order,
    plan: Plan,
    scanned: Scanned,
    path: Path | None,
    *,
    actor: Actor,
    files: Store,
    now: datetime,
) -> Made:
    """What was scanned, entered in the caller's transaction.

    Raises:
        Rejected: it does not pass and there is nothing that it could be held for; ``report`` of its details is the
        report of the scan. Everything else that ``enter_proof`` raises.
    """
    with ExitStack() as stack:
        sent = Sent(path.name, stack.enter_context(path.open("rb")), files) if path else None
        try:
            return enter_proof(
                session,
                plan,
                scanned,
                sent,
                sight=sight(actor, roles_of(load())),
                actor=actor,
                now=now,
                methods=order.methods,
                renew=order.renew,
            )
        except Rejected as error:
            if "unmet" in error.details:
                error.details["report"] = report_json(scanned.checked.result, scanned.facts, plan.specs)
            raise
