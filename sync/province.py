"""The province's exchange platform, which is the system of record: catalogue parcels out, receipts in.

A parcel holds the whole catalogue of its entries in the template, what is withdrawn, and the files that may go along.
Receipts say by code what became of each; a withdrawal is done with its receipt. Source: S-LPS 25; domain §12 R19.
"""

import csv
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law_parcels import WordedState
from catalog_specs.law_release import Named
from registry.export import write_jsonl, write_xlsx
from registry.models import Entry, SyncEntry, SyncTarget, Version
from registry.offers import Offer, offers
from registry.people import local_day
from sync import ledger
from sync.desires import carried_files, digest_of_entry
from sync.ledger import Claimed
from sync.mapping import Shape
from sync.parcel_ledger import (
    LEAVING,
    PUT,
    SKIP,
    WITHDRAW,
    Answer,
    Item,
    parcel_numbered,
    parcels_holding,
)
from sync.worded_files import Fault, Told, read_worded
from validators.folding import fold
from validators.rendering import guard_formula

CATALOGUE, ENTRIES, WITHDRAWALS, CARRIED = (
    "catalogue.xlsx",
    "catalogue.jsonl",
    "withdrawals.csv",
    "files.csv",
)
_MADE = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(<)")
_NUMBER = re.compile(r"0*([0-9]{1,9})")
_NO_TIME = (1980, 1, 1, 0, 0, 0)


# ---- what goes out ----------------------------------------------------------------------------------------


def items(
    session: Session, target: SyncTarget, shape: Shape, claimed: Sequence[Claimed], *, now: datetime
) -> list[Item]:
    """What a parcel is to say of claimed entries, judged today."""
    keys = [one.entry_id for one in claimed]
    found, names = offers(session, keys, shape.scope, now=now), _public_names(session, target, keys)
    return [_item(one, found[one.entry_id], shape, names.get(one.entry_id, ("", ""))) for one in claimed]


def _public_names(session: Session, target: SyncTarget, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Code and name of entries as the province may know them: of the version in force, else of the one that was sent
    last; a draft's name never leaves."""
    number = func.coalesce(col(Entry.in_force), col(SyncEntry.number))
    sent = (col(SyncEntry.entry_id) == col(Entry.id)) & (col(SyncEntry.target_id) == target.id)
    told = (col(Version.entry_id) == col(Entry.id)) & (col(Version.number) == number)
    query = select(col(Entry.id), col(Entry.code), col(Version.name)).outerjoin(SyncEntry, sent)
    rows = session.execute(query.outerjoin(Version, told).where(col(Entry.id).in_(keys)))
    return {key: (code or key, name or "") for key, code, name in rows}


def _item(claimed: Claimed, offer: Offer, shape: Shape, named: tuple[str, str]) -> Item:
    held = "；".join(f"{one.name}：{'；'.join(one.reasons)}" for one in offer.withheld)
    if not offer.shown:
        there = claimed.state in ledger.there_states() and claimed.digest != LEAVING
        # why it may not leave is for us to know: guards name reviews and gradings
        what = {"code": named[0], "name": named[1], "reason": load().sync.parcels.withdrawn_zh}
        return Item(claimed, WITHDRAW if there else SKIP, named[0], what=what, held_back=held)
    if not offer.code:
        return Item(claimed, PUT, "", lacks="没有信息资源代码，不能报送；在登记系统补上代码", held_back=held)
    carried = carried_files(offer, shape)
    files = tuple((one.sha256 or "", one.size or 0) for one in carried)
    listed = [[one.name, one.file_name or one.name, one.sha256, one.size] for one in carried]
    content = dict(offer.content) | {"resource_code": offer.code}
    digest = digest_of_entry(offer, shape)
    same = claimed.state in (ledger.SENT, ledger.PRESENT) and claimed.digest == digest
    return Item(
        claimed,
        SKIP if same else PUT,
        offer.code,
        digest,
        what={"content": content, "files": listed},
        files=() if same else files,
        number=offer.number,
        until=offer.until,
        held_back=held,
    )


def write_members(chosen: Sequence[Item], folder: Path, *, made_at: datetime) -> dict[str, Path]:
    """Write what a parcel for the province holds beside its files; the paths by member name."""
    specs = load()
    contents = [one.what["content"] for one in chosen if one.act == PUT]
    write_xlsx(contents, folder / "made.xlsx", specs)
    _without_moment(folder / "made.xlsx", folder / CATALOGUE, made_at)
    write_jsonl(contents, folder / ENTRIES, specs)
    day = local_day(made_at).isoformat()
    gone = [one.what | {"date": day} for one in chosen if one.act == WITHDRAW]
    _write_table(folder / WITHDRAWALS, specs.sync.parcels.withdrawals, gone)
    _write_table(folder / CARRIED, specs.sync.parcels.carried, _carried(chosen))
    return {name: folder / name for name in (CATALOGUE, ENTRIES, WITHDRAWALS, CARRIED)}


def _carried(chosen: Iterable[Item]) -> list[dict[str, Any]]:
    keys = ("name", "file_name", "sha256", "size")
    listed = ((one.code, row) for one in chosen if one.act == PUT for row in one.what["files"])
    return [{"code": code} | dict(zip(keys, row, strict=True)) for code, row in listed]


def _write_table(path: Path, columns: Sequence[Named], rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([column.zh for column in columns])
        for row in rows:
            writer.writerow([guard_formula(str(row[column.key])) for column in columns])


def _without_moment(made: Path, path: Path, made_at: datetime) -> None:
    """A workbook whose bytes depend on its content and the parcel's moment alone."""
    moment = made_at.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for info in source.infolist():
            data = source.read(info)
            if info.filename == "docProps/core.xml":
                data = _MADE.sub(rb"\g<1>" + moment + rb"\g<2>", data)
            plain = zipfile.ZipInfo(info.filename, _NO_TIME)
            plain.compress_type, plain.create_system = zipfile.ZIP_DEFLATED, 3
            target.writestr(plain, data)
    made.unlink()


# ---- what comes back --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Receipts:
    """What a file of receipts says: the answers by the number of their parcel, or what is wrong with the file."""

    answers: Mapping[int, tuple[Answer, ...]]
    faults: tuple[Fault, ...] = ()


def read_receipts(session: Session, target: SyncTarget, name: str, data: bytes) -> Receipts:
    """A file of receipts read strictly: one row that is not understood, and nothing of the file stands."""
    rules = load().sync.parcels.receipts
    table = read_worded(name, data, rules.columns, rules.ignored)
    if table.faults:
        return Receipts({}, table.faults)
    reading = _Reading(session, target, name, table.rows)
    answers = reading.read()
    return Receipts({}, tuple(reading.faults)) if reading.faults else Receipts(answers)


class _Reading:
    """The rows of one file of receipts on their way into answers."""

    def __init__(self, session: Session, target: SyncTarget, name: str, rows: Sequence[Told]) -> None:
        self.session, self.target, self.name, self.rows = session, target, name, rows
        self.parcels = load().sync.parcels
        self.words = {fold(text): row for row in self.parcels.receipts.states for text in row.words}
        self.faults: list[Fault] = []
        self.entries = self._sent_entries()
        self.sent_in: dict[str, list[int]] = {}
        self.acts: dict[int, dict[str, str]] = {}

    def _sent_entries(self) -> dict[str, str]:
        """The keys of the entries that the codes of the file stand for, as far as they were ever sent."""
        codes = sorted({row.texts.get("code", "") for row in self.rows} - {""})
        found: dict[str, str] = {}
        for start in range(0, len(codes), 500):
            query = (
                select(col(Entry.code), col(Entry.id))
                .join(SyncEntry, col(SyncEntry.entry_id) == col(Entry.id))
                .where(col(SyncEntry.target_id) == self.target.id, col(SyncEntry.parcel_id).is_not(None))
                .where(col(Entry.code).in_(codes[start : start + 500]))
            )
            found |= {str(code): str(key) for code, key in self.session.execute(query)}
        return found

    def read(self) -> dict[int, tuple[Answer, ...]]:
        told = [
            parcel_told(row.texts.get("parcel", "") or self._named(), self.target.name) for row in self.rows
        ]
        # without a number any parcel could be meant, and each has to be looked at
        numbers = None if None in told else {number for number in told if number is not None}
        self.sent_in = parcels_holding(self.session, self.target.id, self.entries.values(), numbers)
        found: dict[tuple[int, str], tuple[Answer, WordedState]] = {}
        for row in self.rows:
            self._take(row, found)
        grouped: dict[int, list[Answer]] = {}
        for (number, _), (answer, _) in sorted(found.items(), key=lambda one: one[0]):
            grouped.setdefault(number, []).append(answer)
        return {number: tuple(answers) for number, answers in grouped.items()}

    def _take(self, row: Told, found: dict[tuple[int, str], tuple[Answer, WordedState]]) -> None:
        code, word = row.texts.get("code", ""), row.texts.get("state", "")
        entry, state = self.entries.get(code), self.words.get(fold(word))
        if entry is None:
            self._add(row, "code_unknown" if code else "code_missing", value=code)
        if state is None:
            known = "、".join(text for one in self.parcels.receipts.states for text in one.words)
            self._add(row, "state_unknown", value=word, known=known)
        number = self._number(row, entry, code) if entry else None
        if entry is None or state is None or number is None:
            return
        act = self._acts(number)[entry]
        if act in state.refutes:
            act_zh = next(one.zh for one in self.parcels.acts if one.key == act)
            self._add(row, "state_refuted", value=word, number=str(number), act=act_zh)
            return
        answer = self._answer(entry, state, act, row.texts.get("said", ""))
        before = found.get((number, entry))
        if before and before[1].final and state.final and before[0] != answer:
            self._add(row, "code_doubled", value=code)
        elif before is None or state.final:
            found[number, entry] = (answer, state)

    def _answer(self, entry: str, state: WordedState, act: str, said: str) -> Answer:
        outcome = state.put if act == PUT else state.withdraw
        return Answer(
            entry,
            state.key,
            said or (state.zh if state.trouble else ""),
            state=outcome,
            trouble=state.trouble,
            final=state.final,
        )

    def _number(self, row: Told, entry: str, code: str) -> int | None:
        """The number of the parcel that a row answers: as it says, as the file's name says, or the only one."""
        numbers = self.sent_in.get(entry, [])
        told = row.texts.get("parcel", "") or self._named()
        if told:
            number = parcel_told(told, self.target.name)
            if number in numbers:
                return number
            self._add(row, "parcel_unknown", value=told, code=code)
            return None
        if len(numbers) == 1:
            return numbers[0]
        self._add(row, "parcel_unclear", value=code, number="、".join(map(str, numbers)))
        return None

    def _named(self) -> str:
        """The parcel's name where the file's name begins with it."""
        found = re.match(rf"mulu-{re.escape(self.target.name)}-[0-9]+", self.name)
        return found.group() if found else ""

    def _acts(self, number: int) -> dict[str, str]:
        if number not in self.acts:
            parcel = parcel_numbered(self.session, self.target.id, number)
            rows = parcel.rows if parcel else []
            self.acts[number] = {row["entry_id"]: row["act"] for row in rows}
        return self.acts[number]

    def _add(self, row: Told, key: str, **params: str) -> None:
        self.faults.append(Fault(self.name, row.line, key, params))


def parcel_told(text: str, target: str) -> int | None:
    """The number of a parcel from what people write of it: 3, 000003, mulu-NAME-000003, with or without .zip."""
    rest = text.strip().removesuffix(".zip").removeprefix(f"mulu-{target}-")
    found = _NUMBER.fullmatch(rest)
    return int(found.group(1)) if found else None
