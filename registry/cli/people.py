"""Commands on people: user (accounts, roles, delegation)."""

import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.terminal import (
    AsOption,
    JsonOption,
    console_actor,
    database,
    now,
    operator,
    say,
    say_json,
    worded,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from registry.models import Delegation
    from registry.permits import Actor

LoginArgument = Annotated[str, typer.Argument(metavar="LOGIN", help="账号")]
RoleArgument = Annotated[
    str, typer.Argument(metavar="ROLE", help="角色，如 steward、auditor；写错会列出全部")
]
MaybeAs = Annotated[
    str | None, typer.Option("--as", metavar="LOGIN", help="以谁的名义办理；只有建第一个账号时可以不写")
]
StdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="从标准输入读口令（一行）；默认在终端询问")
]
AgencyOption = Annotated[
    str | None, typer.Option("--agency", metavar="CODE|NAME", help="单位：统一社会信用代码或全称")
]
DAY = ["%Y-%m-%d"]
FromOption = Annotated[datetime | None, typer.Option("--from", formats=DAY, help="自哪天起；默认今天")]
UntilOption = Annotated[datetime | None, typer.Option("--until", formats=DAY, help="至哪天止（含）")]

users = typer.Typer(help="账号、角色和授权委托。", no_args_is_help=True)


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    app.add_typer(users, name="user")


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


# ---- accounts ---------------------------------------------------------------------------------------------


@users.command("add")
@worded
def add(
    login: LoginArgument,
    name: Annotated[str, typer.Option("--name", help="姓名；机器账号写用途")],
    agency: AgencyOption = None,
    role: Annotated[list[str] | None, typer.Option("--role", help="同时授予的角色，可以写多次")] = None,
    machine: Annotated[bool, typer.Option("--machine", help="机器账号：没有口令，只用令牌")] = False,
    password_stdin: StdinOption = False,
    as_login: MaybeAs = None,
) -> None:
    """建账号。第一个账号须能授予角色（--role security_admin），在控制台上不用 --as。"""
    from registry.accounts import add_user, grant_role, set_password

    moment, roles = now(), role or []
    password = None if machine else _password(password_stdin, may_be_none=True)
    with database(create=True) as opened, opened.write() as session:
        actor = _adding(session, as_login, roles, moment)
        person = add_user(session, login, name, agency=agency, machine=machine, actor=actor, now=moment)
        if password:
            set_password(session, person.login, password, actor=actor, now=moment)
        for key in roles:
            grant_role(session, person.login, key, actor=actor, now=moment)
        said = f"已建账号 {person.login}（{person.name}）{'，角色 ' + '、'.join(roles) if roles else ''}"
    say(said + ("；首次登录须换口令" if password else ""))


def _adding(session: "Session", login: str | None, roles: list[str], moment: datetime) -> "Actor":
    from registry.errors import Rejected
    from registry.people import any_people, founder

    if login or any_people(session):
        return console_actor(session, login, moment)
    actor = founder(operator())
    keepers = [held.role for held in actor.held]
    if not set(roles) & set(keepers):
        raise Rejected(f"第一个账号须能授予角色；加上 --role {keepers[0]}")
    return actor


def _password(from_stdin: bool, *, may_be_none: bool = False) -> str | None:
    """A new password, asked for twice on a terminal; never an argument, which other people's ``ps`` would show."""
    from registry.errors import Rejected

    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n") or None
    if not sys.stdin.isatty():
        if may_be_none:
            return None
        raise Rejected("没有终端可以询问口令；用 --password-stdin")
    import getpass

    first = getpass.getpass("口令（可以留空）：" if may_be_none else "口令：")
    if first and first != getpass.getpass("再输一次："):
        raise Rejected("两次输入的口令不同")
    return first or None


@users.command("list")
@worded
def list_(as_json: JsonOption = False) -> None:
    """列出账号和今天的角色。"""
    from registry.people import held_by, list_people, local_day

    rows: list[dict[str, Any]] = []
    with database() as opened, opened.read() as session:
        for person, agency in list_people(session):
            held = held_by(session, person.id, today=local_day(now()))
            rows.append(
                {
                    "login": person.login,
                    "name": person.name,
                    "agency": agency.name if agency else None,
                    "active": person.active,
                    "machine": person.machine,
                    "roles": list(dict.fromkeys(one.role for one in held)),
                }
            )
    if as_json:
        say_json(rows)
        return
    for row in rows:
        off = "" if row["active"] else "  [停用]"
        said = "、".join(row["roles"]) or "没有角色"
        say(f"{row['login']}  {row['name']}  {row['agency'] or '—'}  {said}{off}")
    if not rows:
        say("还没有账号；mulu user add LOGIN --name 姓名 --role security_admin")


@users.command("show")
@worded
def show(login: LoginArgument, as_json: JsonOption = False) -> None:
    """看一个账号：角色及期限、授权委托、令牌。"""
    from registry.people import delegations_of, find_person, grants_of
    from registry.tokens import list_tokens

    with database() as opened, opened.read() as session:
        person = find_person(session, login)
        shown: dict[str, Any] = row_of(
            person, ("login", "name", "active", "machine", "must_change", "issuer")
        )
        grant_keys = ("id", "role", "region", "contract", "valid_from", "valid_until", "granted_by")
        shown["grants"] = [row_of(g, grant_keys) for g in grants_of(session, person.id)]
        shown["delegations"] = [_delegation(session, d) for d in delegations_of(session, person.id)]
        token_keys = ("id", "name", "prefix", "scopes", "expires_at", "revoked_at", "used_at")
        shown["tokens"] = [row_of(t, token_keys) for t, _ in list_tokens(session, person.id)]
    if as_json:
        say_json(shown)
        return
    say(f"{shown['login']}  {shown['name']}{'' if shown['active'] else '  [停用]'}")
    for grant in shown["grants"]:
        days = f"{grant['valid_from'] or ''}～{grant['valid_until'] or ''}"
        say(f"  角色 {grant['role']}  {days.strip('～') and days}  由 {grant['granted_by']} 授予")
    for one in shown["delegations"]:
        said = "、".join(one["matters"])
        period = f"{one['valid_from']}～{one['valid_until']}"
        say(f"  委托 {one['id']}  {one['from']} → {one['to']}  {said}  {period}  {one['document']}")
    for one in shown["tokens"]:
        state = "已撤销" if one["revoked_at"] else f"至 {one['expires_at'][:10]}"
        say(f"  令牌 {one['id']}  {one['prefix']}…  {one['name']}  {'、'.join(one['scopes'])}  {state}")


def row_of(found: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    """Some columns of a row, ready for JSON."""
    values = ((key, getattr(found, key)) for key in keys)
    return {key: v.isoformat() if isinstance(v, date | datetime) else v for key, v in values}


def _delegation(session: "Session", given: "Delegation") -> dict[str, Any]:
    from registry.models import Person

    ends = {"from": given.from_person_id, "to": given.to_person_id}
    people = {end: session.get_one(Person, key).login for end, key in ends.items()}
    return people | row_of(
        given, ("id", "role", "matters", "document", "sha256", "valid_from", "valid_until")
    )


@users.command("disable")
@worded
def disable(login: LoginArgument, as_login: AsOption) -> None:
    """停用账号：立即退出登录，令牌失效。"""
    from registry import accounts

    with database() as opened, opened.write() as session:
        actor = console_actor(session, as_login, now())
        accounts.disable(session, login, actor=actor, now=now())
    say(f"已停用 {login}")


@users.command("enable")
@worded
def enable(login: LoginArgument, as_login: AsOption) -> None:
    """启用已停用的账号。"""
    from registry import accounts

    with database() as opened, opened.write() as session:
        actor = console_actor(session, as_login, now())
        accounts.enable(session, login, actor=actor, now=now())
    say(f"已启用 {login}")


@users.command("password")
@worded
def password(login: LoginArgument, as_login: AsOption, password_stdin: StdinOption = False) -> None:
    """设口令；替别人设的，首次登录须换。"""
    from registry.accounts import set_password

    new = _password(password_stdin)
    with database() as opened, opened.write() as session:
        actor = console_actor(session, as_login, now())
        person = set_password(session, login, new or "", actor=actor, now=now())
        must = person.must_change
    say(f"已设 {login} 的口令{'；首次登录须换' if must else ''}")


@users.command("link")
@worded
def link(
    login: LoginArgument,
    as_login: AsOption,
    issuer: Annotated[str | None, typer.Option("--issuer", help="签发方；默认 MULU_OIDC_ISSUER")] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="统一身份认证中的编号（sub）；不写则首次登录时按账号记下")
    ] = None,
) -> None:
    """让账号可以用统一身份认证（OIDC）登录。"""
    from registry.accounts import link_identity
    from registry.errors import Rejected
    from registry.settings import read_settings

    configured = read_settings().oidc
    named = issuer or (configured.issuer if configured else "")
    if not named:
        raise Rejected("没有签发方；写 --issuer，或先设 MULU_OIDC_ISSUER")
    with database() as opened, opened.write() as session:
        actor = console_actor(session, as_login, now())
        link_identity(session, login, named, subject, actor=actor, now=now())
    say(f"{login} 可以用 {named} 登录")


# ---- roles and delegation ---------------------------------------------------------------------------------


@users.command("grant")
@worded
def grant(
    login: LoginArgument,
    role: RoleArgument,
    as_login: AsOption,
    agency: AgencyOption = None,
    system: Annotated[str | None, typer.Option("--system", help="系统编号或名称（承建单位人员）")] = None,
    region: Annotated[str | None, typer.Option("--region", help="六位行政区划代码（区县、分市）")] = None,
    contract: Annotated[str | None, typer.Option("--contract", help="合同编号（承建单位人员）")] = None,
    start: FromOption = None,
    until: UntilOption = None,
) -> None:
    """授予角色。三员分立；承建单位人员须写系统、合同和到期日；不能授予自己。"""
    from registry.accounts import grant_role

    with database() as opened, opened.write() as session:
        actor = console_actor(session, as_login, now())
        grant_role(
            session,
            login,
            role,
            agency=agency,
            system=system,
            region=region,
            contract=contract,
            start=_day(start),
            until=_day(until),
            actor=actor,
            now=now(),
        )
    say(f"已授予 {login} 角色 {role}")


@users.command("revoke")
@worded
def revoke(login: LoginArgument, role: RoleArgument, as_login: AsOption, agency: AgencyOption = None) -> None:
    """撤销角色，立即生效。"""
    from registry.accounts import revoke_role

    with database() as opened, opened.write() as session:
        actor = console_actor(session, as_login, now())
        revoke_role(session, login, role, agency=agency, actor=actor, now=now())
    say(f"已撤销 {login} 的角色 {role}")


@users.command("delegate")
@worded
def delegate(
    login: Annotated[str, typer.Argument(metavar="LOGIN", help="受委托人")],
    matters: Annotated[list[str], typer.Argument(metavar="MATTER…", help="事项，如 endorse、seal_edition")],
    as_login: AsOption,
    until: Annotated[datetime, typer.Option("--until", formats=DAY, help="至哪天止（含）")],
    document: Annotated[str, typer.Option("--document", help="授权文书编号")] = "",
    file: Annotated[Path | None, typer.Option("--file", help="授权文书（扫描件）")] = None,
    start: FromOption = None,
    agency: AgencyOption = None,
) -> None:
    """部门负责人书面授权本单位的人代办，载明事项和起止日期；--as 是负责人本人。"""
    from registry import accounts
    from registry.people import local_day

    moment = now()
    with database() as opened, opened.write() as session:
        actor = console_actor(session, as_login, moment)
        given = accounts.delegate(
            session,
            login,
            matters,
            document=document,
            sha256=_kept(session, file, actor, moment),
            start=_day(start) or local_day(moment),
            until=until.date(),
            agency=agency,
            actor=actor,
            now=moment,
        )
        key = given.id
    say(f"已委托 {login}：{'、'.join(matters)}（{key}）")


def _kept(session: "Session", file: Path | None, actor: "Actor", moment: datetime) -> str | None:
    from catalog_specs import load
    from registry import blobs
    from registry.errors import Rejected
    from registry.settings import read_settings

    if file is None:
        return None
    if not file.is_file():
        raise Rejected(f"没有文件 {file}")
    most = load().entry.limits["file_bytes"]
    folder = read_settings().files
    return blobs.keep(session, file, folder=folder, actor=actor.login, now=moment, most_bytes=most).sha256


@users.command("undelegate")
@worded
def undelegate(
    delegation: Annotated[str, typer.Argument(metavar="ID", help="委托编号，见 mulu user show")],
    as_login: AsOption,
) -> None:
    """撤销授权委托，立即生效。"""
    from registry.accounts import revoke_delegation

    with database() as opened, opened.write() as session:
        actor = console_actor(session, as_login, now())
        revoke_delegation(session, delegation, actor=actor, now=now())
    say(f"已撤销委托 {delegation}")
