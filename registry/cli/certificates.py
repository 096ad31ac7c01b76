"""Commands of certificates: hand out, verify offline, read logs of wiping tools; entered into ``mulu wipe``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli.papers import paper_given
from registry.cli.terminal import (
    AsOption,
    JsonOption,
    console_actor,
    database,
    now,
    say,
    say_json,
    tell,
    worded,
    write_bytes,
)

if TYPE_CHECKING:
    from registry.wipe_logs import Logged
    from registry.wipe_verify import CertificateVerdict, Trusted


def enter_wipes(app: typer.Typer) -> None:
    """Enter the commands of this module into ``mulu wipe``."""
    for command in (certificate, verify):
        app.command(command.__name__)(command)
    app.command("import-log")(import_log)


@worded
def certificate(
    number: Annotated[str, typer.Argument(metavar="NO", help="证明编号，或者清除记录的内部编号")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="写到哪里：.json 或 .pdf")],
    head: Annotated[
        int | None, typer.Option("--head", metavar="N", help="审计证明依据第几号树头；默认最近的一个")
    ] = None,
) -> None:
    """导出清除证明，连同登记在审计记录里的证明；可用 mulu wipe verify 离线核验。"""
    from registry.heads import sign_quietly
    from registry.wipe_issue import exported
    from registry.wipe_pages import ENDINGS, json_of, pdf_of

    ending = out.suffix.lower()
    if ending not in ENDINGS:
        raise typer.BadParameter(f"OUT 须以 {' 或 '.join(ENDINGS)} 结尾")
    with database() as opened:
        sign_quietly(opened, now=now())
        with opened.read() as session:
            document = exported(session, number, actor=None, head=head)
    write_bytes(out, pdf_of(document) if ending == ".pdf" else json_of(document))
    say(f"已写出 {out}：{document['certificate_no']}（校验码 {document['code']}）")


@worded
def verify(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="证明文件（.json、.pdf）")
    ],
    head: Annotated[
        Path | None,
        typer.Option("--head", metavar="HEAD", help="公布的树头：一个树头的 JSON，或者整个树头文件"),
    ] = None,
    keys: Annotated[
        list[str] | None,
        typer.Option(
            "--key", metavar="HEX", help="出具单位的公钥；不写则用公布树头的公钥，或者本机的信任清单"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """离线核验清除证明：格式、记录和证明摘要、校验标记、审计证明；PDF 还要逐页比较版面。

    退出码：0 真实，1 被改动或者不是清除证明，2 用法不对。
    """
    from registry.wipe_verify import verify_file

    found = verify_file(file, _trusted(head, keys))
    if as_json:
        say_json(_verdict_json(found))
    else:
        _say_verdict(file, found)
    if not found.genuine:
        raise typer.Exit(1)


def _trusted(head: Path | None, keys: list[str] | None) -> "Trusted":
    from registry.errors import Rejected
    from registry.wipe_verify import Trusted, read_heads

    try:
        return Trusted(frozenset(keys or ()), read_heads(head) if head else ())
    except Rejected as error:
        raise typer.BadParameter(error.message) from error


def _verdict_json(found: "CertificateVerdict") -> dict[str, object]:
    document = found.document or {}
    named = {key: document.get(key) for key in ("certificate_no", "code", "digest", "agency", "system")}
    return {
        "genuine": found.genuine,
        "problems": list(found.problems),
        "notes": list(found.notes),
        "vouched": found.vouched,
        **named,
    }


def _say_verdict(file: Path, found: "CertificateVerdict") -> None:
    document = found.document or {}
    if found.genuine:
        told = "真实完整" if found.vouched else "完整，但公钥须与出具单位核对"
        say(f"{file}：{told}，{document['agency']['name']}出具的清除证明 {document['certificate_no']}。")
    else:
        say(f"{file}：不能确认为真实的清除证明：")
        for problem in found.problems:
            say(f"  - {problem}")
    for note in found.notes:
        tell(f"说明：{note}")


# ---- logs of wiping tools ---------------------------------------------------------------------------------


@worded
def import_log(
    case: Annotated[str, typer.Argument(metavar="CASE", help="清除任务的编号")],
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="清除工具的日志")],
    login: AsOption,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="F",
            help="nwipe_json、nwipe_log、nvme_json、hdparm_text、blancco_xml、json、csv",
        ),
    ],
    added: Annotated[
        Path | None,
        typer.Option(
            "--with",
            metavar="ROW",
            help="日志里没有的字段：.json、.xlsx 或 .csv，一行用于全部，或者每次清除一行",
        ),
    ] = None,
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="physical、cloud、service")
    ] = "physical",
    clock: Annotated[
        str,
        typer.Option(
            "--clock", metavar="ZONE", help="清除所用机器的时区，日志没有写明时用；默认登记系统的时区"
        ),
    ] = "",
) -> None:
    """导入清除工具的日志：日志写明的不必再填；还缺的列出，齐全的登记，日志按 SHA-256 存为证据。"""
    from registry.wipe_logs import lacking, merged, read_log

    logged = read_log(file, form, clock=clock)
    contents = merged(logged, _added(added, kind))
    _say_logged(logged)
    missing = [lacking(content, kind) for content in contents]
    if any(missing):
        for one, names in zip(logged, missing, strict=True):
            say(f"{one.place} 还缺：{'、'.join(names) or '（齐全）'}")
        say("没有登记；把还缺的字段写进一个文件，用 --with 一并给出（模板：mulu wipe template）")
        raise typer.Exit(1)
    _record_logged(case, file, contents, kind=kind, login=login)


def _added(path: Path | None, kind: str) -> list[dict[str, object]]:
    """What the steward adds, one object a wipe."""
    from registry.errors import Rejected
    from registry.wipe_sheets import read_records

    if path is None:
        return []
    read = read_records(path, kind=kind)
    wrong = [f"{one.place()} {text}" for one in read for text in one.errors]
    if wrong:
        raise Rejected("\n".join((f"{path.name} 里有不能读的内容：", *wrong[:20])))
    return [dict(one.content) for one in read]


def _say_logged(logged: "list[Logged]") -> None:
    words = {"pass": "通过", "fail": "未通过"}
    for one in logged:
        serial = one.content.get("serial_no", "没有序列号")
        say(f"{one.place}：{serial}，工具报告{words[one.result]}")
    if any(one.unverified for one in logged):
        tell("提醒：这种日志的格式未经厂商文档证实，请逐项核对")


def _record_logged(
    case: str, file: Path, contents: list[dict[str, object]], *, kind: str, login: str
) -> None:
    from registry.wipes import record

    moment = now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        paper_given(session, file, "", None, actor.login, moment)
        made = [one.id for one in record(session, case, contents, kind=kind, actor=actor, now=moment)]
    for key in made:
        say(f"已登记清除记录 {key}")
