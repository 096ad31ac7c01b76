"""Commands of desensitization proofs: prove; proof review, show, verify."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.terminal import (
    AsOption,
    JsonOption,
    console_actor,
    database,
    now,
    progress_bar,
    say,
    say_json,
    worded,
)

if TYPE_CHECKING:
    from registry.proofs import Made
    from registry.sources import Source

CodeArgument = Annotated[str, typer.Argument(metavar="CODE", help="资源代码、条目编号或挂接编号")]
ProofArgument = Annotated[
    str, typer.Argument(metavar="ID", help="方案证明或批次证明的编号；也可写资源代码或挂接编号")
]
proof_app = typer.Typer(
    help="脱敏检查证明：复核、查看、核验。",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    app.command("prove")(prove)
    app.add_typer(proof_app, name="proof")
    proof_app.command("review")(review)
    proof_app.command("show")(show)
    proof_app.command("verify")(verify)


@worded
def prove(
    code: CodeArgument,
    file: Annotated[
        str, typer.Argument(metavar="FILE|URL", help="要开放的数据文件；库表写数据库地址或 source:名称")
    ],
    login: AsOption,
    table: Annotated[str | None, typer.Option("--table", metavar="T", help="库表或视图名")] = None,
    sheet: Annotated[str | None, typer.Option("--sheet", metavar="S", help="工作表名")] = None,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", metavar="信息项=方法", help="脱敏方法，高于目录的脱敏规则；可写多个"),
    ] = None,
    contract: Annotated[
        Path | None,
        typer.Option("--contract", metavar="FILE", help="FILE 是接口返回的样例时，其接口契约文件"),
    ] = None,
    renew: Annotated[bool, typer.Option("--renew", help="另立方案证明，由另一人重新复核")] = False,
    as_json: JsonOption = False,
) -> None:
    """全量扫描要开放的内容并登记脱敏检查证明；干净且方案已复核的立即发布，有问题的扣留。

    退出码：0 干净，1 没有通过，2 读不了或没有全部检查。
    """

    from registry.proof_orders import Order
    from registry.proof_orders import prove as prove_order
    from registry.settings import read_settings

    moment = now()
    source, path, place = _source(file, table, sheet)
    kind: Any = "file" if path and not contract else "sample" if contract else "load"
    order = Order(code, kind, _methods(method or []), _digest(contract), place, renew)
    with database() as opened, progress_bar("扫描") as progress:
        made = prove_order(
            opened,
            order,
            source,
            path if kind == "file" else None,
            who=lambda session: console_actor(session, login, moment),
            files=read_settings().files,
            now=moment,
            progress=progress,
        )
    _tell_made(code, made, as_json)
    if made.unmet:
        raise typer.Exit(2 if made.batch.verdict == "incomplete" else 1)


def _source(file: str, table: str | None, sheet: str | None) -> "tuple[Source, Path | None, str]":
    """The source that is meant, its file if it is one, and where it may be scanned again by itself."""
    from catalog_specs import load
    from registry.settings import read_settings
    from registry.sources import open_file, open_table

    if "://" in file or file.startswith("source:"):
        place = f"{file}#{table}" if file.startswith("source:") and table else ""
        return open_table(file, table, None, load(), allowed=read_settings().sources), None, place
    return open_file(Path(file), load(), sheet=sheet), Path(file), ""


def _digest(contract: Path | None) -> str:
    from registry.digests import digests
    from registry.errors import Rejected

    if contract is None:
        return ""
    try:
        with contract.open("rb") as file:
            return digests(file).sha256
    except OSError as error:
        raise Rejected(f"接口契约文件 {contract} 读不了：{error.strerror}；核对路径") from error


def _methods(given: list[str]) -> dict[str, str]:
    from registry.errors import Rejected

    pairs = [text.partition("=") for text in given]
    if any(not (item.strip() and method.strip()) for item, _, method in pairs):
        raise Rejected("--method 写作 信息项=方法，如 --method 手机号=suppress")
    return {item.strip(): method.strip() for item, _, method in pairs}


def _tell_made(code: str, made: "Made", as_json: bool) -> None:
    from registry.proof_shown import batch_json

    batch, standing = made.batch, made.standing
    if as_json:
        said = {key: value for key, value in batch_json(batch).items() if key != "report"}
        say_json(said | {"standing": standing.id, "agreed": standing.agreed, "report": batch.report})
        return
    verdict, state = _words(batch.verdict, batch.state)
    k = "" if batch.k is None else f"，k = {batch.k}"
    say(f"{code}  {batch.rows} 行 {batch.columns} 列全部扫描：{verdict}{k}；批次证明 {batch.id}（{state}）")
    for sentence in made.unmet:
        say(f"- {sentence}")
    say(_next(made))


def _next(made: "Made") -> str:
    batch, standing = made.batch, made.standing
    if made.unmet:
        return f"已扣留，没有存入。改正后重新检查；逐列结果：mulu proof show {batch.id}"
    if standing.agreed is None:
        return f"方案证明 {standing.id} 待复核：mulu proof review {standing.id} --as 复核人（不能是 {standing.checker}）"
    if batch.state == "published":
        return f"方案证明 {standing.id} 有效，新内容已替换原内容（{str(batch.sha256)[:12]}…）"
    return f"方案证明 {standing.id} 有效；这个内容可以上架"


# ---- proof review, show, verify ---------------------------------------------------------------------------


@worded
def review(
    proof: ProofArgument,
    login: AsOption,
    refuse: Annotated[bool, typer.Option("--refuse", help="不通过（须写理由）")] = False,
    note: Annotated[str, typer.Option("--note", metavar="REASON", help="理由或说明")] = "",
) -> None:
    """复核方案证明：检查人以外的另一人同意，或以 --refuse 不通过；同意后等待的内容立即发布。"""
    from catalog_specs import load
    from registry.permits import roles_of, sight
    from registry.proof_review import review_proof
    from registry.proof_shown import find_proof

    moment = now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, login, moment)
        seen = sight(actor, roles_of(load()))
        key = find_proof(session, proof, sight=seen).standing.id
        done = review_proof(session, key, agree=not refuse, sight=seen, actor=actor, now=moment, note=note)
        said = "同意" if done.agreed else "不通过"
        say(f"方案证明 {done.id}：{actor.login} 已复核（{said}）；检查人 {done.checker}")


@worded
def show(proof: ProofArgument, as_json: JsonOption = False) -> None:
    """显示脱敏检查证明：各信息项的方法、检查和复核的人、检查过的内容和结论，以及现在还缺什么。"""
    from registry.permits import EVERYTHING
    from registry.proof_shown import find_proof, proof_json

    with database() as opened, opened.read() as session:
        seen = find_proof(session, proof, sight=EVERYTHING)
        found = proof_json(session, seen, now=now())
        if as_json:
            say_json(found)
            return
        _tell_proof(found)


def _tell_proof(found: dict[str, Any]) -> None:
    from catalog_specs import load

    methods = {m.key: m.zh for m in load().desensitization.methods}
    reviewed = {True: "同意", False: "不通过", None: "待复核"}[found["agreed"]]
    say(f"方案证明 {found['id']}  {found['resource_code']} 第 {found['version']} 版  {found['distribution']}")
    say(
        f"  检查：{found['checker']} {found['checked_at'][:10]}；复核：{found['reviewer'] or '—'}（{reviewed}）"
    )
    for item, method in found["method_per_item"].items():
        say(f"  {item}：{methods.get(method, method)}")
    for batch in found["batches"]:
        _tell_batch(batch)
    say("  现在有效" if found["valid"] else "  现在无效：" + "；".join(found["missing"]))


def _tell_batch(batch: dict[str, Any]) -> None:
    digest = f"  SHA-256 {batch['sha256'][:16]}…" if batch["sha256"] else ""
    verdict, state = _words(batch["result"], batch["state"])
    k = "" if batch["k_value"] is None else f"，k = {batch['k_value']}"
    say(f"  批次证明 {batch['id']}  {batch['name']}{digest}  {batch['rows']} 行，{verdict}{k}，{state}")
    for unmet in batch["unmet"]:
        say(f"    - {unmet}")


def _words(verdict: str, state: str) -> tuple[str, str]:
    from catalog_specs import load

    proofs = load().scanning.proofs
    verdicts, states = ({row.key: row.zh for row in rows} for rows in (proofs.verdicts, proofs.states))
    return verdicts[verdict], states[state]


@worded
def verify(
    proof: ProofArgument,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="手头的文件：是不是检查过的那一个")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """核验脱敏检查证明：登记内容与审计记录、存放的文件与摘要是否相符，现在是否有效。

    退出码：0 全部相符且有效，1 有一项不符或已失效。
    """
    from contextlib import ExitStack
    from dataclasses import asdict

    from registry.errors import Unavailable
    from registry.permits import EVERYTHING
    from registry.proof_shown import find_proof, verify_proof
    from registry.settings import read_settings

    with ExitStack() as stack:
        session = stack.enter_context(stack.enter_context(database()).read())
        try:
            given = stack.enter_context(file.open("rb")) if file else None
        except OSError as error:
            raise Unavailable(f"文件 {file} 读不了：{error.strerror}；核对路径") from error
        seen = find_proof(session, proof, sight=EVERYTHING)
        found = verify_proof(session, seen, files=read_settings().files, now=now(), given=given)
    if as_json:
        say_json([asdict(one) for one in found])
    else:
        for one in found:
            say(f"{'相符' if one.ok else '不符'}  {one.what}：{one.said}")
    if not all(one.ok for one in found):
        raise typer.Exit(1)
