"""Commands of review: act, record, sheet."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.papers import DayOption, NumberOption, paper_given
from registry.cli.terminal import (
    AsOption,
    JsonOption,
    console_actor,
    database,
    now,
    say,
    say_json,
    worded,
    write_bytes,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from registry.lifecycle import Done
    from registry.recording import Paper

DataOption = Annotated[
    Path | None, typer.Option("--data", metavar="FILE.json", help="办理时给的内容（JSON 对象）；- 为标准输入")
]


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    app.command("act")(act)
    app.command("record")(record)
    app.command("sheet")(sheet)


@worded
def act(
    code: Annotated[
        str,
        typer.Argument(
            metavar="CODE", help="资源代码、条目编号或挂接编号；多个以逗号分隔，- 从标准输入逐行读"
        ),
    ],
    move: Annotated[
        str, typer.Argument(metavar="MOVE", help="环节：submit、clear、endorse、approve、announce …")
    ],
    login: AsOption,
    note: Annotated[str, typer.Option("--note", metavar="REASON", help="理由或说明")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """办理一个环节：提交、审查、审核、退回、通告、挂接、上架、暂停、下架……；缺什么一次说全。"""
    from dataclasses import asdict

    from registry.lifecycle import perform_many
    from registry.permits import roles_of, sight
    from registry.settings import read_settings
    from registry.subjects import find_subject

    names = (
        [line.strip() for line in sys.stdin] if code == "-" else [part.strip() for part in code.split(",")]
    )
    given, moment = _read_data(data), now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        seen = sight(actor, roles_of(_specs()))
        subjects = [find_subject(session, name, move, sight=seen) for name in names if name]
        files = read_settings().files
        done = perform_many(
            session, subjects, move, actor=actor, now=moment, note=note, data=given, files=files
        )
    if as_json:
        say_json([asdict(one) for one in done])
        return
    for one in done:
        say(_done_line(one))


def _specs() -> Any:
    from catalog_specs import load

    return load()


def _done_line(done: "Done") -> str:
    from registry.permits import roles_of
    from registry.subjects import lifecycle_of

    life = lifecycle_of(_specs())
    states = {state.key: state.zh for state in (*life.versions, *life.distributions)}
    change = "" if done.before == done.after else f"：{states.get(done.before, '新')} → {states[done.after]}"
    index = roles_of(_specs()).index
    signers = (done.awaits_role,) if done.awaits_role else life.index[done.awaits].by if done.awaits else ()
    who = "、".join(index[role].zh for role in signers)
    following = f"；下一步：{life.index[done.awaits].zh}（{who}）" if done.awaits else ""
    about = f"  {done.distribution_id}" if done.distribution_id else ""
    return f"{done.code or done.entry_id}{about}  已办理“{life.index[done.move].zh}”{change}{following}"


def _read_data(path: Path | None) -> dict[str, Any]:
    from registry.errors import Rejected

    if path is None:
        return {}
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8-sig")
        found = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise Rejected(f"--data {path} 读不了：{error}；须是 UTF-8 编码的 JSON 对象") from error
    if not isinstance(found, dict):
        raise Rejected(f'--data {path} 须是 JSON 对象，如 {{"number": "…", "date": "2026-11-22"}}')
    return found


@worded
def record(
    code: Annotated[str, typer.Argument(metavar="CODE", help="资源代码、系统编号、挂接编号或签批单编号")],
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND", help="pia、secrecy_risk_assessment、consultation …；签批单写 signature_sheet"
        ),
    ],
    login: AsOption,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="扫描件或报告")] = None,
    number: NumberOption = "",
    day: DayOption = None,
    signer: Annotated[str | None, typer.Option("--signer", metavar="LOGIN", help="签批单的签字人")] = None,
    data: DataOption = None,
) -> None:
    """登记佐证：风险评估、影响评估、批准、协商备案；登记签好的签批单即办理其中全部目录。"""
    moment = now()
    given = _read_data(data)
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        paper = paper_given(session, file, number, day, actor.login, moment)
        if kind == "signature_sheet":
            _sign(session, code, paper, signer, actor, moment, given)
        else:
            _keep(session, code, kind, paper, actor, moment)


def _keep(session: "Session", code: str, kind: str, paper: "Paper", actor: Any, moment: Any) -> None:
    from registry.permits import roles_of, sight
    from registry.recording import about, keep_record, kind_named

    specs = _specs()
    thing = about(session, code, sight=sight(actor, roles_of(specs)))
    kept = keep_record(session, thing, kind, paper, actor=actor, now=moment)
    say(f"{code}  已登记“{kind_named(kind, specs).zh}”（{kept.id}）")


def _sign(
    session: "Session",
    number: str,
    paper: "Paper",
    signer: str | None,
    actor: Any,
    moment: Any,
    data: dict[str, Any],
) -> None:
    from registry.errors import Rejected
    from registry.settings import read_settings
    from registry.signature_sheets import sign_sheet

    if not signer:
        raise Rejected("登记签批单须写明签字人（--signer LOGIN）")
    files = read_settings().files
    for one in sign_sheet(
        session, number, paper, signer=signer, actor=actor, now=moment, data=data, files=files
    ):
        say(_done_line(one))


@worded
def sheet(
    move: Annotated[str, typer.Argument(metavar="MOVE", help="要签的环节，如 endorse")],
    login: AsOption,
    role: Annotated[str, typer.Option("--role", help="签字的角色，如 head")],
    out: Annotated[Path, typer.Option("--out", "-o", help="写到哪里（.xlsx）")],
    codes: Annotated[
        list[str] | None, typer.Argument(metavar="[CODE]…", help="只印这几条；默认全部待签的")
    ] = None,
) -> None:
    """印制签批单：本单位待签的目录，带内容摘要；签好后用 mulu record 编号 signature_sheet 登记。"""
    from registry.errors import Rejected
    from registry.models import Agency
    from registry.signature_sheets import print_sheet, sheet_workbook

    moment = now()
    if out.exists():
        raise Rejected(f"{out} 已经有了；先前印的签批单可能还在用，请另写一个文件名")
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        made = print_sheet(session, move, role, codes=codes or (), actor=actor, now=moment)
        agency = session.get(Agency, made.agency_id) if made.agency_id else None
        write_bytes(out, sheet_workbook(made, agency.name if agency else "", _specs()))
        say(f"签批单 {made.number}：{len(made.rows)} 条，写到 {out}")
