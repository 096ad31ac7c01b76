"""Commands on what waits and on what was: queue, as-of."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.terminal import (
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
    from registry.past import InForce, Past, Signed
    from registry.proof_states import Held
    from registry.queues import Overdue, Queue, Task
    from registry.request_tasks import RequestTask
    from registry.spot_checks import Sample
    from registry.sync_tasks import SyncTask
    from registry.system_tasks import SystemTask
    from validators.workdays import Calendar

WhoOption = Annotated[str | None, typer.Option("--as", metavar="LOGIN", help="看谁的待办；不写则看全部")]
# the days that are spot-checked when none are named
USUAL_PERIOD = 30
MINUTE = "%Y-%m-%d %H:%M"


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    app.command("queue")(queue)
    app.command("as-of")(as_of)


# ---- queue ------------------------------------------------------------------------------------------------


@worded
def queue(
    login: WhoOption = None,
    as_json: JsonOption = False,
    late: Annotated[bool, typer.Option("--overdue", help="按单位列出谁超期")] = False,
    draw: Annotated[
        bool, typer.Option("--sample", help="随机抽查低风险的已审核版本（须写 --as，抽取结果留痕）")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=0, help="最多列出几件；0 为全部")] = 50,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="抽查的随机种子；同一种子抽出的相同")
    ] = None,
    share: Annotated[float | None, typer.Option("--share", help="抽查比例，如 0.05")] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="抽查期间的起日；默认 30 天前")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="抽查期间的止日；默认今天")] = None,
) -> None:
    """看待办：等谁办什么、等了几个工作日、何时到期、为什么先办。"""
    if draw:
        _draw(login, as_json, seed=seed, share=share, first=first, last=last)
    elif late:
        _overdue(login, as_json)
    else:
        _waiting(login, as_json, limit or None)


def _waiting(login: str | None, as_json: bool, limit: int | None) -> None:
    from catalog_specs import load
    from registry.permits import EVERYTHING, roles_of, sight
    from registry.plain_json import plain_json
    from registry.proof_states import held_shown
    from registry.queues import waiting
    from registry.request_tasks import request_tasks
    from registry.sync_tasks import sync_tasks
    from registry.system_tasks import system_tasks

    specs, moment = load(), now()
    with database() as opened, opened.read() as session:
        actor = console_actor(session, login, moment) if login else None
        found = waiting(session, actor, now=moment, specs=specs, limit=limit)
        held = held_shown(session, sight=sight(actor, roles_of(specs)) if actor else EVERYTHING)
        asked = request_tasks(session, actor, now=moment, specs=specs)
        refused = sync_tasks(session, actor, specs=specs)
        owed = system_tasks(session, actor, now=moment, specs=specs)
    if as_json:
        more = {"held": [plain_json(one) for one in held], "requests": [_request_json(one) for one in asked]}
        more |= {
            "refused": [plain_json(one) for one in refused],
            "systems": [_request_json(one) for one in owed],
        }
        say_json(plain_json(found) | {"total": found.total} | more)
        return
    if found.total or not (asked or refused or owed):
        say(_summary(found))
    if found.tasks:
        heads = ("办理", "资源代码", "名称", "单位", "变更", "等待", "期限", "超期", "先办理由")
        say_table(heads, [_task_cells(task, specs) for task in found.tasks])
    if found.next_cursor:
        say(f"还有 {found.total - len(found.tasks)} 件没有列出；加 --limit 0 列出全部")
    _say_held(held)
    _say_requests(asked)
    _say_refused(refused)
    _say_owed(owed)
    tell_warnings(found.warnings)


def _request_json(task: "RequestTask | SystemTask") -> dict[str, Any]:
    from registry.plain_json import plain_json

    return plain_json(task) | {"overdue_zh": task.overdue_zh}


def _say_requests(asked: "Sequence[RequestTask]") -> None:
    """What waits in requests, grants and disputes, and what the other side is late with."""
    if not asked:
        return
    from catalog_specs import load
    from registry.people import local

    late = load().requests.late.zh
    say(f"共享需求和申请 {len(asked)} 件：")
    rows = [
        (
            one.zh,
            one.number,
            one.code or one.entry_id,
            one.name,
            one.requester,
            one.provider,
            f"{local(one.since):%Y-%m-%d}",
            f"{one.due}{'（临期）' if one.soon else ''}" if one.due else "",
            one.overdue_zh,
            "" if one.mine or not one.overdue else late,
        )
        for one in asked
    ]
    heads = ("办理", "编号", "资源代码", "名称", "需求方", "提供方", "自", "期限", "超期", "说明")
    say_table(heads, rows)


def _summary(found: "Queue") -> str:
    if not found.total:
        return "没有待办。"
    kinds = "；".join(
        f"{count.zh} {count.waiting} 件"
        + (f"（{told}）" if (told := _told(count.overdue, count.soon)) else "")
        for count in found.counts
        if count.waiting
    )
    return f"待办 {found.total} 件：{kinds}。"


def _say_held(held: "Sequence[Held]") -> None:
    """What did not pass and was held: why, and what to do."""
    if held:
        say(f"已扣留的数据 {len(held)} 件：")
    for one in held:
        say(f"  {one.code or one.entry_id}  {one.name}（{one.agency_name}），批次证明 {one.batch}")
        for sentence in one.unmet:
            say(f"    - {sentence}")
        say(f"    办法：{one.cure}")


def _say_refused(refused: "Sequence[SyncTask]") -> None:
    """What a platform refused: its words, and what to do."""
    if refused:
        say(f"{refused[0].zh} {len(refused)} 件：")
    for one in refused:
        say(f"  {one.code or one.entry_id}  {one.name}（{one.agency_name}），{one.target}：{one.said}")
    if refused:
        say(f"    办法：{refused[0].cure}")


def _say_owed(owed: "Sequence[SystemTask]") -> None:
    """What waits in duties, rectifications, retirements and wipes."""
    if not owed:
        return
    say(f"系统、义务和清除 {len(owed)} 件：")
    rows = [
        (
            one.zh,
            one.number,
            one.system,
            one.agency_name,
            one.what,
            f"{one.due}{'（临期）' if one.soon else ''}" if one.due else "",
            one.overdue_zh,
        )
        for one in owed
    ]
    say_table(("办理", "编号", "系统", "单位", "事项", "期限", "超期"), rows)


def _told(overdue: int, soon: int) -> str:
    return "、".join(f"{word} {count} 件" for word, count in (("超期", overdue), ("临期", soon)) if count)


def _task_cells(task: "Task", specs: "Specs") -> tuple[str, ...]:
    from catalog_specs.law_lifecycle import Lifecycle
    from registry.permits import roles_of

    role = roles_of(specs).index[task.role].zh if task.role else ""
    classes = specs.document("lifecycle", Lifecycle).class_index
    change = classes[task.change_class].zh if task.change_class in classes else ""
    return (
        f"{task.zh}（{role}）" if role else task.zh,
        task.code or task.entry_id,
        f"{task.name} · {task.distribution}" if task.distribution else task.name,
        task.agency_name,
        f"首个版本 {change}".strip() if task.first else change,
        f"{task.waiting} 个工作日",
        f"{task.due}{'（临期）' if task.soon else ''}" if task.due else "",
        task.overdue_zh,
        "、".join(task.reasons_zh),
    )


def _overdue(login: str | None, as_json: bool) -> None:
    from catalog_specs import load
    from registry.plain_json import plain_json
    from registry.queues import overdue

    moment = now()
    with database() as opened, opened.read() as session:
        actor = console_actor(session, login, moment) if login else None
        found: Overdue = overdue(session, actor, now=moment, specs=load())
    if as_json:
        say_json(plain_json(found))
        return
    if not found.rows:
        say("没有超期。")
    else:
        rows = [
            (
                row.agency_name,
                row.zh,
                "、".join(row.by),
                f"{row.count} 件",
                str(row.due),
                row.overdue_zh,
            )
            for row in found.rows
        ]
        say_table(("单位", "办理", "由谁办", "件数", "最早期限", "最长超期"), rows)
    tell_warnings(found.warnings)


def _draw(
    login: str | None,
    as_json: bool,
    *,
    seed: int | None,
    share: float | None,
    first: str | None,
    last: str | None,
) -> None:
    from datetime import timedelta

    from catalog_specs import load
    from registry.calendars import city_calendar
    from registry.plain_json import plain_json
    from registry.spot_checks import sample

    specs, moment = load(), now()
    calendar = city_calendar(specs)
    end = day_written(last) if last else calendar.day_of(moment)
    begin = day_written(first) if first else end - timedelta(days=USUAL_PERIOD)
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        found = sample(
            session, period=(begin, end), actor=actor, now=moment, specs=specs, share=share, seed=seed
        )
    if as_json:
        say_json(plain_json(found))
    else:
        _say_sample(found, calendar)


def _say_sample(found: "Sample", calendar: "Calendar") -> None:
    say(
        f"{found.first} 至 {found.last} 审核通过的低风险版本 {found.candidates} 件，"
        f"按 {found.share:.1%} 抽取 {len(found.chosen)} 件；种子 {found.seed}，总体摘要 {found.population}"
    )
    rows = [
        (
            one.code or one.entry_id,
            f"第 {one.number} 版",
            one.name,
            one.agency_name,
            one.login,
            _moment(one.at, calendar),
        )
        for one in found.chosen
    ]
    if rows:
        say_table(("资源代码", "版本", "名称", "单位", "经办", "通过时间"), rows)


# ---- as-of ------------------------------------------------------------------------------------------------


@worded
def as_of(
    day: Annotated[str, typer.Argument(metavar="DATE", help="哪一天，如 2026-11-20")],
    code: Annotated[str, typer.Argument(metavar="CODE", help="资源代码或内部编号，已注销的也可以")],
    as_json: JsonOption = False,
) -> None:
    """看某一天有效的是哪一版、由谁签署、有哪些资源在架。"""
    from catalog_specs import load
    from registry.calendars import city_calendar
    from registry.errors import Rejected
    from registry.past import as_of as find_past
    from registry.permits import EVERYTHING
    from registry.plain_json import plain_json

    specs = load()
    calendar, asked = city_calendar(specs), day_written(day)
    if asked > calendar.day_of(now()):
        raise Rejected(f"{asked} 还没有到；只能看今天和以前")
    with database() as opened, opened.read() as session:
        past = find_past(session, code, asked, EVERYTHING)
    if as_json:
        say_json(plain_json(past))
        return
    for line in _past_lines(past, specs, calendar):
        say(line)


def _past_lines(past: "Past", specs: "Specs", calendar: "Calendar") -> Iterator[str]:
    name = past.version.name if past.version else ""
    yield "  ".join(part for part in (past.code or past.entry_id, name, past.agency_name) if part)
    if past.version is None:
        yield f"{past.day} 没有有效的版本。"
    else:
        yield from _version_lines(past.day, past.version, calendar)
    yield from _signed_lines("签署：", past.signed, calendar)
    for made in past.shelved:
        form = specs.label("share_mode_type", made.form)
        yield f"在架资源：{made.name}（{form}），自 {_moment(made.since, calendar)} 起"
        if made.sha256:
            yield f"  文件摘要 {made.sha256}"
        yield from _signed_lines("  签署：", made.signed, calendar)


def _version_lines(day: date, version: "InForce", calendar: "Calendar") -> Iterator[str]:
    until = f"，至 {_moment(version.until, calendar)}" if version.until else "，至今有效"
    yield f"{day} 有效的是第 {version.number} 版，自 {_moment(version.since, calendar)} 起{until}"
    if version.notice:
        yield f"通告：{version.notice}（{version.notice_day}）"
    if version.stock:
        yield "由存量目录导入，没有本系统的审核记录"
    yield f"内容摘要：{version.digest}"


def _signed_lines(head: str, signed: Sequence["Signed"], calendar: "Calendar") -> Iterator[str]:
    if signed:
        yield head
    indent = " " * (len(head) - len(head.lstrip()) + 2)
    for one in signed:
        more = f"，受{one.delegated_by}委托（{one.document}）" if one.delegated_by else ""
        paper = f"，签批单 {one.sheet}（{one.entered_by} 登记）" if one.sheet else ""
        yield f"{indent}{one.role_zh} {one.name}（{one.login}）{more}  {one.zh}  {_moment(one.at, calendar)}{paper}"


# ---- both -------------------------------------------------------------------------------------------------


def _moment(moment: Any, calendar: "Calendar") -> str:
    return calendar.local(moment).strftime(MINUTE)
