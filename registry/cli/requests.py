"""Commands on requests: mulu request file, correct, open, list, show, act and the everyday acts; erase."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from registry.cli.request_reading import NumberArgument, list_all, show
from registry.cli.terminal import (
    AsOption,
    JsonOption,
    console_actor,
    database,
    now,
    say,
    say_json,
    worded,
)

if TYPE_CHECKING:
    from registry.answering import RequestDone

request_app = typer.Typer(
    help="共享需求、校核申请、开放申请：提出、同意、答复、补充、撤回。", no_args_is_help=True
)
CodeArgument = Annotated[str, typer.Argument(metavar="CODE", help="资源代码或目录的内部编号")]
NoteOption = Annotated[str, typer.Option("--note", metavar="REASON", help="理由或说明")]
ItemOption = Annotated[list[str] | None, typer.Option("--item", help="信息项，可多次")]
UntilOption = Annotated[str, typer.Option("--until", metavar="DATE", help="使用时限（最后一日）")]
LockOption = Annotated[int | None, typer.Option("--lock", min=1, help="看到时的 lock；有变动即不办")]
DataOption = Annotated[
    list[str] | None, typer.Option("--data", metavar="KEY=VALUE", help="环节所收的内容，可多次；列表重复写")
]
# everyday acts that take nothing but a note
_NOTED = (
    ("consent", "本部门同意提出共享需求。"),
    ("decline", "本部门不同意提出（须写 --note）。"),
    ("refuse", "提供方不同意共享（须写 --note）。"),
    ("withdraw", "撤回申请。"),
)
_LISTED = frozenset({"items", "texts"})


class NamesActs(TyperCommand):
    """A command whose help names the acts of requests.yaml; the specification is read only then."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  (click's own)
        """Write the acts under the options."""
        with formatter.section("ACT"):
            formatter.write_dl(list(self.acts()))

    def acts(self) -> Iterator[tuple[str, str]]:
        """The key of each act, and what it is called."""
        from catalog_specs import load

        spec = load().requests
        zh = {kind.key: kind.zh for kind in spec.kinds}
        yield from ((row.key, f"{row.zh}（{'、'.join(zh[k] for k in row.kinds)}）") for row in spec.acts)


def enter(app: typer.Typer) -> None:
    """Enter the commands on requests into the application."""
    for name, command in (
        ("file", file),
        ("correct", correct),
        ("open", open_data),
        ("list", list_all),
        ("show", show),
        ("agree", agree),
        ("supplement", supplement),
        ("resubmit", resubmit),
        ("erase", erase),
    ):
        request_app.command(name)(command)
    for name, words in _NOTED:
        request_app.command(name, help=words)(noted(partial(act_one, name)))
    request_app.command("act", cls=NamesActs)(act)
    app.add_typer(request_app, name="request")


# ---- filed ------------------------------------------------------------------------------------------------


@worded
def file(  # noqa: PLR0913, PLR0917  (options of a command)
    code: CodeArgument,
    basis: Annotated[str, typer.Option("--basis", help="使用依据：法规的条款")] = "",
    scene: Annotated[str, typer.Option("--scene", help="使用场景：办理什么事项")] = "",
    scope: Annotated[str, typer.Option("--scope", help="使用范围：哪些人员")] = "",
    mode: Annotated[str, typer.Option("--mode", help="查询、核验、批量交换")] = "",
    until: UntilOption = "",
    item: ItemOption = None,
    extends: Annotated[str, typer.Option("--extends", metavar="GRANT", help="续期的授权编号")] = "",
    agency: Annotated[str | None, typer.Option("--for", metavar="AGENCY", help="为哪个单位提出")] = None,
    note: NoteOption = "",
    login: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """提出共享需求；无条件共享的，本部门同意后系统立即答复。"""
    data: dict[str, Any] = {"basis": basis, "scene": scene, "scope": scope, "mode": mode}
    data |= {"valid_until": until, "items": item or [], "extends": extends}
    file_one(code, "share", data, login, as_json, note=note, requester=agency)


@worded
def correct(
    code: CodeArgument,
    item: ItemOption = None,
    seen: Annotated[str, typer.Option("--seen", help="所见内容")] = "",
    should_be: Annotated[str, typer.Option("--should-be", help="应为内容")] = "",
    evidence: Annotated[str, typer.Option("--evidence", help="佐证文号")] = "",
    agency: Annotated[str | None, typer.Option("--for", metavar="AGENCY", help="为哪个单位提出")] = None,
    note: NoteOption = "",
    login: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """提出校核申请：数据有错误，请提供单位核实更正。"""
    data = {"items": item or [], "seen": seen, "should_be": should_be, "evidence": evidence}
    file_one(code, "correction", data, login, as_json, note=note, requester=agency)


@worded
def open_data(
    code: CodeArgument,
    applicant: Annotated[str, typer.Option("--applicant", help="申请人姓名或者名称（可以擦除）")] = "",
    applicant_kind: Annotated[str, typer.Option("--applicant-kind", help="自然人、法人、其他组织")] = "",
    contact: Annotated[str, typer.Option("--contact", help="联系方式（可以擦除）")] = "",
    purpose: Annotated[str, typer.Option("--purpose", help="用途")] = "",
    item: ItemOption = None,
    note: NoteOption = "",
    login: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """登记开放申请：由提供单位为申请人登记。"""
    who = {"name": applicant, "kind": applicant_kind, "contact": contact}
    data = {"purpose": purpose, "items": item or []}
    file_one(code, "open", data, login, as_json, note=note, applicant=who)


def file_one(code: str, kind: str, data: Mapping[str, Any], login: str, as_json: bool, **more: Any) -> None:
    """File a request and tell what came of it; keywords as for ``requests.file_request``."""
    from registry.requests import file_request

    with database() as opened, opened.write() as session:
        actor, moment = console_actor(session, login, now()), now()
        done = file_request(session, code, kind, data=filled(data), actor=actor, now=moment, **more)
    _say_done(done, as_json)


def filled(data: Mapping[str, Any]) -> dict[str, Any]:
    """What was given: options that were left out are no blank fields."""
    return {key: value for key, value in data.items() if value not in ("", [], None)}


# ---- acts -------------------------------------------------------------------------------------------------


@worded
def act(
    number: NumberArgument,
    name: Annotated[str, typer.Argument(metavar="ACT", help="环节，见下")],
    login: AsOption,
    note: NoteOption = "",
    data: DataOption = None,
    lock: LockOption = None,
    as_json: JsonOption = False,
) -> None:
    """办理一个环节；缺什么一次说全。"""
    act_one(name, number, read_data(data or ()), login, as_json, note=note, lock=lock)


@worded
def agree(
    number: NumberArgument,
    login: AsOption,
    item: ItemOption = None,
    until: UntilOption = "",
    note: NoteOption = "",
    as_json: JsonOption = False,
) -> None:
    """提供方同意共享；可以减少信息项、缩短使用时限。"""
    act_one("agree", number, {"items": item or [], "valid_until": until}, login, as_json, note=note)


@worded
def supplement(
    number: NumberArgument,
    login: AsOption,
    missing: Annotated[list[str] | None, typer.Option("--missing", help="所缺材料，可多次；一次告知")] = None,
    note: NoteOption = "",
    as_json: JsonOption = False,
) -> None:
    """提供方一次告知需要补充的全部材料。"""
    act_one("supplement", number, {"missing": missing or []}, login, as_json, note=note)


@worded
def resubmit(  # noqa: PLR0913, PLR0917  (options of a command)
    number: NumberArgument,
    login: AsOption,
    basis: Annotated[str, typer.Option("--basis", help="使用依据")] = "",
    scene: Annotated[str, typer.Option("--scene", help="使用场景")] = "",
    scope: Annotated[str, typer.Option("--scope", help="使用范围")] = "",
    mode: Annotated[str, typer.Option("--mode", help="查询、核验、批量交换")] = "",
    until: UntilOption = "",
    item: ItemOption = None,
    note: NoteOption = "",
    as_json: JsonOption = False,
) -> None:
    """补充材料后重新提出；没有写的照旧。"""
    data = {"basis": basis, "scene": scene, "scope": scope, "mode": mode, "valid_until": until}
    act_one("resubmit", number, data | {"items": item or []}, login, as_json, note=note)


@worded
def erase(number: NumberArgument, login: AsOption, as_json: JsonOption = False) -> None:
    """擦除开放申请的申请人信息；申请和答复保留。"""
    from registry.requests import erase_applicant

    with database() as opened, opened.write() as session:
        moment = now()
        request = erase_applicant(session, number, actor=console_actor(session, login, moment), now=moment)
        done = {"number": request.number, "erased_at": moment.isoformat()}
    if as_json:
        say_json(done)
    else:
        say(f"已擦除 {done['number']} 的申请人信息")


def noted(deed: Callable[..., None]) -> Callable[..., None]:
    """A command for an act that takes nothing but a note; ``deed`` as ``act_one`` with the act given."""

    @worded
    def command(
        number: NumberArgument, login: AsOption, note: NoteOption = "", as_json: JsonOption = False
    ) -> None:
        deed(number, {}, login, as_json, note=note)

    return command


def act_one(name: str, number: str, data: Mapping[str, Any], login: str, as_json: bool, **more: Any) -> None:
    """Make an act and tell what came of it; keywords as for ``requests.act_on_request``."""
    from registry.requests import act_on_request

    with database() as opened, opened.write() as session:
        actor, moment = console_actor(session, login, now()), now()
        done = act_on_request(session, number, name, data=filled(data), actor=actor, now=moment, **more)
    _say_done(done, as_json)


def read_data(pairs: Sequence[str]) -> dict[str, Any]:
    """``KEY=VALUE`` pairs as what an act takes: lists and numbers by the type of the field.

    Raises:
        Rejected: a pair without ``=``.
    """
    from catalog_specs import load
    from registry.errors import Rejected

    types = {field.key: field.type for field in load().requests.taken}
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise Rejected(f"“{pair}”写得不对；写作 KEY=VALUE")
        if types.get(key) in _LISTED:
            found.setdefault(key, []).append(value)
        else:
            found[key] = int(value) if types.get(key) == "number" and value.isdecimal() else value
    return found


def _say_done(done: "RequestDone", as_json: bool) -> None:
    from catalog_specs import load
    from registry.plain_json import plain_json

    if as_json:
        say_json(plain_json(done))
        return
    spec = load().requests
    parts = [f"{done.number} {spec.act_zh(done.act)}：现在是“{spec.state_index[done.after].zh}”"]
    if done.answered_by_machine:
        parts.append(spec.machine.zh)
    if done.grant:
        parts.append(f"授权 {done.grant}")
    if done.due:
        parts.append(f"答复期限 {done.due}")
    say("；".join(parts))
