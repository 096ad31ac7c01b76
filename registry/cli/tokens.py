"""Commands on API tokens: token create, list, revoke."""

from typing import Annotated

import typer

from registry.cli.people import LoginArgument, row_of
from registry.cli.terminal import AsOption, JsonOption, console_actor, database, now, say, say_json, worded

tokens = typer.Typer(help="接口令牌：只显示一次，有范围、有期限、可撤销。", no_args_is_help=True)


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    app.add_typer(tokens, name="token")


@tokens.command("create")
@worded
def create(
    login: LoginArgument,
    name: Annotated[str, typer.Option("--name", help="用途")],
    scope: Annotated[list[str], typer.Option("--scope", help="范围：环节或权限，可以写多次")],
    days: Annotated[int, typer.Option("--days", help="有效几日")] = 30,
    as_login: Annotated[
        str | None, typer.Option("--as", metavar="LOGIN", help="以谁的名义办理；默认本人")
    ] = None,
) -> None:
    """发令牌，只显示一次。只能发给自己（默认），或由安全管理员（--as）发给机器账号。"""
    from registry.tokens import create_token

    with database() as opened, opened.write() as session:
        actor = console_actor(session, as_login or login, now())
        made = create_token(session, login, name, scope, days=days, actor=actor, now=now())
        plain = made.plain
    say(plain)


@tokens.command("list")
@worded
def list_(
    login: Annotated[str | None, typer.Argument(metavar="LOGIN", help="只看一个账号的")] = None,
    as_json: JsonOption = False,
) -> None:
    """列出令牌。"""
    from registry import tokens as stored
    from registry.people import find_person

    keys = ("id", "name", "prefix", "scopes", "expires_at", "revoked_at", "used_at")
    with database() as opened, opened.read() as session:
        owner = find_person(session, login).id if login else None
        rows = [row_of(t, keys) | {"login": p.login} for t, p in stored.list_tokens(session, owner)]
    if as_json:
        say_json(rows)
        return
    for row in rows:
        state = "已撤销" if row["revoked_at"] else f"至 {row['expires_at'][:10]}"
        say(
            f"{row['id']}  {row['login']}  {row['prefix']}…  {row['name']}  {'、'.join(row['scopes'])}  {state}"
        )


@tokens.command("revoke")
@worded
def revoke_token(
    token: Annotated[str, typer.Argument(metavar="ID", help="令牌编号或显示的开头")], as_login: AsOption
) -> None:
    """撤销令牌，立即生效。"""
    from registry import tokens as stored

    with database() as opened, opened.write() as session:
        actor = console_actor(session, as_login, now())
        stored.revoke_token(session, token, actor=actor, now=now())
    say(f"已撤销令牌 {token}")
