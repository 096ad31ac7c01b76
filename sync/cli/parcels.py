"""``mulu-sync apply|receipts|reconcile|schema``: parcels across a gap and to the province, and the portal's schema."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.terminal import JsonOption, database, now, operator, say, say_json, tell
from sync.cli.answers import AMISS, IN_STEP, RECEIPT, TargetArgument, WhoOption, acting, whose, worded, worst

if TYPE_CHECKING:
    from sync.apply import Applied
    from sync.parcel_receipts import Taken
    from sync.reconciliation import Apart, Compared

_OUTCOMES = {
    "present": "已推送并核对",
    "gone": "已撤下并回读确认",
    "kept": "已删除，名称保留",
    "refused": "门户拒绝",
    "unreachable": "没有送到",
}
_FAILED = ("refused", "unreachable")


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    for command in (apply, receipts, reconcile, schema):
        app.command(command.__name__)(command)


# ---- beside a portal ----------------------------------------------------------------------------------------


@worded
def apply(
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE…", help="摆渡过来的收发件")],
    url: Annotated[str, typer.Option("--url", help="这一侧的门户地址")],
    state: Annotated[
        Path, typer.Option("--state", metavar="FOLDER", help="记到哪一件、回执放在哪里；默认当前文件夹")
    ] = Path(),
    keys: Annotated[
        list[str] | None,
        typer.Option(
            "--key", metavar="KEY", help="登记系统的公钥（那边 mulu list key 显示的）；首次必写，以后记住"
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="办理过的再办一次，重新出回执")] = False,
    as_json: JsonOption = False,
) -> None:
    """在网闸的门户一侧把收发件落到门户，逐条回读，写出回执；不需要登记系统的数据库，断了再执行一次即可。"""
    from sync.apply import head_of

    given = tuple(keys or ())
    # an older one never after a newer one, whatever order they are given in
    heads = {path: head_of(path, keys=given, folder=state) for path in bundles}
    done = []
    for path in sorted(heads, key=lambda one: (heads[one].target_id, heads[one].number)):
        applied = _carried_out(path, url, state, given, again=again)
        done.append(applied)
        if not as_json:
            _say_applied(applied)
    if as_json:
        say_json([_applied_json(one) for one in done])
    failed = any(result.outcome in _FAILED for one in done for result in one.receipt.results)
    raise typer.Exit(AMISS if failed else IN_STEP)


def _carried_out(path: Path, url: str, folder: Path, keys: Sequence[str], *, again: bool) -> "Applied":
    from typing import cast

    from registry.settings import read_settings
    from sync.apply import apply_parcel, head_of
    from sync.mapping import Shape
    from sync.targets import portal_at

    head = head_of(path, keys=keys, folder=folder)
    # the manifest bears the mark of the registry, which wrote these words itself
    shape = Shape(**cast("dict[str, Any]", head.shape))
    with portal_at(head.target, url, shape, read_settings()) as portal:
        return apply_parcel(path, portal=portal, keys=keys, folder=folder, now=now(), again=again)


def _say_applied(applied: "Applied") -> None:
    head, results = applied.receipt.head, applied.receipt.results
    counted = [(zh, sum(one.outcome == key for one in results)) for key, zh in _OUTCOMES.items()]
    told = "，".join(f"{zh} {number}" for zh, number in counted if number) or "没有条目"
    say(f"{head.target} 第 {head.number} 件{'（已办理过）' if applied.replayed else ''}：{told}")
    for one in results:
        if one.outcome in _FAILED:
            say(f"  {one.code or one.entry_id}：{_OUTCOMES[one.outcome]}。{one.said}")
    say(f"回执：{applied.path}（摆渡回登记系统，用 mulu-sync receipts {head.target} 读入）")


def _applied_json(applied: "Applied") -> dict[str, Any]:
    receipt = applied.receipt
    return {
        "target": receipt.head.target,
        "number": receipt.head.number,
        "receipt": str(applied.path),
        "replayed": applied.replayed,
        "results": [
            one.model_dump(mode="json", include={"code", "act", "outcome", "done", "said"})
            for one in receipt.results
        ],
    }


# ---- receipts -----------------------------------------------------------------------------------------------


@worded
def receipts(
    target: TargetArgument,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="一份回执；不写则读目标位置里的全部")
    ] = None,
    repin: Annotated[
        bool, typer.Option("--repin", help="门户一侧换过密钥：重新认定其公钥（须带 FILE）")
    ] = False,
    as_json: JsonOption = False,
    login: WhoOption = None,
) -> None:
    """读入回执：已接收的记为到位，退回的停下待处理，逾期没有回执的列出；看不懂的一份整份不收。"""
    from registry.errors import Rejected

    if repin and file is None:
        raise Rejected("--repin 须写明是哪一份回执")
    taken = _lying(target, login) if file is None else _brought(target, file, login, repin=repin)
    if as_json:
        say_json(
            {
                "target": target,
                "files": taken.files,
                "answers": dict(taken.answers),
                "faults": list(taken.faults),
            }
        )
    else:
        _say_taken(target, taken)
    raise typer.Exit(AMISS if taken.faults else IN_STEP)


def _brought(target: str, file: Path, login: str | None, *, repin: bool) -> "Taken":
    from registry.settings import read_settings
    from sync.parcel_receipts import receive

    moment = now()
    with database() as opened:
        return receive(
            opened,
            target,
            file,
            read_settings(),
            actor=lambda session: acting(session, login, moment),
            now=moment,
            repin=repin,
        )


def _lying(name: str, login: str | None) -> "Taken":
    from registry.errors import Rejected
    from registry.settings import read_settings
    from sync import rounds, targets
    from sync.parcel_receipts import Desk, note_unacknowledged, take_receipts
    from sync.parcel_run import place_at

    with database() as opened:
        with opened.read() as session:
            by = whose(session, login, RECEIPT, now())
            target = targets.find(session, name)
            if rounds.is_direct(target):
                raise Rejected(f"目标 {name} 是直连的门户，没有回执；用 mulu-sync verify 核对")
            registry = targets.shape_of(session, target, read_settings()).registry
            session.expunge(target)
        desk = Desk(opened, target.id, registry, by, operator(), now())
        taken = take_receipts(desk, place_at(target))
        note_unacknowledged(desk)
    return taken


def _say_taken(target: str, taken: "Taken") -> None:
    from catalog_specs import load

    words = _OUTCOMES | {one.key: one.zh for one in load().sync.parcels.receipts.states}
    told = "，".join(f"{words.get(word, word)} {number}" for word, number in taken.answers)
    say(f"{target}：读入回执 {taken.files} 份" + (f"：{told}" if told else "，没有新的结果"))
    for fault in taken.faults:
        tell(f"错误：{fault}")


# ---- both catalogues ----------------------------------------------------------------------------------------


@worded
def reconcile(
    target: TargetArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="省平台导出的目录清单（XLSX、CSV）")],
    send: Annotated[bool, typer.Option("--send-again", help="把可以由重发解决的列为待办")] = False,
    as_json: JsonOption = False,
    login: WhoOption = None,
) -> None:
    """核对两边目录：省平台导出的清单与本系统发出的逐条比对，列出差异。"""
    from sync import reconciliation, targets

    with database() as opened, opened.write() as session:
        whose(session, login, RECEIPT, now())
        chosen = targets.find(session, target)
        found = reconciliation.reconcile(session, chosen, file, now=now())
        due = reconciliation.send_again(session, chosen, found.apart, now=now()) if send else 0
    if as_json:
        say_json(_compared_json(target, found, due))
    else:
        _say_compared(target, found, due)
    raise typer.Exit(worst([IN_STEP if found.in_step else AMISS]))


def _compared_json(target: str, found: "Compared", due: int) -> dict[str, Any]:
    return {
        "target": target,
        "in_step": found.in_step,
        "listed": found.listed,
        "ours": found.ours,
        "waiting": found.waiting,
        "due": due,
        "differences": [_apart_json(one) for one in found.apart],
        "faults": [fault.zh for fault in found.faults],
    }


def _apart_json(one: "Apart") -> dict[str, Any]:
    return {
        "kind": one.drift,
        "code": one.code,
        "name": one.name,
        "line": one.line or None,
        "mendable": one.mendable,
        "differences": [{"field": row.field, "old": row.theirs, "new": row.ours} for row in one.differing],
    }


def _say_compared(target: str, found: "Compared", due: int) -> None:
    from catalog_specs import load

    for fault in found.faults:
        tell(f"错误：{fault.zh}")
    if found.faults:
        return
    end = "一致" if found.in_step else f"不一致 {len(found.apart)} 处"
    say(f"{target}：{end}。清单 {found.listed} 条，本系统应在 {found.ours} 条，待回执 {found.waiting} 条")
    kinds = load().sync.drift_index
    for one in found.apart:
        place = f"（清单第 {one.line} 行）" if one.line else ""
        say(
            f"  {one.code}  {one.name}：{kinds[one.drift].zh}{place}{'' if one.mendable else '，不由本系统处理'}"
        )
        for row in one.differing:
            say(f"      {row.field}：{row.theirs or '（无）'} → {row.ours or '（无）'}")
    if due:
        say(f"{due} 条列为待办；执行 mulu-sync run {target}。")


# ---- the portal's schema ------------------------------------------------------------------------------------


@worded
def schema(
    profile: Annotated[
        str | None, typer.Option("--profile", help="适用的办法：zunyi_2020、liupanshui_2025")
    ] = None,
) -> None:
    """打印 ckanext-scheming 的字段定义（JSON），装到门户后，本系统的字段按字段写入和显示。"""
    from sync.scheming import dataset_schema

    say_json(dataset_schema(profile))
