"""A portal across a gap (网闸): datasets in a parcel out, and the receipt of what was seen at the portal back in.

The receipt bears the mark of the key beside the portal, which is pinned at the first one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, ValidationError
from sqlalchemy.orm import Session

from catalog_specs.model import Frozen
from registry.errors import NotAllowed, Rejected
from registry.keys import canonical_json, digest_of
from registry.marks import fingerprint, is_genuine, make_mark
from registry.models import SyncTarget
from sync import ledger
from sync.desires import Wanted, wanted
from sync.ledger import Claimed
from sync.mapping import Shape, dataset_id, dataset_name
from sync.parcel_files import Head, Parcel, ParcelEntry, is_among, parcel_lines
from sync.parcel_ledger import LEAVING, PUT, SKIP, WITHDRAW, Answer, Item
from sync.portal import Desired, FileSent, Known
from sync.reports import names_of

ENTRIES = "entries.jsonl"
LAYOUT: Final = "mulu-parcel-receipt/1"
_ALTERED = "回执可能在途中损坏或被改动；从门户一侧重新摆渡"


# ---- what goes out ----------------------------------------------------------------------------------------


def items(session: Session, shape: Shape, claimed: Sequence[Claimed], *, now: datetime) -> list[Item]:
    """What a parcel is to say of claimed entries, judged today."""
    keys = [one.entry_id for one in claimed]
    found, names = wanted(session, shape, keys, now=now), names_of(session, keys)
    return [_item(one, found[one.entry_id], shape, names.get(one.entry_id, ("", ""))[0]) for one in claimed]


def _item(claimed: Claimed, want: Wanted, shape: Shape, code: str) -> Item:
    held, desired = "；".join(want.held_back), want.desired
    if desired is None:
        there = claimed.state in ledger.there_states() and claimed.digest != LEAVING
        what: dict[str, Any] = {
            "entry_id": claimed.entry_id,
            "dataset_id": dataset_id(shape.registry, shape.scope, claimed.entry_id),
            "portal_id": claimed.known.portal_id,
            "name": claimed.known.portal_name or dataset_name(want.offer.code, claimed.entry_id),
        }
        return Item(claimed, WITHDRAW if there else SKIP, code, what=what, held_back=held)
    same = claimed.state in (ledger.SENT, ledger.PRESENT) and claimed.digest == desired.digest
    what = {"entry_id": claimed.entry_id, "package": dict(desired.package)}
    what |= {"organization": dict(desired.organization), "files": [asdict(one) for one in desired.files]}
    return Item(
        claimed,
        SKIP if same else PUT,
        code,
        desired.digest,
        what=what,
        files=() if same else tuple((one.sha256, one.size) for one in desired.files),
        number=want.offer.number,
        until=want.until,
        held_back=held,
    )


def write_members(chosen: Sequence[Item], folder: Path) -> dict[str, Path]:
    """Write what a parcel across a gap holds beside its files; the paths by member name."""
    path = folder / ENTRIES
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for one in chosen:
            file.write(canonical_json(one.what | {"act": one.act}) + "\n")
    return {ENTRIES: path}


# ---- what is read beside the portal -----------------------------------------------------------------------


class Errand(Frozen):
    """What a parcel asks for one entry: a dataset that is to stand there, or one that is to go (``portal_id`` as far
    as it is known, else ``dataset_id`` and ``name``)."""

    act: Literal["put", "withdraw"]
    entry_id: str
    package: dict[str, Any] | None = None
    organization: dict[str, Any] | None = None
    files: tuple[dict[str, Any], ...] = ()
    dataset_id: str = ""
    portal_id: str = ""
    name: str = ""

    def desired(self, digest: str) -> Desired:
        """The dataset that is to stand there."""
        files = tuple(FileSent(**one) for one in self.files)
        return Desired(self.entry_id, self.package or {}, self.organization or {}, files, digest)


def errands(parcel: Parcel) -> list[tuple[ParcelEntry, Errand]]:
    """What a parcel asks for, in the order of its manifest.

    Raises:
        Rejected: it is not for a portal across a gap, or its list does not fit its manifest.
    """
    if (parcel.head.kind, parcel.head.mode) != ("ckan", "ferry"):
        raise Rejected(f"收发件第 {parcel.head.number} 件不是摆渡到门户的；核对文件和目标")
    try:
        read = [
            Errand.model_validate_json(canonical_json(line)) for line in parcel_lines(parcel.text(ENTRIES))
        ]
        found = list(zip(parcel.manifest.entries, read, strict=True))
        fits = all(_fits(entry, errand, parcel) for entry, errand in found)
    except (ValidationError, ValueError, TypeError, KeyError) as error:
        raise Rejected(f"收发件第 {parcel.head.number} 件的内容不合格式；把两边升级到同一版本") from error
    if not fits:
        raise Rejected(f"收发件第 {parcel.head.number} 件的内容与清单不符；从登记系统重新摆渡")
    return found


def _fits(entry: ParcelEntry, errand: Errand, parcel: Parcel) -> bool:
    if (entry.entry_id, entry.act) != (errand.entry_id, errand.act):
        return False
    if errand.act == WITHDRAW:
        return bool(errand.dataset_id and errand.name)
    carried = parcel.manifest.members
    stored = [FileSent(**one) for one in errand.files]
    return bool(errand.package and errand.package.get("id") and errand.package.get("name")) and all(
        f"files/{one.sha256}" in carried and carried[f"files/{one.sha256}"].size == one.size for one in stored
    )


class Result(Frozen):
    """What came of one entry at the portal. ``outcome``: present, gone, kept, refused, unreachable; ``done``
    is the act that was needed (create, patch, withdraw, skip); ``said`` holds the portal's words; ``files`` are the
    SHA-256 of the bytes it serves."""

    entry_id: str
    code: str
    act: Literal["put", "withdraw"]
    outcome: Literal["present", "gone", "kept", "refused", "unreachable"]
    done: str = ""
    portal_id: str = ""
    name: str = ""
    modified: str = ""
    files: dict[str, str] = Field(default_factory=dict)
    said: str = ""

    def known(self) -> Known:
        """What is known of the entry at the portal from now on."""
        return Known(self.entry_id, self.portal_id, self.name, self.modified, self.files, look=False)


class Receipt(Frozen):
    """What became of a parcel beside the portal. ``parcel`` is the SHA-256 of its file, ``rights`` what the token may
    do there."""

    layout: Literal["mulu-parcel-receipt/1"]
    head: Head
    parcel: str
    applied_at: str
    rights: dict[str, Any]
    results: tuple[Result, ...]
    mark: dict[str, str] = Field(default_factory=dict)

    @property
    def digest(self) -> str:
        """What the mark is over."""
        return digest_of(self.model_dump(mode="json", exclude={"mark"}))

    def marked(self) -> "Receipt":
        """The receipt with the mark of this machine's key.

        Raises:
            Unavailable: the key cannot be used.
        """
        return self.model_copy(update={"mark": make_mark(self.digest, at=self.applied_at)})

    @property
    def written(self) -> bytes:
        """Its bytes as a file."""
        return (canonical_json(self.model_dump(mode="json")) + "\n").encode()


# ---- what comes back --------------------------------------------------------------------------------------


def read_receipt(name: str, data: bytes) -> Receipt:
    """A receipt whose mark is that of the key that it names; whether that key is trusted is asked elsewhere.

    Raises:
        Rejected: it is none, or not as it was made.
    """
    try:
        json.loads(data)
        receipt = Receipt.model_validate_json(data)
        genuine = is_genuine(receipt.mark, receipt.digest)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"{name} 不是收发件的回执；核对文件，或把两边升级到同一版本") from error
    if not genuine:
        raise Rejected(f"回执 {name} 的完整性校验不符；{_ALTERED}")
    return receipt


def demand_ours(receipt: Receipt, target: SyncTarget, registry: str, name: str) -> None:
    """Refuse a receipt of another target or registry."""
    head = receipt.head
    if (head.registry, head.target_id) != (registry, target.id):
        raise Rejected(f"回执 {name} 是目标“{head.target}”的，不属于本登记系统的目标 {target.name}；核对文件")


def pin(target: SyncTarget, receipt: Receipt, name: str) -> bool:
    """Pin the key of a target's first receipt; True when it was the first.

    Raises:
        NotAllowed: another key is pinned.
    """
    key = str(receipt.mark["key"])
    if not target.pinned:
        target.pinned = key
        return True
    if not is_among(key, [target.pinned]):
        raise NotAllowed(
            f"回执 {name} 出自公钥 {fingerprint(key)}，"
            f"与目标 {target.name} 首次回执的 {fingerprint(target.pinned)} 不同；"
            "门户一侧换过密钥的，核实后用 mulu-sync receipts --repin 重新认定，否则查明来源"
        )
    return False


def answers(receipt: Receipt, held: Mapping[str, str]) -> list[Answer]:
    """What a receipt says of the entries of its parcel; ``held`` is what the parcel asked, act by entry.

    Raises:
        Rejected: it speaks of entries that the parcel did not hold, or leaves some out.
    """
    told = {one.entry_id: one.act for one in receipt.results}
    if told != dict(held) or len(told) != len(receipt.results):
        raise Rejected(f"第 {receipt.head.number} 件的回执所列条目与该件不符；{_ALTERED}")
    return [_answer(one) for one in receipt.results]


def _answer(result: Result) -> Answer:
    match result.outcome:
        case "present":
            values: dict[str, Any] = {"portal_id": result.portal_id, "portal_name": result.name}
            values |= {"modified": result.modified, "files": dict(result.files)}
            return Answer(result.entry_id, result.outcome, result.said, ledger.PRESENT, values=values)
        case "gone":
            return Answer(result.entry_id, result.outcome, result.said, ledger.GONE)
        case "kept":
            return Answer(result.entry_id, result.outcome, result.said, ledger.KEPT)
        case "refused":
            return Answer(result.entry_id, result.outcome, result.said, trouble=ledger.REFUSED)
    return Answer(
        result.entry_id,
        result.outcome,
        result.said,
        ledger.UNCERTAIN,
        trouble=ledger.UNREACHABLE,
        again=True,
    )
