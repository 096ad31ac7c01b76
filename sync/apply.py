"""Beside a portal across a gap: a parcel is carried out there, and a receipt says what was seen. No registry here.

The folder keeps which key is trusted, the last parcel of each target, what is known of the portal, and how far a
parcel got, so that a run that was cut off goes on where it was.
"""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, ValidationError

from catalog_specs import load
from catalog_specs.model import Frozen
from registry.errors import Conflict, MuluError, NotAllowed, Rejected, Unavailable
from registry.marks import fingerprint
from registry.signing import moment_text
from registry.stores import reported
from sync.ferry import LAYOUT, Errand, Receipt, Result, errands
from sync.parcel_files import Head, Parcel, ParcelEntry, read_parcel, receipt_name
from sync.portal import Known, Portal, PortalError, Refused, TokenRefused, Unreachable

_SETTING = "--state"
_STATE, _LOCK = "mulu-apply.json", ".mulu-apply.lock"
_NOT_FOUND_OUT = ("unreachable",)


class Kept(Frozen):
    """What the folder keeps of one target: the last parcel, by number and SHA-256, and what is known at the portal."""

    last: int = 0
    parcel: str = ""
    known: dict[str, dict[str, Any]] = Field(default_factory=dict)


class State(Frozen):
    """What the folder keeps: the trusted key of each registry, and each target by registry and key."""

    keys: dict[str, str] = Field(default_factory=dict)
    targets: dict[str, Kept] = Field(default_factory=dict)


class Applied(NamedTuple):
    """A parcel that was carried out: its receipt, where that lies, and whether it had been carried out before."""

    receipt: Receipt
    path: Path
    replayed: bool


def head_of(path: Path, *, keys: Sequence[str] = (), folder: Path) -> Head:
    """Where a parcel comes from and goes to, once it was found as it was made: what a portal is opened by.

    Raises:
        As ``apply_parcel``.
    """
    with read_parcel(path, _trusted(keys, _read_state(folder))) as parcel:
        return parcel.head


def apply_parcel(
    path: Path, *, portal: Portal, keys: Sequence[str] = (), folder: Path, now: datetime, again: bool = False
) -> Applied:
    """Carry a parcel out at a portal and write its receipt into ``folder``.

    ``keys`` are the public keys (or fingerprints) of the registry; once given they are kept in the folder. A failure of
    one entry stands in the receipt; what was cut off goes on with the next call. A parcel that was carried out gives
    the same receipt again without a write, unless ``again``.

    Raises:
        Rejected: it is no parcel for a portal, was altered, or is older than the last one. NotAllowed: its key is not
        trusted. Conflict: another run is on in this folder. Unavailable: the folder or the own key cannot be used, or
        the portal does not answer at all; then there is no receipt, and the same parcel can be carried out later.
    """
    with _locked(folder):
        state = _read_state(folder)
        with read_parcel(path, _trusted(keys, state)) as parcel:
            _demand_same_key(parcel, keys, state, path)
            done = _done_before(parcel, state, folder)
            if done is not None and not again:
                return done
            _demand_newer(parcel, state, path, again=again)
            return _Run(parcel, portal, folder, state, now).carry_out()


# ---- what may be carried out ------------------------------------------------------------------------------


def _key_of(head: Head) -> str:
    return f"{head.registry}/{head.target_id}"


def _trusted(keys: Sequence[str], state: State) -> list[str]:
    """The keys that a parcel may bear: those that are given, else those that were given before; with neither, this
    machine's list of trusted keys decides."""
    return list(keys) or sorted(set(state.keys.values()))


def _demand_same_key(parcel: Parcel, keys: Sequence[str], state: State, path: Path) -> None:
    """Refuse a registry's parcel that bears the key of another."""
    pinned = state.keys.get(parcel.head.registry, parcel.key)
    if not keys and pinned != parcel.key:
        raise NotAllowed(
            f"{path.name} 出自公钥 {fingerprint(parcel.key)}，与这个登记系统先前的 {fingerprint(pinned)} 不同；"
            f"登记系统换过密钥的，核对后加 --key {parcel.key} 再执行"
        )


def _done_before(parcel: Parcel, state: State, folder: Path) -> Applied | None:
    head, kept = parcel.head, state.targets.get(_key_of(parcel.head), Kept())
    path = folder / receipt_name(head.target, head.number)
    if (kept.last, kept.parcel) != (head.number, parcel.sha256) or not path.exists():
        return None
    with reported(folder, _SETTING):
        data = path.read_bytes()
    try:
        return Applied(Receipt.model_validate_json(data), path, True)
    except ValidationError as error:
        raise Rejected(f"回执 {path} 被改动；加 --again 重新办理这一件") from error


def _demand_newer(parcel: Parcel, state: State, path: Path, *, again: bool) -> None:
    head, kept = parcel.head, state.targets.get(_key_of(parcel.head), Kept())
    if head.number > kept.last or (again and (head.number, parcel.sha256) == (kept.last, kept.parcel)):
        return
    if head.number == kept.last and parcel.sha256 == kept.parcel:
        raise Rejected(f"{path.name} 已办理过，它的回执不见了；加 --again 重新办理并出具回执")
    raise Rejected(
        f"{path.name} 是第 {head.number} 件，这里已办理到第 {kept.last} 件；旧件不能再办理，"
        "否则会盖掉较新的内容。未办理的条目由登记系统用 mulu-sync retry 重发"
    )


# ---- what the folder keeps --------------------------------------------------------------------------------


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    # not on every system; where it is missing there is no such command either
    import fcntl

    if not folder.is_dir():
        raise Unavailable(f"{_SETTING} 指的 {folder} 不是文件夹；建好后再试")
    with reported(folder, _SETTING), (folder / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"{folder} 正有一件在办理；等它结束后再试") from None
        yield


def _read_state(folder: Path) -> State:
    path = folder / _STATE
    with reported(folder, _SETTING):
        if not path.exists():
            return State()
        data = path.read_bytes()
    try:
        return State.model_validate_json(data)
    except ValidationError as error:
        raise Unavailable(f"{path} 已损坏，不知道办理到哪一件；从备份恢复") from error


def _write_whole(path: Path, data: bytes) -> None:
    """A file that is there whole or as it was before, also after a power cut."""
    beside = path.with_name(f".{path.name}.part")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    number = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


class _Journal:
    """How far a parcel got: a line when an entry is begun, and one when it is done, on the disk before it counts."""

    def __init__(self, path: Path, parcel: str) -> None:
        self.path, self.parcel = path, parcel
        self.begun: set[str] = set()
        self.damaged = False
        self.done: dict[str, Result] = {}
        self._read()
        self.gate = threading.Lock()
        self.file = path.open("ab")

    def _read(self) -> None:
        data = self.path.read_bytes() if self.path.exists() else b""
        # a line that was cut off in the middle says nothing; what it began is looked at before it is repeated
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:
            _write_whole(self.path, whole)
        for line in whole.splitlines():
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                self.damaged = True

    def _take(self, row: dict[str, Any]) -> None:
        if row["parcel"] != self.parcel:
            return
        self.begun.add(row["entry"])
        if row["result"]:
            self.done[row["entry"]] = Result.model_validate_json(json.dumps(row["result"]))

    def may_have_begun(self, entry: str) -> bool:
        """Whether a write of an entry may have been cut off; of any, where lines cannot be read."""
        return self.damaged or entry in self.begun

    def note(self, entry: str, result: Result | None = None) -> None:
        told = result.model_dump(mode="json") if result else None
        line = json.dumps({"parcel": self.parcel, "entry": entry, "result": told}, ensure_ascii=False)
        with self.gate:
            self.file.write(line.encode() + b"\n")
            self.file.flush()
            os.fsync(self.file.fileno())

    def close(self) -> None:
        self.file.close()


# ---- carried out ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Failing:
    """How many entries in a row did not get there, and why no more are begun."""

    row: int = 0
    ended: PortalError | None = None


class _Run:
    """One parcel on its way into a portal."""

    def __init__(self, parcel: Parcel, portal: Portal, folder: Path, state: State, now: datetime) -> None:
        self.parcel, self.portal, self.folder, self.now = parcel, portal, folder, now
        self.state, self.head = state, parcel.head
        self.kept = state.targets.get(_key_of(parcel.head), Kept())
        self.rules, self.gate, self.failing = load().sync, threading.Lock(), _Failing()

    def carry_out(self) -> Applied:
        work = errands(self.parcel)
        receipt_path = self.folder / receipt_name(self.head.target, self.head.number)
        journal_path = receipt_path.with_suffix(".progress.jsonl")
        with reported(self.folder, _SETTING):
            self._pin()
            rights = asdict(self._asked())
            self.journal = _Journal(journal_path, self.parcel.sha256)
            try:
                with ThreadPoolExecutor(self.rules.pace.parallel) as pool:
                    results = [one for one in pool.map(lambda one: self._one(*one), work) if one is not None]
            finally:
                self.journal.close()
            if self.failing.ended is not None:
                raise self._stopped(len(results), len(work))
            receipt = self._receipt(rights, results)
            _write_whole(receipt_path, receipt.written)
            self._save(results)
            journal_path.unlink(missing_ok=True)
        return Applied(receipt, receipt_path, False)

    def _pin(self) -> None:
        """Keep the key that this parcel was trusted by."""
        if self.state.keys.get(self.head.registry) != self.parcel.key:
            keys = self.state.keys | {self.head.registry: self.parcel.key}
            self.state = self.state.model_copy(update={"keys": keys})
            _write_whole(self.folder / _STATE, self.state.model_dump_json().encode())

    def _asked(self) -> Any:
        try:
            return self.portal.rights()
        except PortalError as error:
            self.failing.ended = error
            raise self._stopped(0, len(self.parcel.manifest.entries)) from error

    def _one(self, entry: ParcelEntry, errand: Errand) -> Result | None:
        """What came of one entry; None when it was not begun."""
        done = self.journal.done.get(entry.entry_id)
        if done is not None and done.outcome not in _NOT_FOUND_OUT:
            return done
        if self.failing.ended is not None:
            return None
        self.journal.note(entry.entry_id)
        try:
            result = self._deed(entry, errand)
        except TokenRefused as error:
            self._end(error)
            return None
        except Unreachable as error:
            self._failed(error)
            result = _result(entry, "unreachable", said=error.words)
        except Refused as error:
            self._answered()
            result = _result(entry, "refused", said=error.words)
        except MuluError as error:
            result = _result(entry, "refused", said=error.message)
        else:
            self._answered()
        self.journal.note(entry.entry_id, result)
        return result

    def _deed(self, entry: ParcelEntry, errand: Errand) -> Result:
        known = self._known(errand)
        if errand.act == "withdraw":
            gone = self.portal.withdraw(known, dataset_id=errand.dataset_id, name=errand.name)
            kept = load().ckan.withdrawal.kept_name_zh if gone.kept else ""
            return _result(entry, "kept" if gone.kept else "gone", done=gone.act, said=kept)
        landed = self.portal.push(errand.desired(entry.digest), known, self.parcel.open_file)
        return _result(
            entry,
            "present",
            done=landed.act,
            portal_id=landed.portal_id,
            name=landed.portal_name,
            modified=landed.modified,
            files=dict(landed.files),
        )

    def _known(self, errand: Errand) -> Known:
        """What is known at the portal; looked at first where a write may have been cut off, or nothing is known."""
        kept = self.kept.known.get(errand.entry_id)
        if kept is None:
            return Known(errand.entry_id, errand.portal_id, errand.name if errand.portal_id else "")
        return replace(Known(**kept), look=self.journal.may_have_begun(errand.entry_id))

    # ---- how the portal bears it --------------------------------------------------------------------------

    def _failed(self, error: Unreachable) -> None:
        with self.gate:
            self.failing.row += 1
            if self.failing.row >= self.rules.breaker.failures:
                self.failing.ended = self.failing.ended or error

    def _answered(self) -> None:
        with self.gate:
            self.failing.row = 0

    def _end(self, error: PortalError) -> None:
        with self.gate:
            self.failing.ended = self.failing.ended or error

    def _stopped(self, done: int, whole: int) -> Unavailable:
        refused = isinstance(self.failing.ended, TokenRefused)
        why = "门户不认这个令牌；换好令牌后" if refused else "门户没有应答；恢复后"
        said = self.failing.ended.words if self.failing.ended else ""
        return Unavailable(
            f"第 {self.head.number} 件办理了 {done}/{whole} 条就停了：{why}对同一件再执行一次，已办的不会重复。"
            f"门户的原话：{said}",
            unreachable=not refused,
        )

    # ---- what is kept of it -------------------------------------------------------------------------------

    def _receipt(self, rights: dict[str, Any], results: list[Result]) -> Receipt:
        return Receipt(
            layout=LAYOUT,
            head=self.head,
            parcel=self.parcel.sha256,
            applied_at=moment_text(self.now),
            rights=rights,
            results=tuple(results),
        ).marked()

    def _save(self, results: list[Result]) -> None:
        known = dict(self.kept.known)
        for one in results:
            known.pop(one.entry_id, None)
            if one.outcome == "present":
                known[one.entry_id] = asdict(one.known())
        kept = Kept(last=self.head.number, parcel=self.parcel.sha256, known=known)
        targets = self.state.targets | {_key_of(self.head): kept}
        state = self.state.model_copy(update={"targets": targets})
        _write_whole(self.folder / _STATE, state.model_dump_json().encode())


def _result(entry: ParcelEntry, outcome: Any, **more: Any) -> Result:
    return Result(entry_id=entry.entry_id, code=entry.code, act=entry.act, outcome=outcome, **more)
