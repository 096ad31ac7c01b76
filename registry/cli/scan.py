"""The command scan: is there anything in these data that may not be open?"""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.terminal import LangOption, database, language, progress_bar, say, tell, write_bytes

if TYPE_CHECKING:
    from catalog_specs import Specs
    from registry.errors import MuluError
    from registry.scan_target import ScanTarget
    from registry.scanning import Declared, Progress

_EXITS = {"clean": 0, "hits": 1, "inadequate": 1, "incomplete": 2}
_WRONG = 2


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    HTML = "html"


def enter(app: typer.Typer) -> None:
    """Enter the command of this module into the application."""
    app.command("scan")(scan)


def scan(
    place: Annotated[
        str,
        typer.Argument(
            metavar="FILE|URL",
            help="数据文件（CSV、XLSX、Parquet、JSON Lines），或数据库地址，或 source:名称",
        ),
    ],
    table: Annotated[str, typer.Option("--table", metavar="T", help="数据库里的表或视图")] = "",
    query: Annotated[str, typer.Option("--query", metavar="SQL", help="一条只读的查询，代替 --table")] = "",
    sheet: Annotated[str, typer.Option("--sheet", metavar="S", help="工作簿里的工作表")] = "",
    items: Annotated[
        str, typer.Option("--items", metavar="CODE", help="与这条目录的信息项对照（需要数据库）")
    ] = "",
    open_type: Annotated[
        str, typer.Option("--open-type", metavar="1|2|3", help="按哪种开放类型判断脱敏是否充分")
    ] = "",
    format_: Annotated[Format, typer.Option("--format", help="报告格式")] = Format.TEXT,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="把报告写到文件")] = None,
    lang: LangOption = None,
) -> None:
    """扫描数据：逐行逐列找个人信息和敏感标识，判断脱敏是否充分；报告不含原始值。

    退出码：0 干净，1 有命中或脱敏不充分，2 读不了或没有查全。
    """
    from catalog_specs import SpecError
    from registry.errors import MuluError, Unavailable, Unreadable
    from registry.scan_report import failed_json
    from registry.scan_target import ScanTarget

    spoken, target = language(lang), ScanTarget(place, table, query, sheet)
    try:
        report, specs = _scanned(target, items, open_type, spoken)
        _give(report, specs, format_, out, spoken)
    except (Unreadable, Unavailable) as error:
        _tell(error, spoken)
        if format_ is Format.JSON:
            _write(failed_json(_named(target), error, spoken), out)
        raise typer.Exit(_WRONG) from error
    except (MuluError, SpecError) as error:
        tell(f"错误：{error}")
        raise typer.Exit(_WRONG) from error
    raise typer.Exit(_EXITS[report["verdict"]])


def _scanned(target: "ScanTarget", items: str, open_type: str, lang: str) -> tuple[dict[str, Any], "Specs"]:
    from catalog_specs import load
    from registry.scan_target import check_open_type, judged_report
    from registry.settings import read_settings

    specs = load()
    check_open_type(open_type, specs)
    target.check(specs)
    declared, specs = _declared(items) if items else (None, specs)
    with progress_bar("扫描") as progress:
        report = judged_report(
            target,
            declared,
            open_type=open_type or None,
            specs=specs,
            allowed=read_settings().sources,
            progress=_measured(progress),
            lang=lang,
        )
    return report, specs


def _measured(progress: "Progress | None") -> "Progress | None":
    """The bar, but for what has no known length: that one just moves."""
    return None if progress is None else lambda done, total: progress(done, total) if total else None


def _declared(code: str) -> tuple["Declared", "Specs"]:
    from catalog_specs import load
    from registry.lookup import find_entry
    from registry.permits import EVERYTHING
    from registry.scanning import declared_by

    with database() as opened, opened.read() as session:
        row = find_entry(session, code, sight=EVERYTHING)
        specs = load(row.version.profile)
        return declared_by(row.entry.code or row.entry.id, row.version.content, specs), specs


def _give(report: dict[str, Any], specs: "Specs", format_: Format, out: Path | None, lang: str) -> None:
    from registry.scan_html import html_report
    from registry.scan_text import text_report

    if format_ is Format.JSON:
        _write(report, out)
    elif format_ is Format.HTML:
        _write(html_report(report, specs, lang), out)
    else:
        _write(text_report(report, specs, lang), out)


def _write(report: str | dict[str, Any], out: Path | None) -> None:
    import json

    text = (
        report
        if isinstance(report, str)
        else json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False)
    )
    if out is None:
        say(text)
        return
    write_bytes(out, f"{text}\n".encode())
    tell(f"已写出报告：{out}")


def _tell(error: "MuluError", lang: str) -> None:
    from registry.scan_report import failed_json

    (found,) = failed_json("", error, lang)["findings"]
    tell(f"{found['place']}：{found['message']}" if found["place"] else f"错误：{found['message']}")
    if found["fix"]:
        tell(f"改法：{found['fix']}")


def _named(target: "ScanTarget") -> str:
    """The name of a file, and of a database nothing that could hold a password."""
    from catalog_specs import load

    return target.table if target.is_database(load()) else Path(target.place).name
