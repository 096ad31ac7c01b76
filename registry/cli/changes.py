"""Commands on change events: mulu change post, list, show, extend, settle, reopen, withdraw."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

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
    from catalog_specs import Specs
    from registry.case_states import CaseShown
    from registry.change_cases import EventShown
    from registry.change_events import Asked, Preview

change_app = typer.Typer(help="变更事件：发布、查看、延期、答复、撤回。", no_args_is_help=True)
NumberArgument = Annotated[str, typer.Argument(metavar="NUMBER", help="变更事件编号，如 BG-2026-0001")]
EntryArgument = Annotated[str, typer.Argument(metavar="CODE", help="资源代码或内部编号")]
ReasonOption = Annotated[str, typer.Option("--reason", help="理由")]


def enter(app: typer.Typer) -> None:
    """Enter the commands on change events into the application."""
    for name, command in (
        ("post", post),
        ("list", list_all),
        ("show", show),
        ("extend", extend),
        ("settle", settle),
        ("reopen", reopen),
        ("withdraw", withdraw),
    ):
        change_app.command(name)(command)
    app.add_typer(change_app, name="change")


@worded
def post(
    kind: Annotated[str, typer.Option("--kind", help="law 法律法规、duty 职责、reform 机构改革")],
    basis: Annotated[str, typer.Option("--basis", help="依据：文件、条款、文号")],
    effective: Annotated[str, typer.Option("--effective", metavar="DATE", help="生效日期")],
    agency: Annotated[list[str] | None, typer.Option("--agency", help="涉及的单位，可多次")] = None,
    law: Annotated[
        list[str] | None, typer.Option("--law", help="被引用的法规，如 《婚姻登记条例》第十条，可多次")
    ] = None,
    note: Annotated[str, typer.Option("--note", help="说明")] = "",
    login: AsOption = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只预览受影响的目录，不发布")] = False,
    as_json: JsonOption = False,
) -> None:
    """发布变更事件：列出受影响的目录，起算更新期限。"""
    from registry.change_events import Asked, read_citation

    laws = tuple(read_citation(text) for text in law or ())
    asked = Asked(kind, basis, day_written(effective), tuple(agency or ()), laws, note)
    if dry_run:
        _preview(asked, login, as_json)
    else:
        _post(asked, login, as_json)


def _preview(asked: "Asked", login: str, as_json: bool) -> None:
    from registry.change_events import affected_by
    from registry.plain_json import plain_json

    with database() as opened, opened.read() as session:
        actor = console_actor(session, login, now())
        found: Preview = affected_by(session, asked, actor=actor, now=now(), specs=_specs())
    if as_json:
        say_json(plain_json(found))
        return
    say(
        f"受影响的目录 {len(found.entries)} 条；自 {found.start} 起算，{found.due} 前更新（延期至 {found.extended}）"
    )
    rows = [
        (one.agency_name, one.code or one.entry_id, one.name, "；".join(one.why)) for one in found.entries
    ]
    if rows:
        say_table(("单位", "资源代码", "名称", "因何"), rows)
    tell_warnings(found.warnings)


def _post(asked: "Asked", login: str, as_json: bool) -> None:
    from registry.change_cases import show_event
    from registry.change_events import post_event
    from registry.permits import EVERYTHING

    moment = now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        number = post_event(session, asked, actor=actor, now=moment, specs=_specs()).number
        found = show_event(session, number, sight=EVERYTHING, now=moment, specs=_specs())
    _say_event(found, as_json)


@worded
def list_all(as_json: JsonOption = False) -> None:
    """列出变更事件和各自的办理情况。"""
    from registry.change_cases import list_events
    from registry.permits import EVERYTHING
    from registry.plain_json import plain_json

    with database() as opened, opened.read() as session:
        found = list_events(session, sight=EVERYTHING, now=now(), specs=_specs())
    if as_json:
        say_json([plain_json(one) for one in found])
        return
    if not found:
        say("没有变更事件。")
        return
    rows = [
        (
            one.number,
            one.kind_zh,
            one.basis,
            str(one.effective_on),
            str(one.due),
            _counted(one.counts),
            "已撤回" if one.withdrawn_at else "",
        )
        for one in found
    ]
    say_table(("编号", "种类", "依据", "生效", "期限", "办理", "状态"), rows)


@worded
def show(number: NumberArgument, as_json: JsonOption = False) -> None:
    """查看一件变更事件和受影响的目录。"""
    from registry.change_cases import show_event
    from registry.permits import EVERYTHING

    with database() as opened, opened.read() as session:
        found = show_event(session, number, sight=EVERYTHING, now=now(), specs=_specs())
    _say_event(found, as_json)


def _say_event(found: "EventShown", as_json: bool) -> None:
    from registry.plain_json import plain_json

    if as_json:
        say_json(plain_json(found))
        return
    say(f"{found.number}  {found.kind_zh}  {found.basis}")
    say(f"{found.effective_on} 生效，自 {found.start} 起算，{found.due} 前更新目录；{_counted(found.counts)}")
    if found.withdrawn_at:
        say(f"已撤回：{found.withdrawn_reason}")
    heads = ("单位", "资源代码", "名称", "因何", "期限", "状态", "超期", "答复")
    if found.cases:
        say_table(heads, [_case_cells(case) for case in found.cases])


def _case_cells(case: "CaseShown") -> tuple[str, ...]:
    return (
        case.agency_name,
        case.code or case.entry_id,
        case.name,
        "；".join(case.why),
        f"{case.due}{'（已延期）' if case.extended else ''}",
        f"{case.state_zh}{f' {case.settled_on}' if case.settled_on else ''}",
        f"{case.late} 个工作日" if case.late else "",
        case.answer,
    )


def _counted(counts: Mapping[str, int]) -> str:
    states = _specs().promises.state_index
    told = "、".join(f"{states[key].zh} {count} 条" for key, count in counts.items() if count)
    return told or "没有目录"


@worded
def extend(
    number: NumberArgument,
    code: EntryArgument,
    reason: ReasonOption,
    login: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """同意一条目录延期一次（主管部门）。"""
    from registry.change_cases import extend_case

    case = _act(extend_case, number, code, reason, login)
    _say_case(case, f"{code} 延期至 {case.due}", as_json)


@worded
def settle(
    number: NumberArgument,
    code: EntryArgument,
    reason: ReasonOption,
    login: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """答复一条目录不需更新，写明理由（本单位数据专员）。"""
    from registry.change_cases import settle_case

    _say_case(_act(settle_case, number, code, reason, login), f"{code} 已答复：不需更新", as_json)


@worded
def reopen(
    number: NumberArgument,
    code: EntryArgument,
    reason: ReasonOption,
    login: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """退回不需更新的答复（主管部门）。"""
    from registry.change_cases import reopen_case

    case = _act(reopen_case, number, code, reason, login)
    _say_case(case, f"{code} 的答复已退回，期限 {case.due}", as_json)


@worded
def withdraw(number: NumberArgument, reason: ReasonOption, login: AsOption = "") -> None:
    """撤回误发的变更事件。"""
    from registry.change_events import withdraw_event

    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, now())
        withdraw_event(session, number, reason=reason, actor=actor, now=now(), specs=_specs())
    say(f"{number} 已撤回")


def _act(deed: "Callable[..., CaseShown]", number: str, code: str, reason: str, login: str) -> "CaseShown":
    from registry.permits import roles_of, sight

    moment, specs = now(), _specs()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        seen = sight(actor, roles_of(specs))
        return deed(session, number, code, reason=reason, sight=seen, actor=actor, now=moment, specs=specs)


def _say_case(case: "CaseShown", text: str, as_json: bool) -> None:
    from registry.plain_json import plain_json

    if as_json:
        say_json(plain_json(case))
    else:
        say(text)


def _specs() -> "Specs":
    from catalog_specs import load

    return load()
