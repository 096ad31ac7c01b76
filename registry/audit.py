"""The record of acts: append-only events, each a leaf of one RFC 6962 tree, in the transaction of the act.

What stands in the tree are tags, names, moments and digests. The details of an act lie beside it, bound by a
salted digest, and can be erased without the tree changing (domain §12 R1). Every ``heads.every`` events of
audit.yaml a head is signed. When the key folder cannot be used the act stands and the head is left out:
verification then tells that nothing vouches for those events.
"""

import hashlib
import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, bindparam, func, insert, or_, select, union, update
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law_audit import Audit
from registry.bound_rows import BOUND, Bound, take_bound
from registry.errors import Unavailable
from registry.keys import canonical_json
from registry.models import (
    AuditContent,
    AuditEvent,
    AuditTree,
    ChangeEvent,
    CodeRecord,
    DataCopy,
    DataRequest,
    Dispute,
    Distribution,
    DutyEvidence,
    Edition,
    Entry,
    Person,
    Record,
    Rectification,
    Retirement,
    RetirementStep,
    ShareGrant,
    SignatureSheet,
    System,
    SystemLife,
    SystemReview,
    WipeCase,
    WipeRecord,
)
from registry.models.columns import table_of
from registry.settings import audit_settings
from registry.signing import Head, keep_heads, key_id_of, moment_text, own_key, sign
from validators.merkle import ALGORITHMS, Digest, Frontier, digest, leaf_hash

log = logging.getLogger(__name__)
# by the tables and made once: built anew through the mapper they would cost more than all the rest of an append
_EVENTS, _CONTENTS, _TREE = (table_of(model) for model in (AuditEvent, AuditContent, AuditTree))
_ADD_EVENTS, _ADD_CONTENTS = insert(_EVENTS), insert(_CONTENTS)
TREE_ROW = select(*(_TREE.c[name] for name in ("origin", "algorithm", "size", "frontier", "heads"))).where(
    _TREE.c.id == 1
)
_LOCK_TREE = TREE_ROW.with_for_update()
_SAVE_TREE = (
    update(_TREE)
    .where(_TREE.c.id == 1)
    .values({name: bindparam(f"new_{name}") for name in ("algorithm", "size", "frontier", "heads")})
)


@dataclass(frozen=True, slots=True)
class Act:
    """One act to be recorded: what was done to which subject, with details that can be erased later."""

    act: str
    subject: str
    details: Mapping[str, Any]


@dataclass(slots=True)
class Tree:
    """The tree as locked by this transaction."""

    origin: str
    algorithm: str
    frontier: Frontier
    heads: int


def record(session: Session, acts: Sequence[Act], *, actor: str, now: datetime, operator: str = "") -> range:
    """Append acts in order, in the caller's transaction; gives their numbers. If this fails, the act fails.

    ``actor`` is the login that acts, ``operator`` the system account at the console, if it is done there. The digests
    of rows that the acts wrote (``bound_rows``) go with the last one.

    Raises:
        Unavailable: the row of the tree is missing, or the setting names an unknown hash.
    """
    if not acts:
        return range(0)
    acts = _with_bound(acts, take_bound(session))
    tree = lock_tree(session)
    first = tree.frontier.size + 1
    at = moment_text(now)
    events: list[dict[str, Any]] = []
    contents: list[dict[str, Any]] = []
    sizes: dict[int, bytes] = {}
    every = audit_spec().heads.every
    for seq, act in enumerate(acts, first):
        row, content = _leaf(seq, act, at, actor, operator)
        leaf = leaf_hash(row["body"].encode(), tree.frontier.hashed)
        root = tree.frontier.append(leaf)
        events.append(row | {"at": now, "leaf": leaf.hex(), "root": root.hex()})
        if content is not None:
            contents.append(content)
        if seq % every == 0:
            sizes[seq] = root
    connection = session.connection()
    connection.execute(_ADD_EVENTS, events)
    if contents:
        connection.execute(_ADD_CONTENTS, contents)
    add_heads(session, tree, sizes, now=now)
    save_tree(session, tree)
    return range(first, first + len(acts))


def _with_bound(acts: Sequence[Act], bound: Bound) -> Sequence[Act]:
    """The acts, the last one with the digests of the rows that they wrote."""
    if not bound:
        return acts
    *others, last = acts
    return [*others, Act(last.act, last.subject, {**last.details, BOUND: bound})]


def _leaf(
    seq: int, act: Act, at: str, actor: str, operator: str
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The row of an event as far as its bytes go, and the row of its content, if it has any."""
    content, bound = None, ""
    if act.details:
        text, salt = canonical_json(dict(act.details)), secrets.token_bytes(16)
        bound = content_digest(text, salt)
        content = {"seq": seq, "content": text, "salt": salt.hex()}
    row = {
        "seq": seq,
        "act": act.act,
        "actor": actor,
        "operator": operator,
        "subject": act.subject,
        "content_digest": bound,
        "body": body_of(seq, at, act.act, act.subject, bound, actor=actor, operator=operator),
    }
    return row, content


def body_of(seq: int, at: str, act: str, subject: str, bound: str, *, actor: str, operator: str) -> str:
    """The canonical JSON of an event, written out: several times as quick as the encoder."""
    return (
        f'{{"act":{quoted(act)},"actor":{quoted(actor)},"at":"{at}","digest":"{bound}",'
        f'"operator":{quoted(operator)},"seq":{seq},"subject":{quoted(subject)}}}'
    )


def content_digest(text: str, salt: bytes) -> str:
    """The salted digest of an event's content (canonical JSON); without the salt nothing can be guessed from it."""
    return hashlib.sha256(salt + text.encode()).hexdigest()


@lru_cache(maxsize=1)
def audit_spec() -> Audit:
    """audit.yaml."""
    return load().document("audit", Audit)


# ---- the tree ---------------------------------------------------------------------------------------------


def lock_tree(session: Session) -> Tree:
    """The tree, locked until the transaction ends: PostgreSQL locks the row, SQLite's writer is alone.

    Raises:
        Unavailable: its row is missing, or the setting names an unknown hash.
    """
    row = session.connection().execute(_LOCK_TREE).first()
    if row is None:
        raise Unavailable("审计树的状态行不见了，不能再登记；执行 mulu audit verify 查看")
    origin, algorithm, size, nodes, heads = row
    if size == 0 and heads == 0:
        # fixed with the first event or head
        algorithm = audit_settings().algorithm
        if algorithm not in ALGORITHMS:
            raise Unavailable(f"MULU_AUDIT_HASH 只能是 sha256 或 sm3，不能是“{algorithm}”")
    return Tree(origin, algorithm, frontier_of(size, nodes, digest(algorithm)), heads)


def frontier_of(size: int, nodes: str, hashed: Digest) -> Frontier:
    """A tree as its row keeps it. Raises Unavailable when the row is damaged."""
    try:
        whole = bytes.fromhex(nodes)
        return Frontier(hashed, size, [whole[at : at + 32] for at in range(0, len(whole), 32)])
    except ValueError as error:
        raise Unavailable("审计树的状态行已损坏；执行 mulu audit verify 查看") from error


def save_tree(session: Session, tree: Tree) -> None:
    """Store the tree as it stands now."""
    values = {
        "new_algorithm": tree.algorithm,
        "new_size": tree.frontier.size,
        "new_frontier": b"".join(tree.frontier.nodes).hex(),
        "new_heads": tree.heads,
    }
    session.connection().execute(_SAVE_TREE, values)


def add_heads(session: Session, tree: Tree, sizes: Mapping[int, bytes], *, now: datetime) -> list[Head]:
    """Sign heads for some sizes (with their roots) and count them; none, with a warning, when the key is not there.

    An act is never lost because of a head. The caller stores the tree.
    """
    if not sizes:
        return []
    try:
        key = own_key()
    except Unavailable as error:
        log.warning("没有签审计树头：%s", error.message)
        return []
    at, key_id = moment_text(now), key_id_of(key)
    heads = []
    for size, root in sizes.items():
        tree.heads += 1
        unsigned = Head(tree.heads, tree.origin, tree.algorithm, size, root.hex(), at, key_id)
        heads.append(sign(unsigned, key))
    keep_heads(session, heads)
    return heads


# ---- reading ----------------------------------------------------------------------------------------------


class Event(NamedTuple):
    """An event as people read it. ``details`` is empty without content, None when the content was erased."""

    seq: int
    at: datetime
    act: str
    actor: str
    operator: str
    subject: str
    details: dict[str, Any] | None
    erased_at: datetime | None


def list_events(
    session: Session,
    *,
    subject: str | None = None,
    act: str | None = None,
    actor: str | None = None,
    after: int | None = None,
    limit: int = 100,
    newest: bool = True,
) -> list[Event]:
    """Events, the newest first unless told otherwise; ``after`` is the number of the last one seen.

    ``subject`` is whatever people call it: a resource code, a login, a sheet's number, or a key (``names_of``).
    """
    query = _chosen(session, subject, act, actor).order_by(
        col(AuditEvent.seq).desc() if newest else col(AuditEvent.seq)
    )
    if after is not None:
        query = query.where(col(AuditEvent.seq) < after if newest else col(AuditEvent.seq) > after)
    return [_event(row) for row in session.execute(query.limit(limit))]


def events_of(session: Session, subject: str, *, after: int | None = None, limit: int = 1000) -> list[Event]:
    """The events of a subject, the oldest first."""
    return list_events(session, subject=subject, after=after, limit=limit, newest=False)


def count_events(
    session: Session, *, subject: str | None = None, act: str | None = None, actor: str | None = None
) -> int:
    """How many events ``list_events`` would give without a limit."""
    query = _chosen(session, subject, act, actor).with_only_columns(func.count(), maintain_column_froms=True)
    return int(session.execute(query).scalar_one())


def _chosen(
    session: Session, subject: str | None, act: str | None, actor: str | None
) -> Select[*tuple[Any, ...]]:
    query: Select[*tuple[Any, ...]] = select(
        col(AuditEvent.seq),
        col(AuditEvent.at),
        col(AuditEvent.act),
        col(AuditEvent.actor),
        col(AuditEvent.operator),
        col(AuditEvent.subject),
        col(AuditContent.content),
        col(AuditContent.erased_at),
    ).outerjoin(AuditContent, col(AuditContent.seq) == col(AuditEvent.seq))
    if subject is not None:
        query = query.where(col(AuditEvent.subject).in_(names_of(session, subject)))
    if act is not None:
        query = query.where(col(AuditEvent.act) == act)
    return query if actor is None else query.where(col(AuditEvent.actor) == actor)


def _event(row: Any) -> Event:
    content, erased_at = row.content, row.erased_at
    details = None if erased_at else json.loads(content) if content else {}
    return Event(row.seq, row.at, row.act, row.actor, row.operator, row.subject, details, erased_at)


def names_of(session: Session, subject: str) -> list[str]:
    """All names under which events may speak of a subject: what was asked, and the keys that it stands for.

    An entry (by code or key) brings the records, distributions and requests that belong to it; a request its grants
    and disputes. An edition is asked for by its verification code, a change event by its number. A system (by key or
    ident) brings all that is its own: copies, reviews, rectifications, retirements, wipe cases and their records; so
    do a retirement, a wipe case or a certificate by number.
    """
    asked = subject.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    by_name = select(col(Entry.id)).where(or_(col(Entry.code) == asked, col(Entry.id) == asked))
    by_record = select(col(CodeRecord.entry_id)).where(col(CodeRecord.code) == asked)
    entries = list(session.execute(union(by_name, by_record)).scalars())
    more = [
        select(col(Distribution.id)).where(col(Distribution.entry_id).in_(entries)),
        select(col(Record.id)).where(col(Record.entry_id).in_(entries)),
        select(col(Person.id)).where(col(Person.login) == asked),
        select(col(Person.login)).where(col(Person.id) == asked),
        select(col(SignatureSheet.id)).where(col(SignatureSheet.number) == asked),
        select(col(Edition.id)).where(col(Edition.code) == asked),
        select(col(ChangeEvent.id)).where(col(ChangeEvent.number) == asked),
        *_numbers_of_requests(asked, entries),
        *_of_systems(asked),
    ]
    return sorted({asked, *entries, *session.execute(union(*more)).scalars()})


def _numbers_of_requests(asked: str, entries: Sequence[str]) -> list[Select[Any]]:
    """The queries for the numbers of requests, grants and disputes: that is what their events call them."""
    meant = or_(
        col(DataRequest.entry_id).in_(entries), col(DataRequest.number) == asked, col(DataRequest.id) == asked
    )
    requests = select(col(DataRequest.id)).where(meant)
    granted = or_(col(ShareGrant.request_id).in_(requests), col(ShareGrant.id) == asked)
    disputed = or_(col(Dispute.request_id).in_(requests), col(Dispute.id) == asked)
    return [
        select(col(DataRequest.number)).where(meant),
        select(col(ShareGrant.number)).where(granted),
        select(col(Dispute.number)).where(disputed),
    ]


def _of_systems(asked: str) -> list[Select[Any]]:
    """The queries for what belongs to a system, a retirement, a wipe case, a certificate or a rectification."""
    systems = select(col(System.id)).where(or_(col(System.id) == asked, col(System.ident) == asked))
    retired = or_(*_is(Retirement, asked), col(Retirement.system_id).in_(systems))
    retirements = select(col(Retirement.id)).where(retired)
    in_case = or_(
        *_is(WipeCase, asked),
        col(WipeCase.system_id).in_(systems),
        col(WipeCase.retirement_id).in_(retirements),
    )
    cases = select(col(WipeCase.id)).where(in_case)
    certified = or_(col(WipeRecord.id) == asked, col(WipeRecord.certificate_no) == asked)
    wiped = or_(certified, col(WipeRecord.case_id).in_(cases))
    lies = or_(col(DataCopy.system_id).in_(systems), col(DataCopy.case_id).in_(cases))
    ordered = or_(*_is(Rectification, asked), col(Rectification.system_id).in_(systems))
    numbered = (
        (Retirement, retired, "number"),
        (WipeCase, in_case, "number"),
        (WipeRecord, wiped, "certificate_no"),
        (Rectification, ordered, "number"),
    )
    plain = ((table, col(table.system_id).in_(systems)) for table in (SystemLife, SystemReview, DutyEvidence))
    return [
        systems,
        *(select(col(table.id)).where(its) for table, its in plain),
        *(select(col(table.id)).where(its) for table, its, _number in numbered),
        *(
            select(_text(table, name)).where(its, _text(table, name).is_not(None))
            for table, its, name in numbered
        ),
        select(col(DataCopy.id)).where(lies),
        select(col(RetirementStep.id)).where(col(RetirementStep.retirement_id).in_(retirements)),
    ]


def _is(table: type[Retirement | WipeCase | Rectification], asked: str) -> tuple[ColumnElement[bool], ...]:
    return col(table.id) == asked, col(table.number) == asked


def _text(table: Any, name: str) -> Any:
    return col(getattr(table, name))
