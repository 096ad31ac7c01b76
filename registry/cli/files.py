"""Commands on files: check, template, import, export, draft."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli.terminal import (
    LOCAL_USER,
    JsonOption,
    LangOption,
    ProfileOption,
    ProviderOption,
    console_actor,
    database,
    language,
    now,
    progress_bar,
    say,
    say_json,
    split_provider,
    tell,
    unreadable_text,
    worded,
    write_bytes,
)

if TYPE_CHECKING:
    from registry.checking import FileCheck

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="目录文件：.xlsx、.csv 或 .jsonl")]
AnnotateOption = Annotated[
    Path | None, typer.Option("--annotate", metavar="OUT.xlsx", help="写出带批注的副本")
]


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"


class FailOn(StrEnum):
    ERROR = "error"
    WARNING = "warning"


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    app.command("check")(check)
    app.command("template")(template)
    app.command("import")(import_)
    app.command("export")(export)
    app.command("draft")(draft)


@worded
def check(
    file: FileArgument,
    profile: ProfileOption = None,
    format_: Annotated[Format, typer.Option("--format", help="报告格式")] = Format.TEXT,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="达到哪一级算不通过（退出码 1）")
    ] = FailOn.ERROR,
    annotate: AnnotateOption = None,
    provider: ProviderOption = None,
    lang: LangOption = None,
) -> None:
    """校验目录文件，列出每条错误的位置、原因、依据和改法；不需要数据库。

    退出码：0 通过，1 有达到 --fail-on 的问题，2 文件读不了。
    """
    from catalog_specs.model import Level
    from registry.checking import as_json, check_file, unreadable_json
    from registry.cli.reports import text_report
    from registry.errors import Unreadable
    from validators.case import Facts

    spoken = language(lang)
    try:
        with progress_bar("校验") as progress:
            found = check_file(
                file,
                facts=Facts(today=now().date()),
                profile=profile,
                provider=split_provider(provider),
                progress=progress,
            )
    except Unreadable as error:
        if format_ is Format.JSON:
            say_json(unreadable_json(file, error, spoken))
        else:
            tell(unreadable_text(error, spoken))
        raise typer.Exit(2) from error
    if format_ is Format.JSON:
        say_json(as_json(found, spoken))
    else:
        say(text_report(found, spoken))
    _annotate(found, annotate, spoken)
    counted = found.count()
    failing = counted[Level.ERROR] + (counted[Level.WARNING] if fail_on is FailOn.WARNING else 0)
    raise typer.Exit(1 if failing else 0)


def _annotate(
    found: "FileCheck", target: Path | None, lang: str, allocated: dict[int, str] | None = None
) -> None:
    if target is None:
        return
    if found.secret:
        tell("文件含涉密内容，不生成批注副本。")
        return
    from registry.annotating import annotated_copy

    write_bytes(target, annotated_copy(found, allocated=allocated, lang=lang))
    tell(f"已写出批注副本：{target}")


@worded
def template(
    out: Annotated[Path, typer.Argument(metavar="OUT.xlsx", help="写到哪里")],
    profile: ProfileOption = None,
) -> None:
    """写出空白目录模板：下拉选项、必填标记、填写说明、示例行。"""
    from catalog_specs import load
    from registry.errors import Rejected
    from registry.export import write_template

    if out.suffix.lower() != ".xlsx":
        raise Rejected(f"模板只能写成 .xlsx，不能写成“{out.name}”")
    beside = out.with_name(f".{out.name}.part")
    try:
        write_template(beside, load(profile))
        beside.replace(out)
    except OSError as error:
        raise Rejected(f"不能写入 {out}：{error.strerror or error}") from error
    say(f"已写出模板：{out}")


@worded
def import_(
    file: FileArgument,
    profile: ProfileOption = None,
    existing: Annotated[
        bool, typer.Option("--existing", help="登记已在用的存量目录，问题列入整改清单")
    ] = False,
    all_or_nothing: Annotated[bool, typer.Option("--all-or-nothing", help="有一条错误就整批不登记")] = False,
    login: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="LOGIN", help="以谁的名义登记：只写其单位的目录；不写则由本机操作员登记"
        ),
    ] = None,
    annotate: AnnotateOption = None,
    provider: ProviderOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """登记目录文件：有名称和有效提供方代码的行登记为草稿，问题记在旁边；改好再导入即更新。

    退出码：0 全部登记，1 有行没有登记，2 文件读不了。
    """
    from registry.cli.reports import import_report
    from registry.intake import import_json, import_workbook
    from registry.registering import Mode
    from registry.work import reach_of

    spoken, moment = language(lang), now()
    mode: Mode = "existing" if existing else "draft"
    with database(create=True) as opened, progress_bar("导入") as progress, opened.write() as session:
        actor = console_actor(session, login, moment) if login else None
        result = import_workbook(
            session,
            file,
            actor=actor.login if actor else LOCAL_USER,
            operator=actor.operator if actor else "",
            now=moment,
            mode=mode,
            providers=reach_of(session, actor, mode) if actor else None,
            profile=profile,
            provider=split_provider(provider),
            all_or_nothing=all_or_nothing,
            progress=progress,
        )
    if as_json:
        say_json(import_json(result, spoken))
    else:
        say(import_report(result, spoken))
    _annotate(result.check, annotate, spoken, result.allocated)
    raise typer.Exit(1 if result.counts["refused"] or result.check.secret else 0)


@worded
def export(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="写到哪里：.xlsx、.csv 或 .jsonl")],
    agency: Annotated[str | None, typer.Option("--agency", help="只导出一个单位：代码或名称")] = None,
    state: Annotated[str | None, typer.Option("--state", help="只导出一种状态：draft、announced …")] = None,
) -> None:
    """导出目录；导出的文件再导入不会有任何改变。"""
    from catalog_specs import load
    from registry.export import export_entries
    from registry.lookup import list_entries
    from registry.permits import EVERYTHING

    with database() as opened, opened.read() as session:
        rows = list_entries(session, sight=EVERYTHING, agency=agency, state=state)
        # of an erased version nothing is left that could be written
        kept = [row.version.content for row in rows if row.version.erased_at is None]
        count = export_entries(kept, out, load())
    say(f"已导出 {count} 条到 {out}")


@worded
def draft(
    source: Annotated[str, typer.Argument(metavar="URL|DDL.sql", help="数据库地址，或建表语句文件")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="写到 .xlsx、.csv 或 .jsonl；默认把 JSON 行打印出来")
    ] = None,
    schema: Annotated[str | None, typer.Option("--schema", help="只读这个模式")] = None,
) -> None:
    """从数据库或建表语句起草目录和信息项，供编目员确认；不填共享、开放和分级。"""
    from catalog_specs import load
    from registry.drafting import CannotDraft
    from registry.drafting import draft as draft_tables
    from registry.errors import Rejected
    from registry.export import export_entries
    from registry.keys import canonical_json

    try:
        drafted = draft_tables(source, schema=schema)
    except CannotDraft as error:
        raise Rejected(str(error)) from error
    for note in drafted.notes:
        tell(f"{note.table}{'.' + note.column if note.column else ''}：{note.text}")
    if out is None:
        for entry in drafted.entries:
            say(canonical_json(entry))
    else:
        export_entries(drafted.entries, out, load())
        say(f"已从 {drafted.tables_read} 张表起草 {len(drafted.entries)} 条目录，写到 {out}")
