"""Which registered entry a row speaks of: by its code, else by provider and name; what is not sure is refused."""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from catalog_specs import Specs
from catalog_specs.law_lifecycle import Lifecycle
from registry.codes import CodeUse
from registry.entries import Known, stored_fold
from registry.keys import digest_of, new_key
from registry.models import Agency
from registry.origins import ReadEntry
from registry.systems import NAME_LENGTH
from validators.codes import credit_code_fault, is_resource_code
from validators.findings import Finding
from validators.folding import fold

Outcome = Literal["added", "updated", "unchanged", "refused"]
_FIELDS = {
    "provider": "provider_code",
    "other_agency": "provider_code",
    "closed_agency": "provider_code",
    "name": "resource_name",
    "under_review": "resource_name",
}


@dataclass(slots=True)
class Match:
    """What a row is to the register: a new entry, one it already holds, or a row that cannot be registered.

    ``untouched``: it says what is under review already, and nothing is written.
    """

    entry_id: str
    known: Known | None = None
    refused: bool = False
    untouched: bool = False
    given_code: str = ""
    outcome: Outcome = "added"


@dataclass(frozen=True, slots=True)
class Register:
    """What matching must know of the register: entries of the providers, every code ever seen, agencies by code.

    ``closed``: the codes of agencies that stand no more, each with a sentence that names its successor.
    """

    known: Sequence[Known]
    codes: Mapping[str, CodeUse]
    agencies: Mapping[str, Agency]
    closed: Mapping[str, str] = field(default_factory=dict)


class Matcher:
    """Matches the rows of one file, each with the others in view: no entry and no code is claimed twice.

    ``providers``: the codes of the agencies that may be written for; None for all.
    """

    def __init__(
        self,
        rows: Sequence[ReadEntry],
        register: Register,
        specs: Specs,
        *,
        providers: Container[str] | None = None,
    ) -> None:
        self.rows, self.register, self.specs, self.providers = rows, register, specs, providers
        self.under_review = _under_review(specs)
        self.by_id = {known.entry_id: known for known in register.known}
        self.by_name = self._by_name()
        self.claimed: dict[str, int] = {}
        self.coded = {_place(row.content): row.origin.row for row in rows if self._code(row.content)}

    def _by_name(self) -> dict[tuple[str, str], list[Known]]:
        """Registered entries by provider and name, but for those that a row of this file claims by code."""
        claimed = {self._code(row.content) for row in self.rows}
        found: dict[tuple[str, str], list[Known]] = defaultdict(list)
        for known in self.register.known:
            if known.code is None or known.code not in claimed:
                found[(known.provider_code, known.folded)].append(known)
        return found

    def match_all(self) -> list[Match]:
        """One match a row; refused rows carry a finding that says why (E167)."""
        return [self._match(row) for row in self.rows]

    def _match(self, row: ReadEntry) -> Match:
        match = self._find(row)
        if match.refused:
            return match
        claims = self._claims(row.content, match)
        earlier = next((self.claimed[claim] for claim in claims if claim in self.claimed), None)
        if match.known is None and not match.given_code:
            earlier = earlier or self.coded.get(_place(row.content))
        if earlier is not None:
            return _refuse(row, match, "repeated", str(earlier))
        self.claimed |= dict.fromkeys(claims, row.origin.row)
        return match

    def _claims(self, content: Mapping[str, Any], match: Match) -> list[str]:
        """What a row has to itself in this file. Two codes make two resources, whatever they are called; a row
        without a code has only its name, and gives way to a row with a code, wherever that stands."""
        code = self._code(content)
        return [f"entry {match.entry_id}", f"code {code}" if code else f"name {_place(content)}"]

    def _find(self, row: ReadEntry) -> Match:
        content, match = row.content, Match(new_key("e"))
        name, provider = str(content.get("resource_name") or ""), str(content.get("provider_code") or "")
        if not name:
            return _refuse(row, match, "name")
        if not provider or credit_code_fault(provider, self.specs.credit_code):
            return _refuse(row, match, "provider")
        if self.providers is not None and provider not in self.providers:
            return _refuse(row, match, "other_agency", provider)
        if provider in self.register.closed:
            return _refuse(row, match, "closed_agency", self.register.closed[provider])
        self._check_name(row, provider)
        code = str(content.get("resource_code") or "")
        use = self.register.codes.get(code)
        if use is None:
            return self._find_by_name(row, match, code, (provider, stored_fold(name)))
        if use.retired:
            return _refuse(row, match, "retired_code", code)
        known = self.by_id.get(use.entry_id)
        if known is None or known.provider_code != provider:
            return _refuse(row, match, "code_taken", code)
        return self._take(row, match, known, code)

    def _find_by_name(self, row: ReadEntry, match: Match, code: str, place: tuple[str, str]) -> Match:
        found = self.by_name.get(place, [])
        usable = self._code(row.content)
        if usable:
            # a code of its own may go to an entry that has none yet; the others keep theirs
            found = [known for known in found if not known.code] or found[:1]
        if len(found) > 1:
            return _refuse(row, match, "ambiguous")
        if found:
            return self._take(row, match, found[0], code)
        match.given_code = usable
        return match

    def _take(self, row: ReadEntry, match: Match, known: Known, code: str) -> Match:
        if code and known.code and code != known.code:
            return _refuse(row, match, "code_allocated", known.code)
        if known.code:
            row.content["resource_code"] = known.code
        else:
            match.given_code = self._code(row.content)
        match.entry_id, match.known = known.entry_id, known
        if known.state not in self.under_review:
            return match
        if digest_of(row.content) != known.digest:
            return _refuse(row, match, "under_review")
        match.untouched, match.outcome = True, "unchanged"
        return match

    def _code(self, content: Mapping[str, Any]) -> str:
        """A row's code; empty for none, and for one that breaks E104: it stays with the content and tells nothing."""
        code = content.get("resource_code")
        return str(code) if is_resource_code(code, self.specs.resource_code) else ""

    def _check_name(self, row: ReadEntry, provider: str) -> None:
        agency = self.register.agencies.get(provider)
        name = str(row.content.get("provider_name") or "")
        if agency is not None and name and fold(name[:NAME_LENGTH]) != fold(agency.name):
            row.findings.append(Finding("W234", "provider_name", value=name, params={"other": agency.name}))


def _under_review(specs: Specs) -> frozenset[str]:
    """The states in which a version is neither being written nor decided: what is signed must not change."""
    states = specs.document("lifecycle", Lifecycle).versions
    return frozenset(s.key for s in states if not (s.editable or s.in_force or s.final))


def _place(content: Mapping[str, Any]) -> str:
    return f"{content.get('provider_code')} {fold(str(content.get('resource_name') or ''))}"


def _refuse(row: ReadEntry, match: Match, reason: str, value: str = "") -> Match:
    key = _FIELDS.get(reason, "resource_code")
    row.findings.append(Finding("E167", key, value=value, reason=reason, params={"value": value}))
    match.refused, match.outcome = True, "refused"
    return match


def names_of(known: Iterable[Known], renamed: frozenset[str]) -> dict[tuple[str, str], tuple[str, ...]]:
    """(provider code, folded name) -> entries of that name; without those that a file brings under a new name."""
    names: dict[tuple[str, str], tuple[str, ...]] = {}
    for one in known:
        if one.entry_id not in renamed:
            place = (one.provider_code, one.folded)
            names[place] = (*names.get(place, ()), one.entry_id)
    return names
