"""``mulu-sync target add|list|test|remove``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.terminal import (
    JsonOption,
    database,
    now,
    operator,
    progress_bar,
    say,
    say_json,
    say_table,
    tell,
)
from sync.cli.answers import (
    CONFIGURE,
    PUSH,
    TargetArgument,
    WhoOption,
    code_of_report,
    office,
    say_report,
    whose,
    worded,
)
from sync.cli.stopping import stopped_gently

if TYPE_CHECKING:
    from registry.models import SyncTarget
    from sync.portal import Rights
    from sync.rounds import Office

group = typer.Typer(
    no_args_is_help=True,
    help="目标：门户、交换平台。令牌不入库：放在环境变量 MULU_TARGET_<名称>_TOKEN（大写，- 写作 _），"
    "或 MULU_SECRETS_FILE 所指的文件。",
)


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    app.add_typer(group, name="target")
    for name, command in (
        ("add", add),
        ("list", list_targets),
        ("test", test),
        ("remove", remove),
        ("keep", keep),
    ):
        group.command(name)(command)


# ---- add ----------------------------------------------------------------------------------------------------


@worded
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="名称：小写字母、数字和 -，如 city-open")],
    url: Annotated[
        str, typer.Option("--url", help="门户的地址；province 为收发件的文件夹或 sftp://、s3:// 地址")
    ],
    scope: Annotated[str, typer.Option("--scope", help="范围：open 开放、share 共享")],
    kind: Annotated[str, typer.Option("--kind", help="种类：ckan 门户、province 省交换平台")] = "ckan",
    ferry: Annotated[
        str,
        typer.Option("--ferry", metavar="PLACE", help="隔着网闸：摆渡包放到哪里（文件夹或 sftp://、s3://）"),
    ] = "",
    files: Annotated[
        str, typer.Option("--files", help="文件：upload 存入门户、link 留在本系统（须设 MULU_PUBLIC_URL）")
    ] = "upload",
    login: WhoOption = None,
) -> None:
    """登记一个目标。门户的主机须列在 MULU_TARGETS；本机的门户须设 MULU_ALLOW_LOOPBACK_TARGETS=1。"""
    from registry.settings import read_settings
    from sync import targets

    mode = targets.FERRY if ferry else targets.DIRECT
    new = targets.NewTarget(name, kind, scope, url, mode=mode, place=ferry, files=files)
    with database() as opened, opened.write() as session:
        by = whose(session, login, CONFIGURE, now())
        made = targets.add(session, new, settings=read_settings(), by=by, operator=operator(), now=now())
        asked = targets.count_asked(session, made)
        direct = made.kind == targets.PORTAL and mode == targets.DIRECT
    say(f"已登记目标 {name}，待推送 {asked} 条。")
    if kind == targets.PORTAL:
        say(_next_step(name, direct))


def _next_step(name: str, direct: bool) -> str:
    from sync.secrets import token_variable

    variable = token_variable(name)
    if not direct:
        return f"门户一侧须设 {variable}，用 mulu-sync apply 落地。"
    return f"设好 {variable} 后执行 mulu-sync target test {name}，再 mulu-sync run {name}。"


# ---- list ---------------------------------------------------------------------------------------------------


@worded
def list_targets(as_json: JsonOption = False) -> None:
    """列出目标、令牌是否已备。令牌本身从不显示。"""
    from registry.settings import read_settings
    from sync import targets

    settings = read_settings()
    with database() as opened, opened.read() as session:
        found = [
            _target_json(target, targets.has_token(target, settings)) for target in targets.listed(session)
        ]
    if as_json:
        say_json(found)
        return
    if not found:
        say("还没有目标；用 mulu-sync target add 登记。")
        return
    heads = ("名称", "种类", "范围", "方式", "文件", "地址", "摆渡", "令牌", "上次测试")
    say_table(heads, [_cells(one) for one in found])


def _target_json(target: "SyncTarget", has_token: bool | None) -> dict[str, Any]:
    plain = {key: getattr(target, key) for key in ("name", "kind", "scope", "mode", "files", "url", "place")}
    return plain | {
        "token": has_token,
        "rights": target.rights,
        "created_by": target.created_by,
        "created_at": target.created_at.isoformat(),
    }


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    from catalog_specs import load

    sync, scopes = load().sync, load().ckan.scope_index
    zh = {row.key: row.zh for row in (*sync.kinds, *sync.modes, *sync.files)}
    token = {True: "已备", False: "没有", None: ""}[one["token"]]
    tested = f"CKAN {one['rights']['version']}，{one['rights']['user']}" if one["rights"] else ""
    return (
        one["name"],
        zh[one["kind"]],
        scopes[one["scope"]].zh,
        zh[one["mode"]],
        zh[one["files"]],
        one["url"],
        one["place"],
        token,
        tested,
    )


# ---- test ---------------------------------------------------------------------------------------------------


@worded
def test(target: TargetArgument, as_json: JsonOption = False, login: WhoOption = None) -> None:
    """问门户：令牌能办什么。"""
    from dataclasses import asdict

    from registry.settings import read_settings
    from sync import targets

    with database() as opened:
        with opened.read() as session:
            by = whose(session, login, PUSH, now())
            scope = targets.find(session, target).scope
        rights = targets.test(opened, target, read_settings(), by=by, operator=operator(), now=now())
    if as_json:
        say_json({"target": target} | asdict(rights))
    else:
        for line in rights_lines(rights, scope=scope):
            say(line)
    if not rights.may_create:
        raise typer.Exit(1)


def rights_lines(rights: "Rights", *, scope: str = "open") -> list[str]:
    """What a token may do, and who may read what is pushed, in words."""
    purge, ids = rights.may_purge, rights.choose_ids
    organizations = rights.may_create_organizations
    fields = "有本系统的字段定义，按字段写入" if rights.scheming else "没有本系统的字段定义，写入附加项"
    limit = [] if rights.largest_file is None else [f"文件上限：{rights.largest_file / 2**20:g} MB"]
    return [
        f"门户版本：CKAN {rights.version}",
        f"令牌用户：{rights.user}（{'系统管理员' if rights.sysadmin else '一般用户'}）",
        f"建数据集：{'可以' if rights.may_create else '不可以，不能推送；请门户管理员给予机构的编辑者以上角色'}",
        f"自定 id：{'可以' if ids else '不可以：按名称对应，门户改名后须 mulu-sync repair'}",
        f"撤下清除：{'可以' if purge else '无清除权限：撤下后为“已删除，名称保留”'}",
        f"建机构：{'可以' if organizations else '不可以：机构须由门户管理员事先建好'}",
        f"ckanext-scheming：{fields}",
        *_readers(rights, scope),
        *limit,
    ]


def _readers(rights: "Rights", scope: str) -> list[str]:
    if rights.strangers_read is None:
        return []
    if not rights.strangers_read:
        return ["谁能看到：登录该门户的人"]
    inside = "；共享范围的门户须只在政务网内开放" if scope == "share" else ""
    return [f"谁能看到：任何能访问该门户的人都能看到{inside}"]


# ---- remove -------------------------------------------------------------------------------------------------


@worded
def remove(
    target: TargetArgument,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="先把该处的全部撤下，回读确认后移除")] = False,
    shut_down: Annotated[
        str, typer.Option("--shut-down", metavar="NOTE", help="门户已停用：写明情况，该处的都记为已不在")
    ] = "",
    login: WhoOption = None,
) -> None:
    """移除目标。还有条目在那里的不能移除，除非先撤下，或门户已停用。"""
    from registry.errors import Rejected
    from sync import targets

    if withdraw and shut_down:
        raise Rejected("--withdraw 和 --shut-down 只能用一个：门户还在就撤下，已停用才写明情况")
    with office(login, CONFIGURE) as at:
        if withdraw:
            _withdraw_all(at, target)
        how: targets.Removal = "shut_down" if shut_down else "withdrawn"
        with at.database.write() as session:
            gone = targets.remove(
                session, target, how=how, note=shut_down, by=at.by, operator=at.operator, now=now()
            )
    say(f"已移除目标 {target}。" + (f"{gone} 条记为随门户停用而不在。" if gone else ""))


def _withdraw_all(at: "Office", target: str) -> None:
    from registry.errors import Rejected
    from sync import rounds, targets

    with at.database.read() as session:
        direct = rounds.is_direct(targets.find(session, target))
    if not direct:
        raise Rejected(f"目标 {target} 经收发件办理，不能当场撤下；对方确认撤下后用 --shut-down 写明情况移除")
    with stopped_gently(at.stop, tell), progress_bar(f"撤下 {target}") as progress:
        report = rounds.withdraw_all(at, target, progress=progress)
    say_report(report)
    if code := code_of_report(report):
        raise typer.Exit(code)


@worded
def keep(target: TargetArgument, login: WhoOption = None) -> None:
    """不移除了：撤回“全部撤下”的决定，下次运行重新推送。"""
    from sync.rounds import close

    with office(login, CONFIGURE) as at:
        close(at, target, closing=False)
    say(f"目标 {target} 保留；执行 mulu-sync run {target} 重新推送。")
