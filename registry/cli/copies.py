"""Commands on data copies: system copies list, add, edit, remove, import, template."""

from pathlib import Path
from typing import Annotated, Any

import typer

from registry.cli.systems import app as system_app
from registry.cli.systems import plain
from registry.cli.terminal import (
    AsOption,
    JsonOption,
    console_actor,
    database,
    now,
    say,
    say_json,
    say_table,
    tell,
    tell_warnings,
    worded,
    write_bytes,
)

SystemOption = Annotated[
    str | None, typer.Option("--system", metavar="SYSTEM", help="系统：内部编号、系统编号或名称")
]
GrantOption = Annotated[
    str | None, typer.Option("--grant", metavar="NUMBER", help="共享授权编号（共享获得的数据）")
]
CopyArgument = Annotated[str, typer.Argument(metavar="COPY", help="副本的内部编号")]
HolderOption = Annotated[str | None, typer.Option("--holder", help="保管单位")]
MediumOption = Annotated[
    str | None, typer.Option("--medium", help="介质：hdd、ssd、nvme、usb、tape、cloud、paper")
]
GradeOption = Annotated[
    str | None, typer.Option("--grade", help="最高数据级别：g1 … imp；默认按已通告目录推算")
]
TargetOption = Annotated[str | None, typer.Option("--target", help="同步目标（门户副本）")]
NoteOption = Annotated[str | None, typer.Option("--note", help="备注")]
IdOption = Annotated[
    list[str] | None,
    typer.Option("--id", metavar="KEY=VALUE", help="标识：serial_no、storage_ids、contract_no …；可多次"),
]

copies = typer.Typer(
    help="数据副本：主库、备份、日志、前置机、承建单位、门户……逐处登记。", no_args_is_help=True
)
system_app.add_typer(copies, name="copies")


def enter(_root: typer.Typer) -> None:
    """The commands of this module stand under ``mulu system``."""


@copies.command("list")
@worded
def list_(system: SystemOption = None, grant: GrantOption = None, as_json: JsonOption = False) -> None:
    """列出数据副本及其状态。"""
    from registry.copies import find_grant, list_copies
    from registry.copy_values import copies_json
    from registry.system_register import find_seen

    with database() as opened, opened.read() as session:
        system_id = find_seen(session, system, actor=None)[0].id if system else None
        grant_id = find_grant(session, grant).id if grant else None
        found = list_copies(session, system_id=system_id, grant_id=grant_id)
        rows = [plain(row) for row in copies_json(session, found)]
    if as_json:
        say_json(rows)
    elif rows:
        heads = ("编号", "种类", "名称", "介质", "级别", "状态", "提醒")
        say_table(heads, [_line(row) for row in rows])
    else:
        say("没有数据副本。")


def _grade(code: str | None) -> str:
    from catalog_specs import load

    return load().label("data_grade", code) if code else ""


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    grade, told = _grade(row["data_grade"]), "；".join(row["warnings"])
    return row["id"], row["kind_zh"], row["name"], row["medium_zh"], grade, row["state_zh"], told


@copies.command("add")
@worded
def add(  # noqa: PLR0913, PLR0917  (options of a command)
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="种类：primary、backup、log、contractor_copy …")
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="名称，如 主库主机磁盘1")],
    login: AsOption,
    system: SystemOption = None,
    grant: GrantOption = None,
    holder: HolderOption = None,
    medium: MediumOption = None,
    ids: IdOption = None,
    grade: GradeOption = None,
    target: TargetOption = None,
    note: NoteOption = None,
) -> None:
    """登记一处数据副本；物理介质写序列号，云上资源写卷标识，承建单位的写合同编号。"""
    from registry.copies import add as enter_copy
    from registry.copies import warnings_of
    from registry.system_register import find_seen

    texts = {"holder": holder or "", "medium": medium or "", "target": target or "", "note": note or ""}
    more: dict[str, Any] = {**texts, "ids": _ids(ids), "data_grade": grade, "grant_id": grant}
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, now())
        of = find_seen(session, system, actor=actor)[0] if system else None
        made = enter_copy(session, of, kind, name, **more, actor=actor, now=now())
        said = f"已登记副本 {made.id} {made.name}，级别 {_grade(made.data_grade) or '未定'}"
        warned = warnings_of(session, made)
    say(said)
    tell_warnings(warned)


def _ids(written: list[str] | None) -> dict[str, Any]:
    from registry.errors import Rejected

    found: dict[str, Any] = {}
    for text in written or ():
        key, equals, value = text.partition("=")
        if not equals:
            raise Rejected(f"--id 写作 KEY=VALUE，如 serial_no=WD-1；“{text[:40]}”没有等号")
        found[key.strip()] = value.strip()
    return found


@copies.command("edit")
@worded
def edit(  # noqa: PLR0913, PLR0917  (options of a command)
    copy: CopyArgument,
    login: AsOption,
    name: Annotated[str | None, typer.Option("--name", help="新的名称")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="种类")] = None,
    holder: HolderOption = None,
    medium: MediumOption = None,
    ids: IdOption = None,
    grade: GradeOption = None,
    target: TargetOption = None,
    note: NoteOption = None,
) -> None:
    """修改一处副本；写 "" 去掉。已清除的不能改。"""
    from registry.copies import edit as change_copy
    from registry.copies import warnings_of

    given = {"name": name, "kind": kind, "holder": holder, "medium": medium, "data_grade": grade}
    given |= {"target": target, "note": note}
    changes = {key: value for key, value in given.items() if value is not None} | _ids(ids)
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, now())
        changed = change_copy(session, copy, changes, actor=actor, now=now())
        said, warned = f"已修改副本 {changed.name}", warnings_of(session, changed)
    say(said)
    tell_warnings(warned)


@copies.command("remove")
@worded
def remove(
    copy: CopyArgument,
    login: AsOption,
    why: Annotated[str, typer.Option("--why", help="理由：为什么是登记错的")],
) -> None:
    """删除登记错的副本；真有过的副本不能删除，须清除。"""
    from registry.copies import remove as take_back

    with database() as opened, opened.write() as session:
        take_back(session, copy, why=why, actor=console_actor(session, login, now()), now=now())
    say(f"已删除副本 {copy}")


@copies.command("import")
@worded
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=".xlsx、.csv 或 .jsonl；表头按名称识别")],
    login: AsOption,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """成批登记：逐行答复，有一行不对就整批不登记。没有 --system 时每行写共享授权编号。"""
    from dataclasses import asdict

    from registry.copies import import_rows
    from registry.copy_sheets import read_rows
    from registry.system_register import find_seen

    rows = read_rows(file)
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, now())
        of = find_seen(session, system, actor=actor)[0] if system else None
        verdicts = import_rows(session, of, rows, actor=actor, now=now())
    wrong = [one for one in verdicts if one.errors]
    if as_json:
        say_json([asdict(one) for one in verdicts])
    for one in verdicts if not as_json else ():
        for text in one.errors:
            say(f"第 {one.row} 行  {one.name}  错误：{text}")
        tell_warnings(f"第 {one.row} 行  {one.name}  {text}" for text in one.warnings)
    if wrong:
        tell(f"{len(wrong)} 行有错，整批没有登记；改好再导入")
        raise typer.Exit(1)
    tell(f"已登记 {len(verdicts)} 处数据副本")


@copies.command("template")
@worded
def template(
    out: Annotated[Path, typer.Argument(metavar="OUT.xlsx", help="写到哪里")],
) -> None:
    """数据副本登记表的模板：带下拉列表、必填标记和示例。"""
    from io import BytesIO

    from registry.copy_sheets import write_template

    made = BytesIO()
    write_template(made)
    write_bytes(out, made.getvalue())
    say(f"模板写到 {out}")
