"""Commands on reviews of a system by the authority: mulu system review, reviews."""

from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli.papers import paper_given
from registry.cli.rectify import FileOption, SystemArgument
from registry.cli.systems import system
from registry.cli.terminal import (
    AsOption,
    JsonOption,
    console_actor,
    database,
    day_written,
    now,
    say,
    say_json,
    worded,
)

if TYPE_CHECKING:
    from datetime import date

    from registry.reviews import Reason, ReviewShown

KindArgument = Annotated[str, typer.Argument(metavar="KIND", help="plan 方案评审，acceptance 验收符合性审查")]


def enter(_app: typer.Typer) -> None:
    """Enter ``review`` and ``reviews`` into the commands on systems."""
    system.command("review")(review)
    system.command("reviews")(reviews)


@worded
def review(  # noqa: PLR0913, PLR0917  (options of a command)
    written: SystemArgument,
    kind: KindArgument,
    login: AsOption,
    passed: Annotated[
        bool | None, typer.Option("--passed/--failed", help="通过与否；只补登备案号的不写")
    ] = None,
    reason: Annotated[
        list[str] | None, typer.Option("--reason", help="不予通过的理由代码（R1–R7），可多次")
    ] = None,
    words: Annotated[
        list[str] | None, typer.Option("--words", help="具体问题；与 --reason 逐一对应，没有代码的只写此项")
    ] = None,
    number: Annotated[str, typer.Option("--no", metavar="N", help="评审意见文号")] = "",
    day: Annotated[str | None, typer.Option("--day", metavar="DATE", help="评审日期")] = None,
    vendor: Annotated[str, typer.Option("--vendor", help="第三方评审机构")] = "",
    filing: Annotated[str, typer.Option("--filing", metavar="N", help="网信办备案号")] = "",
    filing_day: Annotated[str | None, typer.Option("--filing-day", metavar="DATE", help="备案日期")] = None,
    file: FileOption = None,
    year: Annotated[
        int | None, typer.Option("--year", min=2000, max=2999, help="年度；默认评审日期的年度")
    ] = None,
    note: Annotated[str, typer.Option("--note", help="说明")] = "",
) -> None:
    """登记方案评审或验收符合性审查（主管部门）；不写通过与否而写 --filing 的，为已通过的补登备案号。"""
    from registry.reviews import ReviewGiven, kind_named, record_review

    moment, filed = now(), day_written(filing_day) if filing_day else None
    if passed is None:
        _file(written, kind, login, filing, filed, year)
        return
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        paper = paper_given(session, file, number, day_written(day) if day else None, actor.login, moment)
        reasons = _reasons(reason or [], words or [])
        given = ReviewGiven(passed, paper, reasons, vendor, filing, filed, year, note)
        made = record_review(session, written, kind, given, actor=actor, now=moment)
        told = f"{made.id}  {made.year} 年{kind_named(kind).zh}：{'通过' if made.passed else '不予通过'}"
    say(told)


def _reasons(codes: list[str], words: list[str]) -> "tuple[Reason, ...]":
    from registry.errors import Rejected
    from registry.reviews import Reason

    if codes and len(codes) != len(words):
        raise Rejected(f"每个 --reason 须配一个 --words：现有 {len(codes)} 个和 {len(words)} 个")
    return tuple(Reason(code, said) for code, said in zip(codes or [""] * len(words), words, strict=True))


def _file(written: str, kind: str, login: str, number: str, day: "date | None", year: int | None) -> None:
    from registry.errors import NotFound, Rejected
    from registry.reviews import file_review, kind_named, latest_review
    from registry.system_register import find_seen

    if not number:
        raise Rejected("须写明 --passed 或 --failed；补登备案号的写 --filing 和 --filing-day")
    row, moment = kind_named(kind), now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        system = find_seen(session, written, actor=actor)[0]
        found = latest_review(session, system.id, row.key, year=year)
        if found is None:
            raise NotFound(f"“{system.name}”还没有{row.zh}")
        done = file_review(session, found.id, number=number, day=day, actor=actor, now=moment)
        told = f"{done.id}  {done.year} 年{row.zh}已备案（{done.filing_no}）"
    say(told)


@worded
def reviews(written: SystemArgument, as_json: JsonOption = False) -> None:
    """列出一个系统的评审和审查，最近的在前。"""
    from registry.plain_json import plain_json
    from registry.reviews import list_reviews
    from registry.system_register import find_seen

    with database() as opened, opened.read() as session:
        system, owner = find_seen(session, written, actor=None)
        rows = list_reviews(session, system, owner, actor=None)
    if as_json:
        say_json([plain_json(one) for one in rows])
        return
    for one in rows:
        _say_review(one)
    if not rows:
        say("还没有评审和审查。")


def _say_review(one: "ReviewShown") -> None:
    result = "通过" if one.passed else "不予通过"
    filed = f"，备案 {one.filing_no}（{one.filing_day}）" if one.filing_no else ""
    older = "" if one.counts else "（已有更近的）"
    say(f"{one.id}  {one.year}  {one.kind_zh}：{result}  {one.day} {one.number}{filed}{older}")
    for reason in one.reasons:
        say(f"  {f'{reason.code} {reason.zh}：'.lstrip(' ：')}{reason.words}")
