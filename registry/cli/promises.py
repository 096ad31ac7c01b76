"""Commands on promises kept: what is overdue, updates, probes, yearly figures. Change events stand in ``changes``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli import changes
from registry.cli.terminal import (
    AsOption,
    JsonOption,
    console_actor,
    database,
    day_written,
    now,
    operator,
    say,
    say_json,
    say_table,
    tell_warnings,
    worded,
)

if TYPE_CHECKING:
    from catalog_specs import Specs
    from registry.figures import AgencyFigures, Figures
    from registry.promises import Ledger

AgencyOption = Annotated[
    str | None, typer.Option("--agency", metavar="CODE", help="只看一个单位：统一社会信用代码")
]
EntryArgument = Annotated[str, typer.Argument(metavar="CODE", help="资源代码或内部编号")]


def enter(app: typer.Typer) -> None:
    """Enter ``mulu change`` into the application."""
    changes.enter(app)


def enter_lists(app: typer.Typer) -> None:
    """Enter the commands on promises kept into ``mulu list``."""
    for name, command in (("overdue", overdue), ("updated", updated), ("probe", probe), ("figures", figures)):
        app.command(name)(command)


# ---- mulu list ----------------------------------------------------------------------------------------------


@worded
def overdue(agency: AgencyOption = None, as_json: JsonOption = False) -> None:
    """超期台账：数据未更新、未按承诺上架、变更后目录未更新、需求逾期未办，按单位列出。"""
    from catalog_specs import load
    from registry.debts import debts
    from registry.permits import EVERYTHING
    from registry.plain_json import plain_json

    with database() as opened, opened.read() as session:
        found = debts(session, None, now=now(), specs=load(), sight=EVERYTHING, agency=agency)
    if as_json:
        say_json(plain_json(found) | {"total": found.total})
        return
    _say_ledger(found, load())
    tell_warnings(found.warnings)


def _say_ledger(found: "Ledger", specs: "Specs") -> None:
    if not found.rows:
        say(f"截至 {found.as_of} 没有超期。")
        return
    kinds = specs.promises.owed
    told = "；".join(f"{kind.zh} {found.kinds[kind.key]} 件" for kind in kinds if found.kinds[kind.key])
    say(f"截至 {found.as_of} 超期 {found.total} 件{told and '：'}{told}。")
    heads = ("单位", *(kind.zh for kind in kinds), "合计", "不计", "最长超期")
    say_table(
        heads,
        [
            (
                one.agency_name,
                *(str(one.counts.get(kind.key) or "") for kind in kinds),
                str(one.total),
                str(one.excused or ""),
                one.latest_zh,
            )
            for one in found.totals
        ],
    )
    say()
    rows = [
        (
            row.agency_name,
            row.code or row.entry_id,
            row.name,
            row.kind_zh,
            row.owed,
            f"{row.late_zh}{f'（{row.excuse_zh}，不计）' if row.excuse else ''}",
            row.source,
        )
        for row in found.rows
    ]
    say_table(("单位", "资源代码", "名称", "事项", "应办", "超期", "依据"), rows)


@worded
def updated(
    code: EntryArgument,
    day: Annotated[str, typer.Option("--day", metavar="DATE", help="数据更新的日期")],
    login: AsOption = "",
    note: Annotated[str, typer.Option("--note", help="更新了什么、从何处看出")] = "",
    rows: Annotated[int | None, typer.Option("--rows", min=0, help="更新后的行数")] = None,
    as_json: JsonOption = False,
) -> None:
    """填报数据更新：哪一天更新、更新了什么。"""
    from catalog_specs import load
    from registry.permits import roles_of, sight
    from registry.plain_json import plain_json
    from registry.updates import record_update

    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, now())
        seen = sight(actor, roles_of(load()))
        given: dict[str, Any] = {"kind": "reported", "day": day_written(day), "rows": rows, "note": note}
        found = record_update(session, code, **given, sight=seen, actor=actor, now=now())
    if as_json:
        say_json(plain_json(found))
    else:
        say(f"已登记：{code} 于 {found.day} 更新（{found.kind_zh}）")


@worded
def probe(as_json: JsonOption = False) -> None:
    """探测在架的接口（只探测 MULU_PROBES 列出的主机），记下看到的更新。"""
    from registry.plain_json import plain_json
    from registry.probing import probe_all
    from registry.settings import read_settings

    with database() as opened:
        found = probe_all(opened, allowed=read_settings().probes, clock=now, operator=operator())
    if as_json:
        say_json(plain_json(found))
        return
    say(found.note or f"探测 {found.asked} 个接口")
    kinds = {row.key: row.zh for row in _specs().promises.seen}
    rows = [
        (one.code or one.entry_id, one.name, kinds[one.kind], str(one.day), one.note) for one in found.results
    ]
    if rows:
        say_table(("资源代码", "接口", "结果", "日期", "说明"), rows)


@worded
def figures(
    year: Annotated[int | None, typer.Option("--year", help="年度；默认今年")] = None,
    agency: AgencyOption = None,
    as_json: JsonOption = False,
) -> None:
    """年度指标：上架率、开放率、更新及时率、按承诺上架率、变更后超期更新。"""
    from registry.debts import figures_of
    from registry.people import local_day
    from registry.permits import EVERYTHING
    from registry.plain_json import plain_json

    moment = now()
    with database() as opened, opened.read() as session:
        asked = year if year is not None else local_day(moment).year
        found = figures_of(session, asked, now=moment, specs=_specs(), sight=EVERYTHING, agency=agency)
    if as_json:
        rates = [{"rates": row.rates} for row in found.rows]
        plain = plain_json(found)
        plain["rows"] = [row | rate for row, rate in zip(plain["rows"], rates, strict=True)]
        say_json(plain | {"city": plain["city"] | {"rates": found.city.rates}})
        return
    _say_figures(found)
    tell_warnings(found.warnings)


def _say_figures(found: "Figures") -> None:
    say(f"{found.year} 年度指标，截至 {found.as_of}")
    heads = (
        "单位",
        "已通告",
        "应上架",
        "上架率",
        "开放率",
        "更新及时率",
        "按承诺上架率",
        "变更超期",
        "超期未更新",
    )
    say_table(heads, [_figure_cells(row) for row in (*found.rows, found.city)])
    say()
    for one in found.definitions:
        say(f"{one.zh}：{one.definition}（{one.source}）")


def _figure_cells(row: "AgencyFigures") -> tuple[str, ...]:
    return (
        row.agency_name,
        str(row.announced),
        str(row.owing),
        *("—" if rate is None else f"{rate:.1%}" for rate in row.rates.values()),
        f"{row.changes_late}/{row.changes_due}",
        str(row.stale_entries),
    )


def _specs() -> "Specs":
    from catalog_specs import load

    return load()
