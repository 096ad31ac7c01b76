"""Commands on the retirement of systems: mulu retirement open, impact, notify, decide, settle, archive, close …"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.papers import DayOption, NumberOption, PaperArgument, paper_given
from registry.cli.terminal import (
    AsOption,
    JsonOption,
    console_actor,
    database,
    now,
    say,
    say_json,
    say_table,
    worded,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from registry.retirement_entries import Fate

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="停用任务编号，如 TY-520300-2026-0001")]
NoteOption = Annotated[str, typer.Option("--note", help="说明")]
SystemArgument = Annotated[str, typer.Argument(metavar="SYSTEM", help="系统：内部编号、系统编号或名称")]
SuccessorOption = Annotated[str, typer.Option("--successor", metavar="SYSTEM", help="承接系统")]
retirement = typer.Typer(
    help="系统停用：决定、影响清单、通知、逐条处置、归档、冻结、结案。", no_args_is_help=True
)


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    app.add_typer(retirement, name="retirement")


# ---- seen -------------------------------------------------------------------------------------------------


@retirement.command("list")
@worded
def list_(
    system: Annotated[str | None, typer.Option("--system", help="只看一个系统")] = None,
    state: Annotated[str | None, typer.Option("--state", help="open、closed、cancelled")] = None,
    as_json: JsonOption = False,
) -> None:
    """列出停用任务。"""
    from catalog_specs import load
    from registry.plain_json import plain_value
    from registry.retirement_cases import list_cases
    from registry.retirement_shown import case_line

    with database() as opened, opened.read() as session:
        rows = [case_line(row) for row in list_cases(session, actor=None, system=system, state=state)]
    if as_json:
        say_json(plain_value(rows))
        return
    states = {one.key: one.zh for one in load().retiring.states}
    listed = [
        (row["number"], row["system_name"], row["agency_name"], str(row["decided_on"]), states[row["state"]])
        for row in rows
    ]
    if listed:
        say_table(("任务", "系统", "单位", "停用日期", "状态"), listed)
    else:
        say("没有停用任务。")


@retirement.command("show")
@worded
def show(
    case: CaseArgument,
    entries: Annotated[bool, typer.Option("--entries", help="列出每一条目录和它的处置")] = False,
    as_json: JsonOption = False,
) -> None:
    """看一个停用任务：各步骤、条目处置、还缺什么。"""
    from registry.plain_json import plain_value
    from registry.retirement_cases import find_case
    from registry.retirement_shown import case_json, entry_lines

    with database() as opened, opened.read() as session:
        row = find_case(session, case, actor=None)
        shown = case_json(session, row, now=now())
        listed = entry_lines(session, row.case) if entries else []
    if as_json:
        say_json(plain_value(shown | ({"entry_list": listed} if entries else {})))
        return
    for line in (*_case_lines(shown), *_entry_lines(listed)):
        say(line)


def _case_lines(shown: dict[str, Any]) -> Iterator[str]:
    yield f"{shown['number']}  {shown['system_name']}（{shown['agency_name']}）  停用日期 {shown['decided_on']}"
    yield f"  决定 {shown['decision_no']}；承接系统 {shown['successor_name'] or '无'}；清除任务 {shown['wipe_case']}"
    for step in shown["steps"]:
        papers = "；".join(
            f"{p['number'] or p['file_name'] or ''} {p['day'] or ''}".strip() for p in step["papers"]
        )
        yield f"  {'✓' if step['done'] else '·'} {step['zh']}{'  ' + papers if papers else ''}"
    for fate, counts in shown["entries"].items():
        if counts["done"] or counts["left"]:
            yield f"  {_fates().get(fate, '未定')}：已办结 {counts['done']} 条，未办结 {counts['left']} 条"
    if shown["lacking"]:
        yield "结案还缺："
    for said in shown["lacking"]:
        yield f"  - {said}"


def _entry_lines(listed: list[dict[str, Any]]) -> Iterator[str]:
    for row in listed:
        said = _fates().get(row["fate"] or "", "未定")
        ended = "  已办结" if row["done_at"] else f"  {row['waits_for']}" if row["waits_for"] else ""
        yield f"{row['code'] or row['entry']}  {row['name']}  {said}{ended}"


def _fates() -> dict[str, str]:
    from registry.retirement_shown import fate_names

    return dict(fate_names())


@retirement.command("impact")
@worded
def impact(system: SystemArgument, as_json: JsonOption = False) -> None:
    """停用的影响清单：目录、清单行、授权、门户、副本、未销号的整改。不作任何改动。"""
    from registry.plain_json import plain_value
    from registry.retirement_shown import impact_now
    from registry.system_register import find_seen

    with database() as opened, opened.read() as session:
        found = find_seen(session, system, actor=None)[0]
        shown = impact_now(session, found, now=now())
        name = found.name
    if as_json:
        say_json(plain_value(shown))
        return
    for line in _impact_lines(name, shown):
        say(line)


def _impact_lines(name: str, shown: dict[str, Any]) -> Iterator[str]:
    from catalog_specs import load
    from catalog_specs.law_release import Responsibility

    counts = shown["counts"]
    kinds = {kind.key: kind.zh for kind in load().retirement.copies}
    named = {kind.key: kind.zh for kind in load().document("responsibility", Responsibility).lists}
    lists = "、".join(f"{named[kind]} {count} 行" for kind, count in counts["lines"].items()) or "无"
    yield f"停用“{name}”将涉及："
    yield f"  目录 {counts['entries']} 条，在架 {counts['shelved']} 条，在办的新版本 {counts['open_versions']} 个"
    yield f"  责任清单：{lists}"
    yield f"  有效授权 {counts['grants']} 项，使用方：{'、'.join(counts['users']) or '无'}"
    yield f"  在办申请 {counts['requests']} 件"
    for target, tally in shown["portals"].items():
        yield f"  门户 {target}：可能在架 {tally['there']} 条，已撤下 {tally['gone']} 条"
    lacking = "、".join(kinds[key] for key in shown["copies_lacking"]) or "无"
    yield f"  数据副本 {counts['copies']} 处；没有登记的种类：{lacking}"
    if shown["orders"]:
        yield f"  未销号的整改：{'、'.join(shown['orders'])}"
    yield f"  今年的义务：未办结 {counts['duties']} 项，其中超期 {counts['duties_overdue']} 项"
    for row in shown["entries"]:
        notes = [f"授权 {row['grants']} 项"] if row["grants"] else []
        notes += [f"在 {'、'.join(row['portals'])}"] if row["portals"] else []
        yield f"  - {row['code'] or row['id']}  {row['name']}{'（' + '；'.join(notes) + '）' if notes else ''}"


# ---- done -------------------------------------------------------------------------------------------------


@retirement.command("open")
@worded
def open_(
    system: SystemArgument,
    login: AsOption,
    file: PaperArgument = None,
    number: NumberOption = "",
    day: DayOption = None,
    successor: SuccessorOption = "",
    note: NoteOption = "",
) -> None:
    """登记停用批复：系统即停用，列出全部目录和副本，建立清除任务。"""
    from registry.retirement import open_retirement
    from registry.retirement_cases import wipe_case_of

    moment = now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        paper = paper_given(session, file, number, day, actor.login, moment)
        made = open_retirement(
            session, system, paper=paper, successor=successor, why=note, actor=actor, now=moment
        )
        wiping = wipe_case_of(session, made).number
        touched = f"目录 {made.impact['entries']} 条，副本 {made.impact['copies']} 处"
        said = f"停用任务 {made.number}：{touched}；清除任务 {wiping}"
    say(said)


@retirement.command("successor")
@worded
def successor(
    case: CaseArgument,
    heir: Annotated[str, typer.Argument(metavar="SYSTEM", help="承接系统")],
    login: AsOption,
) -> None:
    """登记或改写承接系统。"""
    from registry.retirement import name_successor

    moment = now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        made = name_successor(session, case, heir, actor=actor, now=moment)
        said = f"{made.number} 的承接系统：{heir}"
    say(said)


def _step(key: str, help_zh: str) -> Callable[..., None]:
    def command(
        case: CaseArgument,
        login: AsOption,
        file: PaperArgument = None,
        number: NumberOption = "",
        day: DayOption = None,
        note: NoteOption = "",
    ) -> None:
        from registry.retirement import do_step

        moment = now()
        with database() as opened, opened.write() as session:
            actor = console_actor(session, login, moment)
            paper = paper_given(session, file, number, day, actor.login, moment)
            do_step(session, case, key, paper, note=note, actor=actor, now=moment)
        say(f"已登记：{help_zh}")

    command.__doc__ = f"{help_zh}。"
    return worded(command)


retirement.command("notify")(_step("notice", "通知使用方并报备"))
retirement.command("archive")(_step("archive", "归档、移交清单"))
retirement.command("freeze")(_step("freeze", "各副本转为只读"))
retirement.command("write-off")(_step("write_off", "资产核销"))


@retirement.command("decide")
@worded
def decide(
    case: CaseArgument,
    login: AsOption,
    entries: Annotated[
        list[str] | None, typer.Argument(metavar="[CODE]…", help="资源代码；不写的用 --file 或 --rest")
    ] = None,
    fate: Annotated[str, typer.Option("--fate", help="transfer 移交、archive 转档案、retire 注销")] = "",
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="处置表：XLSX、CSV、JSON（mulu retirement sheet）"),
    ] = None,
    rest: Annotated[bool, typer.Option("--rest", help="所有还没有确定处置的")] = False,
    archive: Annotated[str, typer.Option("--archive", metavar="PLACE", help="转档案的存放处")] = "",
    note: NoteOption = "",
) -> None:
    """逐条确定处置：移交承接系统、转为档案或注销；可用处置表一次确定。"""
    from registry.retirement_settling import decide as decide_fates

    moment = now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        wanted = (
            _from_file(file) if file else _asked(session, case, entries or [], fate, rest, (note, archive))
        )
        changed = decide_fates(session, case, wanted, actor=actor, now=moment)
    say(f"已确定处置 {len(changed)} 条")


def _asked(
    session: "Session", case: str, entries: list[str], fate: str, rest: bool, words: tuple[str, str]
) -> "list[Fate]":
    from registry.errors import Rejected
    from registry.retirement_cases import find_case
    from registry.retirement_entries import Fate
    from registry.retirement_shown import entry_lines

    if not fate or (not entries and not rest):
        raise Rejected("写明资源代码（或 --rest）和 --fate，或用 --file 给出处置表")
    found = [*entries]
    if rest:
        lines = entry_lines(session, find_case(session, case, actor=None).case)
        found += [row["entry"] for row in lines if row["fate"] is None]
    return [Fate(name, fate, *words) for name in found]


def _from_file(path: Path) -> "list[Fate]":
    from registry.fate_sheets import read_fates

    return read_fates(path)


@retirement.command("sheet")
@worded
def sheet(
    case: CaseArgument, out: Annotated[Path, typer.Argument(metavar="OUT.xlsx", help="写到哪里")]
) -> None:
    """写出处置表（XLSX）：填好后用 mulu retirement decide --file 读回。"""
    from registry.fate_sheets import write_fates
    from registry.retirement_cases import find_case
    from registry.retirement_shown import entry_lines

    with database() as opened, opened.read() as session:
        lines = entry_lines(session, find_case(session, case, actor=None).case)
    write_fates(lines, out)
    say(f"已写出 {out}：{len(lines)} 条")


@retirement.command("settle")
@worded
def settle(case: CaseArgument, login: AsOption, as_json: JsonOption = False) -> None:
    """办理已确定的处置：移交、转档案、下架和注销；办不了的说明在等什么。可随时中断，再次执行接着办。"""
    from catalog_specs import load
    from registry.retirement_entries import Settled
    from registry.retirement_settling import settle as settle_some
    from registry.retirement_settling import waiting_entries
    from registry.settings import read_settings

    whole, size = Settled(), load().retiring.chunk
    with database() as opened:
        with opened.read() as session:
            keys = waiting_entries(session, case, actor=console_actor(session, login, now()))
        # an empty chunk settles what only the portals were waited for
        for chunk in [keys[n : n + size] for n in range(0, len(keys), size)] or [[]]:
            with opened.write() as session:
                actor = console_actor(session, login, now())
                files = read_settings().files
                part = settle_some(session, case, chunk, actor=actor, now=now(), files=files)
            whole.done += part.done
            whole.waiting |= part.waiting
            whole.left = part.left
        with opened.read() as session:
            codes = _codes(session, case)
    if as_json:
        say_json({"done": whole.done, "waiting": whole.waiting, "left": whole.left})
    else:
        _say_settled(whole.done, {codes[key]: said for key, said in whole.waiting.items()}, whole.left)
    raise typer.Exit(1 if whole.left else 0)


def _codes(session: "Session", case: str) -> dict[str, str]:
    from registry.retirement_cases import find_case
    from registry.retirement_shown import entry_lines

    lines = entry_lines(session, find_case(session, case, actor=None).case)
    return {line["entry"]: f"{line['code'] or line['entry']} {line['name']}" for line in lines}


def _say_settled(done: list[str], waiting: dict[str, str], left: int) -> None:
    say(f"办结 {len(done)} 条，还有 {left} 条没有办结")
    for key, said in waiting.items():
        say(f"  - {key}：{said}")


@retirement.command("close")
@worded
def close(case: CaseArgument, login: AsOption) -> None:
    """结案：每条目录、每处副本都有结果才能办理；缺什么一次说全。"""
    from registry.retirement import close as close_case

    moment = now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        made = close_case(session, case, actor=actor, now=moment)
        said = f"停用任务 {made.number} 已结案"
    say(said)


@retirement.command("cancel")
@worded
def cancel(
    case: CaseArgument, login: AsOption, note: Annotated[str, typer.Option("--note", help="撤销的理由")]
) -> None:
    """撤销停用决定：只在没有条目办结、没有副本清除时可以。"""
    from registry.retirement import cancel as cancel_case

    moment = now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        made = cancel_case(session, case, why=note, actor=actor, now=moment)
        said = f"停用任务 {made.number} 已撤销"
    say(said)
