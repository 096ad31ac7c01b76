"""Commands on grants, records of their use, and disputes: mulu grant, mulu usage, mulu dispute."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.request_reading import WhoOption, act_lines, check_side, term_words
from registry.cli.requests import NamesActs, NoteOption, file_one, filled, noted
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
    from registry.models import Dispute
    from registry.request_shown import GrantRow, GrantShown

grant_app = typer.Typer(help="共享授权：提供、续期、暂停、恢复、终止。", no_args_is_help=True)
usage_app = typer.Typer(help="使用记录和销毁记录。", no_args_is_help=True)
dispute_app = typer.Typer(help="共享争议：协商、协调、决定。", no_args_is_help=True)
GrantArgument = Annotated[
    str, typer.Argument(metavar="NUMBER", help="授权编号，如 授权〔2026〕1号，或内部编号")
]
# acts that take nothing but a note
_NOTED = (
    ("rectify", "需求方报告整改情况（写在 --note）。"),
    ("resume", "主管部门恢复共享权限（须写 --note）。"),
    ("terminate", "主管部门终止已暂停的共享（须写 --note）。"),
    ("finish", "需求方不再需要，终止使用。"),
)


class _NamesDisputeActs(NamesActs):
    def acts(self) -> Iterator[tuple[str, str]]:
        """The key of each act on a dispute, and what it is called."""
        from catalog_specs import load

        yield from ((row.key, row.zh) for row in load().requests.dispute_acts)


def enter(app: typer.Typer) -> None:
    """Enter the commands into the application."""
    for name, command in (
        ("list", list_grants_),
        ("show", show),
        ("provide", provide),
        ("extend", extend),
        ("suspend", suspend),
        ("revoke", revoke),
    ):
        grant_app.command(name)(command)
    for name, words in _NOTED:
        grant_app.command(name, help=words)(noted(partial(_act, name)))
    usage_app.command("record")(record)
    usage_app.command("list")(list_usage)
    dispute_app.command("open")(open_one)
    dispute_app.command("act", cls=_NamesDisputeActs)(act)
    dispute_app.command("list")(list_disputes)
    for part, name in ((grant_app, "grant"), (usage_app, "usage"), (dispute_app, "dispute")):
        app.add_typer(part, name=name)


# ---- grants -----------------------------------------------------------------------------------------------


@worded
def list_grants_(
    agency: Annotated[str | None, typer.Option("--agency", metavar="CODE", help="任一方的单位")] = None,
    side: Annotated[
        str | None, typer.Option("--side", help="requester 我方使用、provider 我方提供（须写 --as）")
    ] = None,
    entry: Annotated[str | None, typer.Option("--entry", metavar="CODE", help="只看一条目录的")] = None,
    running: Annotated[
        bool | None, typer.Option("--running/--over", help="只看今天可用的，或只看不可用的")
    ] = None,
    after: Annotated[str | None, typer.Option("--after", help="上一页的 next_cursor")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="最多列出几件")] = 50,
    login: WhoOption = "",
    as_json: JsonOption = False,
) -> None:
    """列出授权：谁用谁的什么、到何时、现在可不可用。"""
    from registry.plain_json import plain_json
    from registry.request_shown import list_grants

    check_side(side, login)
    moment = now()
    with database() as opened, opened.read() as session:
        actor = console_actor(session, login, moment) if login else None
        given: dict[str, Any] = {"side": side, "agency": agency, "entry": entry, "is_running": running}
        found = list_grants(session, actor=actor, now=moment, after=after, limit=limit, **given)
    if as_json:
        say_json(plain_json(found))
        return
    if not found.rows:
        say("没有授权。")
        return
    heads = ("编号", "资源代码", "名称", "需求方", "提供方", "共享方式", "使用时限", "状态", "提供")
    say_table(heads, [_grant_cells(row) for row in found.rows])
    if found.next_cursor:
        say(f"还有没有列出的；加 --after {found.next_cursor} 看下一页")


def _grant_cells(row: "GrantRow") -> tuple[str, ...]:
    return (
        row.number,
        row.code or row.entry_id,
        row.name,
        row.requester,
        row.provider,
        row.pattern,
        str(row.valid_until or ""),
        row.state_zh,
        "已提供" if row.provided_at else "",
    )


@worded
def show(number: GrantArgument, login: WhoOption = "", as_json: JsonOption = False) -> None:
    """查看一件授权：信息项、时限、提供情况、使用记录、办理经过。"""
    from dataclasses import replace

    from registry.plain_json import plain_json
    from registry.request_shown import shown_grant

    moment = now()
    with database() as opened, opened.read() as session:
        actor = console_actor(session, login, moment) if login else None
        found = shown_grant(session, number, actor=actor, now=moment)
        usage = [one.model_dump(mode="json") for one in found.usage]
        lines = list(_grant_lines(found))
    if as_json:
        say_json(plain_json(replace(found, usage=())) | {"usage": usage})
        return
    for line in lines:
        say(line)


def _grant_lines(found: "GrantShown") -> Iterator[str]:

    row, (due, late) = found.row, term_words(found.provide)
    yield f"{row.number}  {row.state_zh}  {row.requester} 使用 {row.provider} 的数据（{row.request}）"
    yield f"目录：{row.code or row.entry_id}  {row.name}"
    yield f"{row.pattern}：{'、'.join(row.items)}"
    yield f"使用时限：{row.valid_from} 至 {row.valid_until or '没有写明'}"
    if due:
        yield f"提供期限：{due}{f'，逾期 {late}' if late else ''}"
    if provided := found.content.get("provided"):
        yield f"提供位置：{provided.get('where', '')}"
    if row.rectify_by:
        yield f"整改期限：{row.rectify_by}"
    yield f"使用记录 {len(found.usage)} 件"
    yield "办理经过："
    yield from act_lines(found.acts)


@worded
def provide(
    number: GrantArgument,
    login: AsOption,
    form: Annotated[str, typer.Option("--form", help="1 库表、2 文件、3 接口")] = "",
    where: Annotated[str, typer.Option("--where", help="提供位置：接口或库表名，不写账号口令")] = "",
    note: NoteOption = "",
    as_json: JsonOption = False,
) -> None:
    """登记已经提供数据。"""
    _act("provide", number, {"form": form, "where": where}, login, as_json, note=note)


@worded
def extend(
    number: GrantArgument,
    login: AsOption,
    until: Annotated[str, typer.Option("--until", metavar="DATE", help="续到哪一天")] = "",
    basis: Annotated[str, typer.Option("--basis", help="使用依据；默认照原授权")] = "",
    scene: Annotated[str, typer.Option("--scene", help="使用场景；默认照原授权")] = "",
    scope: Annotated[str, typer.Option("--scope", help="使用范围；默认照原授权")] = "",
    note: NoteOption = "",
    as_json: JsonOption = False,
) -> None:
    """申请续期：为这件授权提出共享需求，经同意和答复后延长。"""
    from registry.request_shown import shown_grant

    with database() as opened, opened.read() as session:
        actor = console_actor(session, login, now())
        found = shown_grant(session, number, actor=actor, now=now())
    kept = {key: found.content.get(key, "") for key in ("basis", "scene", "scope")}
    data = kept | filled({"basis": basis, "scene": scene, "scope": scope, "valid_until": until})
    data |= {"extends": found.row.number, "mode": found.row.pattern, "items": list(found.row.items)}
    file_one(found.row.entry_id, "share", data, login, as_json, note=note, requester=found.row.requester_code)


@worded
def suspend(
    number: GrantArgument,
    login: AsOption,
    rectify_by: Annotated[str, typer.Option("--rectify-by", metavar="DATE", help="整改期限")] = "",
    note: NoteOption = "",
    as_json: JsonOption = False,
) -> None:
    """主管部门暂停共享权限，责令限期整改（须写 --note）。"""
    _act("suspend", number, {"rectify_by": rectify_by}, login, as_json, note=note)


@worded
def revoke(
    number: GrantArgument,
    login: AsOption,
    consultation: Annotated[str, typer.Option("--consultation", help="与需求方协商的情况")] = "",
    filing: Annotated[str, typer.Option("--filing", help="向主管部门备案的备案号")] = "",
    note: NoteOption = "",
    as_json: JsonOption = False,
) -> None:
    """提供方经协商并备案后终止共享（须写 --note）。"""
    _act("revoke", number, {"consultation": consultation, "filing": filing}, login, as_json, note=note)


def _act(name: str, number: str, data: Mapping[str, Any], login: str, as_json: bool, *, note: str) -> None:
    from catalog_specs import load
    from registry.grant_acts import act_on_grant
    from registry.plain_json import plain_json

    with database() as opened, opened.write() as session:
        actor, moment = console_actor(session, login, now()), now()
        done = act_on_grant(session, number, name, actor=actor, now=moment, data=filled(data), note=note)
    spec = load().requests
    if as_json:
        say_json(plain_json(done))
    else:
        state = spec.grant_zh(done.after, done.ended_why)
        say(f"{done.number} {spec.act_zh(done.act)}：现在是“{state}”")


# ---- records of use ---------------------------------------------------------------------------------------


@worded
def record(
    number: GrantArgument,
    login: AsOption,
    kind: Annotated[str, typer.Option("--kind", help="usage 使用记录、destruction 销毁记录")] = "usage",
    scene: Annotated[str, typer.Option("--scene", help="使用场景")] = "",
    course: Annotated[str, typer.Option("--course", help="使用过程")] = "",
    effect: Annotated[str, typer.Option("--effect", help="应用成效")] = "",
    storage: Annotated[str, typer.Option("--storage", help="存储情况")] = "",
    destruction: Annotated[str, typer.Option("--destruction", help="销毁情况：什么、如何、何时、何人")] = "",
    as_json: JsonOption = False,
) -> None:
    """登记使用记录；使用终止后登记销毁记录。"""
    from registry.usage import record_usage

    data = {"scene": scene, "course": course, "effect": effect, "storage": storage}
    data |= {"destruction": destruction}
    with database() as opened, opened.write() as session:
        actor, moment = console_actor(session, login, now()), now()
        made = record_usage(session, number, kind, filled(data), actor=actor, now=moment)
        shown = made.model_dump(mode="json")
    if as_json:
        say_json(shown)
    else:
        say(f"已登记 {shown['id']}，保存至 {shown['keep_until']}")


@worded
def list_usage(number: GrantArgument, login: WhoOption = "", as_json: JsonOption = False) -> None:
    """列出一件授权的使用记录和销毁记录。"""
    from catalog_specs import load
    from registry.people import local
    from registry.usage import usage_of

    with database() as opened, opened.read() as session:
        actor = console_actor(session, login, now()) if login else None
        found = usage_of(session, number, actor=actor)
        shown = [one.model_dump(mode="json") for one in found]
        rows = [
            (
                f"{local(one.at):%Y-%m-%d}",
                load().requests.usage_index[one.kind].zh,
                one.recorded_by,
                "；".join(map(str, one.content.values())),
                str(one.keep_until),
            )
            for one in found
        ]
    if as_json:
        say_json(shown)
    elif rows:
        say_table(("日期", "种类", "登记人", "内容", "保存至"), rows)
    else:
        say("没有使用记录。")


# ---- disputes ---------------------------------------------------------------------------------------------


@worded
def open_one(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="申请或授权的编号")],
    login: AsOption,
    subject: Annotated[str, typer.Option("--subject", help="争议事项和理由")] = "",
    as_json: JsonOption = False,
) -> None:
    """对不同意、逾期未答复的申请或对授权提出争议。"""
    from registry.disputes import open_dispute

    with database() as opened, opened.write() as session:
        actor, moment = console_actor(session, login, now()), now()
        made = open_dispute(session, number, subject=subject, actor=actor, now=moment)
        shown = _dispute(made)
    _say_dispute(shown, as_json)


@worded
def act(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="争议编号，如 争议〔2026〕1号")],
    name: Annotated[str, typer.Argument(metavar="ACT", help="环节，见下")],
    login: AsOption,
    outcome: Annotated[str, typer.Option("--outcome", help="处理结果")] = "",
    document: Annotated[str, typer.Option("--document", help="文号")] = "",
    note: NoteOption = "",
    as_json: JsonOption = False,
) -> None:
    """办理争议的一个环节。"""
    from registry.disputes import act_on_dispute

    data = filled({"outcome": outcome, "document": document})
    with database() as opened, opened.write() as session:
        actor, moment = console_actor(session, login, now()), now()
        made = act_on_dispute(session, number, name, actor=actor, now=moment, data=data, note=note)
        shown = _dispute(made)
    _say_dispute(shown, as_json)


@worded
def list_disputes(
    login: WhoOption = "",
    every: Annotated[bool, typer.Option("--all", help="已办结的也列出")] = False,
    as_json: JsonOption = False,
) -> None:
    """列出争议：正在办理的，或全部。"""
    from sqlalchemy import true
    from sqlmodel import col

    from catalog_specs import load
    from registry.models import DataRequest, Dispute
    from registry.request_sight import rows_of, seen_by

    with database() as opened, opened.read() as session:
        actor = console_actor(session, login, now()) if login else None
        query = rows_of(DataRequest).join(Dispute, col(Dispute.request_id) == col(DataRequest.id))
        wanted = true() if every else col(Dispute.closed_at).is_(None)
        query = query.add_columns(Dispute).where(seen_by(actor, load()), wanted)
        found = list(session.execute(query.order_by(col(Dispute.id).desc())))
        shown = [_dispute(row[-1]) | {"request": row[0].number, "name": row[2]} for row in found]
    if as_json:
        say_json(shown)
    elif shown:
        rows = [(d["number"], d["request"], d["name"], d["step_zh"], d["subject"]) for d in shown]
        say_table(("编号", "申请", "目录", "步骤", "事项"), rows)
    else:
        say("没有争议。")


def _dispute(dispute: "Dispute") -> dict[str, Any]:
    from catalog_specs import load
    from registry.disputes import step_zh

    return dispute.model_dump(mode="json") | {"step_zh": step_zh(dispute.step, load())}


def _say_dispute(shown: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        say_json(dict(shown))
    else:
        say(f"{shown['number']}：现在是“{shown['step_zh']}”")
