"""Commands of sealed editions: seal, publish, editions, diff."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.list_scopes import (
    AgencyOption,
    EditionOption,
    OneAgency,
    WhoOption,
    agency_meant,
    signer,
    standing_json,
)
from registry.cli.terminal import JsonOption, database, now, say, say_json, say_table, tell, worded

if TYPE_CHECKING:
    from registry.editions import Sealed, Standing
    from registry.list_diff import LineChange, ListDifference
    from registry.models import Edition

_KINDS = {"added": "新增", "removed": "删去", "changed": "变更"}


def enter_lists(app: typer.Typer) -> None:
    """Enter the commands of this module into ``mulu list``."""
    for command in (seal, publish, editions, diff):
        app.command(command.__name__)(command)


# ---- editions ---------------------------------------------------------------------------------------------


@worded
def seal(
    agency: Annotated[
        list[str], typer.Option("--agency", metavar="CODE", help="单位的统一社会信用代码；可写多个")
    ],
    login: WhoOption = None,
    preview: Annotated[bool, typer.Option("--preview", help="只看与上一期的差别，不封存")] = False,
    unpublished: Annotated[bool, typer.Option("--unpublished", help="封存但先不公布")] = False,
    as_json: JsonOption = False,
) -> None:
    """由部门负责人封存并公布下一期清单；清单没有变化的说明后不另封存。"""
    from registry.editions import seal_many

    moment = now()
    if preview:
        _preview(agency, as_json)
        return
    with database() as opened, opened.write() as session:
        found = [agency_meant(session, code, moment) for code in agency]
        actor = signer(session, login, found, moment)
        sealed = seal_many(session, found, actor=actor, now=moment, publish=not unpublished)
        shown = [_sealed_json(one) for one in sealed]
        lines = [line for one in sealed for line in _sealed_lines(one)]
        unproven = any(one.edition.proof is None for one in sealed)
    if as_json:
        say_json(shown if len(shown) > 1 else shown[0])
        return
    for line in lines:
        say(line)
    if unproven:
        tell("提醒：没有签审计树头，这一期不带审计包含证明；确认密钥文件夹可写后另封存")


def _sealed_json(one: "Sealed") -> dict[str, object]:
    return _edition_json(one.edition) | {
        "agency": one.agency.code,
        "agency_name": one.agency.name,
        "unchanged": one.unchanged,
    }


def _edition_json(edition: "Edition") -> dict[str, object]:
    keys = ("id", "year", "number", "digest", "code", "rows", "sealed_by", "published_by", "scan_sha256")
    moments = {key: getattr(edition, key) for key in ("sealed_at", "published_at", "scan_at")}
    shown = {key: getattr(edition, key) for key in keys}
    return shown | {key: at.isoformat() if at else None for key, at in moments.items()}


def _sealed_lines(one: "Sealed") -> Iterator[str]:
    from registry.editions import edition_name
    from registry.marks import fingerprint

    edition = one.edition
    name = f"{one.agency.name}{edition_name(edition.year, edition.number)}清单"
    if one.unchanged:
        yield f"清单没有变化，仍为{name}（校验码 {edition.code}），没有另行封存。"
        return
    said = "已封存并公布" if edition.published_at else "已封存，尚未公布（mulu list publish）"
    yield f"{said}：{name}，{edition.rows} 条"
    yield f"  校验码 {edition.code}"
    yield f"  摘要   {edition.digest}"
    yield f"  完整性校验 {edition.mark['algorithm']}，公钥指纹 {fingerprint(edition.mark['key'])}"


@worded
def publish(agency: OneAgency, edition: EditionOption = None, login: WhoOption = None) -> None:
    """公布已封存、尚未公布的一期。"""
    from registry.editions import edition_name, find_edition, publish_edition

    moment = now()
    with database() as opened, opened.write() as session:
        found = agency_meant(session, agency, moment)
        actor = signer(session, login, [found], moment)
        made = publish_edition(session, find_edition(session, found, edition), found, actor=actor, now=moment)
        say(f"已公布：{found.name}{edition_name(made.year, made.number)}清单")


@worded
def editions(agency: AgencyOption = None, as_json: JsonOption = False) -> None:
    """列出一个单位封存过的各期；不写单位则列出各单位最近一期和是否与现行清单一致。"""
    from registry.editions import editions_of, standings

    moment = now()
    with database() as opened, opened.read() as session:
        if agency is None:
            return _say_standings(standings(session), as_json)
        found = editions_of(session, agency_meant(session, agency, moment))
        if as_json:
            return say_json([_edition_json(one) for one in found])
        heads = ("期次", "条数", "封存", "封存人", "公布", "盖章扫描件", "校验码")
        rows = [_edition_cells(one) for one in found]
    return say_table(heads, rows) if rows else say("还没有封存过清单。")


def _edition_cells(one: "Edition") -> tuple[str, ...]:
    from registry.people import local

    published = f"{local(one.published_at):%Y-%m-%d}" if one.published_at else "未公布"
    number, sealed = f"{one.year}-{one.number}", f"{local(one.sealed_at):%Y-%m-%d %H:%M}"
    return (number, str(one.rows), sealed, one.sealed_by, published, one.scan_name or "", one.code)


def _say_standings(found: "list[Standing]", as_json: bool) -> None:
    if as_json:
        shown = [
            {"agency": one.agency.code, "agency_name": one.agency.name} | (standing_json(one) or {})
            for one in found
        ]
        return say_json(shown)
    rows = [
        (
            one.agency.name,
            one.agency.code,
            f"{one.edition.year}-{one.edition.number}" if one.edition else "未封存",
            "与现行清单不一致（E127）" if one.edition and one.stale else "",
        )
        for one in found
    ]
    return say_table(("单位", "代码", "最近一期", "状态"), rows) if rows else say("没有应编制清单的单位。")


# ---- differences ------------------------------------------------------------------------------------------


@worded
def diff(
    agency: OneAgency,
    before: Annotated[
        str | None, typer.Argument(metavar="[A]", help="前一期：3 或者 2026-3；不写为最近一期")
    ] = None,
    after: Annotated[str | None, typer.Argument(metavar="[B]", help="后一期；不写为现行清单")] = None,
    as_json: JsonOption = False,
) -> None:
    """比较两期清单（或一期与现行清单）：新增、删去、逐栏变更，以及由哪个环节引起。"""
    shown, lines = _diff(agency, before, after)
    if as_json:
        say_json(shown)
        return
    for line in lines:
        say(line)


def _preview(agencies: list[str], as_json: bool) -> None:
    found = [_diff(code, None, None) for code in agencies]
    if as_json:
        say_json([shown for shown, _lines in found] if len(found) > 1 else found[0][0])
        return
    for line in (line for _shown, lines in found for line in lines):
        say(line)


def _diff(agency: str, before: str | None, after: str | None) -> tuple[dict[str, Any], list[str]]:
    """The differences as JSON and as lines."""
    from registry.editions import document_of, find_edition, latest, preview
    from registry.list_diff import compare_documents
    from registry.list_document import ListDocument
    from registry.plain_json import plain_json

    moment = now()
    with database() as opened, opened.read() as session:
        found = agency_meant(session, agency, moment)
        first = find_edition(session, found, before) if before else latest(session, found)
        last = find_edition(session, found, after) if after else None
        old = document_of(first) if first else ListDocument("", {}, ())
        new = document_of(last) if last else preview(session, found, now=moment)
        since = first.sealed_at if first else None
        changes = compare_documents(session, old, new, since=since, until=last.sealed_at if last else None)
    names = [_name(first, "（没有封存过）"), _name(last, "现行清单")]
    shown = {"agency": found.code, "before": names[0], "after": names[1]} | plain_json(changes)
    return shown, [f"{found.name}：{names[0]} → {names[1]}", *_diff_lines(changes)]


def _name(edition: "Edition | None", otherwise: str) -> str:
    from registry.editions import edition_name

    return edition_name(edition.year, edition.number) if edition else otherwise


def _diff_lines(changes: "ListDifference") -> Iterator[str]:
    if changes.is_empty:
        yield "没有差别。"
    for kind, zh in _KINDS.items():
        lines = changes.of_kind(kind)
        if lines:
            yield f"{zh} {len(lines)} 条："
        for line in lines:
            yield from _change_lines(line)
    if changes.erased:
        yield f"另有 {changes.erased} 条内容已按规定删除，不能比较。"


def _change_lines(line: "LineChange") -> Iterator[str]:
    from registry.people import local

    yield f"  {line.code or line.entry}  {line.name}（{line.list_zh}）"
    for field in line.fields:
        yield f"    {field.zh}：{field.before or '（空）'} → {field.after or '（空）'}"
    for cause in line.causes:
        version = f"，第 {cause.number} 版" if cause.number else ""
        yield f"    原因：{cause.zh}（{cause.login}，{local(cause.at):%Y-%m-%d %H:%M}{version}）"
