"""Targets: where the registry's entries are shown. Entered, found, tested and removed here. No token is kept."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Literal

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry import audit
from registry.db import Database
from registry.entries import lock_register
from registry.errors import Conflict, NotFound, Rejected, Unavailable
from registry.keys import new_key
from registry.models import AuditTree, SyncEntry, SyncTarget
from registry.offers import offered_ids
from registry.settings import OPEN_CATALOGUE_VARIABLE, PUBLIC_URL_VARIABLE, Settings
from sync.hosts import check_url, clean_url
from sync.mapping import Shape
from sync.places import FolderPlace, place_of
from sync.portal import Portal, Rights
from sync.secrets import is_there, token_of

PORTAL, PROVINCE = "ckan", "province"
DIRECT, FERRY = "direct", "ferry"
UPLOAD, LINK = "upload", "link"
Removal = Literal["withdrawn", "shut_down"]
# no two of these names have the same variable for their token
_NAME = re.compile(r"[a-z][a-z0-9-]{1,39}")
_AT_ONCE = 1000
_NOTE = 500


# ---- entered ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewTarget:
    """A target as it is given: ``kind``, ``mode`` and ``files`` are keys of sync.yaml, ``scope`` of ckan.yaml.

    ``url`` is the portal's, or the place of parcels; ``place`` where parcels across a gap lie (mode ``ferry``).
    """

    name: str
    kind: str
    scope: str
    url: str
    mode: str = DIRECT
    place: str = ""
    files: str = UPLOAD


def add(
    session: Session, new: NewTarget, *, settings: Settings, by: str, operator: str, now: datetime
) -> SyncTarget:
    """Enter a target and ask in its ledger for every entry that could be shown there. The portal is not spoken to.

    Raises:
        Rejected: name, kind, scope, address or place will not do. Conflict: the name, the portal, or the scope at this
        place is taken. Unreachable: the portal's name leads nowhere.
    """
    _demand_known(new, settings)
    place = _place("--ferry", new.place) if new.mode == FERRY else ""
    given = asdict(new) | {"url": _address(new, settings), "place": place}
    target = SyncTarget(id=new_key("g"), **given, created_by=by, created_at=now)
    # what is shelved while others do not see this target yet would never be asked of it: deeds end before, or begin
    # after (``hold_register`` would not part them, for those who hold it do not wait for each other)
    lock_register(session)
    _demand_free(session, target)
    _save(session, target)
    asked = _ask_for_all(session, target, now)
    details = {key: getattr(target, key) for key in ("kind", "mode", "scope", "files", "url", "place")}
    act = audit.Act("sync_target_add", target.id, {"target": target.name, "asked": asked} | details)
    audit.record(session, [act], actor=by, now=now, operator=operator)
    return target


def _demand_known(new: NewTarget, settings: Settings) -> None:
    if not _NAME.fullmatch(new.name):
        raise Rejected(
            f"目标名称“{new.name[:64]}”不合式样：小写字母开头，只用小写字母、数字和 -，2 至 40 个字符"
        )
    spec = load()
    _demand_key("--kind", new.kind, spec.sync.kinds)
    _demand_key("--scope", new.scope, spec.ckan.scopes)
    _demand_key("--files", new.files, spec.sync.files)
    _demand_key("mode", new.mode, spec.sync.modes)
    if new.kind == PORTAL and new.files == LINK and (lacking := _lacking_for_links(new.scope, settings)):
        raise Rejected(f"--files link：{lacking}")


def _demand_key(option: str, given: str, rows: Iterable[Any]) -> None:
    known = {row.key: row.zh for row in rows}
    if given not in known:
        told = "、".join(f"{key}（{zh}）" for key, zh in known.items())
        raise Rejected(f"{option} 不能是“{given[:64]}”；可以是 {told}")


def _address(new: NewTarget, settings: Settings) -> str:
    if new.kind == PROVINCE:
        return _place("--url", new.url)
    # a portal beyond a gap is not reached from here: it is judged beside it
    return clean_url(new.url) if new.mode == FERRY else check_url(new.url, settings)


def _place(option: str, text: str) -> str:
    """A folder that is there, or an fsspec URL that holds no password."""
    given = text.strip()
    if not given:
        raise Rejected(f"{option} 要写收发件的文件夹，或 sftp://、s3:// 这样的地址")
    place = place_of(given)
    if not isinstance(place, FolderPlace):
        return given.rstrip("/")
    if not place.folder.is_dir():
        raise Rejected(f"{option} 的 {place} 不是文件夹；建好（或挂载好）后再试")
    # the job may be started from anywhere
    return str(place.folder.resolve())


def _demand_free(session: Session, target: SyncTarget) -> None:
    for other in listed(session):
        if other.name == target.name:
            raise Conflict(f"已有目标 {target.name}；换一个名称，或先用 mulu-sync target remove 移除")
        if (other.kind, other.url) != (target.kind, target.url):
            continue
        there = f"目标 {other.name} 已在 {target.url} 展示“{load().ckan.scope_index[other.scope].zh}”的目录；"
        if other.scope == target.scope:
            raise Conflict(f"{there}同一处同一范围只设一个目标")
        if target.kind == PORTAL:
            # the portal would refuse every entry that both scopes show
            raise Conflict(
                f"{there}数据集名称取自资源代码，不分范围，同一门户放两个范围会重名；"
                f"换一个门户，或先移除 {other.name}（target remove {other.name} --withdraw）"
            )


def _save(session: Session, target: SyncTarget) -> None:
    try:
        session.add(target)
        session.flush()
    except IntegrityError as error:
        raise Conflict(f"已有目标 {target.name}；换一个名称") from error


def _ask_for_all(session: Session, target: SyncTarget, now: datetime) -> int:
    """A due row in the ledger for every entry that could be shown; gives how many."""
    found, asked = offered_ids(session, target.scope), 0
    while part := list(islice(found, _AT_ONCE)):
        rows = [
            {"target_id": target.id, "entry_id": key, "files": {}, "said": "", "changed_at": now}
            for key in part
        ]
        session.execute(insert(SyncEntry), rows)
        asked += len(part)
    return asked


# ---- found --------------------------------------------------------------------------------------------------


def listed(session: Session) -> Sequence[SyncTarget]:
    """The targets that were not removed, by name."""
    query = select(SyncTarget).where(col(SyncTarget.removed_at).is_(None)).order_by(col(SyncTarget.name))
    return list(session.execute(query).scalars())


def count_asked(session: Session, target: SyncTarget) -> int:
    """How many entries stand in a target's ledger."""
    query = select(func.count()).where(col(SyncEntry.target_id) == target.id)
    return int(session.execute(query).scalar_one())


def has_token(target: SyncTarget, settings: Settings) -> bool | None:
    """Whether there is a token for a target; None where none is needed here.

    Raises:
        Unavailable: the file of tokens cannot be used.
    """
    if target.kind != PORTAL or target.mode != DIRECT:
        return None
    return is_there(target.name, settings)


def find(session: Session, name: str) -> SyncTarget:
    """The target of a name.

    Raises:
        NotFound: there is none (any more); the message names those that there are.
    """
    live = listed(session)
    for target in live:
        if target.name == name:
            return target
    names = "、".join(target.name for target in live)
    raise NotFound(
        f"没有目标“{name[:64]}”；现有 {names}"
        if names
        else f"没有目标“{name[:64]}”；先用 mulu-sync target add 登记"
    )


def shape_of(session: Session, target: SyncTarget, settings: Settings) -> Shape:
    """How a target takes datasets.

    Raises:
        Unavailable: the record's row is missing, or files are to be linked and nobody said where they can be had.
    """
    origin = session.execute(select(col(AuditTree.origin)).where(col(AuditTree.id) == 1)).scalar_one_or_none()
    if not origin:
        raise Unavailable("审计树的状态行不见了，不知道本登记系统的标识；执行 mulu audit verify 查看")
    if (
        target.kind == PORTAL
        and target.files == LINK
        and (lacking := _lacking_for_links(target.scope, settings))
    ):
        raise Unavailable(f"目标 {target.name} 只给下载地址：{lacking}")
    files, pages = _addresses(target.scope, settings)
    return Shape(
        registry=origin,
        scope=target.scope,
        scheming=bool((target.rights or {}).get("scheming")),
        upload=target.files == UPLOAD,
        file_url=files,
        page_url=pages,
    )


def _is_open(scope: str) -> bool:
    return load().ckan.scope_index[scope].only_opened


def _lacking_for_links(scope: str, settings: Settings) -> str:
    """Why files of a scope cannot be had here by strangers, with the cure; empty when they can."""
    if not _is_open(scope):
        return f"“{load().ckan.scope_index[scope].zh}”范围的文件在本系统不能匿名下载；用 upload"
    missing = [] if settings.public_url else [f"{PUBLIC_URL_VARIABLE}（本系统对外的地址）"]
    missing += (
        []
        if settings.open_catalogue
        else [f"{OPEN_CATALOGUE_VARIABLE}=1（现已关闭，开放目录和文件不能匿名读取）"]
    )
    return f"须先设 {'、'.join(missing)}" if missing else ""


def _addresses(scope: str, settings: Settings) -> tuple[str, str]:
    """Where files and pages of a scope are had here; empty where they are not. Entries that are shared are seen by
    those who sign in, open ones by everybody or by nobody."""
    if not settings.public_url or (_is_open(scope) and not settings.open_catalogue):
        return "", ""
    try:
        base = clean_url(settings.public_url)
    except Rejected as error:
        raise Unavailable(
            f"{PUBLIC_URL_VARIABLE} 要写成 https://主机[:端口][/路径]，门户据此给出链接"
        ) from error
    if not _is_open(scope):
        return "", f"{base}/entries/{{code}}"
    return f"{base}/open/files/{{distribution}}/{{name}}", f"{base}/open/entries/{{code}}"


# ---- spoken to ----------------------------------------------------------------------------------------------


@contextmanager
def opened(target: SyncTarget, shape: Shape, settings: Settings) -> Iterator[Portal]:
    """The portal of a target, ready to be spoken to, and closed at the end. Nothing was asked yet.

    Raises:
        Rejected: it is no portal that is reached from here, or its host may not be spoken to. Unavailable: there is no
        token. Unreachable: its name leads nowhere.
    """
    if target.kind != PORTAL or target.mode != DIRECT:
        raise Rejected(f"目标 {target.name} 不是直连的门户；收发件用 mulu-sync run、apply、receipts 办理")
    with portal_at(target.name, target.url, shape, settings) as portal:
        yield portal


@contextmanager
def portal_at(name: str, url: str, shape: Shape, settings: Settings) -> Iterator[Portal]:
    """The portal at an address, with the token of a target's name. Raises as ``opened`` does."""
    # they load requests and ckanapi, which takes a while, and only this needs them
    from sync.ckan import CkanPortal
    from sync.sessions import guarded_session

    checked, token = check_url(url, settings), token_of(name, settings)
    portal = CkanPortal(checked, token, shape=shape, session=guarded_session(checked, settings))
    try:
        yield portal
    finally:
        portal.close()


def test(
    database: Database, name: str, settings: Settings, *, by: str, operator: str, now: datetime
) -> Rights:
    """Ask a portal what the token may do, and keep the answer with the target.

    Raises:
        PortalError: it did not answer, or does not know the token; otherwise as ``opened`` does.
    """
    with database.read() as session:
        target = find(session, name)
        shape = shape_of(session, target, settings)
        session.expunge(target)
    with opened(target, shape, settings) as portal:
        rights = portal.rights()
    with database.write() as session:
        keep_rights(find(session, name), rights)
        act = audit.Act("sync_target_test", target.id, {"target": name} | asdict(rights))
        audit.record(session, [act], actor=by, now=now, operator=operator)
    return rights


def keep_rights(target: SyncTarget, rights: Rights) -> None:
    """Write down what a portal said that the token may do."""
    target.rights = asdict(rights)


def rights_of(target: SyncTarget) -> Rights | None:
    """What the last test found; None before the first."""
    return Rights(**target.rights) if target.rights else None


# ---- removed ------------------------------------------------------------------------------------------------


def remove(
    session: Session,
    name: str,
    *,
    by: str,
    operator: str,
    now: datetime,
    how: Removal = "withdrawn",
    note: str = "",
) -> int:
    """Remove a target; its name can be used again. Gives how many entries were taken for gone.

    ``withdrawn``: nothing of ours may be there any more. ``shut_down``: the portal itself is gone, as ``note`` says;
    whatever was there counts as gone from now on.

    Raises:
        NotFound: there is none. Conflict: something may still be there, or a run is on. Rejected: the note is missing.
    """
    target = find(session, name)
    if how == "shut_down" and not note.strip():
        raise Rejected("--shut-down 要写明情况，如“门户已于 2026-11-20 停用，见市大数据局通知”")
    _demand_idle(session, target, now)
    there = _there(session, target)
    if there and how == "withdrawn":
        raise Conflict(
            f"目标 {name} 还有 {there} 条可能在门户上；先撤下（--withdraw），门户已停用的写明情况（--shut-down NOTE）"
        )
    if there:
        _take_for_gone(session, target, note, now)
    target.name, target.removed_at = f"{name}~{target.id}", now
    session.flush()
    details = {"target": name, "how": how, "note": note.strip()[:_NOTE], "taken_for_gone": there}
    act = audit.Act("sync_target_remove", target.id, details)
    audit.record(session, [act], actor=by, now=now, operator=operator)
    return there


def _may_be_there() -> Any:
    return col(SyncEntry.state).in_([state.key for state in load().sync.states if state.there])


def _there(session: Session, target: SyncTarget) -> int:
    query = select(func.count()).where(col(SyncEntry.target_id) == target.id, _may_be_there())
    return int(session.execute(query).scalar_one())


def _demand_idle(session: Session, target: SyncTarget, now: datetime) -> None:
    query = select(func.count()).where(
        col(SyncEntry.target_id) == target.id, col(SyncEntry.held_until) >= now, col(SyncEntry.held_by) != ""
    )
    if held := int(session.execute(query).scalar_one()):
        raise Conflict(f"目标 {target.name} 有 {held} 条正在同步；停下同步任务后再移除")


def _take_for_gone(session: Session, target: SyncTarget, note: str, now: datetime) -> None:
    session.execute(
        update(SyncEntry)
        .where(col(SyncEntry.target_id) == target.id, _may_be_there())
        .values(
            state="gone",
            gone_at=now,
            said=note.strip()[:_NOTE],
            trouble="",
            drift="",
            met=col(SyncEntry.asked),
        )
    )
