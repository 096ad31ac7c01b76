"""A dataset is taken from a CKAN: deleted, purged where the token may, and read back that it is gone."""

from collections.abc import Callable, Mapping
from typing import Any

from sync.ckan_calls import Absent, Calls, Forbidden
from sync.ckan_files import download_address, uploaded
from sync.portal import Gone, Known, Package, Refused, Unreachable
from sync.portal_form import entry_of, is_ours
from sync.shape import Shape

_DELETED = "deleted"
_CHECKED = ("package_show", "package_list", "package_search", "files")


class Withdrawal:
    """One deed; made anew for each dataset. ``names`` gives all names that the portal lists."""

    def __init__(
        self, calls: Calls, known: Known, *, shape: Shape, names: Callable[[], frozenset[str]]
    ) -> None:
        self._calls, self._known, self._shape, self._names = calls, known, shape, names
        self._kept = self._wrote = False

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
        act = "skip"
        for package in found:
            act = "withdraw" if self._remove(package) else act
        all_ids = list(dict.fromkeys([*ids, *(str(package["id"]) for package in found)]))
        names = {name, *(str(package["name"]) for package in found)}
        if self._heal(all_ids, names):
            act = "withdraw"
        self._read_back(all_ids, names, files)
        return Gone(act, self._kept, _CHECKED)

    # ---- what is there -----------------------------------------------------------------------------

    def _ours(self, ids: list[str], name: str) -> list[Package]:
        """All that stands there of the entry: under its ids, and under its name when it says so itself."""
        found = [shown for key in ids if (shown := self._show(key)) is not None and shown["id"] == key]
        named = self._show(name)
        if named is not None and self._is_of_entry(named) and all(one["id"] != named["id"] for one in found):
            found.append(named)
        return found

    def _is_of_entry(self, shown: Mapping[str, Any]) -> bool:
        return is_ours(shown, self._shape) and entry_of(shown) == self._known.entry_id

    def _show(self, key: str, *, anonymous: bool = False) -> Package | None:
        try:
            shown: Package = self._calls.call("package_show", {"id": key}, anonymous=anonymous)
        except (Absent, Forbidden):
            return None
        return shown

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

    def _heal(self, ids: list[str], names: set[str]) -> bool:
        """Clear what the index still shows of datasets that are no more; whether there was any.

        Raises:
            Refused: the token may not.
        """
        ghosts = [one for one in self._search(ids, names) if self._is_ghost(one, ids)]
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

    # ---- read back ---------------------------------------------------------------------------------

    def _read_back(self, ids: list[str], names: set[str], files: list[str]) -> None:
        """Raises Refused: it is still to be had somewhere."""
        left = [f"package_show {key}" for key in ids if self._show(key, anonymous=self._kept) is not None]
        listed = names & self._names()
        left += [f"package_list {name}" for name in sorted(listed) if self._is_still_ours(name, ids)]
        left += [f"package_search {one['id']}" for one in self._searchable(ids, names)]
        left += [address for address in files if self._is_served(address)]
        if left:
            raise Refused(f"撤下后回读仍在：{'、'.join(left)}", fields={"left": left})

    def _is_still_ours(self, name: str, ids: list[str]) -> bool:
        shown = self._show(name)
        return shown is not None and (shown["id"] in ids or self._is_of_entry(shown))

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
