"""Commands on agencies: agency."""

import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.systems import plain
from registry.cli.terminal import AsOption, JsonOption, console_actor, database, now, say, say_json, worded

if TYPE_CHECKING:
    from registry.splitting import Part
    from registry.succession import Succession

AgencyArgument = Annotated[str, typer.Argument(metavar="AGENCY", help="统一社会信用代码、全称或内部编号")]
OnOption = Annotated[
    datetime, typer.Option("--on", formats=["%Y-%m-%d"], help="新体制的第一天，不得晚于今天")
]
BasisOption = Annotated[str, typer.Option("--basis", metavar="N", help="依据文件的文号")]
AcrossOption = Annotated[bool, typer.Option("--across-regions", help="确实跨行政区划")]
KindOption = Annotated[str | None, typer.Option("--kind", help="单位性质，如 政府部门、党群机关")]
LevelOption = Annotated[str | None, typer.Option("--level", help="层级：1 国家、2 省、3 市、4 县(区)")]
RegionOption = Annotated[str | None, typer.Option("--region", help="行政区划代码；默认按信用代码")]
ParentOption = Annotated[str | None, typer.Option("--parent", metavar="AGENCY", help="上级单位")]

agency = typer.Typer(help="单位：登记、更名、合并、拆分、撤销。", no_args_is_help=True)


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    app.add_typer(agency, name="agency")


def _today() -> date:
    from registry.people import local_day

    return local_day(now())


# ---- agencies ---------------------------------------------------------------------------------------------


@agency.command("list")
@worded
def list_(
    name: Annotated[str | None, typer.Option("--name", help="名称中的字")] = None,
    region: Annotated[str | None, typer.Option("--region", help="行政区划代码")] = None,
    closed: Annotated[bool, typer.Option("--closed", help="也列已撤销的")] = False,
    as_json: JsonOption = False,
) -> None:
    """列出单位。"""
    from registry.agency_shown import list_agencies

    with database() as opened, opened.read() as session:
        rows = list_agencies(session, today=_today(), name=name, region=region, closed=closed)
    if as_json:
        say_json(rows)
        return
    for row in rows:
        heir = f"由 {row['successor']} 承接" if row["successor"] else ""
        state = "" if row["standing"] else f"  （不在册{'，' if heir else ''}{heir}）"
        say(f"{row['code']}  {row['region']}  {row['name']}{state}")
    if not rows:
        say("没有这样的单位。")


@agency.command("show")
@worded
def show(written: AgencyArgument, as_json: JsonOption = False) -> None:
    """看一个单位：沿革、人员、目录和系统数。"""
    from registry.agencies import find
    from registry.agency_shown import agency_json

    with database() as opened, opened.read() as session:
        found = find(session, written, today=_today())
        shown = plain(agency_json(session, found, actor=None, today=_today()))
    if as_json:
        say_json(shown)
        return
    inside = shown["inside"]
    say(f"{shown['code']}  {shown['name']}  {shown['kind']}  {shown['region']}-{inside['number']:02d}")
    if not shown["standing"]:
        heirs = "、".join(shown["successors"]) or "没有承接单位"
        say(f"  不在册（{shown['valid_from'] or ''} 至 {shown['valid_until'] or ''}）：{heirs}")
    for old in shown["former_names"]:
        say(f"  曾用名：{old['name']}（{old['since'] or ''} 至 {old['until']}）")
    say(f"  目录 {inside['entries']} 条，系统 {inside['systems']} 个")
    for person in inside["people"]:
        off = "" if person["active"] else "（已停用）"
        say(f"  {person['login']}  {person['name']}{off}  {'、'.join(person['roles'])}")
    for row in inside["history"]:
        say(f"  {row['day']}  {row['change']}  {row['name']} → {row['into'] or ''}  {row['document']}")


@agency.command("add")
@worded
def add(
    code: Annotated[str, typer.Argument(metavar="CODE", help="统一社会信用代码")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="全称")],
    login: AsOption,
    kind: Annotated[str, typer.Option("--kind", help="单位性质，如 政府部门、党群机关")],
    level: LevelOption = None,
    region: RegionOption = None,
    parent: ParentOption = None,
    number: Annotated[int | None, typer.Option("--number", help="部门编号（两位）；默认取下一个")] = None,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="自哪天起设立")
    ] = None,
) -> None:
    """登记一个单位。"""
    from registry.agencies import add as add_agency

    more: dict[str, Any] = {"level": level, "region": region, "parent": parent, "number": number}
    with database() as opened, opened.write() as session:
        made = add_agency(
            session,
            code,
            name,
            kind=kind,
            valid_from=since.date() if since else None,
            actor=console_actor(session, login, now()),
            now=now(),
            **more,
        )
        said = f"已登记 {made.code} {made.name}，部门编号 {made.region}-{made.number:02d}"
    say(said)


@agency.command("edit")
@worded
def edit(
    written: AgencyArgument,
    login: AsOption,
    kind: KindOption = None,
    level: LevelOption = None,
    region: RegionOption = None,
    parent: ParentOption = None,
) -> None:
    """修改单位性质、层级、区划、上级；写 "" 去掉层级或上级。"""
    from registry.agencies import edit as edit_agency

    given = {"kind": kind, "level": level, "region": region, "parent": parent}
    changes = {key: value for key, value in given.items() if value is not None}
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, now())
        said = f"已修改 {edit_agency(session, written, changes, actor=actor, now=now()).name}"
    say(said)


@agency.command("rename")
@worded
def rename(
    written: AgencyArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="新的全称")],
    login: AsOption,
    day: OnOption,
    basis: BasisOption,
) -> None:
    """更名：代码不变，旧名连同起止日期保留，不产生新版本。"""
    from registry.agencies import rename as rename_agency

    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, now())
        named = rename_agency(session, written, name, day=day.date(), basis=basis, actor=actor, now=now())
        said = f"{named.code} 自 {day.date()} 起称“{named.name}”"
    say(said)


@agency.command("merge")
@worded
def merge(
    sources: Annotated[list[str], typer.Argument(metavar="AGENCY…", help="被合并的单位，一个或多个")],
    into: Annotated[str, typer.Option("--into", metavar="AGENCY", help="并入哪个单位")],
    login: AsOption,
    day: OnOption,
    basis: BasisOption,
    across: AcrossOption = False,
) -> None:
    """合并：目录、系统、人员和角色一并转入，原单位撤销。"""
    from registry.succession import merge as merge_agencies

    order: dict[str, Any] = {"day": day.date(), "basis": basis, "across_regions": across}
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, now())
        lines = _taken(merge_agencies(session, sources, into, **order, actor=actor, now=now()))
    for line in lines:
        say(line)


@agency.command("split")
@worded
def split(
    written: AgencyArgument,
    parts: Annotated[
        Path,
        typer.Option(
            "--parts",
            metavar="FILE.json",
            help="各部分的清单：code、name、entries、systems、people、rest；- 为标准输入",
        ),
    ],
    login: AsOption,
    day: OnOption,
    basis: BasisOption,
    close_it: Annotated[bool, typer.Option("--close", help="原单位撤销；此时不得有剩余")] = False,
    across: AcrossOption = False,
) -> None:
    """拆分：写明的目录、系统、人员转入新单位，其余留下。"""
    from registry.splitting import split as split_agency

    given = _parts(parts)
    order: dict[str, Any] = {"day": day.date(), "basis": basis, "across_regions": across, "close": close_it}
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, now())
        lines = _taken(split_agency(session, written, given, **order, actor=actor, now=now()))
    for line in lines:
        say(line)


def _parts(path: Path) -> "list[Part]":
    from registry.errors import Rejected
    from registry.splitting import read_parts

    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
        return read_parts(json.loads(text))
    except OSError as error:
        raise Rejected(f"不能读取 {path}：{error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise Rejected(f"{path} 不是合法的 JSON：{error}") from error


def _taken(done: "Succession") -> list[str]:
    lines = [
        f"{one.source.name} → {one.into.name}：目录 {len(one.moved.entries)} 条、"
        f"系统 {len(one.moved.systems)} 个、人员 {len(one.moved.people)} 名、角色 {one.moved.roles} 项"
        for one in done.taken
    ]
    return lines + [f"  请核对：{said}" for said in done.told]


@agency.command("close")
@worded
def close(written: AgencyArgument, login: AsOption, day: OnOption, basis: BasisOption) -> None:
    """撤销一个已没有目录、系统和人员的单位。"""
    from registry.agencies import close as close_agency

    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, now())
        closed = close_agency(session, written, day=day.date(), basis=basis, actor=actor, now=now())
        said = f"{closed.code} {closed.name} 自 {day.date()} 起撤销"
    say(said)
