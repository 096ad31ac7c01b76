"""The organizations of a CKAN that datasets belong to: there, active, and under our titles."""

import threading
from collections.abc import Mapping
from typing import Any

from sync.ckan_calls import Absent, Calls, Forbidden, ServerFailed
from sync.portal import Refused

_ACTIVE = "active"


class Organizations:
    """The organizations that were seen to be there, each looked at once."""

    def __init__(self, calls: Calls) -> None:
        self._calls, self._gate = calls, threading.Lock()
        self._fine: set[tuple[str, str]] = set()

    def ensure(self, wanted: Mapping[str, Any]) -> None:
        """Have an organization there, active, with our title.

        Raises:
            Refused: it is not there and the token may not create it; otherwise as ``Calls.call``.
        """
        name = str(wanted["name"])
        # a register may rename it while the job runs; what was judged before does not name it back
        fine = (name, str(wanted.get("title") or ""))
        if fine in self._fine:
            return
        with self._gate:
            if fine not in self._fine:
                self._make(name, dict(wanted))
                self._fine.add(fine)

    def forget(self, name: str) -> None:
        """Look at it anew the next time."""
        with self._gate:
            self._fine = {fine for fine in self._fine if fine[0] != name}

    def _make(self, name: str, wanted: dict[str, Any]) -> None:
        shown = self._show(name) or self._create(name, wanted)
        changed = {key: value for key, value in wanted.items() if (shown.get(key) or "") != (value or "")}
        if shown.get("state") != _ACTIVE:
            self._calls.call("organization_patch", {**changed, "id": shown["id"], "state": _ACTIVE})
        elif changed:
            self._rename(shown, changed)

    def _rename(self, shown: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
        try:
            self._calls.call("organization_patch", {**changed, "id": shown["id"]})
        except Forbidden:
            # an editor may write datasets and not their organization; its title is then the portal's affair
            return

    def _show(self, name: str) -> Mapping[str, Any] | None:
        brief = ("users", "groups", "tags", "followers", "extras")
        options = {f"include_{key}": False for key in brief} | {"include_dataset_count": False}
        try:
            shown: Mapping[str, Any] = self._calls.call("organization_show", {"id": name, **options})
        except Absent:
            return None
        return shown

    def _create(self, name: str, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            made: Mapping[str, Any] = self._calls.call("organization_create", wanted)
        except Forbidden as error:
            said = f"门户上没有组织 {name}（{wanted.get('title')}），令牌无权新建；由门户管理员建好、令牌的用户为其编辑"
            raise Refused(f"{said}。门户：{error.words}") from error
        except (ServerFailed, Refused) as error:
            # another run may have created it at this moment
            shown = self._show(name)
            if shown is None:
                raise error
            return shown
        return made
