"""The law as data: ``load(profile)`` gives the checked specifications of one city's measure.

Every file is read strictly and every name that one file takes from another is looked up when it is loaded,
so that a wrong specification never reaches a validator. A city changes a value without touching Python by
laying a folder of the same file names over ours (``MULU_SPECS``): mappings are merged, rows that have an
``id``, ``key`` or ``code`` are merged by it, anything else is replaced.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from catalog_specs import checks, coding, model
from catalog_specs.drafting import Drafting
from catalog_specs.law import LAW_FILES, Duties, Sources
from catalog_specs.law_acceptance import Acceptance
from catalog_specs.law_audit import Audit
from catalog_specs.law_dcat import Dcat
from catalog_specs.law_masking import Desensitization
from catalog_specs.law_obligations import Obligations
from catalog_specs.law_portals import Ckan
from catalog_specs.law_promises import Promises
from catalog_specs.law_release import Responsibility, Retirement
from catalog_specs.law_requests import Requests
from catalog_specs.law_retiring import Retiring
from catalog_specs.law_scanning import Scanning
from catalog_specs.law_supervision import Supervision
from catalog_specs.law_sync import Sync
from catalog_specs.law_systems import Systems
from catalog_specs.law_wiping import Wiping

FOLDER = Path(__file__).parent
OVERLAY_VARIABLE = "MULU_SPECS"
CORE_FILES: dict[str, type[BaseModel]] = {
    "entry": model.EntrySpec,
    "rules": model.RuleBook,
    "grading": model.Grading,
    "sharing": model.Sharing,
    "basis": model.Basis,
    "resource_code": coding.ResourceCode,
    "credit_code": coding.CreditCode,
    "messages": model.Messages,
    "drafting": Drafting,
    "scanning": Scanning,
    "promises": Promises,
    "requests": Requests,
    "ckan": Ckan,
    "sync": Sync,
    "dcat": Dcat,
    "audit": Audit,
    "systems": Systems,
    "supervision": Supervision,
    "obligations": Obligations,
    "acceptance": Acceptance,
    "retiring": Retiring,
    "wiping": Wiping,
}
ROW_KEYS = ("id", "key", "code")
M = TypeVar("M", bound=BaseModel)


class SpecError(Exception):
    """A specification file is wrong; the message names file, place and cure."""


@dataclass(frozen=True, eq=False)
class Specs:
    """All specifications of one profile, read-only. ``digest`` is the SHA-256 of their canonical JSON."""

    profile: model.Profile
    digest: str
    documents: Mapping[str, BaseModel]
    codes: Mapping[str, model.CodeList]
    fields: Mapping[str, model.FieldSpec] = field(init=False)
    items: Mapping[str, model.FieldSpec] = field(init=False)
    rules: Mapping[str, model.Rule] = field(init=False)
    needs: Mapping[str, model.NeedSpec] = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "fields", {f.key: f for f in self.entry.fields})
        put(self, "items", {f.key: f for f in self.entry.items})
        put(self, "rules", {r.id: r for r in self.book.rules})
        put(self, "needs", {n.key: n for n in self.book.needs})

    def document(self, name: str, kind: type[M]) -> M:
        """The file ``name`` as its model. Raises KeyError for an unknown name."""
        found = self.documents[name]
        if not isinstance(found, kind):
            raise TypeError(f"{name} is a {type(found).__name__}, not a {kind.__name__}")
        return found

    @cached_property
    def entry(self) -> model.EntrySpec:
        return self.document("entry", model.EntrySpec)

    @cached_property
    def book(self) -> model.RuleBook:
        return self.document("rules", model.RuleBook)

    @cached_property
    def grading(self) -> model.Grading:
        return self.document("grading", model.Grading)

    @cached_property
    def sharing(self) -> model.Sharing:
        return self.document("sharing", model.Sharing)

    @cached_property
    def basis(self) -> model.Basis:
        return self.document("basis", model.Basis)

    @cached_property
    def resource_code(self) -> coding.ResourceCode:
        return self.document("resource_code", coding.ResourceCode)

    @cached_property
    def credit_code(self) -> coding.CreditCode:
        return self.document("credit_code", coding.CreditCode)

    @cached_property
    def desensitization(self) -> Desensitization:
        return self.document("desensitization", Desensitization)

    @cached_property
    def scanning(self) -> Scanning:
        return self.document("scanning", Scanning)

    @cached_property
    def promises(self) -> Promises:
        return self.document("promises", Promises)

    @cached_property
    def requests(self) -> Requests:
        return self.document("requests", Requests)

    @cached_property
    def sync(self) -> Sync:
        return self.document("sync", Sync)

    @cached_property
    def dcat(self) -> Dcat:
        return self.document("dcat", Dcat)

    @cached_property
    def systems(self) -> Systems:
        return self.document("systems", Systems)

    @cached_property
    def supervision(self) -> Supervision:
        return self.document("supervision", Supervision)

    @cached_property
    def acceptance(self) -> Acceptance:
        return self.document("acceptance", Acceptance)

    @cached_property
    def obligations(self) -> Obligations:
        return self.document("obligations", Obligations)

    @cached_property
    def retiring(self) -> Retiring:
        return self.document("retiring", Retiring)

    @cached_property
    def wiping(self) -> Wiping:
        return self.document("wiping", Wiping)

    @cached_property
    def duties(self) -> Duties:
        return self.document("duties", Duties)

    @cached_property
    def retirement(self) -> Retirement:
        return self.document("retirement", Retirement)

    @cached_property
    def ckan(self) -> Ckan:
        return self.document("ckan", Ckan)

    @cached_property
    def pattern_form(self) -> dict[str, dict[str, str]]:
        """Service mode (查询 …) -> sharing mode type -> ok, warn or no. Source: S-ZY 23, S-LPS 25."""
        spec = self.document("responsibility", Responsibility)
        codes = {form.key: form.code for form in spec.forms}
        return {p.code: {codes[key]: cell.value for key, cell in p.forms.items()} for p in spec.patterns}

    @cached_property
    def drafting(self) -> Drafting:
        return self.document("drafting", Drafting)

    def say(self, key: str, lang: str = "zh", **params: object) -> str:
        """A message of messages.yaml in ``lang``. Raises KeyError for an unknown one."""
        return self.document("messages", model.Messages).messages[key].get(lang).format(**params)

    def citation(self, source: str, lang: str = "zh") -> str:
        """A citation such as ``S1 14(3)`` as people read it; the key itself when no such source is listed."""
        key, _, article = source.partition(" ")
        found = self.document("sources", Sources).index.get(key)
        if found is None:
            return source
        if lang == "en":
            return f"{found.en} {article}".strip()
        return f"《{found.zh}》第{article}条" if article[:1].isdigit() else f"{found.zh}{article}"

    def cited(self, sources: tuple[str, ...], lang: str = "zh") -> str:
        """Some citations as people read them; what only another city's measure says is left out."""
        index = self.document("sources", Sources).index
        own = [
            s
            for s in sources
            if (found := index.get(s.partition(" ")[0])) is None or self._is_ours(found.profile)
        ]
        return ("; " if lang == "en" else "；").join(self.citation(source, lang) for source in own or sources)

    def _is_ours(self, profile: str) -> bool:
        return profile in ("", self.profile.key)

    def code_value(self, codes: str, code: str) -> model.CodeValue | None:
        """The row of ``code`` in the list ``codes``; None when the list does not hold it."""
        return self._index[codes].get(code)

    @cached_property
    def _index(self) -> dict[str, dict[str, model.CodeValue]]:
        return {key: {v.code: v for v in listed.values} for key, listed in self.codes.items()}

    def label(self, codes: str, code: str) -> str:
        """The Chinese name of a code; an unknown code names itself."""
        found = self.code_value(codes, code)
        return found.zh if found else code

    def field_spec(self, key: str) -> model.FieldSpec:
        """A field by its key; item fields are written ``items.KEY``. Raises KeyError for an unknown one."""
        return self.items[key[6:]] if key.startswith("items.") else self.fields[key]


def profiles() -> dict[str, model.Profile]:
    """All profiles by key.

    Raises:
        SpecError: a profile file is wrong.
    """
    return dict(_profiles(os.environ.get(OVERLAY_VARIABLE, "")))


@lru_cache(maxsize=8)
def _profiles(_overlay: str) -> dict[str, model.Profile]:
    # asked for with every request, so the files are read once
    return {p.key: p for p in (_parse(model.Profile, *row) for row in _read_all("profiles"))}


def default_profile() -> str:
    """The key of the profile that stands where a provider code tells none."""
    return next(p.key for p in profiles().values() if p.default)


def profile_of_region(region: str) -> str | None:
    """The profile whose city the GB/T 2260 ``region`` (6 digits) belongs to; None for other cities."""
    for profile in profiles().values():
        if any(region.startswith(prefix) for prefix in profile.regions):
            return profile.key
    return None


def load(profile: str | None = None) -> Specs:
    """The checked specifications of ``profile`` (the default one when None), cached.

    Raises:
        SpecError: the profile is unknown, or a file is wrong; the message names file, place and cure.
    """
    return _load(profile or default_profile(), os.environ.get(OVERLAY_VARIABLE, ""))


@lru_cache(maxsize=8)
def _load(profile: str, _overlay: str) -> Specs:
    known = profiles()
    if profile not in known:
        raise SpecError(f"没有配置“{profile}”；可用的有：{'、'.join(sorted(known))}")
    raw = {name: _read(name) for name in (*CORE_FILES, *LAW_FILES)}
    models = CORE_FILES | LAW_FILES
    documents = {name: _parse(models[name], name, text) for name, text in raw.items()}
    listed = [(name, text) for name, text in _read_all("codes")]
    codes = {name: _parse(model.CodeList, name, text) for name, text in listed}
    specs = Specs(known[profile], _digest(profile, raw, listed), documents, codes)
    problems = checks.check_all(documents, codes, specs.profile)
    if problems:
        raise SpecError("\n".join(problems))
    return specs


def _digest(profile: str, raw: Mapping[str, str], listed: list[tuple[str, str]]) -> str:
    whole = json.dumps([profile, sorted(raw.items()), sorted(listed)], ensure_ascii=False)
    return hashlib.sha256(whole.encode()).hexdigest()


def _parse(kind: type[M], name: str, text: str) -> M:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SpecError(f"{name}.yaml：{place}：{first['msg']}（共 {error.error_count()} 处）") from error


def _read_all(folder: str) -> list[tuple[str, str]]:
    names = {path.stem for path in (FOLDER / folder).glob("*.yaml")}
    extra = _overlay_folder()
    if extra:
        names |= {path.stem for path in (extra / folder).glob("*.yaml")}
    return [(name, _read(f"{folder}/{name}")) for name in sorted(names)]


def _read(name: str) -> str:
    """The merged content of one file as JSON text, in the file's order."""
    extra = _overlay_folder()
    paths = [FOLDER / f"{name}.yaml", *([extra / f"{name}.yaml"] if extra else [])]
    merged: Any = {}
    for path in paths:
        if path.is_file():
            merged = _merge(merged, _yaml(path))
    try:
        return json.dumps(merged, ensure_ascii=False)
    except TypeError as error:  # a key such as an unquoted 01 or on: is no text
        raise SpecError(f"{name}.yaml：有不是文本的键（编码须加引号）：{error}") from error


def _overlay_folder() -> Path | None:
    named = os.environ.get(OVERLAY_VARIABLE, "")
    if not named:
        return None
    if not Path(named).is_dir():
        raise SpecError(f"环境变量 {OVERLAY_VARIABLE} 指的“{named}”不是文件夹")
    return Path(named)


def _yaml(path: Path) -> Any:
    try:
        return yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise SpecError(f"{path.name}：{error}") from error


def _merge(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {key: _merge(below.get(key, {}), value) for key, value in above.items()}
    key = _row_key(below, above)
    if key:
        rows = {row[key]: row for row in below}
        for row in above:
            rows[row[key]] = _merge(rows.get(row[key], {}), row)
        return list(rows.values())
    return above


def _row_key(below: Any, above: Any) -> str:
    if not (isinstance(below, list) and isinstance(above, list) and below and above):
        return ""
    rows = [*below, *above]
    return next((k for k in ROW_KEYS if all(isinstance(r, dict) and k in r for r in rows)), "")
