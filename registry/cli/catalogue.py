"""Commands on the register: entries, show, diff; what stock is to be mended (mulu rectify)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.terminal import JsonOption, LangOption, database, language, say, say_json, worded

if TYPE_CHECKING:
    from registry.lookup import Row
    from registry.models import Version

AgencyOption = Annotated[str | None, typer.Option("--agency", help="只看一个单位：代码或名称")]
CodeArgument = Annotated[str, typer.Argument(metavar="CODE", help="资源代码或内部编号")]


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    app.command("entries")(list_)
    app.command("show")(show)
    app.command("diff")(diff)


@worded
def list_(
    agency: AgencyOption = None,
    state: Annotated[str | None, typer.Option("--state", help="只看一种状态：draft、announced …")] = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """列出目录。"""
    from catalog_specs import load
    from registry.lookup import list_entries
    from registry.permits import EVERYTHING
    from registry.shown import entry_json

    specs, spoken = load(), language(lang)
    with database() as opened, opened.read() as session:
        rows = list_entries(session, sight=EVERYTHING, agency=agency, state=state)
        if as_json:
            say_json([entry_json(row) for row in rows])
            return
        for row in rows:
            state_text = specs.say(f"state_{row.entry.state}", spoken)
            trouble = f"  ✗{row.version.errors}" if row.version.errors else ""
            say(
                f"{row.entry.code or row.entry.id}  {state_text}  {row.agency.name}  {row.version.name}{trouble}"
            )
        if not rows:
            say(specs.say("no_entries", spoken))


@worded
def show(
    code: CodeArgument,
    version: Annotated[int | None, typer.Option("--version", help="第几版；默认最新一版")] = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """看一条目录：内容、问题、还需证明的事项、各版。"""
    from catalog_specs import load
    from registry.lookup import find_entry, get_version, versions_of
    from registry.permits import EVERYTHING
    from registry.shown import portals_json, shown_json, stored_findings

    spoken = language(lang)
    with database() as opened, opened.read() as session:
        row = find_entry(session, code, sight=EVERYTHING)
        chosen = get_version(session, row, version)
        versions = versions_of(session, row)
        if as_json:
            portals = {"portals": portals_json(session, row)}
            say_json(shown_json(row, chosen, versions, spoken) | portals)
            return
        specs = load(chosen.profile)
        say(
            f"{row.entry.code or row.entry.id}  {chosen.name}  {specs.say(f'state_{row.entry.state}', spoken)}"
        )
        for line in _content_lines(chosen, specs):
            say(line)
        for worded_finding in stored_findings(chosen, spoken):
            say(f"  {worded_finding['rule']} {worded_finding['message']}")
        shown = "、".join(f"{v.number}（{specs.say(f'state_{v.state}', spoken)}）" for v in versions)
        say(f"版本：{shown}")


def _content_lines(version: "Version", specs: Any) -> list[str]:
    from registry.export import Columns, items_of

    entry = Columns(specs.entry.fields, specs)
    cells = zip(entry.fields, entry.cells(version.content), strict=True)
    lines = [f"  {spec.zh}：{cell}" for spec, cell in cells if cell]
    item = Columns(specs.entry.items, specs)
    for number, row in enumerate(items_of(version.content), 1):
        shown = "  ".join(f"{s.zh}={c}" for s, c in zip(item.fields, item.cells(row), strict=True) if c)
        lines.append(f"  信息项 {number}：{shown}")
    return lines


@worded
def diff(
    code: CodeArgument,
    before: Annotated[int, typer.Argument(metavar="N", help="旧版")],
    after: Annotated[int, typer.Argument(metavar="M", help="新版")],
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """比较一条目录的两版，逐字段列出改动及其类别。"""
    from catalog_specs import load
    from registry.differences import compare
    from registry.lookup import find_entry, get_version
    from registry.permits import EVERYTHING

    spoken = language(lang)
    with database() as opened, opened.read() as session:
        row = find_entry(session, code, sight=EVERYTHING)
        old, new = get_version(session, row, before), get_version(session, row, after)
        specs = load(new.profile)
        changes = compare(old.content, new.content, specs)
    if as_json:
        say_json([change._asdict() for change in changes])
        return
    for change in changes:
        kind = specs.say(f"change_{change.kind}", spoken)
        cls = specs.say(f"class_{change.change_class}", spoken)
        where = f"信息项“{change.item}” " if change.item and change.field != "items" else ""
        say(
            f"{kind}  {where}{change.label}：{change.before or '（空）'} → {change.after or '（空）'}  [{cls}]"
        )
    if not changes:
        say(specs.say("no_differences", spoken))


@worded
def rectify(
    agency: AgencyOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """存量目录的整改清单：已在用而有错误的目录，逐条列出错误。"""
    from registry.lookup import to_rectify
    from registry.permits import EVERYTHING
    from registry.shown import entry_json

    spoken = language(lang)
    with database() as opened, opened.read() as session:
        rows = to_rectify(session, sight=EVERYTHING, agency=agency)
        listed = [entry_json(row) | {"findings": _errors(row, spoken)} for row in rows]
    if as_json:
        say_json(listed)
        return
    for entry in listed:
        say(f"{entry['code'] or entry['key']}  {entry['provider_name']}  {entry['resource_name']}")
        for finding in entry["findings"]:
            say(f"  {finding['rule']} {finding['message']}  改法：{finding['fix']}")


def _errors(row: "Row", lang: str) -> list[dict[str, Any]]:
    from registry.shown import stored_findings

    return [finding for finding in stored_findings(row.version, lang) if finding["level"] == "error"]
