"""Cross-checks of the files that the validators read: every name taken from another file must be there.

A problem is a sentence ``file: place: what is wrong; what to do``. Nothing here reads a file.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from string import Formatter
from typing import Any

from pydantic import BaseModel

from catalog_specs.drafting import Drafting, check_drafting
from catalog_specs.law import Deadlines, Roles, Sources
from catalog_specs.law_checks import check_law
from catalog_specs.law_masking import Desensitization
from catalog_specs.law_promises import Promises
from catalog_specs.law_promises_checks import check_cycles
from catalog_specs.law_release import Responsibility
from catalog_specs.model import CodeList, EntrySpec, FieldType, Grading, Profile, RuleBook, Sharing
from catalog_specs.queueing import Queues

CODED = frozenset({FieldType.ENUM, FieldType.ENUM_LIST})
TYPES = ("1", "2", "3")
# checkers that look at codes, and so must between them cover every coded field
COVERS_CODES = ("known_code", "grade_present", "format_known", "item_type", "secret_content")


class Files:
    """The documents of one specification under their own types."""

    def __init__(
        self, documents: Mapping[str, BaseModel], codes: Mapping[str, CodeList], profile: Profile
    ) -> None:
        self.codes, self.profile, self.documents = codes, profile, documents
        self.entry = self._get("entry", EntrySpec)
        self.book = self._get("rules", RuleBook)
        self.grading = self._get("grading", Grading)
        self.sharing = self._get("sharing", Sharing)
        self.sources = self._get("sources", Sources)
        self.responsibility = self._get("responsibility", Responsibility)
        self.hints = self._get("desensitization", Desensitization)
        self.fields = {f.key: f for f in self.entry.fields} | {f"items.{f.key}": f for f in self.entry.items}

    def _get(self, name: str, _kind: Any) -> Any:
        return self.documents[name]

    def codes_of(self, key: str) -> set[str]:
        return {v.code for v in self.codes[key].values} if key in self.codes else set()


def check_all(
    documents: Mapping[str, BaseModel], codes: Mapping[str, CodeList], profile: Profile
) -> list[str]:
    """Every problem of one specification; empty when it is sound."""
    files = Files(documents, codes, profile)
    checks = (
        _code_lists,
        _fields,
        _rules,
        _coded_fields,
        _messages,
        _grading,
        _sharing,
        _queues,
        _profile,
        _citations,
    )
    return [problem for check in checks for problem in check(files)] + [
        *check_law(documents),
        *_drafting(files),
        *check_cycles(files._get("promises", Promises), codes),
    ]


def _drafting(files: Files) -> list[str]:
    return check_drafting(files._get("drafting", Drafting))


def _doubles(place: str, names: Iterable[str]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{place}：“{name}”出现 {count} 次；只留一处"


def _code_lists(files: Files) -> Iterator[str]:
    for key, listed in files.codes.items():
        if listed.key != key:
            yield f"codes/{key}.yaml：key 是“{listed.key}”；应与文件名相同"
        yield from _doubles(f"codes/{key}.yaml", (v.code for v in listed.values))


def _fields(files: Files) -> Iterator[str]:
    groups = {g.key for g in files.entry.groups}
    for part in (files.entry.fields, files.entry.items):
        yield from _doubles("entry.yaml", (f.key for f in part))
        yield from _doubles("entry.yaml：列名", (name for f in part for name in (f.zh, *f.aliases)))
    for key, spec in files.fields.items():
        place = f"entry.yaml：{key}"
        if spec.group not in groups:
            yield f"{place}：没有分组“{spec.group}”；改为 groups 中的一个"
        if (spec.type in CODED) != bool(spec.codes):
            yield f"{place}：枚举字段须写 codes，其他字段不写"
        if spec.codes and spec.codes not in files.codes:
            yield f"{place}：没有代码表“{spec.codes}”；在 codes/ 中添加或改名"
        if spec.type is FieldType.TEXT and not spec.max_len:
            yield f"{place}：文本字段须写 max_len"
        if spec.pattern and not _compiles(spec.pattern):
            yield f"{place}：pattern 不是合法的正则表达式"
    legacy = {row.key: row for row in files.entry.legacy}
    for key in files.entry.national_order:
        if key not in legacy and key not in files.fields and f"items.{key}" not in files.fields:
            yield f"entry.yaml：national_order：没有字段“{key}”"
    for row in files.entry.legacy:
        yield from (f"entry.yaml：{row.key}：没有字段“{f}”" for f in row.feeds if f not in files.fields)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _rules(files: Files) -> Iterator[str]:
    yield from _doubles("rules.yaml", (r.id for r in files.book.rules))
    yield from _doubles("rules.yaml：needs", (n.key for n in files.book.needs))
    letters = {"E": "error", "W": "warning", "N": "note"}
    for rule in files.book.rules:
        place = f"rules.yaml：{rule.id}"
        if letters[rule.id[0]] != rule.level:
            yield f"{place}：编号以 {rule.id[0]} 开头，级别却是 {rule.level}"
        if not rule.checks and not rule.decided_by:
            yield f"{place}：既没有检查器，也没有说由哪一步判定；补 checks 或 decided_by"
        for row in rule.checks:
            for key in _fields_named(row.model_extra or {}):
                if key not in files.fields and f"items.{key}" not in files.fields:
                    yield f"{place}：检查器 {row.checker} 提到的字段“{key}”不存在"


def _fields_named(params: Mapping[str, Any]) -> Iterator[str]:
    for name in ("fields",):
        yield from (str(key) for key in params.get(name, ()))
    if "when" in params:
        yield str(params["when"])


def _coded_fields(files: Files) -> Iterator[str]:
    """Every coded field is looked up by exactly one rule, so that no unknown code passes in silence."""
    covered: Counter[str] = Counter()
    for rule in files.book.rules:
        for row in rule.checks:
            if row.checker in COVERS_CODES[:4]:
                params = row.model_extra or {}
                prefix = "items." if row.checker == "item_type" else ""
                covered.update(f"{prefix}{key}" for key in params.get("fields", [params.get("field", "")]))
    for key, spec in files.fields.items():
        if spec.type in CODED and not spec.open_codes and covered[key] != 1:
            yield f"rules.yaml：代码字段“{key}”由 {covered[key]} 条规则检查取值；应恰好一条"


def _messages(files: Files) -> Iterator[str]:
    """A reason is only worded where the message asks for it; both languages take the same parameters."""
    for rule in files.book.rules:
        texts = [rule.message, rule.fix, *rule.reasons.values()]
        if rule.reasons and "reason" not in _names(rule.message.zh) and rule.id not in ("E140",):
            yield f"rules.yaml：{rule.id}：有 reasons，message 中却没有 {{reason}}"
        for text in texts:
            if _names(text.zh) != _names(text.en):
                yield f"rules.yaml：{rule.id}：中英文的参数不同：{_names(text.zh) ^ _names(text.en)}"


def _names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def _grading(files: Files) -> Iterator[str]:
    spec, grades = files.grading, files.codes_of("data_grade")
    detectors = {d.key for d in files.hints.detectors}
    named = (
        {row.grade for row in spec.content} | set(spec.general_by_degree.values()) | {spec.floor, *spec.fixed}
    )
    cells = {cell for row in spec.impact_matrix.values() for cell in row.values()} - {"general"}
    yield from (f"grading.yaml：没有级别“{grade}”" for grade in sorted((named | cells) - grades))
    if set(spec.impact_matrix) != set(spec.impact_objects):
        yield "grading.yaml：impact_matrix 的对象与 impact_objects 不同"
    for row_key, row in spec.impact_matrix.items():
        if set(row) != set(spec.impact_degrees):
            yield f"grading.yaml：impact_matrix：{row_key}：程度不全"
    for place, named in [("of_bodies", spec.of_bodies), *((c.key, c.detectors) for c in spec.content)]:
        yield from (f"grading.yaml：{place}：没有检测器“{d}”" for d in named if d not in detectors)
    strong = {row.detector for row in files.hints.column_hints.strong}
    covered = {d for content in spec.content for d in content.detectors}
    yield from (
        f"grading.yaml：强提示“{d}”没有对应的内容级别；加入 content" for d in sorted(strong - covered)
    )
    keys = {content.key for content in spec.content}
    yield from (f"grading.yaml：always_masked：没有内容“{k}”" for k in spec.always_masked if k not in keys)
    subjects = files.codes_of("record_subject")
    unknown = (set(spec.person_subjects) | set(spec.impersonal_subjects)) ^ subjects
    yield from (f"grading.yaml：记录主体“{s}”未归类或不存在" for s in sorted(unknown))


def _sharing(files: Files) -> Iterator[str]:
    spec, grades = files.sharing, files.codes_of("data_grade")
    for name, matrix in (("matrix_share", spec.matrix_share), ("matrix_open", spec.matrix_open)):
        if set(matrix) != grades:
            yield f"sharing.yaml：{name}：级别与代码表 data_grade 不同：{set(matrix) ^ grades}"
    if set(spec.matrix_cross) != set(TYPES) or any(
        set(row) != set(TYPES) for row in spec.matrix_cross.values()
    ):
        yield "sharing.yaml：matrix_cross：须有 3×3 格"
    responsibility = files.responsibility
    if {pattern.code for pattern in responsibility.patterns} != files.codes_of("share_pattern"):
        yield "responsibility.yaml：patterns 的 code 与代码表 share_pattern 不同"
    if {form.code for form in responsibility.forms} != files.codes_of("share_mode_type"):
        yield "responsibility.yaml：forms 的 code 与代码表 share_mode_type 不同"
    wording = spec.wording
    patterns = (wording.negations, wording.harmless, wording.added_conditions, wording.split_patterns)
    for pattern in (*chain(*patterns), *files.grading.no_mask):
        if not _compiles(pattern):
            yield f"sharing.yaml：不是合法的正则表达式：{pattern}"
    levels = files.codes_of("basis_level")
    for law in files.documents["basis"].laws:  # type: ignore[attr-defined]  # parsed as Basis by the loader
        if law.level not in levels:
            yield f"basis.yaml：{law.title}：没有效力级别“{law.level}”"


def _queues(files: Files) -> Iterator[str]:
    spec: Queues = files._get("queues", Queues)
    roles: Roles = files._get("roles", Roles)
    named = {name for row in spec.risks for name in row.fields} | {row.field for row in spec.stated_dates}
    clocks: Deadlines = files._get("deadlines", Deadlines)
    missing = {row.clock for row in spec.stated_dates} - set(clocks.index)
    yield from (f"queues.yaml：deadlines.yaml 没有期限“{name}”" for name in sorted(missing))
    yield from (f"queues.yaml：没有栏目“{name}”" for name in sorted(named - set(files.fields)))
    for codes, used in (
        ("data_grade", {spec.high_grade}),
        ("share_type", set(spec.strictest_first)),
        ("open_type", set(spec.strictest_first)),
        ("pii_class", set(spec.personal)),
        ("sensitive_flag", {spec.sensitive}),
    ):
        unlisted = sorted(used - files.codes_of(codes))
        yield from (f"queues.yaml：代码表 {codes} 没有“{code}”" for code in unlisted)
    unknown = set(spec.spot_check.by) - {row.key for row in roles.permissions}
    yield from (f"queues.yaml：spot_check：没有权限“{name}”" for name in sorted(unknown))


def _profile(files: Files) -> Iterator[str]:
    place = f"profiles/{files.profile.key}.yaml"
    if files.profile.city not in files.codes_of("regions"):
        yield f"{place}：没有行政区划“{files.profile.city}”"
    if files.profile.law not in files.sources.index:
        yield f"{place}：没有来源“{files.profile.law}”"
    unknown = set(files.profile.list_kinds) - files.codes_of("list_kind")
    yield from (f"{place}：没有清单类型“{kind}”" for kind in sorted(unknown))


def _citations(files: Files) -> Iterator[str]:
    known = set(files.sources.index)
    for place, source in _all_citations(files):
        if source.partition(" ")[0] not in known:
            yield f"{place}：来源“{source}”不在 sources.yaml 中；改正或补上"


def _all_citations(files: Files) -> Iterator[tuple[str, str]]:
    for key, spec in files.fields.items():
        yield from ((f"entry.yaml：{key}", s) for s in spec.sources)
    for rule in (*files.book.rules, *files.book.needs):
        yield from (
            (f"rules.yaml：{getattr(rule, 'id', '') or getattr(rule, 'key', '')}", s) for s in rule.sources
        )
    for content in (*files.grading.content, *files.grading.overrides):
        yield from ((f"grading.yaml：{content.key}", s) for s in content.sources)
    for name, listed in files.codes.items():
        yield from ((f"codes/{name}.yaml", s) for s in listed.sources)
    for part in (files.sharing, files.grading, files.profile, files.sharing.wording):
        yield from ((type(part).__name__, s) for s in part.sources)
