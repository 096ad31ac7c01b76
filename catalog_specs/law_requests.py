"""The shape of requests.yaml: what may be asked for, every act on it, grants, their use, disputes, and refusals."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from catalog_specs.law_release import Citations, Cited, Key, Named, TypeCodes, Words, by_key
from catalog_specs.model import Frozen, Marked

Side = Literal["requester", "provider", "authority", "machine", "raiser", "party"]
FieldKind = Literal[
    "text", "texts", "pattern", "day", "future", "items", "grant", "choice", "form", "number"
]  # fmt: skip
Never = tuple[Literal["filer", "asker", "requester_side"], ...]
Starts = Annotated[tuple[Key, ...], Field(alias="from")]


class RequestField(Named):
    """A field that a request or an act is given. ``length`` in characters; ``meaningful``: empty phrases are refused."""

    type: FieldKind
    required: bool = False
    meaningful: bool = False
    no_secrets: bool = False
    length: Annotated[int, Field(ge=0)] = 0
    choices: tuple[str, ...] = ()


class Machine(Frozen):
    """Who answers where the law leaves nothing to decide; ``login`` stands in the record."""

    login: Key
    zh: Words
    en: Words
    opened_zh: Words
    opened_en: Words
    sources: Citations


class RequestKind(Cited):
    """A kind of request. ``number`` is its pattern ({year}, {seq}); ``first`` the state that it is filed in.

    The clock of its answer is ``clock``, or by the entry's share type; what has one of ``machine_share_types`` or
    ``machine_open_types`` the machine answers at once.
    """

    number: Words
    first: Key
    side: Side
    filed_by: Annotated[tuple[Key, ...], Field(min_length=1)]
    authority_by: tuple[Key, ...] = ()
    clock: str = ""
    clock_by_share_type: dict[str, Key] = Field(default_factory=dict)
    machine_share_types: TypeCodes = ()
    machine_open_types: TypeCodes = ()
    fields: Annotated[tuple[RequestField, ...], Field(min_length=1)]
    note: str = ""

    def clock_of(self, share_type: str) -> str:
        """The clock that an answer has for an entry of a share type; empty for none."""
        return self.clock or self.clock_by_share_type.get(share_type, "")


class Applicant(Frozen):
    fields: tuple[RequestField, ...]
    erased_by: Key
    sources: Citations


class RequestState(Named):
    """``awaits``: kind of request -> the task that is next."""

    final: bool = False
    awaits: dict[str, Key] = Field(default_factory=dict)


class Deed(Cited):
    """What all acts share: who does it (``by``: one permission or move of these), on which side, given what."""

    side: Side
    by: tuple[Key, ...] = ()
    never_by: Never = ()
    takes: tuple[Key, ...] = ()
    asks: tuple[Key, ...] = ()
    reasons: bool = False


class RequestDeed(Deed):
    """An act on a request. ``checks``: the entry is looked at again; ``clock``: what becomes of the answer's clock.

    ``by_clock``: the permission is the clock's ``extend_by``; ``authority_by`` stands for ``by`` where the authority
    itself asks; ``grants``: a grant comes of it.
    """

    kinds: Annotated[tuple[Key, ...], Field(min_length=1)]
    starts: Starts
    to: Key
    authority_by: tuple[Key, ...] = ()
    by_clock: bool = False
    checks: bool = False
    clock: Literal["", "starts", "pauses", "ends"] = ""
    extension: Literal["", "asked", "granted", "denied"] = ""
    grants: bool = False


class GrantDeed(Deed):
    """An act on a grant. ``running``: not after its last day; ``ending`` says why it ended; ``misuse``: a step."""

    starts: Starts
    to: Key
    ending: str = ""
    running: bool = False
    checks: bool = False
    misuse: str = ""


class DisputeDeed(Deed):
    begins: Annotated[Key, Field(alias="from")]
    to: Key


class FinalNamed(Named):
    final: bool = False


class UsageKind(Cited):
    """A kind of record of use: fields of responsibility.yaml, how long it is kept; ``ended``: only after the use."""

    fields: Annotated[tuple[Key, ...], Field(min_length=1)]
    keep: Key
    by: Annotated[tuple[Key, ...], Field(min_length=1)]
    ended: bool = False


class UsageDue(Marked):
    months: Annotated[int, Field(ge=1)]
    sources: Citations


class Waiting(Cited):
    """A task: what waits for which side. ``by_clock`` as for an act."""

    of: Literal["request", "grant", "dispute"]
    side: Side
    by: tuple[Key, ...] = ()
    by_clock: bool = False
    never_by: Never = ()


class LateShown(Marked):
    """Who else sees what is late: those of the other side, and of the authority, who may do one of these."""

    zh: Words
    en: Words
    own: tuple[Key, ...]
    authority: tuple[Key, ...]
    sources: Citations


class RequestSight(Marked):
    """By which permissions people of a side see a request, and who sees the applicant."""

    own: tuple[Key, ...]
    authority: tuple[Key, ...]
    applicant_provider: tuple[Key, ...]
    applicant_authority: tuple[Key, ...]
    sources: Citations


class RefusalText(Cited):
    """Why something is refused, and the cure; texts take parameters in braces."""

    fix_zh: Words
    fix_en: Words


class Requests(Frozen):
    machine: Machine
    filing: Named
    kinds: tuple[RequestKind, ...]
    applicant: Applicant
    states: tuple[RequestState, ...]
    acts: tuple[RequestDeed, ...]
    taken: tuple[RequestField, ...]
    grant_number: Words
    grant_states: tuple[FinalNamed, ...]
    grant_endings: tuple[Named, ...]
    grant_acts: tuple[GrantDeed, ...]
    provide_clock: Key
    usage_kinds: tuple[UsageKind, ...]
    usage_length: Annotated[int, Field(ge=1)]
    usage_due: UsageDue
    dispute_number: Words
    dispute_closed: Named
    dispute_raised_by: tuple[Key, ...]
    dispute_states: tuple[Key, ...]
    dispute_acts: tuple[DisputeDeed, ...]
    tasks: tuple[Waiting, ...]
    late: LateShown
    sight: RequestSight
    vacuous: tuple[Words, ...]
    secrets: tuple[Words, ...]
    refusals: tuple[RefusalText, ...]

    @cached_property
    def kind_index(self) -> dict[str, RequestKind]:
        return by_key(self.kinds)

    @cached_property
    def state_index(self) -> dict[str, RequestState]:
        return by_key(self.states)

    @cached_property
    def act_index(self) -> dict[str, RequestDeed]:
        return by_key(self.acts)

    @cached_property
    def grant_act_index(self) -> dict[str, GrantDeed]:
        return by_key(self.grant_acts)

    @cached_property
    def dispute_act_index(self) -> dict[str, DisputeDeed]:
        return by_key(self.dispute_acts)

    @cached_property
    def usage_index(self) -> dict[str, UsageKind]:
        return by_key(self.usage_kinds)

    @cached_property
    def taken_index(self) -> dict[str, RequestField]:
        return by_key(self.taken)

    @cached_property
    def task_index(self) -> dict[str, Waiting]:
        return by_key(self.tasks)

    @cached_property
    def refusal_index(self) -> dict[str, RefusalText]:
        return by_key(self.refusals)

    def act_zh(self, act: str) -> str:
        """What an act on a request, a grant or a dispute (``dispute_…``) is called."""
        rows: dict[str, Named] = {self.filing.key: self.filing, **self.grant_act_index, **self.act_index}
        rows |= {f"dispute_{row.key}": row for row in (*self.dispute_acts, self.filing)}
        found = rows.get(act)
        return found.zh if found else act

    def grant_zh(self, state: str, ended_why: str | None = None) -> str:
        """What a grant's state is called; of an ended one, why it ended."""
        rows = {row.key: row.zh for row in (*self.grant_states, *self.grant_endings)}
        return rows.get(ended_why or "") or rows.get(state, state)
