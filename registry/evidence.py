"""What is proven of some subjects: signatures still valid, records kept, reviews of data, what was ever shelved."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law_lifecycle import Lifecycle, Move
from registry.differences import CLASSES, class_digest, overall_class
from registry.fates import Fated, fated, systems_over
from registry.grants import is_running, open_grants
from registry.keys import digest_of
from registry.models import Distribution, Opinion, Record, ShareGrant, Version
from registry.orders import open_orders, order_words
from registry.proof_cases import contents_before
from registry.subjects import LIVE, Loaded, lifecycle_of
from registry.whereabouts import still_there

Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Proven:
    """What is proven of one subject. ``signatures`` are the valid ones of its version by move and role.

    ``records`` are the kinds of valid records; ``cleared`` is what the valid review of the distribution's data
    said, None when there is none; ``opinions`` are all acts on the entry, the oldest first. ``grants`` are those of
    the entry that were not ended; one of them may be past its last day. ``still_at`` names the portals at which the
    entry may still be. ``system_over`` says that its system was retired; ``open_orders`` are the orders
    to rectify it, asked for distributions only.
    """

    signatures: Mapping[tuple[str, str], Opinion] = field(default_factory=dict)
    records: frozenset[str] = frozenset()
    cleared: Mapping[str, Any] | None = None
    hints_answered: frozenset[str] = frozenset()
    ever_shelved: bool = False
    still_at: tuple[str, ...] = ()
    open_orders: tuple[str, ...] = ()
    system_over: str = ""
    opinions: Sequence[Opinion] = field(default_factory=tuple)
    grants: Sequence[ShareGrant] = ()

    @property
    def signed(self) -> frozenset[tuple[str, str]]:
        """The moves and roles of the valid signatures."""
        return frozenset(self.signatures)


def gather(session: Session, loaded: Sequence[Loaded]) -> list[Proven]:
    """What is proven of each subject, in their order."""
    if not loaded:
        return []
    opinions = _opinions(session, [one.entry.id for one in loaded])
    records = _records(session, loaded)
    grants = open_grants(session, (one.entry.id for one in loaded))
    proven = (_proven(session, one, opinions.get(one.entry.id, []), records) for one in loaded)
    # what never had a distribution was never offered
    there = still_there(session, (one.entry.id for one in loaded if one.distributions))
    cases = fated(session, (one.entry.id for one in loaded))
    orders = _open_orders(session, loaded)
    over = systems_over(session, (one.entry.system_id for one in loaded if one.entry.system_id))
    return [
        replace(
            found,
            records=_with_case(found.records, cases.get(one.entry.id)),
            grants=grants.get(one.entry.id, ()),
            still_at=there.get(one.entry.id, ()),
            open_orders=orders.get(one.entry.system_id or "", ()),
            system_over=over.get(one.entry.system_id or "", ""),
        )
        for one, found in zip(loaded, proven, strict=True)
    ]


def _open_orders(session: Session, loaded: Sequence[Loaded]) -> dict[str, tuple[str, ...]]:
    """By system the orders to rectify that are not closed, in words; only what goes on the shelf asks for them."""
    specs = {
        one.entry.system_id: one.specs
        for one in loaded
        if one.distribution is not None and one.entry.system_id
    }
    found = open_orders(session, (key for key in specs if key))
    return {key: tuple(order_words(order, specs[key]) for order in orders) for key, orders in found.items()}


def _with_case(records: frozenset[str], case: Fated | None) -> frozenset[str]:
    """The records with those that a retirement stands for; while it is open, it alone decides what is retired."""
    return records if case is None else (records - {load().retiring.decision_record}) | case.records


def _opinions(session: Session, entry_ids: Iterable[str]) -> dict[str, list[Opinion]]:
    query = select(Opinion).where(col(Opinion.entry_id).in_(sorted(set(entry_ids))))
    found: dict[str, list[Opinion]] = defaultdict(list)
    for opinion in session.execute(query.order_by(col(Opinion.at), col(Opinion.id))).scalars():
        found[opinion.entry_id].append(opinion)
    return found


def _records(session: Session, loaded: Sequence[Loaded]) -> dict[str, list[Record]]:
    """The records that were not withdrawn, by the key of what each speaks of."""
    entries = {one.entry.id for one in loaded}
    systems = {one.entry.system_id for one in loaded if one.entry.system_id}
    made = {d.id for one in loaded for d in one.distributions}
    of_these = or_(
        col(Record.entry_id).in_(entries),
        col(Record.system_id).in_(systems),
        col(Record.distribution_id).in_(made),
    )
    found: dict[str, list[Record]] = defaultdict(list)
    query = select(Record).where(of_these, col(Record.withdrawn_at).is_(None))
    for record in session.execute(query).scalars():
        found[record.distribution_id or record.entry_id or record.system_id or ""].append(record)
    return found


def _proven(
    session: Session, one: Loaded, opinions: Sequence[Opinion], records: Mapping[str, Sequence[Record]]
) -> Proven:
    keys = (one.entry.id, one.entry.system_id, one.distribution.id if one.distribution else None)
    near = [record for key in keys if key for record in records.get(key, ())]
    life = lifecycle_of(one.specs)
    own = [opinion for opinion in opinions if opinion.distribution_id is None]
    valid = _Validity(session, one, life)
    # what was signed before the version in force does not speak of what comes after it
    last = _signatures((o for o in own if o.number > one.settled), life)
    return Proven(
        signatures={key: opinion for key, opinion in last.items() if valid.opinion(opinion)},
        records=frozenset(record.kind for record in near if valid.record(record)),
        cleared=reviewed(session, one, one.distribution, opinions) if one.distribution else None,
        hints_answered=_answers(own, valid),
        ever_shelved=any(d.shelved_at is not None for d in one.distributions),
        opinions=opinions,
    )


def _signatures(opinions: Iterable[Opinion], life: Lifecycle) -> dict[tuple[str, str], Opinion]:
    """The last signature of each move and role since the entry's last announcement or withdrawal.

    Whoever returns a version takes his own earlier signature back; an approval speaks of one submission.
    """
    editable = {state.key for state in life.versions if state.editable}
    closing = {state.key for state in life.versions if state.in_force or state.final}
    found: dict[tuple[str, str], Opinion] = {}
    for opinion in opinions:
        before, after, move = opinion.state_before, opinion.state_after, life.index[opinion.move]
        if after in editable and before not in editable:
            found = {key: o for key, o in found.items() if key[1] != opinion.role}
        elif after in closing and after != before:
            found = {}
        elif before in editable:
            found = {key: o for key, o in found.items() if life.index[key[0]].to in life.index[key[0]].starts}
        elif move.never_by_author:
            found[(opinion.move, opinion.role)] = opinion
    return found


class _Validity:
    """Whether what was given for one content still holds for the version that a move speaks of."""

    def __init__(self, session: Session, one: Loaded, life: Lifecycle) -> None:
        self.session, self.one, self.life, self.specs = session, one, life, one.specs
        self.digests: dict[str, str] = {}
        self.classes: dict[int, str] = {}
        # a consultation speaks of one change: it is used up when the next version is in force
        settled = one.settled_by
        self.since = (settled.announced_at or settled.created_at) if settled else None

    def opinion(self, opinion: Opinion) -> bool:
        """By digest; where that differs, by what the change since then is: a few letters void no signature."""
        if opinion.bound_class is None or self._same(opinion.bound_class, opinion.bound_digest):
            return True
        return self.kept(self.life.index[opinion.move], opinion.number)

    def kept(self, move: Move, number: int) -> bool:
        """Whether a signature given for version ``number`` outlives what has changed since."""
        effect = move.effect_on_change
        return effect is not None and bool(getattr(effect, self._change_since(number)) == "keep")

    def record(self, record: Record) -> bool:
        one = self.one
        if record.distribution_id is not None:
            return one.distribution is not None and record.distribution_id == one.distribution.id
        if record.entry_id is not None:
            return record.entry_id == one.entry.id and self._holds(record)
        return record.system_id is not None and record.system_id == one.entry.system_id

    def _holds(self, record: Record) -> bool:
        """Made of this content, or of the one in force where the change since is lighter than what it is bound to."""
        kind, settled = record.bound_class, self.one.settled_by
        if kind is None:
            return self.since is None or record.at >= self.since
        if self._same(kind, record.bound_digest):
            return True
        if not self.one.settled or settled is None:
            return False
        lighter = CLASSES.index(self._change_since(settled.number)) < CLASSES.index(kind)
        return lighter and class_digest(settled.content, kind, self.specs) == record.bound_digest

    def _same(self, change_class: str, digest: str | None) -> bool:
        if change_class not in self.digests:
            self.digests[change_class] = class_digest(self.one.version.content, change_class, self.specs)
        return self.digests[change_class] == digest

    def _change_since(self, number: int) -> str:
        if number not in self.classes:
            old = self.session.get(Version, (self.one.entry.id, number))
            before = old.content if old and old.erased_at is None else None
            self.classes[number] = overall_class(before, self.one.version.content, self.specs)
        return self.classes[number]


def _answers(opinions: Iterable[Opinion], valid: _Validity) -> frozenset[str]:
    """The items whose hints a steward answered when he submitted this content."""
    found: set[str] = set()
    for opinion in opinions:
        hints = opinion.data.get("hints")
        if opinion.move == "submit" and isinstance(hints, dict) and valid.opinion(opinion):
            found |= {name for name, said in hints.items() if str(said).strip()}
    return frozenset(found)


def reviewed(
    session: Session, one: Loaded, made: Distribution, opinions: Iterable[Opinion]
) -> Mapping[str, Any] | None:
    """What the last review of a distribution's data said; None when there is none that holds.

    It holds until what is offered changes, or the entry does by more than the review outlives, or its reviewer
    suspends the distribution.
    """
    life = lifecycle_of(one.specs)
    review, last = life.index["clear_data"], None
    for opinion in (o for o in opinions if o.distribution_id == made.id):
        if opinion.move == review.key:
            last = opinion
        elif opinion.role in review.by:
            last = None
    if last is None:
        return None
    if _reviewed_as(session, last, one.version.content, made, one.specs):
        return last.data
    old = session.get(Version, (one.entry.id, last.number))
    same = old is not None and _reviewed_as(session, last, old.content, made, one.specs)
    return last.data if same and _Validity(session, one, life).kept(review, last.number) else None


def _reviewed_as(
    session: Session, review: Opinion, content: Content, made: Distribution, specs: Specs
) -> bool:
    """Whether a review spoke of what is offered: of these bytes, or of ones that clean batches have replaced."""
    if review.bound_digest == distribution_digest(content, made, specs):
        return True
    earlier = contents_before(session, made)
    return any(
        review.bound_digest == distribution_digest(content, made, specs, sha256=sha) for sha in earlier
    )


def distribution_digest(
    content: Content, made: Distribution, specs: Specs, *, sha256: str | None = None
) -> str:
    """What a review of data is bound to: the entry's major fields, what is offered how, and the bytes.

    ``sha256`` names other bytes than those that are offered now.
    """
    offered = {name: getattr(made, name) for name in ("form", "patterns", "items", "opened", "location")}
    offered["sha256"] = sha256 or made.sha256
    return digest_of({"entry": class_digest(content, "major", specs), "distribution": offered})


def running_grants(found: Proven, today: date) -> int:
    """How many grants of the entry run on a day."""
    return sum(is_running(grant, today) for grant in found.grants)


def is_in_use(one: Loaded, grants: int = 0) -> bool:
    """Whether somebody may be using the entry (S1 27): something of it is on the shelf, or off it for a time, or a
    grant runs."""
    if one.distribution is not None:
        return one.distribution.shelved_at is not None
    return grants > 0 or any(d.shelved_at is not None and d.state in LIVE for d in one.distributions)


def live_distributions(one: Loaded) -> int:
    """How many distributions are not off the shelf for good."""
    return sum(d.state in LIVE for d in one.distributions)
