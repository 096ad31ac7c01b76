"""A dataset is made to stand at a CKAN as desired, whatever stands there, and read back.

Compared first, and nothing is written where it stands so already. Written by ``package_create`` or, under the lock of
what was read (``package_revise`` with ``match``), as one complete dataset. With files it is created out of sight (a
draft; without a sysadmin's token a private dataset, since CKAN drops the state then) and shown by the write that
brings the bytes, so that nobody sees half of it. Where somebody else wrote in between, it is looked at again.
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from catalog_specs import load
from registry.errors import MuluError
from sync.ckan_calls import Absent, Calls, Forbidden, PageServed, ServerFailed
from sync.ckan_files import Upload, by_id, download_address, uploaded
from sync.ckan_organizations import Organizations
from sync.portal import Desired, FileSent, Known, Landed, Opens, Package, PortalError, Refused, Unreachable
from sync.portal_form import UPLOADED, differences, entry_of, is_ours, portal_form
from sync.shape import Shape

_LISTS = ("extras", "tags", "resources", "groups")
_ANSWER = ["+package__id", "+package__metadata_modified", "-package__*"]
# CKAN refuses a text of more than 500 kB beside a file
_LONGEST_TEXT = 400_000
_LONGEST_NAME = 100
_ACTIVE, _DELETED, _DRAFT = "active", "deleted", "draft"


@dataclass
class Token:
    """What was found out of a token meanwhile. ``chooses_ids``: as far as is known, a sysadmin's right."""

    chooses_ids: bool = True


class _Moved(Exception):
    """What was read is not what is there any more; ``error`` is what the portal said."""

    def __init__(self, error: PortalError) -> None:
        self.error = error


@dataclass
class Push:
    """One deed; made anew for each dataset."""

    calls: Calls
    organizations: Organizations
    token: Token
    shape: Shape
    looks: int
    wrote: bool = field(default=False, init=False)
    created: bool = field(default=False, init=False)
    # the dataset that is written to, and whether all that is no longer desired has left it
    place: str = field(default="", init=False)
    cleared: bool = field(default=False, init=False)

    def push(self, desired: Desired, known: Known, opens: Opens) -> Landed:
        """See ``Portal.push``."""
        self.desired, self.known, self.opens = desired, known, opens
        self.form = portal_form(desired.package, self.shape)
        try:
            return self._pushed_or_taken_back()
        except Unreachable as error:
            error.maybe_done = error.maybe_done or self.wrote
            raise

    def _pushed_or_taken_back(self) -> Landed:
        try:
            return self._pushed()
        except (Refused, MuluError, OSError):
            # whatever stands in the way, what is no longer to be had must go
            if not self.cleared:
                self._take_back()
            raise

    def _pushed(self) -> Landed:
        self.organizations.ensure(self.desired.organization)
        found = self._find() if self.known.look or self.known.portal_id else None
        for _ in range(self.looks):
            try:
                return self._change(found) if found else self._create()
            except _Moved as moved:
                error, before, found = moved.error, found, self._find()
                if before is None and found is None and not isinstance(error, (Absent, Unreachable)):
                    raise error from None
        if isinstance(error, Unreachable):
            raise error
        raise Unreachable(f"{self.looks} 次写入都与他人的改动相撞；稍后再试（门户：{error.words}）")

    # ---- what is there -----------------------------------------------------------------------------

    def _show(self, key: str) -> Package | None:
        try:
            shown: Package = self.calls.call("package_show", {"id": key})
        except (Absent, Forbidden):
            # what the token may not see it may not write either; the portal says so when it is tried
            return None
        return shown

    def _find(self) -> Package | None:
        """The dataset that is ours, also a deleted one: by id, else by name."""
        for key in dict.fromkeys((self.known.portal_id, self.desired.id)):
            shown = self._show(key) if key else None
            if shown is not None and shown["id"] == key:
                return shown
        shown = self._show(self.desired.name)
        if shown is None or self._may_be_taken_over(shown):
            return shown
        if shown.get("state") == _DELETED:
            return None
        raise self._taken(shown)

    def _may_be_taken_over(self, shown: Package) -> bool:
        """Whether a dataset under our name and another id is this entry's, or a nameless one of its organization."""
        entry = entry_of(shown)
        if entry:
            return entry == self.desired.entry_id and is_ours(shown, self.shape)
        living = shown.get("state") != _DELETED
        return living and _organization(shown).get("name") == self.desired.organization["name"]

    def _taken(self, shown: Package) -> Refused:
        title, owner = shown.get("title") or "", _organization(shown).get("title") or "无"
        words = f"名称 {self.desired.name} 被不属于本条目的数据集占用：“{title}”（组织：{owner}，id {shown['id']}）"
        return Refused(f"{words}；由门户管理员改名或删除它，再 mulu-sync retry", fields={"name": [words]})

    # ---- created -----------------------------------------------------------------------------------

    def _create(self) -> Landed:
        body = self._body(None)
        if not self.token.chooses_ids:
            del body["id"]
        if self.desired.files:
            body |= {"state": _DRAFT} if self.token.chooses_ids else {"private": True}
        try:
            made = self._write("package_create", body)
        except ServerFailed as error:
            raise _Moved(error) from error
        except Refused as error:
            if "id" in error.fields and self.token.chooses_ids and not self._is_sysadmin():
                self.token.chooses_ids = False
                return self._create()
            raise self._after_refusal(error) from error
        self.created = True
        if self.desired.files:
            return self._change(made)
        return self._landed(made["id"], made["metadata_modified"], {})

    def _is_sysadmin(self) -> bool:
        return bool(self.calls.call("user_show").get("sysadmin"))

    def _after_refusal(self, error: Refused) -> Exception:
        """What to do about a refused write: look again, or leave it."""
        if "owner_org" in error.fields:
            self.organizations.forget(str(self.desired.organization["name"]))
            self.organizations.ensure(self.desired.organization)
            return _Moved(Absent(error.words))
        return _Moved(error) if error.fields.keys() & {"id", "name", "match"} else error

    def _write(self, action: str, data: Mapping[str, Any], **how: Any) -> Any:
        try:
            result = self.calls.call(action, data, **how)
        except Unreachable as error:
            self.wrote = self.wrote or error.maybe_done
            raise
        self.wrote = True
        return result

    def _body(self, shown: Package | None) -> dict[str, Any]:
        """The complete dataset as it is sent; what the portal holds already is named by its own address."""
        body = {key: value for key, value in self.desired.package.items() if key != "metadata_modified"}
        held, files = by_id(shown), {file.resource_id for file in self.desired.files}
        body["resources"] = [
            self._held(resource, held) if str(resource["id"]) in files else dict(resource)
            for resource in body.get("resources", ())
        ]
        if shown is not None:
            body["id"] = shown["id"]
        return body

    def _held(self, resource: Mapping[str, Any], held: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        there = held.get(str(resource["id"]), {})
        if there.get("url_type") == UPLOADED:
            return {**resource, "url": there["url"], "url_type": UPLOADED}
        return {key: value for key, value in resource.items() if key != "url_type"} | {"url": ""}

    # ---- changed -----------------------------------------------------------------------------------

    def _change(self, shown: Package) -> Landed:
        self.place, self.cleared = str(shown["id"]), False
        held = self._held_bytes(shown)
        missing = [file for file in self.desired.files if held.get(file.resource_id) != file.sha256]
        if not missing and self._stands(shown):
            return self._as_landed(shown, held)
        try:
            modified = self._revise(shown, missing)
        except Absent as error:
            raise _Moved(error) from error
        except ServerFailed as error:
            # CKAN breaks down over a name that a deleted dataset bears
            if shown["name"] != self.desired.name:
                self._make_room(shown)
            raise _Moved(error) from error
        except Refused as error:
            if "name" in error.fields:
                self._make_room(shown)
            raise self._after_refusal(error) from error
        self.cleared = True
        kept = {
            key: value for key, value in held.items() if key not in {file.resource_id for file in missing}
        }
        return self._landed(str(shown["id"]), modified, self._untouched(shown, kept))

    def _stands(self, shown: Package) -> bool:
        return portal_form(shown, self.shape) == self.form and _organization(shown).get("state") == _ACTIVE

    def _held_bytes(self, shown: Package) -> dict[str, str]:
        """The SHA-256 of what the portal serves of our files; those that were proven and not touched since are not
        read again."""
        untouched = shown["id"] == self.known.portal_id and shown["metadata_modified"] == self.known.modified
        resources, held = by_id(shown), dict[str, str]()
        for file in self.desired.files:
            resource = resources.get(file.resource_id, {})
            if resource.get("url_type") != UPLOADED:
                continue
            if untouched and self.known.files.get(file.resource_id) == file.sha256:
                held[file.resource_id] = file.sha256
            elif resource.get("size") in {None, file.size}:
                with suppress(PageServed):
                    held[file.resource_id] = self._fetched(shown, resource, file)
        return held

    def _fetched(self, shown: Package, resource: Mapping[str, Any], file: FileSent) -> str:
        address = download_address(self.calls.url, str(shown["id"]), resource)
        fetched = self.calls.fetch(address, most=file.size)
        if fetched.elsewhere:
            # it may be sent there well, but what it serves cannot be read back, so it is not taken for proven
            raise Refused(f"门户把文件下载转到了别处（{fetched.elsewhere}），不能回读；该目标改用链接方式")
        return fetched.sha256

    def _revise(self, shown: Package, missing: list[FileSent]) -> str:
        """Write the complete dataset under the lock of what was read; its new metadata_modified."""
        body = self._body(shown)
        drop = [f"-{key}" for key in (*_LISTS, *self._left_over(shown)) if key in body or key in shown]
        data = {"match": _lock(shown), "filter": drop, "update": body}
        if missing and len(json.dumps(body)) > _LONGEST_TEXT:
            modified = self._revised(data)
            data = {"match": {**_lock(shown), "metadata_modified": modified}}
        return self._uploaded(data, body, missing) if missing else self._revised(data)

    def _left_over(self, shown: Package) -> list[str]:
        """Fields of the portal's dataset that ours has no more; extras are fields where it has a schema of ours."""
        ours = portal_form(shown, self.shape).keys() | {row.to for row in load().ckan.extras}
        return sorted((ours & shown.keys()) - self.desired.package.keys() - set(_LISTS))

    def _revised(self, data: Mapping[str, Any]) -> str:
        answer = self._write("package_revise", {**data, "include": _ANSWER})
        return str(answer["package"]["metadata_modified"])

    def _uploaded(self, data: Mapping[str, Any], body: Mapping[str, Any], missing: list[FileSent]) -> str:
        places = {str(resource["id"]): index for index, resource in enumerate(body["resources"])}
        with ExitStack() as opened:
            files = {
                f"update__resources__{places[file.resource_id]}__upload": Upload(
                    file.file_name, opened.enter_context(self.opens(file.sha256, file.size)), file.size
                )
                for file in missing
            }
            fields = {key: json.dumps(value) for key, value in data.items()}
            answer = self._write("package_revise", fields, files=files)
        return str(answer["package"]["metadata_modified"])

    # ---- taken back --------------------------------------------------------------------------------

    def _take_back(self) -> None:
        """Remove the resources that are no longer desired, and those whose old bytes are not, from what is there.

        Raises:
            Unreachable, TokenRefused: the portal does not answer.
        """
        key = self.place or self.known.portal_id or self.desired.id
        for _ in range(self.looks):
            shown = self._show(key)
            if shown is None or shown["id"] != key or not (gone := self._no_longer_desired(shown)):
                return
            if self._taken_back(shown, gone):
                return

    def _no_longer_desired(self, shown: Package) -> set[str]:
        wanted = {str(resource["id"]) for resource in self.desired.package.get("resources", ())}
        files = {file.resource_id: file.sha256 for file in self.desired.files}
        try:
            held = self._held_bytes(shown)
        except Refused:
            held = {}
        stale = {key for one in uploaded(shown) if held.get(key := str(one["id"])) != files.get(key, "")}
        return (by_id(shown).keys() - wanted) | stale

    def _taken_back(self, shown: Package, gone: set[str]) -> bool:
        """With the rest of the dataset as desired where the portal takes it so, else from what stands there."""
        body = self._body(shown)
        body["resources"] = [one for one in body["resources"] if self._may_stay(one, shown, gone)]
        # half a dataset that was out of sight stays there
        body["state"] = shown["state"]
        body["private"] = bool(shown.get("private") or body.get("private"))
        drop = [f"-{key}" for key in (*_LISTS, *self._left_over(shown)) if key in body or key in shown]
        without = {"filter": [f"-resources__{key}" for key in sorted(gone)]}
        for change in ({"filter": drop, "update": body}, without):
            try:
                self._revised({"match": _lock(shown), **change})
            except Refused:
                continue
            return True
        return False

    def _may_stay(self, resource: Mapping[str, Any], shown: Package, gone: set[str]) -> bool:
        """A resource whose bytes are not there yet would be a promise."""
        files = {file.resource_id for file in self.desired.files}
        key = str(resource["id"])
        return key not in gone and (key not in files or key in by_id(shown))

    def _make_room(self, shown: Package) -> None:
        """Take our name from a dataset that should not have it: a deleted one, or one that was made again by hand.

        Raises:
            Refused: it is not ours to take.
        """
        holder = self._show(self.desired.name)
        if holder is None or holder["id"] == shown["id"]:
            return
        if holder.get("state") == _DELETED:
            # as CKAN itself does when a deleted dataset's name is taken by a new one
            change = {"name": holder["id"]}
        elif self._may_be_taken_over(holder):
            short = self.desired.name[: _LONGEST_NAME - 9]
            change = {"name": f"{short}-{holder['id'][:8]}", "state": _DELETED}
        else:
            raise self._taken(holder)
        try:
            self._write("package_revise", {"match": _lock(holder), "update": change, "include": _ANSWER})
        except Forbidden as error:
            raise self._taken(holder) from error

    # ---- read back ---------------------------------------------------------------------------------

    def _untouched(self, shown: Package, held: Mapping[str, str]) -> dict[str, tuple[str, Any]]:
        resources = by_id(shown)
        return {key: (sha256, resources[key].get("last_modified")) for key, sha256 in held.items()}

    def _landed(self, portal_id: str, modified: str, untouched: Mapping[str, tuple[str, Any]]) -> Landed:
        """Read back what was written; ``untouched`` are the bytes that were proven before and not sent again."""
        shown = self._show(portal_id)
        if shown is None:
            raise Unreachable("写入后在门户读不到这个数据集；稍后再核对")
        if shown["metadata_modified"] != modified:
            raise _Moved(Absent("写入后又被他人改动"))
        if _organization(shown).get("state") != _ACTIVE:
            self.organizations.forget(str(self.desired.organization["name"]))
            self.organizations.ensure(self.desired.organization)
            raise _Moved(Absent("所属组织已被删除"))
        wrong = differences(self.form, portal_form(shown, self.shape))
        if wrong:
            said = "；".join(f"{one.field}：应为“{one.old}”，门户为“{one.new}”" for one in wrong)
            raise Refused(f"回读不符：{said}"[:1000], fields={one.field: [one.old, one.new] for one in wrong})
        return self._as_landed(shown, self._read_bytes(shown, untouched))

    def _read_bytes(self, shown: Package, untouched: Mapping[str, tuple[str, Any]]) -> dict[str, str]:
        resources, served = by_id(shown), dict[str, str]()
        for file in self.desired.files:
            resource = resources[file.resource_id]
            sha256, since = untouched.get(file.resource_id, ("", None))
            if not sha256 or since != resource.get("last_modified"):
                sha256 = self._fetched(shown, resource, file)
            if sha256 != file.sha256:
                raise Refused(
                    f"回读不符：门户给出的文件 {file.file_name} 不是发去的字节",
                    fields={"upload": [file.resource_id]},
                )
            served[file.resource_id] = sha256
        return served

    def _as_landed(self, shown: Package, served: Mapping[str, str]) -> Landed:
        act = "create" if self.created else "patch" if self.wrote else "skip"
        return Landed(act, str(shown["id"]), str(shown["name"]), str(shown["metadata_modified"]), served)


def _lock(shown: Package) -> dict[str, Any]:
    return {"id": shown["id"], "metadata_modified": shown["metadata_modified"]}


def _organization(shown: Package) -> Mapping[str, Any]:
    found: Mapping[str, Any] = shown.get("organization") or {}
    return found
