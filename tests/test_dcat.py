"""The open catalogue as DCAT-AP 3 and DCAT-US: fit for the official shapes, in pages, the same in both writings."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyshacl
import pytest
from rdflib import RDF, Graph, Literal, Namespace, URIRef
from rdflib.compare import isomorphic

from catalog_specs import Specs
from catalog_specs.law_dcat import TABLE_CODES
from registry.db import Database
from registry.web.rdf_text import Node, as_jsonld, as_turtle, link, literal, worded
from tests.open_reading import Reading, fill, reading

# the library warns of its own reading of JSON-LD
pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
SHAPES = Path(__file__).parent / "fixtures" / "dcat"
AUTHORITY = "http://publications.europa.eu/resource/authority/"
DCAT, DCT = Namespace("http://www.w3.org/ns/dcat#"), Namespace("http://purl.org/dc/terms/")
HYDRA, SKOS = Namespace("http://www.w3.org/ns/hydra/core#"), Namespace("http://www.w3.org/2004/02/skos/core#")
SH, SPDX = Namespace("http://www.w3.org/ns/shacl#"), Namespace("http://spdx.org/rdf/terms#")
MULU, FOAF = Namespace("urn:mulu:terms:"), Namespace("http://xmlns.com/foaf/0.1/")


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Reading]:
    """A register that no test changes."""
    folder, patch = tmp_path_factory.mktemp("dcat"), pytest.MonkeyPatch()
    patch.setenv("MULU_KEY_DIR", str(folder / "keys"))
    (folder / "mulu.sqlite3").write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{folder / 'mulu.sqlite3'}")
    with reading(database, folder) as made:
        made.roles = fill(made)
        yield made
    database.close()
    patch.undo()


def graph(register: Reading, path: str) -> Graph:
    answer = register.stranger.get(path)
    assert answer.status_code == 200, answer.text
    kind = "json-ld" if "jsonld" in path.partition("?")[0] else "turtle"
    expected = "application/ld+json" if kind == "json-ld" else "text/turtle; charset=utf-8"
    assert answer.headers["content-type"] == expected
    return Graph().parse(data=answer.text, format=kind)


def dataset(found: Graph, title: str) -> URIRef:
    (one,) = [s for s in found.subjects(RDF.type, DCAT.Dataset) if str(found.value(s, DCT.title)) == title]
    assert isinstance(one, URIRef)
    return one


# SPDX names its algorithms under http; the shape of DCAT-AP 3.0.1 wants https, under which there are none
NAMED_OTHERWISE = (SPDX.algorithm, SPDX.checksumAlgorithm_sha256)


# ---- the shapes -------------------------------------------------------------------------------------------


def _code_lists(found: Graph) -> Graph:
    """What the authority tables would say of the addresses used: that they are concepts of theirs."""
    made = Graph()
    for term in set(found.objects()):
        table, _, code = str(term).removeprefix(AUTHORITY).partition("/")
        if str(term).startswith(AUTHORITY) and code:
            made.add((term, RDF.type, SKOS.Concept))
            made.add((term, SKOS.inScheme, URIRef(AUTHORITY + table)))
            made.add((term, SKOS.prefLabel, Literal(code)))
    return made


def violations(found: Graph, *names: str) -> list[str]:
    shapes = Graph()
    for name in names:
        shapes.parse(SHAPES / f"{name}.ttl")
    _fit, report, _text = pyshacl.validate(found + _code_lists(found), shacl_graph=shapes, advanced=True)
    assert isinstance(report, Graph)
    bad = [r for r in report.objects(None, SH.result) if report.value(r, SH.resultSeverity) == SH.Violation]
    found_bad = [
        r for r in bad if (report.value(r, SH.resultPath), report.value(r, SH.value)) != NAMED_OTHERWISE
    ]
    return sorted(f"{report.value(r, SH.resultPath)} {report.value(r, SH.focusNode)}" for r in found_bad)


@pytest.mark.parametrize("kind", ["jsonld", "ttl"])
def test_the_catalogue_fits_the_shapes_of_dcat_ap(register: Reading, kind: str) -> None:
    found = graph(register, f"/catalog.{kind}")
    assert len(set(found.subjects(RDF.type, DCAT.Dataset))) == 4
    assert violations(found, "shapes", "range", "mdr-vocabularies.shape", "deprecateduris") == []


def test_the_shapes_find_what_is_wrong(register: Reading) -> None:
    found = graph(register, "/catalog.ttl")
    found.remove((dataset(found, "常住人口统计年报"), DCT.title, None))
    (publisher,) = set(found.objects(predicate=FOAF.name)) & {Literal("市政务数据主管部门", "zh")}
    found.remove((None, FOAF.name, publisher))
    assert [row.split()[0] for row in violations(found, "shapes", "range")] == [
        str(DCT.title),
        str(FOAF.name),
    ]


def test_a_dataset_alone_fits_the_shapes_too(register: Reading) -> None:
    for one in register.ask("package_search", rows=10)["results"]:
        found = graph(register, f"/open/dataset/{one['id']}.ttl")
        assert violations(found, "shapes", "range", "mdr-vocabularies.shape") == []


# ---- what is said -----------------------------------------------------------------------------------------


def test_both_writings_say_the_same(register: Reading) -> None:
    for one in register.ask("package_search", rows=10)["results"]:
        first, second = (graph(register, f"/open/dataset/{one['id']}.{kind}") for kind in ("jsonld", "ttl"))
        assert len(first) > 40
        assert isomorphic(first, second)


def test_texts_and_addresses_survive_both_writings() -> None:
    texts = ['a"b\\c', "两行\n\r\t尾", "\x07\x1b", "😀 <br> 'x'", "", "@en", '"""', "\\u0041", "\u2028"]
    node: Node = link("http://h/ü a?b=<c>&d=“e”#f", "dcat:Dataset")
    node |= {
        "dct:title": [worded(text) for text in texts],
        "dct:description": [literal(text) for text in texts],
    }
    node |= {
        "dcat:distribution": [{"@type": ["dcat:Distribution"], "dct:license": [link("http://l/1", "dct:X")]}]
    }
    node |= {"mulu:openType": [literal("1", "xsd:integer")], "dcat:keyword": []}
    first = Graph().parse(data=as_jsonld([node], "urn:mulu:terms:").decode(), format="json-ld")
    second = Graph().parse(data=as_turtle([node], "urn:mulu:terms:").decode(), format="turtle")
    assert isomorphic(first, second)
    assert {str(text) for text in second.objects(predicate=DCT.description)} == set(texts)


def test_openness_cycle_theme_and_our_own_terms(register: Reading) -> None:
    found = graph(register, "/catalog.ttl")
    one, other = dataset(found, "城区公共厕所分布信息"), dataset(found, "有条件开放的设施明细")
    assert found.value(one, DCT.accessRights) == URIRef(f"{AUTHORITY}access-right/PUBLIC")
    assert found.value(other, DCT.accessRights) == URIRef(f"{AUTHORITY}access-right/RESTRICTED")
    assert found.value(one, DCT.accrualPeriodicity) == URIRef(f"{AUTHORITY}frequency/ANNUAL")
    assert found.value(one, DCAT.theme) == URIRef(f"{AUTHORITY}data-theme/ENVI")
    assert found.value(other, DCAT.theme) is None
    assert [
        str(found.value(one, MULU[name])) for name in ("openType", "shareType", "dataGrade", "dataDomain")
    ] == [*("无条件开放", "无条件共享", "一般数据1级", "生态环境")]


def test_a_file_is_told_with_its_checksum_and_its_type(register: Reading) -> None:
    found = graph(register, "/catalog.jsonld")
    made = list(found.objects(dataset(found, "城区公共厕所分布信息"), DCAT.distribution))
    package = register.ask("package_search", q="厕所")["results"][0]
    hashes = {one["hash"]: one for one in package["resources"]}
    for one in made:
        known = hashes[str(found.value(found.value(one, SPDX.checksum), SPDX.checksumValue)).lower()]
        assert str(found.value(one, DCAT.downloadURL)) == known["url"]
        assert int(str(found.value(one, DCAT.byteSize))) == known["size"]
        assert str(found.value(one, DCAT.mediaType)).endswith("/text/csv")
    assert len(made) == 2


def test_what_is_opened_under_conditions_has_no_download(register: Reading) -> None:
    found = graph(register, "/catalog.ttl")
    for one in found.objects(dataset(found, "有条件开放的设施明细"), DCAT.distribution):
        assert (found.value(one, DCAT.downloadURL), found.value(one, SPDX.checksum)) == (None, None)
        assert str(found.value(one, DCAT.accessURL)).startswith("http://testserver/open/entries/")


def test_no_person_is_named(register: Reading) -> None:
    found = graph(register, "/catalog.ttl")
    vcard = Namespace("http://www.w3.org/2006/vcard/ns#")
    contacts = set(found.objects(predicate=DCAT.contactPoint))
    assert {str(found.value(one, vcard.fn))[:4] for one in contacts} == {"遵义市第"}
    assert {p for one in contacts for p in found.predicates(one)} == {RDF.type, vcard.fn, vcard.hasURL}


def test_every_code_has_its_place_or_none_on_purpose(specs: Specs) -> None:
    spec = specs.dcat
    left = {
        name: {value.code for value in specs.codes[codes].values} - set(spec.tables[name])
        for name, codes in TABLE_CODES.items()
    }
    assert left == {"access_rights": {"3"}, "frequencies": set(), "themes": {"27"}}
    assert not any(
        set(spec.tables[name]) - {v.code for v in specs.codes[c].values} for name, c in TABLE_CODES.items()
    )


# ---- pages ------------------------------------------------------------------------------------------------


@pytest.fixture
def many(sqlite_database: Database, tmp_path: Path) -> Iterator[Reading]:
    with reading(sqlite_database, tmp_path) as made:
        made.shelve(230)
        yield made


def test_pages_give_every_dataset_once(many: Reading) -> None:
    seen: list[str] = []
    address = "/catalog.ttl"
    while address:
        found = graph(many, address.removeprefix("http://testserver"))
        here = sorted(str(one) for one in found.subjects(RDF.type, DCAT.Dataset))
        assert sorted(map(str, found.objects(predicate=DCAT.dataset))) == here
        seen += here
        address = str(
            found.value(predicate=HYDRA.nextPage, object=None) or found.value(None, HYDRA.next) or ""
        )
        (paging,) = found.subjects(RDF.type, HYDRA.PagedCollection)
        address = str(found.value(paging, HYDRA.nextPage) or "")
    assert (len(seen), len(set(seen))) == (230, 230)
    assert int(str(found.value(paging, HYDRA.totalItems))) == 230
    assert str(found.value(paging, HYDRA.lastPage)) == "http://testserver/catalog.ttl?page=3"


@pytest.mark.parametrize("page", ["0", "4", "-1", "x", "", "99999999999999999999", "１"])
def test_there_are_no_other_pages(many: Reading, page: str) -> None:
    assert many.stranger.get(f"/catalog.jsonld?page={page}").status_code == 404


def test_an_empty_catalogue_is_one(sqlite_database: Database, tmp_path: Path) -> None:
    with reading(sqlite_database, tmp_path) as register:
        found = graph(register, "/catalog.ttl")
    assert violations(found, "shapes", "range") == []
    assert list(found.objects(predicate=DCAT.dataset)) == []


def test_a_dataset_leads_to_what_the_reader_asks_for(register: Reading) -> None:
    (one,) = register.ask("package_search", q="人口")["results"]
    path = f"/open/dataset/{one['id']}"
    for accept, end in (
        ("text/turtle", ".ttl"),
        ("application/ld+json", ".jsonld"),
        ("text/html", "/000001"),
    ):
        answer = register.stranger.get(path, headers={"accept": accept})
        assert (answer.status_code, answer.headers["location"].endswith(end)) == (303, True)
    assert [register.stranger.get(f"{path}.{kind}").status_code for kind in ("xml", "")] == [404, 303]


# ---- DCAT-US ----------------------------------------------------------------------------------------------


def test_data_json_holds_what_dcat_us_requires(register: Reading) -> None:
    found: dict[str, Any] = json.loads(register.stranger.get("/data.json").text)
    assert found["conformsTo"] == "https://project-open-data.cio.gov/v1.1/schema"
    needed = {
        "title",
        "description",
        "keyword",
        "modified",
        "publisher",
        "contactPoint",
        "identifier",
        "accessLevel",
    }
    assert all(needed <= set(one) for one in found["dataset"])
    levels = {one["title"]: one["accessLevel"] for one in found["dataset"]}
    assert levels.pop("有条件开放的设施明细") == "restricted public"
    assert set(levels.values()) == {"public"}
    (toilets,) = [one for one in found["dataset"] if one["title"] == "城区公共厕所分布信息"]
    assert (toilets["accrualPeriodicity"], toilets["theme"]) == ("R/P1Y", ["生态环境"])
    assert {one["mediaType"] for one in toilets["distribution"]} == {"text/csv"}


def test_data_json_holds_every_dataset_once(many: Reading) -> None:
    found = many.stranger.get("/data.json").json()["dataset"]
    assert (len(found), len({one["identifier"] for one in found})) == (230, 230)
