"""How requests are listed and shown at the console: mulu request list, show."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.terminal import JsonOption, console_actor, database, now, say, say_json, say_table, worded

if TYPE_CHECKING:
    from registry.queue_terms import Term
    from registry.request_shown import ActShown, RequestRow, RequestShown

NumberArgument = Annotated[str, typer.Argument(metavar="NUMBER", help="编号，如 共需〔2026〕1号，或内部编号")]
WhoOption = Annotated[str, typer.Option("--as", metavar="LOGIN", help="以谁的身份看；不写则看全部")]
MINUTE = "%Y-%m-%d %H:%M"


@worded
def list_all(
    agency: Annotated[str | None, typer.Option("--agency", metavar="CODE", help="任一方的单位")] = None,
    side: Annotated[
        str | None, typer.Option("--side", help="requester 我方提出、provider 向我方提出（须写 --as）")
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="share、correction、open")] = None,
    state: Annotated[str | None, typer.Option("--state", help="如 received 待答复")] = None,
    entry: Annotated[str | None, typer.Option("--entry", metavar="CODE", help="只看一条目录的")] = None,
    after: Annotated[str | None, typer.Option("--after", help="上一页的 next_cursor")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="最多列出几件")] = 50,
    login: WhoOption = "",
    as_json: JsonOption = False,
) -> None:
    """列出申请：状态、期限、是否逾期；不含申请人。"""
    from registry.plain_json import plain_json
    from registry.request_shown import list_requests

    check_side(side, login)
    moment = now()
    with database() as opened, opened.read() as session:
        actor = console_actor(session, login, moment) if login else None
        given: dict[str, Any] = {"side": side, "kind": kind, "state": state, "agency": agency}
        given |= {"entry": entry, "after": after, "limit": limit}
        found = list_requests(session, actor=actor, now=moment, **given)
    if as_json:
        say_json(plain_json(found))
        return
    if not found.rows:
        say("没有申请。")
        return
    heads = ("编号", "种类", "资源代码", "名称", "需求方", "提供方", "状态", "期限", "逾期")
    say_table(heads, [_row_cells(row) for row in found.rows])
    if found.next_cursor:
        say(f"还有没有列出的；加 --after {found.next_cursor} 看下一页")


def check_side(side: str | None, login: str) -> None:
    """Raises Rejected for a side that is none, or one of nobody."""
    from registry.errors import Rejected

    if side not in (None, "requester", "provider"):
        raise Rejected(f"没有“{side}”这一方；可用：requester（我方提出）、provider（向我方提出）")
    if side and not login:
        raise Rejected("--side 是某人所在单位的一方；须用 --as LOGIN 写明是谁")


def _row_cells(row: "RequestRow") -> tuple[str, ...]:
    due, late = term_words(row.term)
    return (
        row.number,
        row.kind_zh,
        row.code or row.entry_id,
        row.name,
        row.requester,
        row.provider,
        f"{row.state_zh}（已延期）" if row.extended else row.state_zh,
        due,
        late,
    )


def term_words(term: "Term") -> tuple[str, str]:
    """Until when something is due, and how late it is, in words; empty where it is not."""
    late = f"{term.overdue} {'个工作日' if term.unit == 'working_days' else '天'}" if term.overdue else ""
    return f"{term.due}{'（临期）' if term.soon else ''}" if term.due else "", late


@worded
def show(number: NumberArgument, login: WhoOption = "", as_json: JsonOption = False) -> None:
    """查看一件申请：内容、办理经过、授权、争议；申请人只在写了 --as 且其可以看时显示。"""
    from dataclasses import replace

    from registry.plain_json import plain_json
    from registry.request_shown import shown_request

    moment = now()
    with database() as opened, opened.read() as session:
        actor = console_actor(session, login, moment) if login else None
        found = shown_request(session, number, actor=actor, now=moment)
        disputes = [one.model_dump(mode="json") | {"step_zh": zh} for one, zh in found.disputes]
        lines = list(_lines(found))
    if as_json:
        say_json(plain_json(replace(found, disputes=())) | {"disputes": disputes})
        return
    for line in lines:
        say(line)


def _lines(found: "RequestShown") -> Iterator[str]:
    row = found.row
    due, late = term_words(row.term)
    yield f"{row.number}  {row.kind_zh}  {row.state_zh}{'（有争议）' if found.disputed else ''}"
    yield f"目录：{row.code or row.entry_id}  {row.name}（{row.provider}）"
    if row.requester:
        yield f"需求方：{row.requester}"
    for key, value in (found.applicant or {}).items():
        yield f"申请人 {key}：{value}"
    if due:
        yield f"答复期限：{due}{f'，逾期 {late}' if late else ''}{'，已延期' if row.extended else ''}"
    for _key, zh, value in found.fields:
        yield f"{zh}：{'、'.join(map(str, value)) if isinstance(value, list) else value}"
    if found.reasons:
        yield f"答复：{found.reasons}"
    yield from (f"授权：{one.number}（{one.state_zh}）" for one in found.grants)
    yield from (f"争议：{one.number}（{zh}）" for one, zh in found.disputes)
    yield "办理经过："
    yield from act_lines(found.acts)


def act_lines(acts: "Sequence[ActShown]") -> Iterator[str]:
    """The acts on a request or grant, one a line."""
    from catalog_specs import load
    from registry.people import local

    machine = load().requests.machine.zh
    for one in acts:
        who = machine if one.by_machine else one.login
        yield f"  {local(one.at):{MINUTE}}  {one.zh}  {who}{f'  {one.note}' if one.note else ''}"
