"""The open catalogue for machines: DCAT-AP 3 in pages, as JSON-LD and Turtle; DCAT-US in one file."""

import json
from bisect import bisect
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from sqlalchemy.orm import Session

from catalog_specs import load
from registry.db import Database
from registry.errors import NotFound
from registry.open_catalogue import NOTHING, shown
from registry.web.ckan_api import base_of, is_open, keeper_of
from registry.web.dcat_graph import Page, Told, catalogue_nodes, dataset_node, told
from registry.web.dcat_us import dataset_us, head_us
from registry.web.given import Reading, today
from registry.web.open_index import Index
from registry.web.rdf_text import Node, as_jsonld, as_turtle

router = APIRouter()
_KINDS = {
    "jsonld": ("application/ld+json", as_jsonld),
    "ttl": ("text/turtle; charset=utf-8", as_turtle),
}
SEE_OTHER = 303


@router.get("/catalog.jsonld")
def catalogue_jsonld(request: Request, session: Reading, page: str = "1") -> Response:
    """A page of the catalogue as JSON-LD."""
    return _catalogue(request, session, page, "jsonld")


@router.get("/catalog.ttl")
def catalogue_turtle(request: Request, session: Reading, page: str = "1") -> Response:
    """A page of the catalogue as Turtle."""
    return _catalogue(request, session, page, "ttl")


def _catalogue(request: Request, session: Session, number: str, kind: str) -> Response:
    _demand_open(request)
    size, now = load().dcat.ckan.page, today()
    asked = int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else 0
    # one more than is shown, so that it is known whether there is a next page
    index = keeper_of(request).current(session, now=now, upto=asked * size + 1)
    page = Page(asked, index.most, size, f"{base_of(request)}/catalog.{kind}")
    if not 1 <= page.number <= page.last:
        raise NotFound(f"没有第 {number[:20]} 页；共 {page.last} 页")
    chosen = index.entries[(page.number - 1) * size : page.number * size]
    datasets = _told(session, index, [entry.key for entry in chosen], request, now)
    return _written(catalogue_nodes(datasets, page, base_of(request)), kind)


def _demand_open(request: Request) -> None:
    if not is_open(request):
        raise NotFound("公开目录没有开启")


def _told(session: Session, index: Index, keys: Sequence[str], request: Request, now: datetime) -> list[Told]:
    """Some datasets, each judged once more; what may no longer be told of is left out."""
    found = shown(session, keys, now=now)
    base, made = base_of(request), list[Told]()
    for key in keys:
        try:
            made += [told(found[key], index.registry, base)] if key in found else []
        except NotFound:
            continue
    return made


def _written(nodes: Sequence[Node], kind: str) -> Response:
    media, write = _KINDS[kind]
    return Response(write(nodes, load().dcat.namespace), media_type=media)


@router.get("/open/dataset/{key}")
def dataset(request: Request, session: Reading, key: str) -> Response:
    """One dataset: ``ID.jsonld`` or ``ID.ttl``; the plain id leads on to what the reader asks for."""
    _demand_open(request)
    index = keeper_of(request).current(session, now=today(), upto=0)
    name, _, kind = key[:100].partition(".")
    place = index.find(name)
    found = _told(session, index, [place] if place else [], request, today())
    if not found or kind not in ("", *_KINDS):
        raise NotFound(NOTHING)
    if kind:
        return _written([dataset_node(found[0])], kind)
    wanted = request.headers.get("accept", "")
    for ending, (media, _write) in _KINDS.items():
        if media.partition(";")[0] in wanted:
            return RedirectResponse(f"{found[0].id}.{ending}", SEE_OTHER)
    return RedirectResponse(found[0].page, SEE_OTHER)


@router.get("/data.json")
def data_json(request: Request) -> StreamingResponse:
    """The whole catalogue as DCAT-US 1.1, a piece at a time."""
    _demand_open(request)
    return StreamingResponse(_pieces(request), media_type="application/json;charset=utf-8")


def _pieces(request: Request) -> Iterator[bytes]:
    yield json.dumps(head_us(base_of(request)), ensure_ascii=False)[:-1].encode() + b',"dataset":['
    first, sent = True, ""
    while found := _after(request, sent):
        sent = found[-1].package["id"]
        for one in found:
            yield (b"" if first else b",") + _compact(dataset_us(one))
            first = False
    yield b"]}"


def _after(request: Request, sent: str) -> list[Told]:
    """The next datasets by id: one that goes or comes meanwhile moves none of the others."""
    size, now = load().dcat.ckan.page, today()
    database: Database = request.app.state.database
    with database.read() as session:
        index = keeper_of(request).current(session, now=now, upto=0)
        start = bisect(index.order, (sent, "\uffff"))
        while keys := [place.key for place in index.order[start : start + size]]:
            if found := _told(session, index, keys, request, now):
                return found
            start += size
    return []


def _compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
