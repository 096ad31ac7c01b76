"""A CKAN portal (2.10 to 2.12): the only place that knows ckanapi."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import requests
from ckanapi import RemoteCKAN
from ckanapi.errors import (
    CKANAPIError,
    NotAuthorized,
    NotFound,
    SearchError,
    SearchIndexError,
    SearchQueryError,
    ServerIncompatibleError,
    ValidationError,
)

from catalog_specs import load
from catalog_specs.law_sync import Pace
from sync.ckan_calls import Absent, Fetched, Forbidden, PageServed, Wire
from sync.ckan_files import by_id, download_address, uploaded
from sync.ckan_organizations import Organizations
from sync.ckan_push import Push, Token
from sync.ckan_withdraw import Withdrawal
from sync.portal import (
    Desired,
    Gone,
    Known,
    Landed,
    Opens,
    Package,
    Refused,
    Rights,
    Seen,
    TokenRefused,
    Unreachable,
)
from sync.scheming import is_ours as is_our_schema
from sync.shape import Shape

_AGENT = "mulu-sync"
_UNKNOWN = "门户不认识令牌（已过期、被收回或写错）；在门户另发一个，放进该目标的令牌变量"
# a file that grew at the portal is not ours any more; how much more is read of it does not matter
_SLACK = 2**20
# a name is short beside a whole dataset, and CKAN lists as many as it is asked for
_NAMES_A_ROW = 5


class CkanPortal:
    """A CKAN as a ``sync.portal.Portal``; may be used by several threads.

    ``shape`` decides what of a dataset is compared, ``pace`` how long is waited (that of sync.yaml when left out).
    ``session`` carries all requests and is closed with the portal; proxies, .netrc and cookies are never used.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        shape: Shape,
        pace: Pace | None = None,
        session: requests.Session | None = None,
    ) -> None:
        self._pace, self._shape = pace or load().sync.pace, shape
        self._calls = _Actions(url, token, pace=self._pace, session=session or requests.Session())
        self._organizations = Organizations(self._calls)
        self._token = Token()

    def rights(self) -> Rights:
        """See ``Portal.rights``."""
        calls = self._calls
        status = calls.call("status_show")
        user = calls.demand_token()
        sysadmin = bool(user.get("sysadmin"))
        self._token.chooses_ids = sysadmin
        may_create = sysadmin or bool(
            calls.call("organization_list_for_user", {"permission": "create_dataset"})
        )
        return Rights(
            version=str(status.get("ckan_version") or ""),
            user=str(user.get("name") or ""),
            sysadmin=sysadmin,
            may_create=may_create,
            choose_ids=sysadmin,
            may_purge=sysadmin,
            may_create_organizations=sysadmin,
            scheming=self._has_our_schema(status),
            strangers_read=self._strangers_read(),
        )

    def _strangers_read(self) -> bool:
        address = f"{self._calls.url}/api/3/action/package_search?rows=0"
        try:
            return self._calls.fetch(address, most=0, anonymous=True).status == 200
        except (PageServed, Refused):
            return False

    def _has_our_schema(self, status: Mapping[str, Any]) -> bool:
        if not any("scheming" in name for name in status.get("extensions") or ()):
            return False
        try:
            schema = self._calls.call("scheming_dataset_schema_show", {"type": "dataset"})
        except Refused:
            # another extension of that name, or one that knows no schema of datasets
            return False
        return is_our_schema(schema)

    def push(self, desired: Desired, known: Known, opens: Opens) -> Landed:
        """See ``Portal.push``."""
        push = Push(self._calls, self._organizations, self._token, shape=self._shape, looks=self._pace.looks)
        return push.push(desired, known, opens)

    def withdraw(self, known: Known, *, dataset_id: str, name: str) -> Gone:
        """See ``Portal.withdraw``."""
        deed = Withdrawal(self._calls, known, shape=self._shape)
        return deed.withdraw(dataset_id, name)

    def look(self, dataset: str) -> Seen | None:
        """See ``Portal.look``."""
        try:
            package = self._calls.call("package_show", {"id": dataset})
        except Absent:
            return None
        return Seen(package, package.get("state") == "active")

    def everything(self) -> Iterator[Seen]:
        """See ``Portal.everything``. Pages begin after the last id, so that what changes meanwhile shifts none."""
        last, page = "", self._pace.page
        asked = {"rows": page, "sort": "id asc", "include_private": True, "include_drafts": True}
        while True:
            after = {"fq": f'id:{{"{last}" TO *]'} if last else {}
            found = self._calls.call("package_search", {**asked, **after})
            results = found["results"]
            for package in results:
                if str(package["id"]) <= last:
                    raise Unreachable("门户的检索没有按 id 排序，不能据此比对")
                last = str(package["id"])
                yield Seen(package, package.get("state") == "active")
            if len(results) >= found["count"]:
                return
            if not results:
                raise Unreachable(
                    f"门户的检索少给了 {found['count']} 个数据集，不能据此比对；稍后再试或重建其索引"
                )

    def names(self) -> frozenset[str]:
        """See ``Portal.names``. Each page begins with the last name of the one before, else the list is read anew."""
        for _ in range(self._pace.looks):
            names = self._names_once()
            if names is not None:
                return frozenset(names)
        raise Unreachable("门户的数据集清单一直在变，没有读全；稍后再试")

    def _names_once(self) -> list[str] | None:
        names: list[str] = []
        size = self._pace.page * _NAMES_A_ROW
        while True:
            offset = max(0, len(names) - 1)
            page = self._calls.call("package_list", {"limit": size, "offset": offset})
            if names and page[:1] != names[-1:]:
                return None
            names += page[1:] if names else page
            if len(page) < size:
                return names

    def organizations(self) -> Mapping[str, str]:
        """See ``Portal.organizations``. A portal gives as few at once as it likes, so each page begins with the last
        name of the one before."""
        for _ in range(self._pace.looks):
            found = self._organizations_once()
            if found is not None:
                return found
        raise Unreachable("门户的组织清单一直在变，没有读全；稍后再试")

    def _organizations_once(self) -> dict[str, str] | None:
        found: dict[str, str] = {}
        asked = {
            "all_fields": True,
            "include_dataset_count": False,
            "sort": "name asc",
            "limit": self._pace.page,
        }
        while True:
            page = self._calls.call("organization_list", {**asked, "offset": max(0, len(found) - 1)})
            if found and [one["name"] for one in page[:1]] != list(found)[-1:]:
                return None
            if len(page) <= bool(found):
                return found
            found |= {str(one["name"]): str(one.get("title") or "") for one in page}

    def served(self, package: Package, resource_ids: Iterable[str]) -> Mapping[str, str]:
        """See ``Portal.served``."""
        held = by_id({"resources": list(uploaded(package))})
        return {key: self._served(package, held[key]) if key in held else "" for key in resource_ids}

    def _served(self, package: Package, resource: Mapping[str, Any]) -> str:
        address = download_address(self._calls.url, str(package["id"]), resource)
        try:
            return self._calls.fetch(address, most=int(resource.get("size") or 0) + _SLACK).sha256
        except PageServed:
            # CKAN serves a file under whatever type an editor gave it
            return ""

    def close(self) -> None:
        """See ``Portal.close``."""
        self._calls.close()


class _Actions:
    """Actions called with a token; see ``ckan_calls`` for what each failure becomes."""

    def __init__(self, url: str, token: str, *, pace: Pace, session: requests.Session) -> None:
        self.url = url.rstrip("/")
        self._wire = Wire(token, pace=pace, session=session)
        self._remote = RemoteCKAN(self.url, apikey=token, user_agent=_AGENT, session=self._wire)
        self._nobody = RemoteCKAN(self.url, user_agent=_AGENT, session=self._wire)

    def call(self, action: str, data: Mapping[str, Any] | None = None, **how: Any) -> Any:
        """See ``Calls.call``."""
        anonymous = bool(how.get("anonymous"))
        remote = self._nobody if anonymous else self._remote
        try:
            return remote.call_action(action, dict(data or {}), files=how.get("files"))
        except NotFound as error:
            raise Absent(self._wire.words(error.extra_msg or "没有")) from error
        except NotAuthorized as error:
            if not anonymous:
                self.demand_token()
            raise Forbidden(self._wire.words(_message(error))) from error
        except ValidationError as error:
            fields = {key: value for key, value in error.error_dict.items() if key != "__type"}
            raise Refused(self._wire.words("；".join(_complaints(fields))), fields=fields) from error
        except (SearchError, SearchQueryError) as error:
            raise Refused(self._wire.words(error)) from error
        except SearchIndexError as error:
            raise Unreachable(self._wire.words(error)) from error
        except (CKANAPIError, ServerIncompatibleError) as error:
            raise Refused(self._wire.words(error)) from error

    def fetch(self, address: str, *, most: int, anonymous: bool = False) -> Fetched:
        """See ``Wire.fetch``."""
        return self._wire.fetch(address, most=most, anonymous=anonymous)

    def demand_token(self) -> Mapping[str, Any]:
        """The user of the token: CKAN takes the bearer of an unknown one for anybody, and says so only here.

        Raises:
            TokenRefused: the portal does not know it.
        """
        try:
            user: Mapping[str, Any] = self._remote.call_action("user_show", {})
        except (NotFound, NotAuthorized, ValidationError) as error:
            raise TokenRefused(_UNKNOWN) from error
        return user

    def close(self) -> None:
        self._wire.close()


def _message(error: NotAuthorized) -> str:
    said = error.args[0] if error.args else ""
    return str(said.get("message") or said) if isinstance(said, Mapping) else str(said)


def _complaints(said: Any, place: str = "") -> Iterator[str]:
    """Complaints as the portal words them, each after its field: ``resources.0.id: Resource id already exists.``"""
    if isinstance(said, Mapping):
        for key, value in said.items():
            yield from _complaints(value, f"{place}.{key}" if place else str(key))
    elif isinstance(said, (list, tuple)):
        nested = any(isinstance(one, Mapping) for one in said)
        for index, one in enumerate(said):
            yield from _complaints(one, f"{place}.{index}" if nested else place)
    else:
        yield f"{place}: {said}" if place else str(said)
