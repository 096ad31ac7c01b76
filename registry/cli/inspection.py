"""Commands of inspection: packs made and checked offline; the reports of ``mulu wipe``: due, stopped, certificates."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.terminal import (
    AsOption,
    JsonOption,
    console_actor,
    database,
    day_written,
    now,
    say,
    say_json,
    say_table,
    tell,
    worded,
)

if TYPE_CHECKING:
    from registry.inspection_verify import PackVerdict

WhoOption = Annotated[str, typer.Option("--as", metavar="LOGIN", help="以谁的身份看；不写则看全部")]
inspect = typer.Typer(
    help="监督检查资料包：制作、离线核验。",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    app.add_typer(inspect, name="inspect")
    inspect.command("pack")(pack)
    inspect.command("verify")(verify)


def enter_wipes(app: typer.Typer) -> None:
    """Enter the reports of this module into ``mulu wipe``."""
    for command in (due, stopped, certificates):
        app.command(command.__name__)(command)


# ---- packs ------------------------------------------------------------------------------------------------


@worded
def pack(
    out: Annotated[Path, typer.Argument(metavar="OUT.zip", help="写到哪里")],
    login: AsOption,
    agency: Annotated[str, typer.Option("--agency", help="只含这个单位（信用代码或名称）")] = "",
    system: Annotated[str, typer.Option("--system", help="只含这个系统（编号、名称或内部编号）")] = "",
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="截至哪一天；不写则为现在")
    ] = None,
    with_files: Annotated[bool, typer.Option("--with-files", help="连同佐证文件本身")] = False,
) -> None:
    """制作监督检查资料包（ZIP）：系统、副本、目录、义务、停用、清除、证明、审计事件和包含证明。制作留痕。"""
    from registry.heads import sign_quietly
    from registry.inspection import About, compose, record_pack
    from registry.inspection_zip import sum_of, writing
    from registry.settings import read_settings

    about = About(agency, system, day_written(as_of) if as_of else None, with_files)
    moment, folder = now(), read_settings().files
    with database() as opened:
        sign_quietly(opened, now=moment)
        with writing(out) as made:
            with opened.read() as session:
                actor = console_actor(session, login, moment)
                done = compose(session, made, about, folder=folder, actor=actor, now=moment)
            with opened.write() as session:
                record_pack(session, done, actor=actor, now=moment)
    say(f"已写出 {out}：{len(done.manifest['files'])} 个文件，截至 {done.manifest['as_of']}")
    say(f"SHA-256 {sum_of(out)}")
    if done.manifest["later"]:
        tell(f"另有 {done.manifest['later']} 个审计事件还没有树头作证；执行 mulu audit head 后重新制作")


@worded
def verify(
    file: Annotated[Path, typer.Argument(metavar="OUT.zip", help="资料包")],
    keys: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="HEX", help="登记单位公布的公钥，可多次；不写则用本机的信任清单"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """离线核验资料包：清单、摘要、有无增删、审计证明。不连网络，不用数据库。

    退出码：0 与制作时一致，1 被改动，2 读不了。
    """
    from registry.inspection_verify import verify_pack
    from registry.signing import trusted_keys

    found = verify_pack(file, keys=keys or trusted_keys())
    if as_json:
        from registry.plain_json import plain_json

        say_json(plain_json(found) | {"intact": found.intact})
    else:
        _say_verdict(found)
    raise typer.Exit(0 if found.intact else 1)


def _say_verdict(found: "PackVerdict") -> None:
    say(
        f"{found.name}：{found.files} 个文件，{found.events} 个审计事件，截至 {found.as_of}，制作于 {found.made}"
    )
    for problem in found.problems:
        say(f"✗ {problem}")
    for note in found.notes:
        say(f"· {note}")
    say("与制作时一致。" if found.intact else f"被改动：{len(found.problems)} 处。")


# ---- reports ----------------------------------------------------------------------------------------------


@worded
def due(login: WhoOption = "", as_json: JsonOption = False) -> None:
    """待清除：办理中的清除任务，自何时起、何时到期、哪些副本没有答复。"""
    from registry.wipe_reports import DUE_HEADS, due_cells, wipes_due

    moment = now()
    with database() as opened, opened.read() as session:
        actor = console_actor(session, login, moment) if login else None
        found = wipes_due(session, actor=actor, now=moment)
    _tell(found, as_json, DUE_HEADS, map(due_cells, found), "没有待清除的任务。")


@worded
def stopped(login: WhoOption = "", as_json: JsonOption = False) -> None:
    """停用而未清除的系统：自何时起、还缺什么。"""
    from registry.wipe_reports import STOPPED_HEADS, stopped_cells, stopped_not_wiped

    moment = now()
    with database() as opened, opened.read() as session:
        actor = console_actor(session, login, moment) if login else None
        found = stopped_not_wiped(session, actor=actor, now=moment)
    _tell(found, as_json, STOPPED_HEADS, map(stopped_cells, found), "没有停用而未清除的系统。")


@worded
def certificates(
    year: Annotated[int | None, typer.Option("--year", help="只看这一年")] = None,
    login: WhoOption = "",
    as_json: JsonOption = False,
) -> None:
    """清除证明按年度统计：单位、介质、方法、结果、未通过次数、保存期限。"""
    from registry.plain_json import plain_json
    from registry.wipe_years import TALLY_HEADS, certificates_by_year, tally_cells

    with database() as opened, opened.read() as session:
        actor = console_actor(session, login, now()) if login else None
        found = certificates_by_year(session, actor=actor, year=year)
    if as_json:
        say_json(plain_json(found))
        return
    _tell(found.tallies, False, TALLY_HEADS, map(tally_cells, found.tallies), "没有清除记录。")


def _tell(
    found: Sequence[Any], as_json: bool, heads: Sequence[str], rows: Iterable[Sequence[str]], none: str
) -> None:
    """A report as JSON, or as a table, or the word that there is nothing."""
    from registry.plain_json import plain_json

    if as_json:
        say_json([plain_json(one) for one in found])
    elif found:
        say_table(heads, list(rows))
    else:
        say(none)
