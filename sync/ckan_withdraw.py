"""A dataset is taken from a CKAN: deleted, purged where the token may, and read back that it is gone."""

from collections.abc import Mapping
from typing import Any

from sync.ckan_calls import Absent, Calls, Forbidden
from sync.ckan_files import download_address, uploaded
from sync.portal import Gone, Known, Package, Refused, Unreachable
from sync.portal_form import entry_of, is_ours
from sync.shape import Shape

_DELETED = "deleted"
_CHECKED = ("package_show", "package_search", "files")
_HIDDEN = "可能仍在门户，令牌看不到它"
_STREAM = "recently_changed_packages_activity_list"
# as many as CKAN gives at once
_LONGEST_PAGE = 100
_RECORDS_LEFT = "活动记录里仍有摘要，须由门户管理员清理"


class Withdrawal:
    """One deed; made anew for each dataset."""

    def __init__(self, calls: Calls, known: Known, *, shape: Shape) -> None:
        self._calls, self._known, self._shape = calls, known, shape
        self._kept = self._wrote = self._recorded = False

    def withdraw(self, dataset_id: str, name: str) -> Gone:
        """See ``Portal.withdraw``."""
        try:
            return self._withdrawn(dataset_id, name)
        except Unreachable as error:
            error.maybe_done = error.maybe_done or self._wrote
            raise

    def _withdrawn(self, dataset_id: str, name: str) -> Gone:
        ids = [key for key in dict.fromkeys((self._known.portal_id, dataset_id)) if key]
        found = self._ours(ids, name)
        files = [self._address(package, one) for package in found for one in uploaded(package)]
        removed = [str(package["id"]) for package in found if self._remove(package)]
        all_ids = list(dict.fromkeys([*ids, *(str(package["id"]) for package in found)]))
        # without a name only the ids speak: whatever else bears the same name is not ours to touch
        names = {name, *(str(package["name"]) for package in found)} if name else set[str]()
        healed = self._heal(all_ids, names, just_removed=removed)
        self._read_back(all_ids, names, files)
        return Gone(
            "withdraw" if removed or healed else "skip", self._kept, _CHECKED, self._records_left(all_ids)
        )

    # ---- what is there -----------------------------------------------------------------------------

    def _ours(self, ids: list[str], name: str) -> list[Package]:
        """All that stands there of the entry: under its ids, and under its name when it says so itself."""
        found = [shown for key in ids if (shown := self._show(key)) is not None and shown["id"] == key]
        named = self._named(name)
        if named is not None and self._is_of_entry(named) and all(one["id"] != named["id"] for one in found):
            found.append(named)
        return found

    def _named(self, name: str) -> Package | None:
        if not name:
            return None
        try:
            return self._show(name)
        except Refused:
            if not self._known.portal_id:
                # it may be the one that we look for
                raise
            return None

    def _is_of_entry(self, shown: Mapping[str, Any]) -> bool:
        return is_ours(shown, self._shape) and entry_of(shown) == self._known.entry_id

    def _show(self, key: str) -> Package | None:
        """A dataset as the token sees it, None when there is none.

        Raises:
            Refused: the portal does not let the token see it, so it may well be there.
        """
        try:
            shown: Package = self._calls.call("package_show", {"id": key})
        except Absent:
            return None
        except Forbidden as error:
            raise Refused(
                f"{_HIDDEN}：{key}（门户：{error.words}）；由门户管理员查看，再 mulu-sync retry"
            ) from error
        return shown

    def _is_public(self, key: str) -> bool:
        try:
            self._calls.call("package_show", {"id": key}, anonymous=True)
        except (Absent, Forbidden):
            return False
        return True

    def _address(self, package: Package, resource: Mapping[str, Any]) -> str:
        return download_address(self._calls.url, str(package["id"]), resource)

    # ---- removed -----------------------------------------------------------------------------------

    def _remove(self, package: Package) -> bool:
        """Delete and purge; whether that changed anything."""
        living = package.get("state") != _DELETED
        try:
            if living:
                self._calls.call("package_delete", {"id": package["id"]})
                self._wrote = True
            self._strike(self._records(str(package["id"])))
            self._calls.call("dataset_purge", {"id": package["id"]})
            self._wrote = True
        except Absent:
            return living
        except Forbidden as error:
            if living and not self._is_deleted(str(package["id"])):
                raise Refused(f"令牌无权删除数据集 {package['name']}。门户：{error.words}") from error
            self._kept = True
            return living
        return True

    def _is_deleted(self, key: str) -> bool:
        shown = self._show(key)
        return shown is None or shown.get("state") == _DELETED

    def _search(self, ids: list[str], names: set[str]) -> list[Package]:
        wanted = [f'id:"{key}"' for key in ids] + [f'name:"{name}"' for name in sorted(names)]
        query = {"fq": f"+state:* +({' OR '.join(wanted)})", "rows": 100}
        found = self._calls.call("package_search", {**query, "include_private": True, "include_drafts": True})
        results: list[Package] = found["results"]
        return results

    def _heal(self, ids: list[str], names: set[str], *, just_removed: list[str]) -> bool:
        """Clear what the index still shows of datasets that are no more; whether there was any. For what was removed
        just now it may only be late.

        Raises:
            Refused: the token may not.
        """
        found = [one for one in self._search(ids, names) if one["id"] not in just_removed]
        ghosts = [one for one in found if self._is_ghost(one, ids)]
        for ghost in ghosts:
            self._clear(ghost)
        return bool(ghosts)

    def _is_ghost(self, found: Package, ids: list[str]) -> bool:
        if found["id"] not in ids and not self._is_of_entry(found):
            return False
        return self._show(str(found["id"])) is None

    def _clear(self, ghost: Package) -> None:
        """CKAN takes from its index what it purges, so the ghost is given a body out of sight, and purged."""
        key = str(ghost["id"])
        body = {"id": key, "name": f"ghost-{key}", "owner_org": ghost.get("owner_org"), "state": "draft"}
        try:
            self._calls.call("package_create", body)
            self._calls.call("dataset_purge", {"id": key})
        except Refused as error:
            said = f"检索里还有已不在门户的数据集（id {key}），令牌无权清除；由门户管理员执行 ckan search-index rebuild"
            raise Refused(f"{said}。门户：{error.words}") from error

    # ---- the activity stream: CKAN keeps a copy of all metadata there, also of what it purges ------

    def _records(self, key: str) -> list[str]:
        """The ids of the activities of a dataset that is still there."""
        found: list[str] = []
        asked = {"id": key, "limit": _LONGEST_PAGE, "include_hidden_activity": True}
        while True:
            try:
                page = self._calls.call("package_activity_list", {**asked, "offset": len(found)})
            except Refused:
                # a portal without a stream, or a token that may not purge either
                return found
            found += [str(one["id"]) for one in page]
            if not page:
                return found

    def _strike(self, records: list[str]) -> None:
        for record in records:
            try:
                self._calls.call("activity_delete", {"id": record})
            except Absent:
                continue
            except Refused:
                self._recorded = True
                return

    def _records_left(self, ids: list[str]) -> tuple[str, ...]:
        """What the stream still tells of datasets that are gone, in words."""
        told = self._told(ids)
        if told:
            self._strike(told)
            self._recorded = self._recorded or bool(self._told(ids))
        return (_RECORDS_LEFT,) if self._recorded else ()

    def _told(self, ids: list[str]) -> list[str]:
        try:
            page = self._calls.call(_STREAM, {"limit": _LONGEST_PAGE})
        except Refused:
            return []
        return [str(one["id"]) for one in page if one.get("object_id") in ids]

    # ---- read back ---------------------------------------------------------------------------------

    def _read_back(self, ids: list[str], names: set[str], files: list[str]) -> None:
        """
        Raises:
            Refused: it is still to be had somewhere. Unreachable: only the search finds it, which may be late.
        """
        left = [f"package_show {key}" for key in ids if self._is_there(key)]
        left += [f"package_show {name}" for name in sorted(names) if self._is_still_ours(name)]
        left += [address for address in files if self._is_served(address)]
        if left:
            raise Refused(f"撤下后回读仍在：{'、'.join(left)}", fields={"left": left})
        late = [str(one["id"]) for one in self._searchable(ids, names)]
        if late:
            raise Unreachable(f"撤下后门户的检索仍能找到 {'、'.join(late)}（索引可能滞后）；稍后再核对")

    def _is_there(self, key: str) -> bool:
        return self._is_public(key) if self._kept else self._show(key) is not None

    def _is_still_ours(self, name: str) -> bool:
        shown = self._named(name)
        return shown is not None and shown.get("state") != _DELETED and self._is_of_entry(shown)

    def _searchable(self, ids: list[str], names: set[str]) -> list[Package]:
        found = self._search(ids, names)
        shown = [one for one in found if one.get("state") != _DELETED]
        return [one for one in shown if one["id"] in ids or self._is_of_entry(one)]

    def _is_served(self, address: str) -> bool:
        fetched = self._calls.fetch(address, most=0, anonymous=True)
        if fetched.status < 300:
            return True
        # a portal may ask a visitor to sign in; another host may be where it keeps its files
        return bool(fetched.elsewhere) and fetched.elsewhere not in self._calls.url
