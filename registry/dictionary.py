"""The specification as lists: rules, fields, duties with their articles, for commands, API and documents."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from catalog_specs import Specs, load, profiles
from catalog_specs.coverage import ArticleRow, Citing, coverage
from catalog_specs.law import Duty, Roles
from catalog_specs.model import FieldSpec


def rules_json(specs: Specs, lang: str = "zh") -> list[dict[str, Any]]:
    """Every rule: id, level, title, message, fix, sources (keys) and source (worded), and who decides it."""
    rows = []
    for rule in specs.book.rules:
        moves = "、".join(rule.decided_by)
        decided = [specs.say("decided_by_checker", lang)] if rule.checks else []
        decided += [specs.say("decided_later", lang, moves=moves)] if moves else []
        rows.append(
            {
                "id": rule.id,
                "level": str(rule.level),
                "title": rule.title.get(lang),
                "message": rule.message.get(lang),
                "fix": rule.fix.get(lang),
                "sources": list(rule.sources),
                "source": specs.cited(rule.sources, lang),
                "checkers": [check.checker for check in rule.checks],
                "decided_by": list(rule.decided_by),
                "decided": "；".join(decided),
                "unverified": rule.unverified,
                "design": rule.design,
            }
        )
    return rows


def fields_json(specs: Specs, lang: str = "zh") -> list[dict[str, Any]]:
    """Every field of the entry and of its items (``items.KEY``), with type, code list, obligation and sources."""
    rows = [_field(spec, "", specs, lang) for spec in specs.entry.fields]
    return rows + [_field(spec, "items.", specs, lang) for spec in specs.entry.items]


def _field(spec: FieldSpec, prefix: str, specs: Specs, lang: str) -> dict[str, Any]:
    return {
        "key": f"{prefix}{spec.key}",
        "name": spec.en if lang == "en" else spec.zh,
        "group": spec.group,
        "type": str(spec.type),
        "codes": spec.codes or None,
        "values": [{"code": v.code, "name": v.zh} for v in specs.codes[spec.codes].values]
        if spec.codes
        else None,
        "max_length": spec.max_len or None,
        "obligation": spec.obligation,
        "change_class": spec.change_class,
        "aliases": list(spec.aliases),
        "help": spec.help,
        "example": spec.example,
        "internal": spec.internal,
        "sources": list(spec.sources),
        "source": specs.cited(spec.sources, lang),
        "unverified": spec.unverified,
        "design": spec.design,
    }


def _table(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    listed = [list(headers), *(list(row) for row in rows)]
    cells = [" | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in listed]
    return "\n".join([f"| {cells[0]} |", "|" + "---|" * len(listed[0]), *(f"| {row} |" for row in cells[1:])])


def _evidence(row: dict[str, Any]) -> str:
    return "、".join(word for key, word in (("unverified", "未核实"), ("design", "自拟")) if row[key])


def rules_page(specs: Specs) -> str:
    """The table of rules as Markdown (Chinese)."""
    levels = {"error": "错误", "warning": "提醒", "note": "说明"}
    rows = (
        (r["id"], levels[r["level"]], r["title"], r["fix"], r["source"], r["decided"], _evidence(r))
        for r in rules_json(specs)
    )
    return _page("规则表", _table(("编号", "级别", "含义", "改法", "依据", "判定", "备注"), rows))


def fields_page(specs: Specs) -> str:
    """The field dictionary as Markdown (Chinese)."""
    obligations = {"M": "必填", "C": "条件必填", "O": "选填"}
    rows = (
        (
            r["name"],
            f"`{r['key']}`",
            r["type"],
            obligations[r["obligation"]],
            r["change_class"],
            r["help"],
            r["source"],
            _evidence(r),
        )
        for r in fields_json(specs)
    )
    return _page("字段表", _table(("名称", "键", "类型", "填写", "改动类别", "说明", "依据", "备注"), rows))


def _page(title: str, body: str) -> str:
    return (
        f"# {title}\n\n由规格文件生成（`make docs`），不要手改。“自拟”“未核实”的值可由本市修改。\n\n{body}\n"
    )


# ---- duties -----------------------------------------------------------------------------------------------

KINDS = {"gate": "把关", "record": "留存", "deadline": "期限", "authority": "职权", "information": "说明"}
PER = {"none": "", "city": "全市", "agency": "单位", "system": "系统", "entry": "目录（按单位合计）"}
CITING = {
    "rule": "规则",
    "guard": "前提",
    "move": "环节",
    "record": "佐证",
    "life": "系统环节",
    "review": "评审",
    "clock": "期限",
    "element": "验收要件",
    "evidence": "由登记簿得出",
    "step": "停用步骤",
    "reason": "不予通过",
    "trigger": "整改情形",
    "wipe_rule": "清除规则",
}
SHUT_BY = {"guards": "前提", "moves": "系统环节", "evidence": "登记佐证"}


def duties_page(specs: Specs) -> str:
    """The coverage table as Markdown (Chinese): every article of both measures, its duty, what answers it."""
    rows = coverage(specs)
    parts = []
    known = profiles()
    for profile in (known[key] for key in dict.fromkeys(row.profile for row in rows)):
        heads = (
            "条",
            "义务",
            "内容",
            "种类",
            "对象",
            "主体",
            "期限",
            "佐证",
            "把关由",
            "对应的规则、前提、期限、要件",
        )
        cells = (cell for row in rows if row.profile == profile.key for cell in _article_cells(row, specs))
        parts.append(f"## {profile.zh}\n\n{_table(heads, cells)}")
    return _page("义务表", "\n\n".join(parts))


def _article_cells(row: ArticleRow, specs: Specs) -> Iterable[tuple[str, ...]]:
    kept = "；".join(f"{one.gate_zh}：{SHUT_BY[one.by]}“{'、'.join(one.names)}”" for one in row.kept)
    for duty in row.duties:
        yield (
            duty.article,
            duty.id,
            duty.zh,
            "、".join(KINDS[kind] for kind in duty.kind),
            PER[duty.per],
            "、".join(_bodies(duty, specs)),
            _deadline(duty),
            "、".join(_wanted(duty, specs)),
            kept,
            "；".join(_cited(row.citing)),
        )


def _bodies(duty: Duty, specs: Specs) -> list[str]:
    units = {row.key: row for row in specs.document("roles", Roles).units}
    return [units[key].zh_by_profile.get(duty.profile, units[key].zh) for key in duty.actor]


def _deadline(duty: Duty) -> str:
    if duty.deadline is None:
        return ""
    return duty.deadline.text + (f"（`{duty.deadline.clock}`）" if duty.deadline.clock else "")


def _wanted(duty: Duty, specs: Specs) -> Iterable[str]:
    kinds = {row.key: row.zh for row in specs.duties.evidence_kinds}
    for kind in duty.evidence:
        yield kinds[kind] + ("（得出）" if specs.obligations.derived_of(duty.id, kind) else "")


def _cited(citing: Iterable[Citing]) -> list[str]:
    listed = list(citing)
    found = {kind: [one.key for one in listed if one.kind == kind] for kind in CITING}
    return [f"{zh} {'、'.join(found[kind])}" for kind, zh in CITING.items() if found[kind]]


PAGES = {"rules.zh-CN.md": rules_page, "fields.zh-CN.md": fields_page, "duties.zh-CN.md": duties_page}

if __name__ == "__main__":
    for name, make in PAGES.items():
        (Path(sys.argv[1]) / name).write_text(make(load()), "utf-8")
