"""Commands of wipe cases: mulu wipe open, cases, case, enlist, absent, handover, set, close, cancel."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.papers import DayOption, NumberOption, paper_given
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
    worded,
)

if TYPE_CHECKING:
    from registry.models import WipeCase
    from registry.wipe_shown import CaseShown

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="清除任务编号，如 QC-520300-2026-0001")]
WhoOption = Annotated[str, typer.Option("--as", metavar="LOGIN", help="以谁的身份看；不写则看全部")]


def enter_wipes(app: typer.Typer) -> None:
    """Enter the commands of this module into ``mulu wipe``."""
    app.command("open")(open_)
    app.command("set")(set_)
    for command in (cases, case, enlist, absent, handover, close, cancel):
        app.command(command.__name__)(command)


# ---- opened and seen --------------------------------------------------------------------------------------


@worded
def open_(
    kind: Annotated[
        str,
        typer.Argument(metavar="KIND", help="contract_end、replaced_disk、shared_data_done 或 purpose_ended"),
    ],
    login: AsOption,
    agency: Annotated[
        str, typer.Option("--agency", metavar="CODE", help="单位；默认为系统的单位，或本人的单位")
    ] = "",
    system: Annotated[str, typer.Option("--system", help="系统：内部编号、系统编号或名称")] = "",
    grant: Annotated[str, typer.Option("--grant", metavar="NO", help="取得数据的共享授权编号")] = "",
    contract: Annotated[
        str, typer.Option("--contract", metavar="NO", help="合同编号；默认为系统的合同")
    ] = "",
    not_before: Annotated[str, typer.Option("--from", metavar="DATE", help="不可能早于哪天清除")] = "",
    due: Annotated[str, typer.Option("--due", metavar="DATE", help="要求完成的日期")] = "",
    why: Annotated[str, typer.Option("--note", help="事由")] = "",
) -> None:
    """建立清除任务；系统停用的任务由 mulu retirement open 建立。"""
    from registry.people import find_system
    from registry.wipe_opening import open_case

    moment = now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        about = find_system(session, system) if system else None
        owner = agency or (about.agency_id if about else actor.agency_id or "")
        made = open_case(
            session,
            kind,
            agency=owner,
            system=about,
            grant_id=grant or None,
            contract_no=contract,
            not_before=day_written(not_before) if not_before else None,
            due=day_written(due) if due else None,
            why=why,
            actor=actor,
            now=moment,
        )
        say(f"已建立清除任务 {made.number}；列入副本：mulu wipe enlist {made.number} COPY …")


@worded
def cases(
    system: Annotated[str, typer.Option("--system", help="只看一个系统")] = "",
    state: Annotated[str, typer.Option("--state", help="open、closed、cancelled")] = "",
    kind: Annotated[str, typer.Option("--kind", help="只看一种起因")] = "",
    login: WhoOption = "",
    as_json: JsonOption = False,
) -> None:
    """列出清除任务。"""
    from registry.plain_json import plain_json
    from registry.wipe_shown import show_cases

    moment = now()
    with database() as opened, opened.read() as session:
        actor = console_actor(session, login, moment) if login else None
        found = show_cases(session, actor=actor, system=system, state=state, kind=kind)
    if as_json:
        say_json([plain_json(one) for one in found])
        return
    if not found:
        say("没有清除任务。")
        return
    heads = ("编号", "起因", "单位", "系统", "状态", "要求完成")
    rows = [(o.number, o.kind_zh, o.agency, o.system or "", o.state_zh, str(o.due or "")) for o in found]
    say_table(heads, rows)


@worded
def case(case: CaseArgument, login: WhoOption = "", as_json: JsonOption = False) -> None:
    """看一个清除任务：副本及其状态、清除记录、还缺什么。"""
    from registry.plain_json import plain_json
    from registry.wipe_shown import show_case

    moment = now()
    with database() as opened, opened.read() as session:
        actor = console_actor(session, login, moment) if login else None
        found = show_case(session, case, actor=actor, now=moment)
    if as_json:
        say_json(plain_json(found))
        return
    _say_case(found)


def _say_case(found: "CaseShown") -> None:
    from catalog_specs import load
    from registry.wipe_shown import field_words

    specs = load()
    say(f"{found.number}  {found.kind_zh}  {found.agency}  {found.system or ''}  {found.state_zh}")
    if found.copies:
        rows = [(o.id, o.kind_zh, o.name, o.serial_no or "", o.state_zh) for o in found.copies]
        say_table(("副本", "种类", "名称", "序列号", "状态"), rows)
    for kind, why in found.absent.items():
        say(f"不存在：{kind}（{why}）")
    if found.records:
        listed = [
            (
                o.id,
                "、".join(o.copies),
                o.serial_no or "",
                field_words("method", o.method, specs),
                o.state_zh,
                o.certificate_no or "",
            )
            for o in found.records
        ]
        say_table(("记录", "副本", "序列号", "方法", "状态", "证明"), listed)
    for text in (*found.missing, *found.advice):
        say(f"  - {text}")


# ---- copies -----------------------------------------------------------------------------------------------


@worded
def enlist(
    case: CaseArgument,
    copies: Annotated[list[str], typer.Argument(metavar="COPY…", help="副本的内部编号或名称")],
    login: AsOption,
) -> None:
    """把副本列入清除任务。"""
    from registry import wipe_cases

    _on_case(wipe_cases.enlist, case, login, copies)
    say(f"{case}  已列入 {len(copies)} 处副本")


@worded
def absent(
    case: CaseArgument,
    kind: Annotated[list[str], typer.Argument(metavar="KIND=WHY…", help="如 snapshot=没有做过快照")],
    login: AsOption,
) -> None:
    """声明某类副本不存在，逐类说明理由。"""
    from catalog_specs import load
    from registry import wipe_cases

    given = dict(part.partition("=")[::2] for part in kind)
    _on_case(wipe_cases.say_absent, case, login, given)
    names = {row.key: row.zh for row in load().retirement.copies}
    say(f"{case}  已声明不存在：{'、'.join(names[key] for key in given)}")


@worded
def handover(
    case: CaseArgument,
    copy: Annotated[str, typer.Argument(metavar="COPY", help="副本的内部编号或名称")],
    login: AsOption,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="签收单")] = None,
    number: NumberOption = "",
    day: DayOption = "",
) -> None:
    """登记副本已移交（须有签收单或文号）。"""
    from registry import wipe_cases

    moment = now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        paper = paper_given(session, file, number, day, login=actor.login, moment=moment)
        row = _case(session, case, actor)
        wipe_cases.hand_over_copy(session, row, copy, paper, actor=actor, now=moment)
    say(f"{case}  “{copy}”已登记移交")


@worded
def set_(
    case: CaseArgument,
    state: Annotated[str, typer.Argument(metavar="STATE", help="frozen 冻结，disposed 归档移交完成")],
    login: AsOption,
) -> None:
    """把任务的副本改为已冻结或归档移交完成。"""
    from registry import wipe_cases

    moved = _on_case(wipe_cases.set_copies, case, login, state)
    say(f"{case}  已改 {len(moved)} 处副本")


# ---- closed -----------------------------------------------------------------------------------------------


@worded
def close(case: CaseArgument, login: AsOption) -> None:
    """清除任务结案；缺什么一次说全。"""
    from registry import wipe_cases

    _on_case(wipe_cases.close_case, case, login)
    say(f"{case}  已结案")


@worded
def cancel(
    case: CaseArgument, login: AsOption, why: Annotated[str, typer.Option("--note", help="理由")] = ""
) -> None:
    """撤销还没有清除记录的任务，副本恢复在用。"""
    from registry import wipe_cases

    _on_case(wipe_cases.cancel_case, case, login, why)
    say(f"{case}  已撤销")


def _case(session: Any, written: str, actor: Any) -> "WipeCase":
    from registry.wipe_sight import find_case

    return find_case(session, written, actor=actor).case


def _on_case(deed: Any, written: str, login: str, *given: Any) -> Any:
    moment = now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        return deed(session, _case(session, written, actor), *given, actor=actor, now=moment)
