"""The tests' own CKAN and the proxy before it do what the other tests believe they do."""

import time

import pytest
import requests
from ckanapi.errors import NotAuthorized, NotFound

from tests.ckan import proxy as faults
from tests.ckan.proxy import Proxy
from tests.ckan.server import Ckan, wait_until

pytestmark = pytest.mark.ckan


def test_an_editor_writes_in_its_organization_alone(ckan: Ckan) -> None:
    mine, other = ckan.organization(), ckan.organization()
    editor = ckan.member(mine)
    made = ckan.call("package_create", as_token=editor.token, name=f"of-{mine}", owner_org=mine)
    assert made["organization"]["name"] == mine
    with pytest.raises(NotAuthorized):
        ckan.call("package_create", as_token=editor.token, name=f"of-{other}", owner_org=other)


def test_a_revoked_token_is_nobodys(ckan: Ckan) -> None:
    person = ckan.person()
    ckan.revoke(person.token)
    with pytest.raises(NotFound):
        ckan.call("user_show", as_token=person.token)


def test_a_killed_worker_is_replaced(ckan: Ckan) -> None:
    killed = ckan.kill_worker()
    wait_until(lambda: len(ckan.workers()) == 2 and killed not in ckan.workers(), "no new worker")
    assert ckan.call("status_show")["ckan_version"]


def test_the_database_goes_and_comes(ckan: Ckan) -> None:
    with ckan.without("pg"):
        answer = requests.get(f"{ckan.url}/api/3/action/package_list", timeout=30)
        assert answer.status_code == 500
    assert isinstance(ckan.call("package_list"), list)


@pytest.mark.parametrize(
    ("fault", "status"), [(faults.unavailable(), 503), (faults.too_many(), 429), (faults.html(), 200)]
)
def test_the_proxy_answers_for_the_portal(proxy: Proxy, fault: faults.Fault, status: int) -> None:
    with proxy.broken(fault):
        answer = requests.get(f"{proxy.url}/api/3/action/status_show", timeout=30)
    assert (answer.status_code, answer.text[:14]) == (status, "<!doctype html")
    assert requests.get(f"{proxy.url}/api/3/action/status_show", timeout=30).json()["success"]


def test_the_proxy_loses_answers_of_writes_that_were_carried_out(ckan: Ckan, proxy: Proxy) -> None:
    address, headers = f"{proxy.url}/api/3/action/organization_create", {"Authorization": ckan.token}
    with proxy.broken(faults.lost(action="write")), pytest.raises(requests.ConnectionError):
        requests.post(address, json={"name": "org-lost"}, headers=headers, timeout=30)
    assert ckan.call("organization_show", id="org-lost")["state"] == "active"
    assert proxy.writes == 1


def test_the_proxy_cuts_stalls_keeps_silent_and_refuses(proxy: Proxy) -> None:
    address = f"{proxy.url}/api/3/action/status_show"
    with proxy.broken(faults.cut()), pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(address, timeout=30)
    begun = time.monotonic()
    with proxy.broken(faults.stall(0.3)):
        assert requests.get(address, timeout=30).ok and time.monotonic() - begun >= 0.3
    with proxy.broken(faults.silent()), pytest.raises(requests.ReadTimeout):
        requests.get(address, timeout=0.5)
    proxy.refuse()
    with pytest.raises(requests.ConnectionError):
        requests.get(address, timeout=30)
    proxy.clear()
    assert requests.get(address, timeout=30).ok


def test_the_proxy_keeps_connections_and_draws_the_same_lots(ckan: Ckan) -> None:
    def statuses() -> tuple[list[int], int]:
        proxy = Proxy(ckan.url, seed=7)
        proxy.add(faults.unavailable(0.3))
        with requests.Session() as session:
            got = [
                session.get(f"{proxy.url}/api/3/action/status_show", timeout=30).status_code
                for _ in range(20)
            ]
        proxy.close()
        return got, proxy.connections

    first, connections = statuses()
    assert connections == 1 and 200 in first and 503 in first
    assert statuses()[0] == first
