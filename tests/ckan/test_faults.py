"""What goes wrong between the job and a real CKAN: each fault is told as what it is, and nothing is doubled by it."""

import threading
from collections.abc import Iterator

import pytest

from catalog_specs import load
from sync.ckan import CkanPortal
from sync.ckan_calls import ServerFailed
from sync.portal import Portal, PortalError, Refused, TokenRefused, Unreachable
from tests.ckan import proxy as faults
from tests.ckan.conftest import Opened
from tests.ckan.proxy import Fault, Proxy
from tests.ckan.server import Ckan
from tests.ckan.wanted import Wanted, push, shows

pytestmark = pytest.mark.ckan


@pytest.fixture
def behind(opened: Opened, ckan: Ckan, proxy: Proxy) -> CkanPortal:
    """The portal behind the proxy, with little patience."""
    pace = load().sync.pace.model_copy(update={"connect": 1, "read": 2})
    portal = opened(ckan.token, url=proxy.url, pace=pace)
    portal.rights()
    proxy.counts.clear()
    return portal


def failed(portal: Portal, wanted: Wanted) -> Unreachable:
    with pytest.raises(Unreachable) as failure:
        push(portal, wanted)
    return failure.value


def after(portal: Portal, wanted: Wanted, ckan: Ckan) -> str:
    """What is done once the fault has passed: the dataset stands there once."""
    act = push(portal, wanted, wanted.known(look=True)).act
    shows(ckan, wanted)
    assert ckan.call("package_search", fq=f'name:"{wanted.name}"')["count"] == 1
    return act


# a fault of the write, whether it may have been carried out, and what is left to do then
FAULTS: dict[str, tuple[Fault, bool, str]] = {
    "503 for the answer": (faults.unavailable(), True, "skip"),
    "503 for the request": (faults.unavailable(carried_out=False), True, "create"),
    "429": (faults.too_many(), False, "create"),
    "half an answer": (faults.cut(), True, "skip"),
    "no answer": (faults.lost(), True, "skip"),
    "not sent": (faults.unsent(), True, "create"),
    "too slow": (faults.stall(3), True, "skip"),
    "half-open": (faults.silent(), True, "create"),
    "a page with 200": (faults.html(), True, "skip"),
    "a page with 500": (faults.html(500), True, "skip"),
    "elsewhere": (faults.redirect("https://login.example.org/"), False, "create"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_write_is_told_and_looked_up_before_it_is_repeated(
    ckan: Ckan, behind: CkanPortal, proxy: Proxy, wanted: Wanted, name: str
) -> None:
    fault, maybe_done, left = FAULTS[name]
    ckan.organization(wanted.organization, title=f"{wanted.organization} 局")
    fault.action, fault.hit, fault.fitting = "package_create", 0, 0
    with proxy.broken(fault):
        failure = failed(behind, wanted)
    assert (failure.maybe_done, fault.hit, proxy.counts["package_create"]) == (maybe_done, 1, 1)
    assert ckan.token not in failure.words
    assert after(behind, wanted, ckan) == left


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_read_back_is_not_taken_for_success(
    ckan: Ckan, behind: CkanPortal, proxy: Proxy, with_file: Wanted, name: str
) -> None:
    fault = FAULTS[name][0]
    fault.action, fault.hit, fault.fitting = "package_show", 0, 0
    with proxy.broken(fault):
        assert failed(behind, with_file).maybe_done
    assert after(behind, with_file, ckan) == "skip"


@pytest.mark.parametrize("name", FAULTS)
def test_broken_downloads_are_not_taken_for_wrong_bytes(
    ckan: Ckan, behind: CkanPortal, proxy: Proxy, with_file: Wanted, name: str
) -> None:
    fault = FAULTS[name][0]
    fault.action, fault.hit, fault.fitting = "file", 0, 0
    with proxy.broken(fault), pytest.raises((Unreachable, Refused)) as failure:
        push(behind, with_file)
    assert isinstance(failure.value, Unreachable) or fault.status == 302
    assert after(behind, with_file, ckan) == "skip"


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_upload_is_finished(
    ckan: Ckan, behind: CkanPortal, proxy: Proxy, with_file: Wanted, name: str
) -> None:
    fault = FAULTS[name][0]
    fault.action, fault.hit, fault.fitting = "package_revise", 0, 0
    with proxy.broken(fault):
        assert failed(behind, with_file).maybe_done
    assert after(behind, with_file, ckan) in {"skip", "patch"}


def test_patience_that_is_asked_for_is_told_in_seconds(
    behind: CkanPortal, proxy: Proxy, wanted: Wanted
) -> None:
    with proxy.broken(faults.too_many("7")):
        assert failed(behind, wanted).retry_after == 7
    # by the portal's clock, whatever ours says
    with proxy.broken(faults.too_many("Sun, 22 Nov 2026 02:01:30 GMT")):
        assert failed(behind, wanted).retry_after == 90
    with proxy.broken(faults.too_many("soon")):
        assert failed(behind, wanted).retry_after is None


def test_a_refused_connection_is_told_as_not_carried_out(
    ckan: Ckan, behind: CkanPortal, proxy: Proxy, wanted: Wanted
) -> None:
    proxy.refuse()
    failure = failed(behind, wanted)
    assert (failure.maybe_done, failure.words) == (False, "连不上门户（拒绝连接或没有路由）")
    proxy.clear()
    assert after(behind, wanted, ckan) == "create"


def test_a_name_that_leads_nowhere_is_unreachable(opened: Opened, ckan: Ckan, wanted: Wanted) -> None:
    assert not failed(opened(ckan.token, url="http://portal.invalid"), wanted).maybe_done


def test_what_is_not_a_ckan_is_not_taken_for_an_empty_one(opened: Opened, ckan: Ckan, wanted: Wanted) -> None:
    portal = opened(ckan.token, url=f"{ckan.url}/dataset")
    for ask in (
        portal.rights,
        portal.names,
        lambda: portal.look(wanted.id),
        lambda: list(portal.everything()),
    ):
        with pytest.raises(Unreachable, match="不是 CKAN 的"):
            ask()


def test_an_expired_token_stops_a_write_at_once(
    ckan: Ckan, opened: Opened, proxy: Proxy, wanted: Wanted
) -> None:
    editor = ckan.member(ckan.organization(wanted.organization, title=f"{wanted.organization} 局"))
    portal = opened(editor.token, url=proxy.url)
    landed = push(portal, wanted)
    ckan.revoke(editor.token)
    with pytest.raises(TokenRefused):
        push(portal, Wanted(wanted.code, wanted.organization, title="新的"), wanted.known(landed))
    with pytest.raises(TokenRefused):
        portal.withdraw(wanted.known(landed), dataset_id=wanted.id, name=wanted.name)
    shows(ckan, wanted)


def test_nothing_is_written_where_nothing_changed(
    behind: CkanPortal, proxy: Proxy, with_file: Wanted
) -> None:
    landed = push(behind, with_file)
    proxy.clear()
    push(behind, with_file, with_file.known(landed))
    assert (proxy.writes, proxy.counts["file"], proxy.counts["package_show"]) == (0, 0, 1)


def test_the_token_goes_nowhere_but_into_its_header(
    ckan: Ckan, behind: CkanPortal, proxy: Proxy, with_file: Wanted
) -> None:
    push(behind, with_file)
    behind.withdraw(with_file.known(), dataset_id=with_file.id, name=with_file.name)
    for message in proxy.seen:
        assert ckan.token not in message.path and ckan.token.encode() not in message.body
        held = [name for name, value in message.headers if ckan.token in value]
        assert set(held) <= {"Authorization", "X-CKAN-API-Key"}
    assert "Cookie" not in {name for message in proxy.seen for name, _ in message.headers}


def test_a_tenth_of_all_answers_breaks_and_every_dataset_stands_once(
    ckan: Ckan, behind: CkanPortal, proxy: Proxy, organization: str
) -> None:
    entries = [Wanted(f"{organization}/{number}", organization, files={"a": b"a"}) for number in range(15)]
    proxy.add(faults.unavailable(0.1), faults.cut(0.1), faults.lost(0.05), faults.unsent(0.05))
    left, rounds = entries, 0
    while left and rounds < 20:
        left, rounds = [one for one in left if not lands(behind, one)], rounds + 1
    assert not left and rounds > 1
    proxy.clear()
    assert [after(behind, one, ckan) for one in entries] == ["skip"] * 15
    while entries:
        entries = [one for one in entries if not goes(behind, one)]
    assert ckan.call("organization_show", id=organization)["package_count"] == 0


def lands(portal: Portal, wanted: Wanted) -> bool:
    try:
        push(portal, wanted, wanted.known(look=True))
    except Unreachable:
        return False
    return True


def goes(portal: Portal, wanted: Wanted) -> bool:
    try:
        portal.withdraw(wanted.known(), dataset_id=wanted.id, name=wanted.name)
    except Unreachable:
        return False
    return True


# ---- the portal itself ------------------------------------------------------------------------------------


def test_the_portals_database_is_down(ckan: Ckan, portal: CkanPortal, with_file: Wanted) -> None:
    landed = push(portal, with_file)
    with ckan.without("pg"):
        with pytest.raises(Unreachable):
            push(portal, with_file, with_file.known(landed))
        with pytest.raises(PortalError) as failure:
            portal.rights()
    assert isinstance(failure.value, Unreachable)
    assert after(portal, with_file, ckan) == "skip"


def test_the_portals_index_is_down(ckan: Ckan, portal: CkanPortal, wanted: Wanted) -> None:
    ckan.organization(wanted.organization, title=f"{wanted.organization} 局")
    with ckan.without("solr"):
        failure = failed(portal, wanted)
        with pytest.raises(Unreachable):
            list(portal.everything())
    assert not failure.maybe_done
    assert after(portal, wanted, ckan) == "create"


def test_a_word_that_breaks_the_portal_is_told_as_its_failure(
    ckan: Ckan, portal: CkanPortal, wanted: Wanted
) -> None:
    with pytest.raises(ServerFailed, match="Internal Server Error"):
        push(portal, Wanted(wanted.code, wanted.organization, title="\0"))
    assert portal.look(wanted.id) is None


@pytest.fixture
def slow_index(ckan: Ckan) -> Iterator[Proxy]:
    """A proxy before CKAN's index; CKAN is restarted with it and without it."""
    between = Proxy(f"http://127.0.0.1:{ckan.ports[3]}")
    ckan.settings = {"solr_url": f"{between.url}/solr/ckan"}
    ckan.start()
    yield between
    between.close()
    ckan.settings = {}
    ckan.start()


def test_a_worker_killed_in_the_middle_of_a_write_leaves_one_dataset(
    ckan: Ckan, opened: Opened, portal: CkanPortal, slow_index: Proxy, wanted: Wanted
) -> None:
    ckan.organization(wanted.organization, title=f"{wanted.organization} 局")
    # the document is in the index, the answer to CKAN is late, and the worker dies before it commits
    slow_index.add(faults.stall(30, times=1))
    killer = threading.Timer(1.0, ckan.kill_workers)
    killer.start()
    failure = failed(portal, wanted)
    killer.join()
    slow_index.clear()
    assert failure.maybe_done
    assert portal.look(wanted.id) is None
    assert [one.id for one in portal.everything() if one.name == wanted.name] == [wanted.id]
    assert after(portal, wanted, ckan) == "create"
