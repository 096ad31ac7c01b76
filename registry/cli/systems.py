"""Commands on government information systems: entered, edited, moved on in their life, counted; their data copies.

Other modules add their commands to ``system``.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.papers import paper_given
from registry.cli.terminal import (
    AsOption,
    JsonOption,
    console_actor,
    database,
    day_written,
    now,
    say,
    say_json,
    say_table,
    tell_warnings,
    worded,
)

if TYPE_CHECKING:
    pass

SystemArgument = Annotated[str, typer.Argument(metavar="SYSTEM", help="内部编号、系统编号或名称")]
IdentOption = Annotated[str | None, typer.Option("--ident", help="系统编号")]
ClassOption = Annotated[str | None, typer.Option("--class", help="系统类别：01 自建自用、02 国直 …")]
LifeOption = Annotated[
    str | None, typer.Option("--life", help="状态：planned、building、accepted、operating …")
]
OfOption = Annotated[str | None, typer.Option("--agency", help="只看一个单位：代码或全称")]
ContractorOption = Annotated[str | None, typer.Option("--contractor", help="承建单位")]
ContractOption = Annotated[str | None, typer.Option("--contract", metavar="N", help="合同编号")]
FromOption = Annotated[str | None, typer.Option("--contract-from", metavar="DATE", help="合同起始日")]
UntilOption = Annotated[
    str | None, typer.Option("--contract-until", metavar="DATE", help="合同截止日；原则上不超过三年")
]
LevelOption = Annotated[str | None, typer.Option("--protection", help="等级保护级别：1 至 5")]
FilingOption = Annotated[str | None, typer.Option("--protection-no", metavar="N", help="等级保护备案号")]
CryptoOption = Annotated[str | None, typer.Option("--crypto-no", metavar="N", help="密评报告编号")]
CryptoDayOption = Annotated[str | None, typer.Option("--crypto-on", metavar="DATE", help="密评日期")]

app = typer.Typer(help="政务信息系统：登记、生命周期、数据副本、只减不增。", no_args_is_help=True)
# as it is called where commands are added to it
system = app


def enter(root: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    root.add_typer(app, name="system")


def plain(value: dict[str, Any]) -> dict[str, Any]:
    """Days as text, without the tag that only the API uses."""
    from registry.plain_json import plain_value

    found: dict[str, Any] = plain_value({key: part for key, part in value.items() if key != "tag"})
    return found


# ---- listed and shown -------------------------------------------------------------------------------------


@app.command("list")
@worded
def list_(
    of: OfOption = None, life: LifeOption = None, kind: ClassOption = None, as_json: JsonOption = False
) -> None:
    """列出系统。"""
    from registry.agency_shown import system_json
    from registry.system_register import list_systems

    with database() as opened, opened.read() as session:
        found = list_systems(session, actor=None, agency=of, life=life, system_class=kind)
        rows = [plain(system_json(*row)) for row in found]
    if as_json:
        say_json(rows)
    elif rows:
        say_table(
            ("内部编号", "系统编号", "单位", "名称", "状态", "提醒"),
            [
                (
                    row["id"],
                    row["ident"] or "—",
                    row["agency_name"],
                    row["name"],
                    row["life_zh"],
                    "外部系统" if row["external"] else "；".join(row["warnings"]),
                )
                for row in rows
            ],
        )
    else:
        say("没有这样的系统。")


@app.command("show")
@worded
def show(written: SystemArgument, as_json: JsonOption = False) -> None:
    """看一个系统：登记的内容、生命周期、数据副本。"""
    from registry.agency_shown import system_json
    from registry.copies import list_copies
    from registry.copy_values import copies_json
    from registry.system_lives import history, step_json
    from registry.system_register import find_seen

    with database() as opened, opened.read() as session:
        system, owner = find_seen(session, written, actor=None)
        shown = system_json(system, owner)
        shown["history"] = [step_json(step) for step in history(session, system.id)]
        shown["copies"] = copies_json(session, list_copies(session, system_id=system.id))
        shown = plain(shown)
    if as_json:
        say_json(shown)
        return
    _say_system(shown)
    tell_warnings(shown["warnings"])


def _say_system(shown: dict[str, Any]) -> None:
    from catalog_specs import load

    specs = load()
    kind = specs.label("system_class", shown["class"]) if shown["class"] else "未分类"
    say(f"{shown['id']}  {shown['ident'] or '—'}  {shown['name']}  {kind}")
    say(f"  {shown['agency']} {shown['agency_name']}  {shown['profile']}  {shown['life_zh']}")
    if shown["external"]:
        say(f"  {shown['external_said']}")
    if shown["successor"]:
        say(f"  后继系统：{shown['successor']}")
    for row in specs.systems.fields:
        if value := shown[row.key]:
            say(f"  {row.zh}：{specs.label(row.codes, value) if row.codes else value}")
    lives = specs.systems.life_index
    for step in shown["history"]:
        after = lives[step["after"]].zh if step["after"] in lives else step["after"]
        say(f"  {step['day']}  {step['zh']} → {after}  {step['document']}  {step['note']}".rstrip())
    for copy in shown["copies"]:
        say(f"  副本 {copy['id']}  {copy['kind_zh']}  {copy['name']}  {copy['state_zh']}")


# ---- entered and edited -----------------------------------------------------------------------------------


def _fields(**given: str | None) -> dict[str, str]:
    return {key: value for key, value in given.items() if value is not None}


@app.command("add")
@worded
def add(  # noqa: PLR0913, PLR0917  (options of a command)
    name: Annotated[str, typer.Argument(metavar="NAME", help="系统名称")],
    of: Annotated[str, typer.Option("--agency", help="所属单位：代码或全称")],
    login: AsOption,
    ident: IdentOption = None,
    kind: ClassOption = None,
    life: LifeOption = None,
    contractor: ContractorOption = None,
    contract: ContractOption = None,
    contract_from: FromOption = None,
    contract_until: UntilOption = None,
    protection: LevelOption = None,
    protection_no: FilingOption = None,
    crypto_no: CryptoOption = None,
    crypto_on: CryptoDayOption = None,
) -> None:
    """登记本单位的一个系统；合同超过三年的当即提醒。"""
    from registry.system_fields import warnings_of
    from registry.system_register import add as enter_system

    fields = _fields(
        contractor=contractor,
        contract_no=contract,
        contract_from=contract_from,
        contract_until=contract_until,
        protection_level=protection,
        protection_no=protection_no,
        crypto_no=crypto_no,
        crypto_on=crypto_on,
    )
    more: dict[str, Any] = {"ident": ident, "system_class": kind, "life": life, "fields": fields}
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, now())
        made = enter_system(session, of, name, **more, actor=actor, now=now())
        said, warned = f"已登记系统 {made.id} {made.name}", warnings_of(made)
    say(said)
    tell_warnings(warned)


@app.command("edit")
@worded
def edit(  # noqa: PLR0913, PLR0917  (options of a command)
    written: SystemArgument,
    login: AsOption,
    name: Annotated[str | None, typer.Option("--name", help="新的名称")] = None,
    ident: IdentOption = None,
    kind: ClassOption = None,
    successor: Annotated[str | None, typer.Option("--successor", metavar="SYSTEM", help="后继系统")] = None,
    contractor: ContractorOption = None,
    contract: ContractOption = None,
    contract_from: FromOption = None,
    contract_until: UntilOption = None,
    protection: LevelOption = None,
    protection_no: FilingOption = None,
    crypto_no: CryptoOption = None,
    crypto_on: CryptoDayOption = None,
) -> None:
    """修改系统；除名称外写 "" 去掉。状态用 mulu system advance。"""
    from registry.system_fields import warnings_of
    from registry.system_register import edit as change_system

    changes = _fields(
        name=name,
        ident=ident,
        successor=successor,
        contractor=contractor,
        contract_no=contract,
        contract_from=contract_from,
        contract_until=contract_until,
        protection_level=protection,
        protection_no=protection_no,
        crypto_no=crypto_no,
        crypto_on=crypto_on,
        **{"class": kind},
    )
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, now())
        changed = change_system(session, written, changes, actor=actor, now=now())
        said, warned = f"已修改系统 {changed.name}", warnings_of(changed)
    say(said)
    tell_warnings(warned)


# ---- its life ---------------------------------------------------------------------------------------------


@app.command("advance")
@worded
def advance(
    written: SystemArgument,
    move: Annotated[
        str,
        typer.Argument(
            metavar="MOVE", help="build 开工建设、accept 通过验收、operate 投入运行、cancel 取消立项"
        ),
    ],
    login: AsOption,
    number: Annotated[str, typer.Option("--no", metavar="N", help="文号")] = "",
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="文件扫描件")] = None,
    day: Annotated[str | None, typer.Option("--day", metavar="DATE", help="哪天办成；默认今天")] = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="说明或理由")] = "",
    as_json: JsonOption = False,
) -> None:
    """系统进入下一阶段；须过的关口缺什么一次说全，附依据和办法。停用用 mulu retirement open。"""
    from registry.system_lives import advance as move_on
    from registry.system_lives import step_json

    moment, when = now(), day_written(day) if day else None
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        paper = paper_given(session, file, number, when, actor.login, moment)
        more: dict[str, Any] = {"paper": paper, "day": when, "note": note}
        done = move_on(session, written, move, **more, actor=actor, now=moment)
        shown = plain(step_json(done))
    if as_json:
        say_json(shown)
        return
    from catalog_specs import load

    lives = load().systems.life_index
    say(f"{written}  已办理“{shown['zh']}”：{lives[shown['before']].zh} → {lives[shown['after']].zh}")


# ---- only decreased ---------------------------------------------------------------------------------------


@app.command("counts")
@worded
def counts(
    year: Annotated[int | None, typer.Option("--year", help="年度；默认今年")] = None,
    of: OfOption = None,
    as_json: JsonOption = False,
) -> None:
    """系统数量是否只减不增：各单位 1 月 1 日和今天（往年为 12 月 31 日）的系统数，新增和停用的系统。"""
    from registry.system_counts import count_year, counts_json

    with database() as opened, opened.read() as session:
        found = count_year(session, year=year, agency=of, actor=None, now=now())
        shown = plain(counts_json(found))
    if as_json:
        say_json(shown)
        return
    say(f"{shown['zh']}（{shown['source']}），{shown['since']} 至 {shown['until']}")
    say_table(
        ("单位", "年初", "期末", "新增", "减少", "结论"),
        [
            (
                row["agency_name"],
                str(row["first"]),
                str(row["last"]),
                "、".join(_change(one) for one in row["added"]),
                "、".join(_change(one) for one in row["stopped"]),
                row["said"],
            )
            for row in shown["results"]
        ],
    )
    if not shown["results"]:
        say("没有系统。")


def _change(one: dict[str, Any]) -> str:
    return f"{one['name']}（{one['day']} {one['move_zh']}）"
