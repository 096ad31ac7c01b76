"""Commands of the wipe log: mulu wipe record, examine, witness, approve, list, show; its cases are in ``wipe_cases``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli import certificates, inspection, wipe_cases
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
    write_bytes,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from registry.models import WipeRecord
    from registry.wipe_shown import RecordShown

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="清除任务编号，如 QC-520300-2026-0001")]
RecordArgument = Annotated[str, typer.Argument(metavar="RECORD", help="清除记录的内部编号，或证明编号")]
PersonOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="FILE.json", help="本环节的内容（JSON 对象）；纸质记录已写明的不必再给"),
]
WhoOption = Annotated[str, typer.Option("--as", metavar="LOGIN", help="以谁的身份看；不写则看全部")]
wipe = typer.Typer(
    help="数据清除：任务、副本、清除记录、验证、见证、审批、证明。",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    app.add_typer(wipe, name="wipe")
    wipe_cases.enter_wipes(wipe)
    for command in (record, examine, witness, approve, show, template):
        wipe.command(command.__name__)(command)
    wipe.command("list")(list_all)
    certificates.enter_wipes(wipe)
    inspection.enter_wipes(wipe)


# ---- recorded ---------------------------------------------------------------------------------------------


@worded
def record(
    case: CaseArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="清除记录：XLSX、CSV、JSON 或 JSON Lines")],
    login: AsOption,
    kind: Annotated[
        str, typer.Option("--kind", help="physical、cloud 或 service；工作表按类别命名的不必写")
    ] = "",
    evidence: Annotated[
        list[Path] | None,
        typer.Option(
            "--evidence",
            metavar="FILE",
            help="佐证文件，可写多个；记录里写了文件名的只记在那几条，其余记在每一条",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """登记清除记录；有一条不合格就都不登记，逐条说明位置、规则和改法。"""
    from registry.wipe_intake import record_read
    from registry.wipe_sheets import read_records

    read, moment = read_records(file, kind=kind), now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        kept = {one.name: _kept(session, one, login, moment) for one in evidence or ()}
        made = record_read(session, case, read, evidence=kept, actor=actor, now=moment)
        told = [_made(one) for one in made]
    if as_json:
        say_json(told)
        return
    for one in told:
        warned = "".join(f"；{said['rule']} {said['message']}" for said in one["findings"])
        say(f"{one['id']}  已登记清除记录{warned}")


def _kept(session: "Session", path: Path, login: str, moment: "datetime") -> str:
    """The digest of a file of evidence, stored."""
    from catalog_specs import load
    from registry import blobs
    from registry.errors import Rejected
    from registry.settings import read_settings

    if not path.is_file():
        raise Rejected(f"没有佐证文件 {path}")
    most = load().entry.limits["file_bytes"]
    given: dict[str, Any] = {"actor": login, "now": moment, "most_bytes": most}
    return blobs.keep(session, path, folder=read_settings().files, **given).sha256


def _made(one: "WipeRecord") -> dict[str, Any]:
    return {
        "id": one.id,
        "seq": one.seq,
        "serial_no": one.serial_no,
        "state": one.state,
        "digest": one.digest,
        "findings": list(one.findings),
    }


# ---- verified, witnessed, approved ------------------------------------------------------------------------


@worded
def examine(
    record: RecordArgument,
    login: AsOption,
    data: PersonOption = None,
    result: Annotated[str, typer.Option("--result", help="pass 通过，fail 未通过")] = "",
    sample: Annotated[float | None, typer.Option("--sample", help="抽样比例，如 0.12")] = None,
    method: Annotated[str, typer.Option("--method", help="验证方式")] = "",
) -> None:
    """登记验证（须由操作人、登记人以外的人办理）；未通过的记录保留，须改用更强的方法重做。"""
    from registry import wipes

    given = _object(data) | {
        key: value
        for key, value in (
            ("verification_result", result),
            ("sample_ratio", sample),
            ("verification_method", method),
        )
        if value not in ("", None)
    }
    state = _take(wipes.examine, record, given, login)
    say(f"{state.id}  " + ("验证通过" if state.state == "verified" else "验证未通过；改用更强的方法重新清除"))


@worded
def witness(record: RecordArgument, login: AsOption, data: PersonOption = None) -> None:
    """登记见证（业主单位）。"""
    from registry import wipes

    say(f"{_take(wipes.witness, record, _object(data), login).id}  已见证")


@worded
def approve(record: RecordArgument, login: AsOption, data: PersonOption = None) -> None:
    """审批清除记录并出具证明（部门负责人或其书面委托人）。"""
    from registry import wipes

    made = _take(wipes.approve, record, _object(data), login)
    say(
        f"{made.id}  已审批，证明 {made.certificate_no}；导出：mulu wipe certificate {made.certificate_no} OUT.pdf"
    )


def _take(deed: Callable[..., "WipeRecord"], named: str, given: dict[str, Any], login: str) -> "RecordShown":
    from registry.wipe_shown import show_record

    moment = now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        made = deed(session, named, given, actor=actor, now=moment)
        session.flush()
        return show_record(session, made.id, actor=None)[0]


def _object(path: Path | None) -> dict[str, Any]:
    from registry.errors import Rejected

    if path is None:
        return {}
    try:
        found = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise Rejected(f"--data {path} 读不了：{error}；须是 UTF-8 编码的 JSON 对象") from error
    if not isinstance(found, dict):
        raise Rejected(f'--data {path} 须是 JSON 对象，如 {{"name": "…", "title": "…"}}')
    return found


# ---- seen -------------------------------------------------------------------------------------------------


@worded
def list_all(
    case: Annotated[str, typer.Option("--case", metavar="CASE", help="只看一个任务")] = "",
    system: Annotated[str, typer.Option("--system", help="只看一个系统：内部编号、系统编号或名称")] = "",
    state: Annotated[str, typer.Option("--state", help="wiped、verified、certified、rejected")] = "",
    login: WhoOption = "",
    as_json: JsonOption = False,
) -> None:
    """列出清除记录：证明编号、序列号、方法、验证结果；没有的为空（JSON 为 null）。"""
    from registry.plain_json import plain_json
    from registry.wipe_shown import show_records

    moment = now()
    with database() as opened, opened.read() as session:
        actor = console_actor(session, login, moment) if login else None
        found = show_records(session, actor=actor, case=case, system=system, state=state)
    if as_json:
        say_json([plain_json(one) for one in found])
        return
    if not found:
        say("没有清除记录。")
        return
    heads = ("编号", "任务", "类别", "副本", "序列号", "方法", "结果", "状态", "证明")
    say_table(heads, [_cells(one) for one in found])


def _cells(one: "RecordShown") -> tuple[str, ...]:
    from catalog_specs import load
    from registry.wipe_shown import field_words

    specs = load()
    return (
        one.id,
        one.case,
        one.kind_zh,
        "、".join(one.copies),
        one.serial_no or "",
        field_words("method", one.method, specs),
        field_words("verification_result", one.result, specs),
        one.state_zh,
        one.certificate_no or "",
    )


@worded
def show(record: RecordArgument, login: WhoOption = "", as_json: JsonOption = False) -> None:
    """看一条清除记录的全部内容、各环节和提示。"""
    from catalog_specs import load
    from registry.plain_json import plain_json
    from registry.wipe_shown import field_lines, show_record

    moment = now()
    with database() as opened, opened.read() as session:
        actor = console_actor(session, login, moment) if login else None
        found, told = show_record(session, record, actor=actor)
    if as_json:
        say_json(plain_json(found) | told)
        return
    say(f"{found.id}  {found.case}  {found.kind_zh}  {found.state_zh}  {found.certificate_no or ''}".rstrip())
    for line in field_lines(told, load()):
        say(f"  {line}")
    for one in found.findings:
        say(f"  {one['rule']} {one['message']}")


@worded
def template(
    out: Annotated[Path, typer.Argument(metavar="OUT.xlsx", help="写到哪里")],
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="physical、cloud、service；不写则三类各一张表")
    ] = None,
) -> None:
    """写出清除记录的空白工作簿：下拉选项、文本列，人员各项分列。"""
    from io import BytesIO

    from registry.wipe_sheets import write_template

    made = BytesIO()
    write_template(made, kind or ())
    write_bytes(out, made.getvalue())
    say(f"已写出 {out}")
