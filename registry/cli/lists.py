"""Commands of responsibility lists: show, export, verify, scan; the others of ``mulu list`` are entered here."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli import list_editions, promises
from registry.cli.list_scopes import (
    AgencyOption,
    EditionOption,
    ListOption,
    OneAgency,
    SystemOption,
    WhoOption,
    agency_meant,
    scope_meant,
    signer,
    standing_json,
)
from registry.cli.terminal import JsonOption, database, now, say, say_json, say_table, tell, worded

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from registry.editions import Standing
    from registry.list_document import ListDocument, ListTable
    from registry.list_verify import Verdict

# what is shown in a terminal beside the article's columns
_BESIDE = ("resource_code", "promised_on", "shelved_on", "days_owed", "status")
lists_app = typer.Typer(
    name="list",
    help="共享开放责任清单：查看、封存、比较、导出、核验，以及承诺的履行。",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    app.add_typer(lists_app, name="list")
    lists_app.command("show")(show)
    list_editions.enter_lists(lists_app)
    for command in (export, verify, key, scan):
        lists_app.command(command.__name__)(command)
    promises.enter_lists(lists_app)


# ---- the list as it stands --------------------------------------------------------------------------------


@worded
def show(
    agency: AgencyOption = None,
    system: SystemOption = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--list",
            metavar="KIND",
            help="只看一种清单：share、open、combined；negative 不予共享的，demand 共享需求",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """看现行清单：已通告、应共享或开放的目录，欠上架几个工作日。不写单位和系统为全市。"""
    from registry.editions import standing_of
    from registry.list_document import to_json
    from registry.list_shelf import shelf_differences
    from registry.other_lists import OTHERS, other_document
    from registry.plain_json import plain_json
    from registry.responsibility import live_document

    moment = now()
    with database() as opened, opened.read() as session:
        scope = scope_meant(session, agency, system, moment)
        other = kind in OTHERS
        document = (
            other_document(session, scope, str(kind), now=moment)
            if other
            else live_document(session, scope, now=moment, only=kind)
        )
        standing = standing_of(session, scope.agency) if scope.agency and not other else None
        differing = [] if other else shelf_differences(session, scope)
        if as_json:
            shown = to_json(document) | {"standing": standing_json(standing)}
            say_json(shown | {"shelf": [plain_json(one) | {"message": one.message} for one in differing]})
            return
        say(document.title)
        for table in document.lists:
            _say_list(table)
    for one in differing:
        say(f"{one.rule} {one.code}：{one.message}")
    if standing is not None:
        say(_standing_words(standing))


def _say_list(table: "ListTable") -> None:
    article = [n for n, column in enumerate(table.columns) if column.part == "article"]
    shown = [*article, *(n for n, column in enumerate(table.columns) if column.key in _BESIDE)]
    rows = [[row.cells[n] for n in shown] for row in table.rows]
    say(f"\n{table.zh}：{len(rows)} 条")
    if rows:
        say_table([table.columns[n].zh for n in shown], rows)


def _standing_words(standing: "Standing") -> str:
    from registry.editions import edition_name

    last = standing.edition
    if last is None:
        return "还没有封存过；封存：mulu list seal"
    name = edition_name(last.year, last.number)
    if standing.stale:
        return f"E127 最近封存的是{name}，与现行清单不一致；查看：mulu list diff，封存新一期：mulu list seal"
    return f"最近封存的是{name}，所列目录与现行清单一致。"


# ---- files ------------------------------------------------------------------------------------------------


@worded
def export(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="写到哪里：.xlsx、.pdf、.csv、.json 或 .md")],
    agency: AgencyOption = None,
    edition: EditionOption = None,
    live: Annotated[bool, typer.Option("--live", help="导出现行清单，不是封存的一期")] = False,
    system: SystemOption = None,
    kind: ListOption = None,
) -> None:
    """导出清单；默认为最近封存的一期，可用 mulu list verify 核验。--live 不写单位为全市。"""
    from registry.list_files import write
    from registry.responsibility import live_document

    if live and edition:
        raise typer.BadParameter("--live 和 --edition 只能写一个")
    if not live and (kind or system or not agency):
        raise typer.BadParameter(
            "封存的一期按单位整份导出，须写 --agency；按系统、按种类或全市导出请加 --live"
        )
    moment = now()
    with database() as opened, opened.read() as session:
        if live:
            scope = scope_meant(session, agency, system, moment)
            document = live_document(session, scope, now=moment, only=kind)
        else:
            document = _sealed_document(session, agency or "", edition, moment)
        write(document, out)
    said = f"校验码 {document.code}" if document.is_sealed else "现行清单，未封存"
    say(
        f"已写出 {out}：{document.head.get('agency_name') or '全市'}{document.head.get('edition', '')}（{said}）"
    )


def _sealed_document(
    session: "Session", agency: str, edition: str | None, moment: "datetime"
) -> "ListDocument":
    from registry.editions import document_of, find_edition

    return document_of(find_edition(session, agency_meant(session, agency, moment), edition))


@worded
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="导出的清单文件")],
    keys: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="HEX", help="发布单位的公钥；写了就只认这些。不写则用本机的信任清单"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """离线核验导出的清单：逐格比较所见与所封存的，再核对摘要、校验标记和审计证明。

    退出码：0 真实完整，1 被改动或者不是封存的清单。
    """
    from registry.list_verify import verify_file

    found = verify_file(file, keys=frozenset(keys or ()))
    if as_json:
        say_json(_verdict_json(found))
    else:
        _say_verdict(file, found)
    if not found.genuine:
        raise typer.Exit(1)


@worded
def key(as_json: JsonOption = False) -> None:
    """看本机加完整性校验所用的公钥：公布它，别处便可用 mulu list verify --key 核验。"""
    from registry.marks import fingerprint, own_public_key

    algorithm, public = own_public_key()
    if as_json:
        say_json({"algorithm": algorithm, "key": public, "fingerprint": fingerprint(public)})
        return
    say(f"{algorithm}  {public}")
    say(f"指纹 {fingerprint(public)}")


def _verdict_json(found: "Verdict") -> dict[str, object]:
    head = dict(found.document.head) if found.document else None
    digest = found.document.digest if found.document else None
    named = {"genuine": found.genuine, "problems": list(found.problems), "notes": list(found.notes)}
    named |= {"vouched": found.vouched, "erased": found.erased}
    return named | {"head": head, "digest": digest}


def _say_verdict(file: Path, found: "Verdict") -> None:
    head = found.document.head if found.document else {}
    named = f"{head.get('agency_name', '')}{head.get('edition', '')}"
    if found.genuine:
        shown = f"看得见的各行逐格一致，另有 {found.erased} 行已依法删除" if found.erased else "逐格一致"
        told = "真实完整" if found.vouched else "完整，但公钥须与发布单位核对"
        say(f"{file}：{told}，与封存的{named}清单{shown}。")
    else:
        say(f"{file}：不能确认为封存的清单：")
        for problem in found.problems:
            say(f"  - {problem}")
    for note in found.notes:
        tell(f"说明：{note}")


@worded
def scan(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="盖章扫描件（PDF 或图片）")],
    agency: OneAgency,
    edition: EditionOption = None,
    login: WhoOption = None,
) -> None:
    """给封存的一期附上盖章扫描件；每期只附一次。"""
    from registry.attaching import Sent
    from registry.edition_sight import keep_scan
    from registry.editions import edition_name, find_edition
    from registry.errors import Rejected
    from registry.settings import read_settings

    if not file.is_file():
        raise Rejected(f"没有文件 {file}；核对路径")
    moment = now()
    with database() as opened, opened.write() as session, file.open("rb") as source:
        found = agency_meant(session, agency, moment)
        actor = signer(session, login, [found], moment)
        meant = find_edition(session, found, edition)
        sent = Sent(file.name, source, read_settings().files)
        made = keep_scan(session, meant.id, sent, actor=actor, now=moment).edition
        lines = [
            f"已附上：{found.name}{edition_name(made.year, made.number)}清单的盖章扫描件 {file.name}",
            f"  SHA-256 {made.scan_sha256}",
        ]
    for line in lines:
        say(line)
