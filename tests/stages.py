"""Casts at a stage of the path, each built once and copied for every test: walking is what takes the time."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from registry.db import Database
from registry.migrate import upgrade
from registry.models import Distribution, Version
from tests.cast import PATH, Cast, content, make_cast, register

TABLE = {
    "name": "企业登记库表",
    "form": "1",
    "patterns": ["批量交换"],
    "items": ["企业名称", "统一社会信用代码"],
    "location": "exchange.t_qydj",
}


def attach(cast: Cast) -> None:
    """A table of the entry, attached."""
    cast.act("attach", "steward", data=TABLE)


def review_data(cast: Cast) -> None:
    """Its data reviewed."""
    cast.act("clear_data", "secrecy_reviewer")


def made_of(cast: Cast, move: str = "shelve") -> str:
    """The key of the distribution that ``move`` would mean."""
    with cast.database.read() as session:
        return cast.subject(session, move).distribution_id or ""


def shelve(cast: Cast) -> None:
    """It is tested and on the shelf."""
    cast.record("provision_test", name=made_of(cast))
    cast.act("shelve", "steward")


def _step(move: str, role: str) -> Callable[[Cast], None]:
    return lambda cast: cast.walk((move, role))


_NAMES = ("submitted", "cleared", "endorsed", "signed", "approved", "announced")
STAGES: dict[str, Callable[[Cast], None]] = {
    name: _step(*step) for name, step in zip(_NAMES, PATH, strict=True)
} | {"attached": attach, "reviewed": review_data, "shelved": shelve}


@dataclass(frozen=True)
class _Built:
    file: Path
    code: str
    now: datetime


class Stages:
    """SQLite databases at each stage of the path, under ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.built: dict[str, _Built] = {}

    def copy(self, stage: str, folder: Path) -> Cast:
        """A cast of its own at ``stage`` (``draft``, or a name of ``STAGES``)."""
        made = self._build(stage)
        file = folder / f"{stage}.sqlite3"
        shutil.copy(made.file, file)
        return Cast(Database(f"sqlite:///{file}"), made.code, now=made.now, files=folder / "files")

    def _build(self, stage: str) -> _Built:
        if stage not in self.built:
            cast = self._walked(stage)
            cast.database.close()
            self.built[stage] = _Built(self._file(stage), cast.code, cast.now)
        return self.built[stage]

    def _file(self, stage: str) -> Path:
        return self.folder / f"{stage}.sqlite3"

    def _walked(self, stage: str) -> Cast:
        if stage == "draft":
            database = Database(f"sqlite:///{self._file(stage)}")
            upgrade(database)
            return make_cast(database, self.folder, content())
        before = ["draft", *STAGES]
        earlier = self._build(before[before.index(stage) - 1])
        shutil.copy(earlier.file, self._file(stage))
        cast = Cast(Database(f"sqlite:///{self._file(stage)}"), earlier.code, now=earlier.now)
        STAGES[stage](cast)
        return cast


def edit(cast: Cast, folder: Path, *, author: str = "steward", **changes: Any) -> None:
    """The entry as its author imports it anew, with some fields changed (``cols`` changes its items)."""
    cols = changes.pop("cols", None)
    row = content("OK04", **changes)
    if cols is not None:
        row["items"] = cols(row["items"])
    register(cast.database, folder, row, author=author)


# ---- a next version ---------------------------------------------------------------------------------------

Items = list[dict[str, Any]]
HARMLESS = {"item_name": "登记机关", "item_code": "djjg", "pii_class": "none", "sensitive_flag": "0"}


def revised(cast: Cast, folder: Path, **changes: Any) -> None:
    """A new version of what is in force, changed and submitted."""
    cast.act("revise", "steward")
    edit(cast, folder, **changes)
    cast.act("submit", "steward")


def newest(cast: Cast) -> Version:
    """The newest version."""
    with cast.database.read() as session:
        found = session.execute(select(Version).order_by(col(Version.number).desc())).scalars().first()
    assert found is not None
    return found


def awaits(cast: Cast) -> tuple[str | None, str | None]:
    """The move that the newest version waits for, and its role."""
    return newest(cast).awaits, newest(cast).awaits_role


def shelf(cast: Cast) -> tuple[str, str | None]:
    """State of the only distribution, and what it waits for."""
    with cast.database.read() as session:
        made = session.execute(select(Distribution)).scalars().one()
        return made.state, made.awaits


def version_states(cast: Cast) -> list[str]:
    """The states of the versions, the oldest first."""
    with cast.database.read() as session:
        return list(session.execute(select(col(Version.state)).order_by(col(Version.number))).scalars())


def added(**more: Any) -> Callable[[Items], Items]:
    """The items with one more, which is harmless unless ``more`` says otherwise."""
    return lambda items: [*items, {**items[0], **HARMLESS, **more}]


def without(name: str) -> Callable[[Items], Items]:
    """The items without one."""
    return lambda items: [item for item in items if item["item_name"] != name]


def of_first(**changes: Any) -> Callable[[Items], Items]:
    """The items with the first one changed."""
    return lambda items: [{**items[0], **changes}, *items[1:]]
