"""Commands on the audit record: verify, prove, export, list, head, key; and spill, which erases a secret."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.terminal import (
    JsonOption,
    LangOption,
    console_actor,
    database,
    language,
    now,
    say,
    say_json,
    tell,
    worded,
    write_bytes,
)

if TYPE_CHECKING:
    from registry.audit_check import Verdict
    from registry.audit_files import Source

audit = typer.Typer(
    name="audit", help="审计记录：核验、出具证明、导出、查看。", no_args_is_help=True, rich_markup_mode=None
)


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    for name, command in (
        ("verify", verify),
        ("prove", prove),
        ("export", export),
        ("list", list_),
        ("head", head),
        ("key", key),
    ):
        audit.command(name)(command)
    app.add_typer(audit)
    app.command("spill")(spill)


@worded
def verify(
    export_file: Annotated[
        Path | None, typer.Argument(metavar="[EXPORT]", help="导出的审计文件；不给则核验数据库")
    ] = None,
    heads: Annotated[
        Path | None, typer.Option("--heads", help="树头文件；默认 MULU_HEADS_FILE。截去尾部要靠它发现")
    ] = None,
    keys: Annotated[
        list[str] | None, typer.Option("--key", help="认可的签名公钥（十六进制），可多次；默认密钥文件夹所列")
    ] = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """核验审计记录：改动、删除、插入、调换、截尾，逐条指出；并核对登记内容与记录是否一致。不连网络。

    退出码：0 完好，1 被改动（指出哪一条、怎样改动），2 读不了。
    """
    from sqlalchemy.exc import DatabaseError

    from registry.audit_files import stored_record
    from registry.errors import Unavailable
    from registry.reconcile import differences

    apart: list[str] = []
    try:
        if export_file is not None:
            verdict = _verify_file(export_file, heads, keys)
        else:
            with database() as opened, opened.read() as session:
                verdict = _verify(stored_record(session), heads, keys)
                apart = list(differences(session)) if verdict.intact else []
    except DatabaseError as error:
        raise Unavailable(f"数据库读不出：{error.orig or error}") from error
    if as_json:
        say_json(verdict.as_json(language(lang)) | {"register": apart})
    else:
        _report(verdict, language(lang))
        for line in apart:
            say(f"✗ {line}")
        if apart:
            say(f"审计记录完好，登记内容与它不符：{len(apart)} 处。")
    raise typer.Exit(0 if verdict.intact and not apart else 1)


def _verify_file(path: Path, heads: Path | None, keys: list[str] | None) -> "Verdict":
    from registry.audit_files import exported_record
    from registry.errors import Unavailable

    try:
        with path.open(encoding="utf-8") as file:
            return _verify(exported_record(file, path.name), heads, keys)
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"不能读 {path}：{error}") from error


def _verify(source: "Source", heads: Path | None, keys: list[str] | None) -> "Verdict":
    from registry.audit_check import verify as verify_record
    from registry.audit_files import read_heads
    from registry.settings import audit_settings
    from registry.signing import trusted_keys

    usual = audit_settings().heads_file
    path = heads or (usual if usual and usual.exists() else None)
    trusted = frozenset(key.lower() for key in keys) if keys else trusted_keys()
    return verify_record(source, keys=trusted, filed=read_heads(path) if path else None)


def _report(verdict: "Verdict", lang: str) -> None:
    shown = verdict.as_json(lang)
    say(f"{verdict.name}：{verdict.size} 条，{verdict.algorithm}，树根 {verdict.root}")
    say(f"树头 {verdict.heads} 个，为前 {verdict.covered} 条作证；内容已擦除 {verdict.erased} 条")
    for fault in shown["faults"]:
        say(f"✗ {fault['message']}\n    {fault['fix']}")
    if verdict.total > len(verdict.faults):
        say(f"……共 {verdict.total} 处")
    for note in shown["notes"]:
        say(f"· {note['message']}。{note['fix']}")
    say("完好。" if verdict.intact else f"被改动：{verdict.total} 处。")


@worded
def prove(
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="资源代码、账号、签批单号或内部编号")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="写到文件；默认打印")] = None,
) -> None:
    """出具证明：这个对象的事件都在最近签名的树里。用 docs/verify_proof.py 可独立核对。"""
    import json

    from registry.heads import prove as prove_subject

    with database() as opened, opened.read() as session:
        proof = prove_subject(session, subject)
    if out is None:
        say_json(proof)
    else:
        write_bytes(out, (json.dumps(proof, ensure_ascii=False, indent=1) + "\n").encode())
        say(f"已写出 {len(proof['events'])} 个事件的证明：{out}")
    if proof["later"]:
        tell(f"另有 {proof['later']} 个事件还没有树头作证；执行 mulu audit head 后再出具")


@worded
def export(
    out: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="写到哪里")],
    no_content: Annotated[bool, typer.Option("--no-content", help="不写出内容，只写出摘要树")] = False,
) -> None:
    """导出全部审计记录、内容、树头和公钥（JSON 行），供离线核验。"""
    from registry.audit_files import write_export
    from registry.errors import Rejected

    beside = out.with_name(f".{out.name}.part")
    with database() as opened, opened.read() as session:
        try:
            with beside.open("w", encoding="utf-8") as file:
                count = write_export(session, file, now=now(), contents=not no_content)
            beside.replace(out)
        except OSError as error:
            raise Rejected(f"不能写入 {out}：{error.strerror or error}") from error
    say(f"已导出 {count} 条审计记录到 {out}")


@worded
def list_(
    subject: Annotated[
        str | None, typer.Argument(metavar="[SUBJECT]", help="资源代码、账号、签批单号或内部编号")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="最多几条，从最近的起")] = 50,
    before: Annotated[int | None, typer.Option("--before", help="只看这一条之前的")] = None,
    as_json: JsonOption = False,
) -> None:
    """查看审计记录，最近的在先。"""
    from registry.audit import audit_spec, list_events
    from registry.keys import canonical_json

    with database() as opened, opened.read() as session:
        events = list_events(session, subject=subject, after=before, limit=limit)
    erased = audit_spec().erased.zh
    if as_json:
        say_json([_event_json(event, erased) for event in events])
        return
    for event in events:
        actor = f"{event.actor}（{event.operator}）" if event.operator else event.actor
        details = f"（{erased}）" if event.details is None else canonical_json(event.details)
        say(f"{event.seq}  {event.at:%Y-%m-%d %H:%M:%S}Z  {actor}  {event.act}  {event.subject}  {details}")


def _event_json(event: Any, erased: str) -> dict[str, Any]:
    shown: dict[str, Any] = event._asdict() | {"at": event.at.isoformat()}
    gone = shown.pop("erased_at")
    return shown | {"details": erased if event.details is None else event.details, "erased": gone is not None}


@worded
def head() -> None:
    """立即给审计记录签一个树头。"""
    from registry.errors import Unavailable
    from registry.heads import sign_head

    with database() as opened, opened.write() as session:
        signed = sign_head(session, now=now())
    if signed is None:
        raise Unavailable("没有签成树头：密钥文件夹（MULU_KEY_DIR）不能使用")
    say(f"第 {signed.number} 号树头，前 {signed.size} 条，树根 {signed.root}")


@worded
def key() -> None:
    """显示签名公钥；没有密钥时生成一个。"""
    from registry.settings import audit_settings
    from registry.signing import key_id_of, own_key, trusted_keys

    own = key_id_of(own_key())
    say(own)
    for other in sorted(trusted_keys() - {own}):
        say(f"{other}  （另行认可）")
    tell(f"私钥在 {audit_settings().key_folder}，只有其所有者可读；请另存一份公钥，核验时比对")


@worded
def spill(
    code: Annotated[str, typer.Argument(metavar="CODE", help="资源代码或内部编号")],
    reason: Annotated[str, typer.Option("--reason", help="擦除理由；不得重复被擦除的内容")],
    login: Annotated[str, typer.Option("--as", help="以谁的账号办理（须有擦除权限）")],
    versions: Annotated[list[int] | None, typer.Option("--version", help="第几版，可多次")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="全部版本，连同意见、佐证和挂接里写的文字")
    ] = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """擦除误录的涉密或个人信息内容，各处一并清理；审计记录仍可核验。列出须由人清理的地方。"""
    from registry.errors import Rejected
    from registry.settings import read_settings
    from registry.spill import spill as spill_entry
    from registry.spill import sweep

    if everything == bool(versions):
        raise Rejected("用 --version N 指明第几版，或用 --all 指全部，二者择一")
    folder, spoken = read_settings().files, language(lang)
    with database() as opened:
        with opened.write() as session:
            actor = console_actor(session, login, now())
            wanted = None if everything else versions
            done = spill_entry(
                session, code, versions=wanted, reason=reason, actor=actor, folder=folder, now=now()
            )
        done = sweep(opened, done)
    if as_json:
        by_hand = [place.say(spoken) for place in done.by_hand]
        say_json({"entry": done.entry_id, "versions": done.versions, "event": done.event,
                  "cleaned": done.places, "by_hand": by_hand})  # fmt: skip
        return
    say(
        f"已擦除 {code} 第 {'、'.join(map(str, done.versions))} 版的内容（审计记录第 {done.event} 条）。已清理："
    )
    for line in done.lines(spoken):
        say(f"  {line}")
    say("须由人清理：")
    for place in done.by_hand:
        say(f"  □ {place.say(spoken)}")
