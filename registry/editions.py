"""Editions of responsibility lists: previewed, sealed and published by the head, numbered within the year, kept.

What is sealed is frozen as canonical JSON; its digest bears an integrity mark, and the act of sealing stands on the
audit record with a proof of it. A sealed edition is never changed. Source: S-ZY 23, 24; S-LPS 25; domain §12 R17.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, defer
from sqlmodel import col

from catalog_specs import load
from registry import audit
from registry.edition_content import headed, owed_digest, owed_digests, signer_name, substance_of
from registry.entries import lock_agency
from registry.errors import Conflict, NotFound, Rejected
from registry.heads import prove_many, sign_head
from registry.keys import canonical_json, digest_of, new_key
from registry.list_document import ListDocument, code_of, document_digest, from_json, to_json
from registry.marks import make_mark
from registry.models import Agency, Edition
from registry.models.columns import table_of
from registry.people import local
from registry.permits import Actor, Held, Target, demand, roles_of
from registry.responsibility import Scope, live_document, profile_of
from registry.signing import moment_text

SEAL, PUBLISH, ATTACH = "seal_edition", "publish_edition", "attach_scan"
_EDITIONS = table_of(Edition)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What came of sealing. ``unchanged``: nothing has changed since ``edition``, and no new one was made."""

    edition: Edition
    agency: Agency
    unchanged: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """How the last edition of an agency stands to the list of today; ``edition`` is None when none was sealed.

    ``stale``: what is owed now is not what was sealed (E127).
    """

    agency: Agency
    edition: Edition | None
    stale: bool


def edition_name(year: int, number: int) -> str:
    """How an edition is called."""
    return f"{year}年第{number}期"


# ---- preview and seal -------------------------------------------------------------------------------------


def preview(session: Session, agency: Agency, *, now: datetime) -> ListDocument:
    """What would be sealed now, with its rows read."""
    found = live_document(session, Scope(agency), now=now)
    return replace(found, lists=tuple(replace(table, rows=tuple(table.rows)) for table in found.lists))


def seal_edition(
    session: Session, agency: Agency, *, actor: Actor, now: datetime, publish: bool = True
) -> Sealed:
    """``seal_many`` of one agency."""
    return seal_many(session, [agency], actor=actor, now=now, publish=publish)[0]


def seal_many(
    session: Session, agencies: Sequence[Agency], *, actor: Actor, now: datetime, publish: bool = True
) -> list[Sealed]:
    """Seal the next edition of each agency, in their order, all or none; an unchanged list makes no new one.

    ``publish``: it is published with it; else only its agency and the bureau see it until it is.

    Raises:
        NotAllowed: the actor is not the agency's head, nor his delegate.
        Rejected: an agency has nothing announced that is shared or opened, and never had.
        Conflict: somebody else has sealed at the same moment. Unavailable: no mark can be made.
    """
    done: dict[str, Sealed] = {}
    made: list[dict[str, Any]] = []
    # each once and always in this order, so that two who seal never wait for each other
    for agency in sorted({agency.id: agency for agency in agencies}.values(), key=lambda agency: agency.id):
        held = demand(actor, SEAL, roles_of(load()), Target(agency.id, agency.region))
        lock_agency(session, agency.id)
        row = _next_edition(session, agency, actor=actor, held=held, now=now, publish=publish)
        if isinstance(row, Edition):
            done[agency.id] = Sealed(row, agency, unchanged=True)
        else:
            made.append(row)
            done[agency.id] = Sealed(Edition(**row), agency, unchanged=False)
    _enter(session, made, actor=actor, now=now)
    for one in done.values():
        if publish and one.unchanged and one.edition.published_at is None:
            publish_edition(session, one.edition, one.agency, actor=actor, now=now)
    return [_stored(session, done[key]) for key in dict.fromkeys(agency.id for agency in agencies)]


def _next_edition(
    session: Session, agency: Agency, *, actor: Actor, held: Held, now: datetime, publish: bool
) -> dict[str, Any] | Edition:
    """The row of the next edition; the last edition when nothing has changed."""
    document = preview(session, agency, now=now)
    last = latest(session, agency)
    substance = substance_of(document)
    if last is not None and last.substance == substance:
        return last
    rows = sum(len(tuple(table.rows)) for table in document.lists)
    if last is None and not rows:
        raise Rejected(
            f"{agency.name} 没有已通告的共享或者开放目录，没有可封存的清单；先办理目录通告（S-ZY 21-23，S-LPS 25）"
        )
    year = local(now).year
    number = _last_number(session, agency, year) + 1
    by = signer_name(session, actor, held)
    whole = headed(document, agency, edition_name(year, number), sealed_by=by, now=now)
    digest = document_digest(whole)
    return {
        "id": new_key("l"),
        "agency_id": agency.id,
        "year": year,
        "number": number,
        "profile": profile_of(agency),
        "spec": load(profile_of(agency)).digest,
        "body": canonical_json(to_json(whole)),
        "digest": digest,
        "owed": owed_digest(session, agency),
        "substance": substance,
        "code": code_of(digest),
        "rows": rows,
        "mark": make_mark(digest, at=moment_text(now)),
        "proof": None,
        "erasure": None,
        "sealed_by": actor.login,
        "person_id": actor.person_id,
        "role": held.role,
        "delegation_id": held.delegation_id,
        "sealed_at": now,
        "published_by": actor.login if publish else None,
        "published_at": now if publish else None,
    }


def _enter(session: Session, made: Sequence[dict[str, Any]], *, actor: Actor, now: datetime) -> None:
    """Write editions, put them on record, and keep with each the proof that it stands there."""
    if not made:
        return
    try:
        session.execute(insert(_EDITIONS), list(made))
    except IntegrityError as error:
        raise Conflict("同一单位的清单正由别人封存；刷新后再看") from error
    acts = [audit.Act(SEAL, row["id"], _details(row)) for row in made]
    acts += [audit.Act(PUBLISH, row["id"], _named(row)) for row in made if row["published_at"]]
    audit.record(session, acts, actor=actor.login, now=now, operator=actor.operator)
    if sign_head(session, now=now) is None:
        return  # the key folder cannot be used: the mark alone vouches for it
    proofs = prove_many(session, [row["id"] for row in made])
    for key, proof in proofs.items():
        session.execute(update(_EDITIONS).where(_EDITIONS.c.id == key).values(proof=proof))


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {"agency": row["agency_id"], "year": row["year"], "number": row["number"]}


def _details(row: dict[str, Any]) -> dict[str, Any]:
    kept = {key: row[key] for key in ("digest", "owed", "substance", "rows", "role")}
    return _named(row) | kept | {"mark": row["mark"]["key"]}


def _stored(session: Session, one: Sealed) -> Sealed:
    found = session.get(Edition, one.edition.id, populate_existing=True)
    return replace(one, edition=found) if found is not None else one


def _last_number(session: Session, agency: Agency, year: int) -> int:
    query = select(func.max(col(Edition.number)))
    mine = and_(col(Edition.agency_id) == agency.id, col(Edition.year) == year)
    return int(session.execute(query.where(mine)).scalar() or 0)


# ---- stale ------------------------------------------------------------------------------------------------


def standing_of(session: Session, agency: Agency) -> Standing:
    """How an agency's last edition stands to its list of today."""
    last = latest(session, agency)
    return Standing(agency, last, last is None or last.owed != owed_digest(session, agency))


def standings(session: Session) -> list[Standing]:
    """The same of every agency that owes a list or has sealed one, by code."""
    owed, last = owed_digests(session, None), {one.agency_id: one for one in _latest_ones(session)}
    agencies = session.execute(select(Agency).order_by(col(Agency.code))).scalars()
    return [
        Standing(agency, last.get(agency.id), _is_stale(last.get(agency.id), owed.get(agency.id)))
        for agency in agencies
        # a closed one that owes nothing any more has nothing to seal
        if agency.id in owed or (agency.id in last and agency.valid_until is None)
    ]


def _is_stale(edition: Edition | None, owed: str | None) -> bool:
    return edition is None or edition.owed != (owed or digest_of([]))


def stale_agencies(session: Session) -> dict[str, bool]:
    """Agency code -> whether its list is stale, of every agency that owes one."""
    return {one.agency.code: one.stale for one in standings(session)}


# ---- find -------------------------------------------------------------------------------------------------


def latest(session: Session, agency: Agency) -> Edition | None:
    """The edition that an agency sealed last."""
    query = select(Edition).where(col(Edition.agency_id) == agency.id)
    newest = query.order_by(col(Edition.year).desc(), col(Edition.number).desc()).limit(1)
    return session.execute(newest).scalar_one_or_none()


def _latest_ones(session: Session) -> list[Edition]:
    """The last edition of every agency, without their bodies."""
    rank = func.row_number().over(
        partition_by=col(Edition.agency_id), order_by=(col(Edition.year).desc(), col(Edition.number).desc())
    )
    ranked = select(col(Edition.id), rank.label("rank")).subquery()
    query = select(Edition).join(ranked, ranked.c.id == col(Edition.id)).where(ranked.c.rank == 1)
    return list(session.execute(query.options(defer(Edition.body))).scalars())  # type: ignore[arg-type]


def editions_of(session: Session, agency: Agency) -> list[Edition]:
    """All editions of an agency, the newest first, without their bodies."""
    query = select(Edition).where(col(Edition.agency_id) == agency.id)
    newest = query.order_by(col(Edition.year).desc(), col(Edition.number).desc())
    return list(session.execute(newest.options(defer(Edition.body))).scalars())  # type: ignore[arg-type]


def find_edition(session: Session, agency: Agency, written: str | None) -> Edition:
    """The edition that is meant by ``3`` (the newest third one) or ``2026-3``; the latest one for None.

    Raises:
        NotFound: there is none; the message names those there are. Rejected: it is no such number.
    """
    if written is None:
        found = latest(session, agency)
        if found is None:
            raise NotFound(f"{agency.name} 还没有封存过清单；先执行 mulu list seal，或用 --live 取实时清单")
        return found
    year, number = _numbered(written)
    query = select(Edition).where(col(Edition.agency_id) == agency.id, col(Edition.number) == number)
    query = query if year is None else query.where(col(Edition.year) == year)
    found = session.execute(query.order_by(col(Edition.year).desc()).limit(1)).scalar_one_or_none()
    if found is None:
        every = "、".join(f"{e.year}-{e.number}" for e in editions_of(session, agency)) or "（没有）"
        raise NotFound(f"{agency.name} 没有第 {written} 期清单；已封存的有：{every}")
    return found


def _numbered(written: str) -> tuple[int | None, int]:
    year, dash, number = written.strip().rpartition("-")
    digits = number.isascii() and number.isdecimal() and len(number) < 7
    if not digits or (dash and not (year.isascii() and year.isdecimal() and len(year) == 4)):
        raise Rejected(f"“{written}”不是期次；写作 3 或者 2026-3")
    return (int(year) if dash else None), int(number)


def edition_by_code(session: Session, code: str) -> Edition | None:
    """The edition of a verification code; None when there is none."""
    folded = code.strip().upper()
    return session.execute(select(Edition).where(col(Edition.code) == folded)).scalar_one_or_none()


def document_of(edition: Edition) -> ListDocument:
    """An edition as a document, with its digest, mark and proof."""
    found = from_json(json.loads(edition.body))
    return replace(
        found, digest=edition.digest, mark=edition.mark, proof=edition.proof, erasure=edition.erasure
    )


# ---- after the seal ---------------------------------------------------------------------------------------


def publish_edition(
    session: Session, edition: Edition, agency: Agency, *, actor: Actor, now: datetime
) -> Edition:
    """Publish an edition that was sealed without.

    Raises:
        NotAllowed: the actor may not seal for the agency. Conflict: it is published already.
    """
    demand(actor, SEAL, roles_of(load()), Target(agency.id, agency.region))
    free = and_(col(Edition.id) == edition.id, col(Edition.published_at).is_(None))
    values = {"published_by": actor.login, "published_at": now}
    _set_once(session, edition, free, values, _published(edition))
    details = {"agency": agency.id, "year": edition.year, "number": edition.number}
    acts = [audit.Act(PUBLISH, edition.id, details)]
    audit.record(session, acts, actor=actor.login, now=now, operator=actor.operator)
    return edition


def _published(edition: Edition) -> str:
    return f"已于 {local(edition.published_at):%Y-%m-%d %H:%M} 公布" if edition.published_at else "已公布"


def attach_scan(
    session: Session, edition: Edition, agency: Agency, file: tuple[str, str], *, actor: Actor, now: datetime
) -> Edition:
    """Attach the stamped scan of an edition, once: ``file`` is its SHA-256 (already stored) and its name.

    Raises:
        NotAllowed: the actor may not seal for the agency. Conflict: there is one already.
    """
    demand(actor, SEAL, roles_of(load()), Target(agency.id, agency.region))
    free = and_(col(Edition.id) == edition.id, col(Edition.scan_sha256).is_(None))
    sha256, name = file
    values = {"scan_sha256": sha256, "scan_name": name[:255], "scan_by": actor.login, "scan_at": now}
    _set_once(session, edition, free, values, f"已有盖章扫描件 {edition.scan_name}")
    details = {"agency": agency.id, "year": edition.year, "number": edition.number, "sha256": sha256}
    acts = [audit.Act(ATTACH, edition.id, details)]
    audit.record(session, acts, actor=actor.login, now=now, operator=actor.operator)
    return edition


def _set_once(session: Session, edition: Edition, free: Any, values: dict[str, Any], said: str) -> None:
    done = session.execute(
        update(Edition).where(free).values(**values).execution_options(synchronize_session=False)
    )
    session.refresh(edition)
    if not done.rowcount:  # type: ignore[attr-defined]  # not declared by the library
        raise Conflict(f"{edition_name(edition.year, edition.number)}清单{said}，不能再改")
