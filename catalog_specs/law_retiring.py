"""The shape of retiring.yaml: who does which step of a retirement, with what, and what it proves."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from catalog_specs.law_release import Citations, Cited, Key, Named, Numbered
from catalog_specs.model import Frozen, Marked


class CaseNumber(Marked):
    """How cases are numbered."""

    pattern: Numbered
    sources: Citations


class Step(Marked):
    """One step, by its key in the order of retirement.yaml.

    ``paper`` ones are done when somebody records them; ``entries`` when every entry has met its fate; ``copies`` when
    every copy has ``reached`` one of some states. ``copies``: the states that the copies go through when it is done.
    """

    key: Key
    done: Literal["paper", "entries", "copies"]
    permission: str = ""
    asks: Literal["none", "number", "file", "either"] = "none"
    after: tuple[Key, ...] = ()
    copies: tuple[Key, ...] = ()
    reached: tuple[Key, ...] = ()
    records: tuple[Key, ...] = ()
    optional: bool = False
    fix_zh: str = ""
    sources: Citations


class FateLaw(Marked):
    """How a fate comes true. ``forms_off``: the forms of distributions that leave the shelf; ``decides``: it is the
    decision that an entry be retired."""

    key: Key
    permission: Key
    needs_successor: bool = False
    needs_archive: bool = False
    forms_off: tuple[str, ...]
    moves: tuple[Key, ...]
    decides: bool
    sources: Citations


class UserTask(Cited):
    """What the users of a retired system's data are told, and the permission by which someone is told it."""

    permission: Key


class ClosingRules(Marked):
    nothing_left: str
    copies: str
    sources: Citations


class Retiring(Frozen):
    number: CaseNumber
    case_kind: Key
    states: tuple[Named, ...]
    steps: tuple[Step, ...]
    fates: tuple[FateLaw, ...]
    user_task: UserTask
    decision_record: Key
    closing_rules: ClosingRules
    chunk: Annotated[int, Field(ge=1)]

    @cached_property
    def step_index(self) -> dict[str, Step]:
        return {step.key: step for step in self.steps}

    @cached_property
    def fate_index(self) -> dict[str, FateLaw]:
        return {fate.key: fate for fate in self.fates}
