"""Commands of supervision: mulu rectify (orders; without a verb the list of stock to be mended), mulu budget."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli.catalogue import AgencyOption, rectify
from registry.cli.papers import paper_given
from registry.cli.terminal import (
    AsOption,
    JsonOption,
    LangOption,
    console_actor,
    database,
    day_written,
    now,
    say,
    say_json,
    say_table,
    worded,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from registry.budget_flags import Candidate, FlagShown
    from registry.rectification_shown import OrderShown

rectify_app = typer.Typer(
    help="责令整改：通知、报结果、退回、销号、撤销。不写子命令：存量目录的整改清单。",
    invoke_without_command=True,
)
budget_app = typer.Typer(help="次年预算：列出情形、标记、解除。", no_args_is_help=True)
NumberArgument = Annotated[str, typer.Argument(metavar="NUMBER", help="整改编号，如 ZG-520200-2026-0001")]
SystemArgument = Annotated[str, typer.Argument(metavar="SYSTEM", help="系统：内部编号、编号或名称")]
AgencyArgument = Annotated[str, typer.Argument(metavar="AGENCY", help="单位：统一社会信用代码或全称")]
WordsOption = Annotated[str, typer.Option("--words", help="情况说明或理由")]
DocumentOption = Annotated[str, typer.Option("--no", metavar="N", help="文号")]
DayOption = Annotated[str, typer.Option("--day", metavar="DATE", help="文件日期")]
FileOption = Annotated[Path | None, typer.Option("--file", metavar="FILE", help="文件（按 SHA-256 保存）")]
YearOption = Annotated[
    int | None, typer.Option("--year", min=2000, max=2999, help="预算年度；默认下一年度，情形看其上一年")
]


def enter(app: typer.Typer) -> None:
    """Enter the commands of supervision into the application."""
    rectify_app.callback()(stock)
    for name, command in (
        ("order", order),
        ("report", report),
        ("return", send_back),
        ("close", close),
        ("cancel", cancel),
        ("list", list_all),
        ("show", show),
    ):
        rectify_app.command(name)(command)
    for called, deed in (
        ("candidates", candidates),
        ("flag", flag),
        ("lift", lift),
        ("list", flags),
    ):
        budget_app.command(called)(deed)
    app.add_typer(rectify_app, name="rectify")
    app.add_typer(budget_app, name="budget")


def stock(
    context: typer.Context,
    agency: AgencyOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    # no docstring: the help of the group tells it
    if context.invoked_subcommand is None:
        rectify(agency, as_json, lang)


# ---- mulu rectify -----------------------------------------------------------------------------------------


@worded
def order(
    written: SystemArgument,
    trigger: Annotated[str, typer.Option("--trigger", help="情形代码：T1–T5（六盘水）、L39-1 … L40-5")],
    words: WordsOption,
    document: DocumentOption,
    day: DayOption,
    due: Annotated[str, typer.Option("--due", metavar="DATE", help="整改期限，须晚于文件日期")],
    login: AsOption,
    file: FileOption = None,
    as_json: JsonOption = False,
) -> None:
    """责令一个系统整改（主管部门）；编号自动生成，销号前该系统的资源不得上架。"""
    from registry.rectifications import OrderGiven
    from registry.rectifications import order as give

    moment = now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        paper = paper_given(session, file, document, day_written(day), actor.login, moment)
        given = OrderGiven(trigger, words, paper, day_written(due))
        number = give(session, written, given, actor=actor, now=moment).number
        _say_done(session, number, moment, as_json)


@worded
def report(
    number: NumberArgument,
    words: WordsOption,
    file: Annotated[Path, typer.Option("--file", metavar="FILE", help="整改报告或佐证")],
    login: AsOption,
    as_json: JsonOption = False,
) -> None:
    """报整改结果（业主单位）。"""
    _step(number, "report", words, login, as_json, file)


@worded
def send_back(
    number: NumberArgument, words: WordsOption, login: AsOption, as_json: JsonOption = False
) -> None:
    """退回重新整改（主管部门）。"""
    _step(number, "return", words, login, as_json)


@worded
def close(number: NumberArgument, words: WordsOption, login: AsOption, as_json: JsonOption = False) -> None:
    """销号（主管部门，不得由报送人办理）。"""
    _step(number, "close", words, login, as_json)


@worded
def cancel(number: NumberArgument, words: WordsOption, login: AsOption, as_json: JsonOption = False) -> None:
    """撤销误发的整改（主管部门）。"""
    _step(number, "cancel", words, login, as_json)


def _step(number: str, move: str, words: str, login: str, as_json: bool, file: Path | None = None) -> None:
    from registry.rectifications import step

    moment = now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        paper = paper_given(session, file, "", None, actor.login, moment)
        step(session, number, move, words, paper, actor=actor, now=moment)
        _say_done(session, number, moment, as_json)


def _say_done(session: "Session", number: str, moment: "datetime", as_json: bool) -> None:
    from registry.plain_json import plain_json
    from registry.rectification_shown import shown
    from registry.rectifications import find_order

    found = shown(find_order(session, number, actor=None), actor=None, now=moment)
    if as_json:
        say_json(plain_json(found))
    else:
        say(f"{found.number}  {found.state_zh}  {found.system}  期限 {found.due}")


@worded
def list_all(
    system: Annotated[str | None, typer.Option("--system", help="只看一个系统")] = None,
    agency: Annotated[str | None, typer.Option("--agency", help="只看一个单位：代码或全称")] = None,
    state: Annotated[str | None, typer.Option("--state", help="ordered、reported、closed、cancelled")] = None,
    is_open: Annotated[bool, typer.Option("--open", help="只看未销号的")] = False,
    overdue: Annotated[bool, typer.Option("--overdue", help="只看超期未销号的")] = False,
    as_json: JsonOption = False,
) -> None:
    """列出整改。"""
    from registry.plain_json import plain_json
    from registry.rectification_shown import OrdersAsked, list_orders

    asked = OrdersAsked(system, agency, state, is_open, overdue)
    with database() as opened, opened.read() as session:
        rows, _count = list_orders(session, asked, actor=None, now=now())
    if as_json:
        say_json([plain_json(one) for one in rows])
    elif rows:
        heads = ("编号", "单位", "系统", "情形", "文号", "期限", "超期", "状态")
        say_table(heads, [_order_cells(one) for one in rows])
    else:
        say("没有整改。")


def _order_cells(one: "OrderShown") -> tuple[str, ...]:
    late = f"{one.days_late} 天" if one.days_late else ""
    why = f"{one.trigger} {one.trigger_zh}"
    return (one.number, one.agency_name, one.system, why, one.document, str(one.due), late, one.state_zh)


@worded
def show(number: NumberArgument, as_json: JsonOption = False) -> None:
    """看一件整改。"""
    from registry.plain_json import plain_json
    from registry.rectification_shown import shown
    from registry.rectifications import find_order

    with database() as opened, opened.read() as session:
        found = shown(find_order(session, number, actor=None), actor=None, now=now())
    if as_json:
        say_json(plain_json(found))
        return
    late = f"，超期 {found.days_late} 天" if found.days_late else ""
    say(f"{found.number}  {found.state_zh}{late}")
    say(f"  {found.agency_name}  {found.system}（{found.system_id}）")
    say(f"  {found.trigger} {found.trigger_zh}（{found.source}）：{found.words}")
    say(f"  {found.document}，{found.day}；{found.due} 前整改；{found.ordered_by} 办理")
    told = (("整改结果", found.report, found.reported_by), ("退回", found.returned, ""))
    for name, words, by in (*told, (found.state_zh, found.closing, found.closed_by)):
        if words:
            say(f"  {name}：{words}{f'（{by}）' if by else ''}")


# ---- mulu budget ------------------------------------------------------------------------------------------


@worded
def candidates(
    year: YearOption = None,
    agency: Annotated[str | None, typer.Option("--agency", help="只看一个单位：代码或全称")] = None,
    as_json: JsonOption = False,
) -> None:
    """列出可能不安排预算的单位和情形，供主管部门决定；不自动标记。"""
    from registry.budget_flags import candidates as found_against
    from registry.budget_flags import usual_year
    from registry.plain_json import plain_json

    moment = now()
    asked = year if year is not None else usual_year(moment)
    with database() as opened, opened.read() as session:
        rows = found_against(session, year=asked, now=moment, agency=agency)
    if as_json:
        say_json([plain_json(one) for one in rows])
        return
    for one in rows:
        _say_candidate(one)
    if not rows:
        say(f"{asked} 预算年度没有这样的单位。")


def _say_candidate(one: "Candidate") -> None:
    flagged = f"  已标记（{one.flagged}）" if one.flagged else ""
    say(f"{one.agency_code}  {one.agency_name}  {one.year} 年度：{one.consequence}（{one.source}）{flagged}")
    for ground in one.grounds:
        say(f"  {ground.ref}  {ground.zh}：{ground.words}（{ground.source}）")


@worded
def flag(
    agency: AgencyArgument,
    document: DocumentOption,
    day: DayOption,
    login: AsOption,
    year: YearOption = None,
    reason: Annotated[
        list[str] | None,
        typer.Option("--reason", metavar="REF", help="所据情形的编号（candidates 所列），可多次"),
    ] = None,
    note: Annotated[str, typer.Option("--note", help="说明；没有 --reason 时须写")] = "",
) -> None:
    """标记一个单位下一年度预算原则上不安排（主管部门）。"""
    from registry.budget_flags import Decision, usual_year
    from registry.budget_flags import flag as decide

    moment = now()
    asked = year if year is not None else usual_year(moment)
    given = Decision(document, day_written(day), tuple(reason or ()), note)
    with database() as opened, opened.write() as session:
        made = decide(session, agency, asked, given, actor=console_actor(session, login, moment), now=moment)
        said = f"{agency}  {made.year} 年度已标记（{made.document}）"
    say(said)


@worded
def lift(
    agency: AgencyArgument,
    why: Annotated[str, typer.Option("--why", help="解除的理由")],
    login: AsOption,
    year: YearOption = None,
) -> None:
    """解除标记（主管部门）。"""
    from registry.budget_flags import lift as take_back
    from registry.budget_flags import usual_year

    moment = now()
    asked = year if year is not None else usual_year(moment)
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        take_back(session, agency, asked, why=why, actor=actor, now=moment)
    say(f"{agency}  {asked} 年度的标记已解除")


@worded
def flags(
    year: Annotated[int | None, typer.Option("--year", min=2000, max=2999, help="预算年度；默认全部")] = None,
    standing: Annotated[bool, typer.Option("--standing", help="只看未解除的")] = False,
    as_json: JsonOption = False,
) -> None:
    """列出标记。"""
    from registry.budget_flags import list_flags
    from registry.plain_json import plain_json

    with database() as opened, opened.read() as session:
        rows = list_flags(session, actor=None, year=year, standing=standing)
    if as_json:
        say_json([plain_json(one) for one in rows])
    elif rows:
        heads = ("年度", "代码", "单位", "文号", "日期", "情形", "状态")
        say_table(heads, [_flag_cells(one) for one in rows])
    else:
        say("没有标记。")


def _flag_cells(one: "FlagShown") -> tuple[str, ...]:
    why = "；".join([*(row["zh"] for row in one.reasons), *([one.note] if one.note else [])])
    state = "标记中" if one.standing else f"已解除：{one.lifted_why}"
    return (str(one.year), one.agency_code, one.agency_name, one.document, str(one.day), why, state)
