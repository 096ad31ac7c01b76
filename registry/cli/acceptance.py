"""Commands of acceptance: mulu system accept-check, mulu system tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli.systems import SystemArgument
from registry.cli.systems import system as system_app
from registry.cli.terminal import (
    AsOption,
    JsonOption,
    console_actor,
    database,
    now,
    say,
    say_json,
    say_table,
    tell_warnings,
    worded,
    write_bytes,
)

if TYPE_CHECKING:
    from registry.acceptance import AcceptanceCheck

TablesArgument = Annotated[list[str], typer.Argument(metavar="TABLE…", help="库表名，一个或多个")]
tables_app = typer.Typer(help="库表清单：导入、逐表指定目录或写明排除理由。", no_args_is_help=True)
_NOT_READY, _USAGE = 1, 2


def enter(_app: typer.Typer) -> None:
    """Enter the commands of this module below ``mulu system``."""
    system_app.command("accept-check")(accept_check)
    for name, command in (
        ("import", import_),
        ("list", list_),
        ("cover", cover),
        ("exclude", exclude),
        ("undecide", undecide),
        ("match", match),
        ("reasons", reasons),
    ):
        tables_app.command(name)(command)
    system_app.add_typer(tables_app, name="tables")


# ---- the check --------------------------------------------------------------------------------------------


@worded
def accept_check(
    written: SystemArgument,
    as_json: JsonOption = False,
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", metavar="PACK.xlsx|PACK.pdf", help="写出核对表；可写多次"),
    ] = None,
) -> None:
    """核对一个系统是否具备验收条件：逐项要件、库表覆盖率、上架率。

    退出码：0 具备，1 不具备或不适用，2 用法有误。
    """
    from registry.acceptance import check_seen
    from registry.acceptance_files import acceptance_json

    for path in out or ():
        if path.suffix.lower() not in (".xlsx", ".pdf"):
            raise typer.BadParameter(f"核对表写成 .xlsx 或 .pdf，不能写成“{path.name}”")
    with database() as opened, opened.read() as session:
        found = check_seen(session, written, actor=None, now=now())
    for path in out or ():
        _write(found, path)
    if as_json:
        say_json(acceptance_json(found))
    else:
        _say(found, [path.name for path in out or ()])
    if not found.is_ready:
        raise typer.Exit(_NOT_READY)


def _write(found: "AcceptanceCheck", path: Path) -> None:
    from registry.acceptance_files import pack_pdf, pack_xlsx

    write_bytes(path, pack_pdf(found) if path.suffix.lower() == ".pdf" else pack_xlsx(found))


def _say(found: "AcceptanceCheck", written: list[str]) -> None:
    from registry.acceptance_files import pack_of

    pack = pack_of(found)
    for label, value in pack.head:
        say(f"{label}：{value}")
    rows = [(row[0], row[1], row[3], row[4].replace("\n", "；")[:120]) for row in pack.tables[0].rows]
    if rows:
        say()
        say_table(("要件", "级别", "结果", "佐证或所缺"), rows)
    say()
    say(f"结论：{pack.verdict}")
    for number, text in enumerate(pack.lacking, 1):
        say(f"{number}. {text}")
    if found.facts is not None:
        tell_warnings(found.facts.warnings)
    for name in written:
        say(f"已写出 {name}")


# ---- tables -----------------------------------------------------------------------------------------------


@worded
def import_(
    written: SystemArgument,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="建表语句 .sql、数据字典 .xlsx 或 .csv、数据库地址、source:名称"
        ),
    ],
    login: AsOption,
    schema: Annotated[str | None, typer.Option("--schema", help="数据库：只读这个模式")] = None,
    dialect: Annotated[str | None, typer.Option("--dialect", help="建表语句的方言；默认自动判断")] = None,
) -> None:
    """导入系统的库表清单，取代原来的清单；仍在的表保留决定。数据库只读取结构，地址和口令不保存。"""
    from registry.table_lists import import_tables
    from registry.table_reading import read_tables

    listed = read_tables(source, schema=schema, dialect=dialect)
    with database() as opened, opened.write() as session:
        moment = now()
        actor = console_actor(session, login, moment)
        change = import_tables(session, written, listed, actor=actor, now=moment)
    tell_warnings(change.notes)
    say(f"清单 {change.total} 张表，其中 {change.decided} 张沿用原来的决定")
    for zh, names in (("新增", change.added), ("恢复", change.back), ("不再有", change.gone)):
        if names:
            say(f"{zh} {len(names)} 张：{'、'.join(names[:50])}{'……' if len(names) > 50 else ''}")


@worded
def list_(
    written: SystemArgument,
    state: Annotated[
        str | None, typer.Option("--state", help="只列一种：covered、drafted、excluded、lost、undecided")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """列出库表清单和每张表的决定。"""
    from catalog_specs import load
    from registry.acceptance_files import table_json
    from registry.errors import Rejected
    from registry.system_register import find_seen
    from registry.table_coverage import coverage_of, tables_of

    states = load().acceptance.state_index
    if state is not None and state not in states:
        raise Rejected(f"没有情形“{state}”；可用：{'、'.join(states)}")
    with database() as opened, opened.read() as session:
        tables = tables_of(session, find_seen(session, written, actor=None)[0])
    shown = [one for one in tables if state in (None, one.state)]
    if as_json:
        say_json([table_json(one) for one in shown])
        return
    rows = [
        (
            one.name,
            one.comment,
            states[one.state].zh,
            f"{one.entry_code or ''} {one.entry_name}{one.why}".strip(),
        )
        for one in shown
    ]
    say_table(("库表", "说明", "情形", "目录或理由"), rows)
    counts = coverage_of(tables).counts
    said = "，".join(f"{states[key].zh} {count}" for key, count in counts.items() if count)
    say(f"共 {len(tables)} 张表：{said}" if tables else "还没有库表清单；用 mulu system tables import 导入。")


@worded
def cover(
    written: SystemArgument,
    tables: TablesArgument,
    entry: Annotated[str, typer.Option("--entry", metavar="CODE", help="本系统的目录：资源代码或内部编号")],
    login: AsOption,
) -> None:
    """指定库表由哪条目录覆盖。"""
    from registry.table_lists import cover as cover_tables

    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, now())
        done = cover_tables(session, written, tables, entry, actor=actor, now=now())
        said = f"{len(done)} 张表由目录 {entry} 覆盖"
    say(said)


@worded
def exclude(
    written: SystemArgument,
    tables: TablesArgument,
    reason: Annotated[
        str, typer.Option("--reason", metavar="KEY", help="理由，见 mulu system tables reasons")
    ],
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="具体说明")],
    login: AsOption,
    of: Annotated[str, typer.Option("--of", metavar="TABLE", help="副本的原表")] = "",
) -> None:
    """写明理由，不为库表编目。"""
    from registry.table_lists import exclude as exclude_tables

    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, now())
        done = exclude_tables(session, written, tables, reason, why=why, of=of, actor=actor, now=now())
        said = f"{len(done)} 张表不编目"
    say(said)


@worded
def undecide(written: SystemArgument, tables: TablesArgument, login: AsOption) -> None:
    """撤回决定，库表回到未定。"""
    from registry.table_lists import undecide as take_back

    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, now())
        said = f"{len(take_back(session, written, tables, actor=actor, now=now()))} 张表回到未定"
    say(said)


@worded
def match(
    written: SystemArgument,
    apply: Annotated[bool, typer.Option("--apply", help="确认毫无疑问的（须 --as）")] = False,
    login: Annotated[str | None, typer.Option("--as", metavar="LOGIN", help="以谁的名义确认")] = None,
    as_json: JsonOption = False,
) -> None:
    """按挂接的库表、表名、说明提示每张表可能的目录；提示不是决定。"""
    from dataclasses import asdict

    from registry.system_register import find_seen
    from registry.table_coverage import tables_of
    from registry.table_lists import cover_each
    from registry.table_matching import exact_ones, suggestions

    with database() as opened, opened.write() if apply else opened.read() as session:
        actor = console_actor(session, login, now()) if apply else None
        system, _owner = find_seen(session, written, actor=actor)
        found = suggestions(session, system, tables_of(session, system))
        chosen = exact_ones(found)
        if actor is not None and chosen:
            cover_each(session, system.id, chosen, actor=actor, now=now())
    if as_json:
        say_json([asdict(one) for one in found])
        return
    rows = [
        (
            one.table,
            f"{one.entry_code} {one.entry_name}{one.reason}".strip(),
            one.says,
            "确认" if one.exact else "",
        )
        for one in found
    ]
    say_table(("库表", "目录或理由", "依据", "可一并确认"), rows)
    done = f"已确认 {len(chosen)} 张" if apply else f"可确认 {len(chosen)} 张（--apply --as LOGIN）"
    say(f"提示 {len(found)} 条，{done}")


@worded
def reasons(as_json: JsonOption = False) -> None:
    """列出不编目的理由。"""
    from catalog_specs import load

    known = load().acceptance.exclusions
    if as_json:
        say_json([row.model_dump(mode="json") for row in known])
        return
    for row in known:
        note = "须写 --of 原表" if row.of else row.says.zh if row.says else ""
        say(f"{row.key}  {row.zh}{'  ' + note if note else ''}")
