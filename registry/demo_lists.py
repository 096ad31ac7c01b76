"""Demonstration lists: sealed by the heads of several departments, one of them in debt and no longer as it was sealed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, union
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.editions import seal_edition
from registry.lifecycle import perform
from registry.models import Agency, Distribution, Entry, ShareGrant
from registry.people import actor_of, holders, local_day
from registry.permits import EVERYTHING
from registry.recording import Paper, about, keep_record
from registry.subjects import Subject

_HEAD, _STEWARD = "head", "steward"


def load_lists(session: Session, agencies: Sequence[Agency], *, now: datetime) -> str:
    """Seal the lists of some departments, then withdraw an entry of the first.

    Gives a sentence on what was sealed.
    """
    sealed = [_seal(session, one, now - timedelta(hours=2)) for one in agencies]
    withdrawn = _withdraw(session, agencies[0], now=now - timedelta(hours=1))
    return f"已封存责任清单：{'、'.join(sealed)}。其后撤回了 {withdrawn}，{agencies[0].name}的清单已与封存的不一致。"


def _seal(session: Session, agency: Agency, now: datetime) -> str:
    (head,) = holders(session, _HEAD, today=local_day(now), agency_id=agency.id)
    done = seal_edition(session, agency, actor=actor_of(session, head.login, today=local_day(now)), now=now)
    return f"{agency.name}（{done.edition.rows} 条）"


def _withdraw(session: Session, agency: Agency, *, now: datetime) -> str:
    """The first entry in force that nobody uses is taken back: its line leaves the list."""
    used = union(select(col(Distribution.entry_id)), select(col(ShareGrant.entry_id)))
    query = (
        select(Entry)
        .where(col(Entry.agency_id) == agency.id, col(Entry.state) == "announced", col(Entry.id).not_in(used))
        .order_by(col(Entry.code))
        .limit(1)
    )
    entry = session.execute(query).scalar_one()
    steward = actor_of(session, _STEWARD, today=local_day(now))
    paper = Paper(number="协商备〔2026〕88号")
    keep_record(
        session, about(session, entry.id, sight=EVERYTHING), "consultation", paper, actor=steward, now=now
    )
    head = actor_of(session, _HEAD, today=local_day(now))
    done = perform(session, Subject(entry.id), "withdraw", actor=head, now=now, note="演示：职责已划出")
    return done.code or entry.id
