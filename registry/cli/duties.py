"""Commands on duties: duty list, show, evidence, waive, withdraw."""

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
    tell,
    worded,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from registry.duties import Standing
    from registry.duty_deeds import About

DutyArgument = Annotated[str, typer.Argument(metavar="DUTY", help="义务编号，如 ZY-19、LPS-26")]
YearOption = Annotated[int | None, typer.Option("--year", metavar="Y", help="年度；不写为今年")]
AgencyOption = Annotated[
    str | None, typer.Option("--agency", metavar="A", help="单位：统一社会信用代码或全称")
]
SystemOption = Annotated[
    str | None, typer.Option("--system", metavar="S", help="系统：内部编号、系统编号或名称")
]
WhyOption = Annotated[str, typer.Option("--why", metavar="REASON", help="理由")]
WhoOption = Annotated[str | None, typer.Option("--as", metavar="LOGIN", help="看谁看得到的；不写则看全部")]
_MARK, _MISSING = "✓", "—"
_WORDS = 28


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    duty = typer.Typer(
        help="义务：两市办法逐条，按年度、单位、系统核对。", no_args_is_help=True, rich_markup_mode=None
    )
    duty.command("list")(list_)
    duty.command("show")(show)
    duty.command("evidence")(evidence)
    duty.command("waive")(waive)
    duty.command("withdraw")(withdraw)
    app.add_typer(duty, name="duty")


# ---- told -------------------------------------------------------------------------------------------------


@worded
def list_(
    every: Annotated[
        bool, typer.Option("--all", help="列出义务表的每一条（两市办法，含说明和职权），并汇总各单位、系统")
    ] = False,
    year: YearOption = None,
    agency: AgencyOption = None,
    system: SystemOption = None,
    state: Annotated[
        str, typer.Option("--state", help="overdue、due、soon（临期）、open、done、idle、not_applicable")
    ] = "",
    login: WhoOption = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="最多列出几条；0 为全部")] = 0,
    as_json: JsonOption = False,
) -> None:
    """看义务：谁、哪个系统、依哪一条、何时到期、办到哪一步。"""
    from catalog_specs import load
    from registry.duty_shown import Filter, list_duties, standing_json

    given: dict[str, Any] = {"year": year, "agency": agency, "system": system, "login": login}
    if every:
        _law(given, state, as_json)
        return
    moment, specs = now(), load()
    with database() as opened, opened.read() as session:
        asked = _asked(session, given, moment)
        found = list_duties(session, asked, chosen=Filter(state), now=moment, specs=specs)
        shown = found[:limit] if limit else found
        if as_json:
            say_json([standing_json(one, specs) for one in shown])
            return
    _say_standings(shown, len(found))


def _asked(session: "Session", given: dict[str, Any], moment: Any) -> Any:
    from registry.duty_terms import Asked

    actor = console_actor(session, given["login"], moment) if given["login"] else None
    return Asked(given["year"], given["agency"], given["system"], actor)


def _law(given: dict[str, Any], state: str, as_json: bool) -> None:
    """Every row of the law; without a database it is told all the same, but nobody's duties."""
    from catalog_specs import load
    from registry.duties import read_duties
    from registry.duty_shown import law_rows
    from registry.errors import Unavailable

    moment, specs = now(), load()
    standings: list[Standing] = []
    try:
        with database() as opened, opened.read() as session:
            standings = read_duties(session, _asked(session, given, moment), now=moment, specs=specs)
            rows = law_rows(standings, given["year"], now=moment, specs=specs)
    except Unavailable as error:
        if given["agency"] or given["system"] or given["login"]:
            raise
        tell(f"提醒：{error.message}；只列出义务表，没有各单位的情况")
        rows = law_rows((), given["year"], now=moment, specs=specs)
    rows = [row for row in rows if state in ("", row["state"])]
    if as_json:
        say_json(rows)
        return
    say_table(
        ("编号", "依据", "义务", "主体", "种类", "期限", "状态", "合计"), [_law_cells(row) for row in rows]
    )


def _law_cells(row: dict[str, Any]) -> tuple[str, ...]:
    from catalog_specs import load
    from registry.dictionary import KINDS

    index = load().obligations.state_index
    counts = "，".join(f"{index[key].zh} {row['counts'][key]}" for key in index if key in row["counts"])
    kinds = "、".join(KINDS[kind] for kind in row["kind"])
    return (
        row["id"],
        row["article"],
        _short(row["words"]),
        "、".join(row["actor_zh"]),
        kinds,
        row["due"] or row["deadline"] or "",
        row["state_zh"],
        counts,
    )


def _short(words: str) -> str:
    return words if len(words) <= _WORDS else f"{words[:_WORDS]}…"


def _say_standings(found: "list[Standing]", total: int) -> None:
    from catalog_specs import load
    from registry.duty_shown import term_zh

    index = load().obligations.state_index
    if not found:
        say("没有这样的义务。")
        return
    rows = [
        (
            one.duty.id,
            one.subject.name,
            _short(one.duty.zh),
            f"{one.term.due}{'（临期）' if one.term.soon and index[one.state].open else ''}"
            if one.term.due
            else (one.duty.deadline.text if one.duty.deadline else ""),
            index[one.state].zh,
            term_zh(one) or one.why,
            "、".join(f"{piece.zh}{_MARK if piece.whole else _MISSING}" for piece in one.pieces),
        )
        for one in found
    ]
    say_table(("编号", "单位或系统", "义务", "期限", "状态", "说明", "佐证"), rows)
    if total > len(found):
        say(f"还有 {total - len(found)} 条没有列出；加 --limit 0 列出全部")


@worded
def show(
    duty: DutyArgument,
    year: YearOption = None,
    agency: AgencyOption = None,
    system: SystemOption = None,
    login: WhoOption = None,
    as_json: JsonOption = False,
) -> None:
    """看一条义务：条文、要什么佐证、谁来登记，各单位或系统办到哪一步，已登记的佐证。"""
    from catalog_specs import load
    from registry.duty_shown import Filter, law_json, list_duties, list_evidence, standing_json
    from registry.duty_terms import check_year, duty_named
    from registry.people import local_day

    moment, specs = now(), load()
    row = duty_named(duty, specs)
    given: dict[str, Any] = {"year": year, "agency": agency, "system": system, "login": login}
    with database() as opened, opened.read() as session:
        asked, chosen = _asked(session, given, moment), Filter(duty=row.id, told=True)
        found = list_duties(session, asked, chosen=chosen, now=moment, specs=specs)
        kept = list_evidence(session, row, found, check_year(year, local_day(moment), specs))
        told = law_json(row, specs)
        standings = [standing_json(one, specs) for one in found]
    if as_json:
        say_json(told | {"standings": standings, "handed": kept})
        return
    _say_law(told)
    for one in standings:
        _say_standing(one)
    for one in kept:
        _say_kept(one)


def _say_law(told: dict[str, Any]) -> None:
    from registry.dictionary import KINDS

    say(f"{told['id']}  {told['source']}  {'、'.join(KINDS[kind] for kind in told['kind'])}")
    say(f"  {told['words']}")
    if told["actor_zh"]:
        say(f"  主体：{'、'.join(told['actor_zh'])}")
    if told["deadline"]:
        say(f"  期限：{told['deadline']}")
    for one in told["wanted"]:
        how = "登记" if one["by_hand"] else "由登记簿得出"
        say(f"  佐证：{one['zh']}（{one['kind']}，{how}）")


def _say_standing(one: dict[str, Any]) -> None:
    due = f"，期限 {one['due']}" if one["due"] else ""
    more = one["term_zh"] or one["why"]
    say(f"{one['subject']['name']}  {one['year']} 年  {one['state_zh']}{due}{f'，{more}' if more else ''}")
    for piece in one["evidence"]:
        parts = (piece["number"], piece["day"] or "", piece["said"])
        said = "  ".join(part for part in parts if part)
        say(f"  {_MARK if piece['whole'] else _MISSING} {piece['zh']}  {said}".rstrip())
        if piece["fix"]:
            say(f"      办法：{piece['fix']}")


def _say_kept(one: dict[str, Any]) -> None:
    gone = f"，已由 {one['withdrawn_by']} 撤回：{one['withdrawn_why']}" if one["withdrawn_at"] else ""
    what = "不适用" if one["waived"] else one["kind"]
    parts = (one["number"], one["day"] or "", one["file_name"] or "", one["note"])
    said = "  ".join(part for part in parts if part)
    say(f"登记 {one['id']}  {one['subject']}  {one['year']} 年  {what}  {said}（{one['by']}{gone}）")


# ---- deeds ------------------------------------------------------------------------------------------------


@worded
def evidence(  # noqa: PLR0913, PLR0917  (options of the command line)
    duty: DutyArgument,
    kind: Annotated[str, typer.Option("--kind", metavar="K", help="佐证的种类，见 mulu duty show")],
    login: AsOption,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="扫描件或报告")] = None,
    number: Annotated[str, typer.Option("--no", metavar="N", help="文号、备案号或合同编号")] = "",
    day: Annotated[str | None, typer.Option("--day", metavar="DATE", help="文件日期，如 2026-11-22")] = None,
    system: SystemOption = None,
    agency: AgencyOption = None,
    year: YearOption = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="说明，如材料名称")] = "",
) -> None:
    """登记履职佐证：文件按 SHA-256 存放，记下文号和日期；至少有文号或文件。"""
    from registry.duty_deeds import check_sender, hand_in

    moment = now()
    parsed = day_written(day) if day else None
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        about = _about(agency, system, year)
        name = file.name if file else ""
        check_sender(session, duty, kind, name, about=about, actor=actor, now=moment)
        paper = paper_given(session, file, number, parsed, actor.login, moment)
        kept = hand_in(session, duty, kind, paper, about=about, note=note, actor=actor, now=moment)
        say(f"{kept.duty}  已登记（{kept.id}，{kept.year} 年）")


def _about(agency: str | None, system: str | None, year: int | None) -> "About":
    from registry.duty_deeds import About

    return About(agency, system, year)


@worded
def waive(
    duty: DutyArgument,
    login: AsOption,
    why: WhyOption = "",
    system: SystemOption = None,
    agency: AgencyOption = None,
    year: YearOption = None,
) -> None:
    """说明一项义务不适用及理由；有期限和把关的由主管部门认定。"""
    from registry.duty_deeds import waive as waive_duty

    moment = now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        about = _about(agency, system, year)
        kept = waive_duty(session, duty, about=about, why=why, actor=actor, now=moment)
        say(f"{kept.duty}  已写明不适用（{kept.id}，{kept.year} 年）")


@worded
def withdraw(
    key: Annotated[str, typer.Argument(metavar="EVIDENCE", help="佐证编号，见 mulu duty show")],
    login: AsOption,
    why: WhyOption = "",
) -> None:
    """撤回登记的佐证或不适用的说明；原记录保留，不再作数。"""
    from registry.duty_deeds import withdraw as withdraw_evidence

    moment = now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        kept = withdraw_evidence(session, key, why=why, actor=actor, now=moment)
        say(f"{kept.duty}  已撤回 {kept.id}")
