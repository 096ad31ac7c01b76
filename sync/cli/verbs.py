"""``mulu-sync plan|run|verify|repair|status|retry``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.terminal import (
    JsonOption,
    database,
    now,
    operator,
    progress_bar,
    say,
    say_json,
    say_table,
    tell,
)
from sync.cli.answers import (
    AMISS,
    ENDS,
    IN_STEP,
    PUSH,
    UNREACHED,
    VERBS,
    TargetArgument,
    WhoOption,
    code_of,
    code_of_report,
    office,
    report_json,
    say_failures,
    say_report,
    whose,
    worded,
    words_of,
    worst,
)
from sync.cli.stopping import stopped_gently

if TYPE_CHECKING:
    from sync.mapping import Difference
    from sync.plan import Plan, Planned
    from sync.reports import Report
    from sync.rounds import Office
    from sync.verify import Findings

ParallelOption = Annotated[
    int | None, typer.Option("--parallel", min=1, max=32, help="同时向门户发几个请求；默认 4")
]
_ACTS = {"create": "新增", "patch": "更新", "withdraw": "撤下", "skip": "无变化"}
_LONGEST = 60  # characters of a value that are shown


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    for command in (plan, run, verify, repair, status, retry):
        app.command(command.__name__)(command)


# ---- plan ---------------------------------------------------------------------------------------------------


@worded
def plan(
    target: TargetArgument,
    as_json: JsonOption = False,
    full: Annotated[bool, typer.Option("--full", help="逐条重新判定，不只看有变动的")] = False,
) -> None:
    """看这次会做什么、改哪些字段；什么也不写。"""
    with office(None) as at:
        found = _planned(at, target, full=full)
    if as_json:
        from sync.plan import plan_json

        say_json(plan_json(found))
        return
    _say_plan(found)


def _planned(at: "Office", target: str, *, full: bool) -> "Plan":
    from dataclasses import replace

    from sync import rounds
    from sync.portal import PortalError

    try:
        return rounds.plan(at, target, full=full)
    except PortalError as error:
        # what is to be done is known from the ledger alone
        found = rounds.plan(at, target, full=full, compare=False)
        return replace(found, said=f"没有读到门户，差异从略：{error.words}")


def _say_plan(found: "Plan") -> None:
    counted = (
        ("新增", found.create),
        ("更新", found.patch),
        ("撤下", found.withdraw),
        ("无变化", found.skip),
    )
    say(f"{found.target}：" + "，".join(f"{zh} {number}" for zh, number in counted))
    for one in found.entries:
        say(f"  {_ACTS[one.act]}  {one.code}  {one.name}")
        for difference in one.differences or ():
            say(f"      {_difference(difference)}")
    _say_held(found.held)
    if found.said:
        tell(f"提醒：{found.said}")


def _say_held(held: "Sequence[Planned]") -> None:
    if held:
        say(f"在架而不外发 {len(held)} 条：")
    for one in held:
        say(f"  {one.code}  {one.name}")
        for reason in one.reasons:
            say(f"      {reason}")


def _difference(one: "Difference") -> str:
    return f"{one.field}：{_brief(one.old)} → {_brief(one.new)}"


def _brief(value: Any) -> str:
    text = "（无）" if value in (None, "", [], {}) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


# ---- run ----------------------------------------------------------------------------------------------------


@worded
def run(
    targets: Annotated[list[str] | None, typer.Argument(metavar="TARGET…", help="目标名称，可以多个")] = None,
    every: Annotated[bool, typer.Option("--all", help="全部目标")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="一直运行：有变动就推送；停止：Ctrl+C 或 SIGTERM")
    ] = False,
    as_json: JsonOption = False,
    parallel: ParallelOption = None,
    login: WhoOption = None,
) -> None:
    """推送和撤下，逐条回读核对；门户不通的稍后再试，拒绝的停下待处理。"""
    with office(login) as at, stopped_gently(at.stop, tell):
        names = _chosen(at, targets or [], every)
        if watch:
            _watch(at, None if every else names, as_json, parallel)
            return
        codes, reports = [], []
        for name in names:
            code, report = _one(at, name, parallel)
            codes.append(code)
            if report is not None:
                reports.append(report)
                if not as_json:
                    say_report(report)
    if as_json and (reports or every):
        found = [report_json(one) for one in reports]
        say_json(found if every or len(names) > 1 else found[0])
    raise typer.Exit(worst(codes))


def _chosen(at: "Office", names: Sequence[str], every: bool) -> list[str]:
    from registry.errors import Rejected
    from sync import targets as known

    with at.database.read() as session:
        live = [target.name for target in known.listed(session)]
        for name in names:
            known.find(session, name)
    if bool(names) == every:
        raise Rejected(f"写明目标名称，或用 --all 办全部（现有：{'、'.join(live) or '没有'}）")
    if not names and not live:
        raise Rejected("还没有目标；先用 mulu-sync target add 登记")
    # each once, in the order given
    return list(dict.fromkeys(names)) or live


def _one(at: "Office", name: str, parallel: int | None) -> tuple[int, "Report | None"]:
    """One target's run; what hinders one does not hinder the next."""
    from registry.errors import MuluError
    from sync import rounds
    from sync.portal import PortalError

    try:
        with progress_bar(f"同步 {name}") as progress:
            report = rounds.run(at, name, progress=progress, parallel=parallel)
    except (MuluError, PortalError) as error:
        tell(f"错误：{name}：{words_of(error)}")
        return code_of(error), None
    return code_of_report(report), report


def _watch(at: "Office", names: Sequence[str] | None, as_json: bool, parallel: int | None) -> None:
    """Run on; without names whatever targets there are at the time."""
    import json

    from sync import rounds

    ills: dict[str, str] = {}

    def told(report: "Report") -> None:
        ills.pop(report.target, None)
        if as_json:
            # a line each, for whoever reads along
            say(json.dumps(report_json(report), ensure_ascii=False))
        else:
            say_report(report)

    def amiss(name: str, error: Exception) -> None:
        # once, not in every round
        if ills.get(name) != str(error):
            tell(f"错误：{name}：{words_of(error)}")
            ills[name] = str(error)

    tell(f"同步任务运行中：{'、'.join(names) if names else '全部目标'}（停止：Ctrl+C）")
    rounds.watch(at, names, told, amiss=amiss, parallel=parallel)
    tell("同步任务已停止。")


# ---- verify and repair --------------------------------------------------------------------------------------

DeepOption = Annotated[bool, typer.Option("--deep", help="每个文件都取回来比对字节，不只比对动过的")]


@worded
def verify(
    target: TargetArgument, as_json: JsonOption = False, deep: DeepOption = False, login: WhoOption = None
) -> None:
    """读门户的全部内容，列出与本系统不一致之处（含在门户手工改动的）；不改门户。"""
    from sync import rounds
    from sync.verify import findings_json

    with office(login) as at, stopped_gently(at.stop, tell):
        found = rounds.verify(at, target, deep=deep)
    if as_json:
        say_json(findings_json(found, now()))
    else:
        _say_findings(found)
    raise typer.Exit(IN_STEP if found.in_step else AMISS)


def _say_findings(found: "Findings") -> None:
    from catalog_specs import load

    if found.in_step:
        say(f"{found.target}：一致，核对 {found.checked} 条。")
        return
    say(f"{found.target}：核对 {found.checked} 条，不一致 {len(found.drifts)} 处：")
    kinds = load().sync.drift_index
    for one in found.drifts:
        place = f"，门户上为 {one.portal_name}" if one.portal_name else ""
        mended = "" if kinds[one.kind].repair else "（须在门户处理）"
        say(f"  {one.code or one.portal_id}  {one.name}：{kinds[one.kind].zh}{place}{mended}")
        for difference in one.differences:
            say(f"      {_difference(difference)}")
    say(f"用 mulu-sync repair {found.target} 恢复。")


@worded
def repair(
    target: TargetArgument,
    as_json: JsonOption = False,
    deep: DeepOption = False,
    parallel: ParallelOption = None,
    login: WhoOption = None,
) -> None:
    """核对并恢复：少的补上，多的撤下，改动的改回；门户清空后可以整个重建。"""
    from sync import rounds

    with office(login) as at, stopped_gently(at.stop, tell), progress_bar(f"恢复 {target}") as progress:
        report = rounds.repair(at, target, deep=deep, progress=progress, parallel=parallel)
    if as_json:
        say_json(report_json(report))
    else:
        say_report(report)
    raise typer.Exit(code_of_report(report))


# ---- status and retry ---------------------------------------------------------------------------------------


@worded
def status(
    target: Annotated[str | None, typer.Argument(metavar="TARGET", help="目标名称；不写则全部")] = None,
    as_json: JsonOption = False,
) -> None:
    """各目标的情况：在架多少、待办多少、出了什么事、上次运行。有失败退出码为 1，门户不可达为 3。"""
    from sync import rounds

    with database() as opened, opened.read() as session:
        found = rounds.status(session, target, now=now())
    if as_json:
        say_json(found)
    elif not found:
        say("还没有目标；用 mulu-sync target add 登记。")
    else:
        heads = ("目标", "范围", "情况", "待办", "变动", "问题", "上次运行")
        say_table(heads, [_status_cells(one) for one in found])
        for one in found:
            _say_ill(one)
    raise typer.Exit(worst([_status_code(one) for one in found]))


def _status_cells(one: dict[str, Any]) -> tuple[str, ...]:
    from catalog_specs import load

    rules, scopes = load().sync, load().ckan.scope_index
    states = [f"{row.zh} {one['states'][row.key]}" for row in rules.states if one["states"][row.key]]
    ills = [f"{row.zh} {one['troubles'][row.key]}" for row in rules.troubles if one["troubles"][row.key]]
    return (
        one["name"],
        scopes[one["scope"]].zh,
        "，".join(states),
        str(one["due"] or ""),
        str(one["outbox"] or ""),
        "，".join(ills),
        _run_cell(one["last_run"]),
    )


def _run_cell(last: dict[str, Any] | None) -> str:
    if last is None:
        return ""
    return f"{_minute(last['started_at'])} {VERBS.get(last['verb'], last['verb'])}：{ENDS[last['outcome']]}"


def _minute(moment: str) -> str:
    from datetime import datetime

    from registry.people import local

    return f"{local(datetime.fromisoformat(moment)):%Y-%m-%d %H:%M}"


def _say_ill(one: dict[str, Any]) -> None:
    """What a target said when it ended badly, and the failures of its last run."""
    if one["said"]:
        rests = f"（{_minute(one['rests_until'])} 前不再试）" if one["rests_until"] else ""
        say(f"{one['name']}：{one['said']}{rests}")
    if one["last_run"] and one["last_run"]["failures"]:
        say(f"{one['name']} 上次运行的问题：")
        say_failures(one["last_run"]["failures"])


def _status_code(one: dict[str, Any]) -> int:
    last = one["last_run"] or {"outcome": "in_step"}
    if one["troubles"].get("refused") or one["troubles"].get("unacknowledged") or last["outcome"] == "failed":
        return AMISS
    unreached = one["rests_until"] or one["troubles"].get("unreachable") or last["outcome"] == "unreachable"
    return UNREACHED if unreached else IN_STEP


@worded
def retry(
    target: TargetArgument,
    codes: Annotated[list[str] | None, typer.Argument(metavar="CODE…", help="资源代码；不写则全部")] = None,
    login: WhoOption = None,
) -> None:
    """把被拒绝的、没送到的重新列为待办；下次运行再试。"""
    from sync import rounds

    with database() as opened, opened.write() as session:
        by = whose(session, login, PUSH, now())
        count = rounds.retry(session, target, codes or [], by=by, operator=operator(), now=now())
    say(f"{target}：{count} 条重新列为待办。" + (f"执行 mulu-sync run {target}。" if count else ""))
