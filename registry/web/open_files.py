"""Files and pages of what is open, for everybody: each time judged anew whether it still is."""

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import BinaryIO
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from sqlalchemy.orm import Session

from registry.errors import NotFound
from registry.offers import OfferedData
from registry.open_catalogue import NOTHING, open_file, shown_entry, shown_file
from registry.stores import CHUNK
from registry.web.answers import Code
from registry.web.ckan_api import base_of, is_open
from registry.web.given import Reading, greet, today
from registry.web.open_index import BASE, form_of, origin_of
from registry.web.templates import render
from sync.values import ending_of

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


def _demand_open(request: Request) -> None:
    """Nothing is here when the operator closed it."""
    if not is_open(request):
        raise NotFound("公开目录没有开启")


router = APIRouter(dependencies=[Depends(_demand_open)])


@router.get("/open/files/{distribution_id}/{name}")
def file_bytes(request: Request, session: Reading, distribution_id: str, name: str) -> Response:  # noqa: ARG001
    """The bytes of a file that anybody may have; ``name`` is for people, the id decides."""
    data, shown = _linked(session, distribution_id[:64])
    size, digest = data.size or 0, data.sha256 or ""
    headers = _headers(digest, _file_name(shown, data))
    if _knows(request.headers.get("if-none-match", ""), digest):
        return Response(status_code=304, headers={"ETag": headers["ETag"]})
    first, last = _part(request, digest, size)
    if first > last and size:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
    whole = (first, last) == (0, size - 1)
    headers["Content-Length"] = str(max(last - first + 1, 0))
    if not whole and size:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    stream = open_file(session, data, request.app.state.settings.files)
    stream.seek(first)
    status = 200 if whole or not size else 206
    media = "application/octet-stream"
    return StreamingResponse(_chunks(stream, last - first + 1), status, headers, media)


def _linked(session: Session, distribution_id: str) -> tuple[OfferedData, str]:
    """A file that its dataset links to, and its name there: what the catalogue does not tell of is not given, either."""
    found, data = shown_file(session, distribution_id, now=today())
    _sent, package = form_of(found, origin_of(session))
    for resource in package["resources"]:
        if resource.get("mulu_distribution") == data.id and resource["hash"] == data.sha256:
            return data, str(resource["name"])
    raise NotFound(NOTHING)


def _file_name(shown: str, data: OfferedData) -> str:
    """The name as the catalogue shows it, with the ending of the file: its own name may be that of a table."""
    ending = ending_of(data.file_name)
    name = re.sub(r"[\s/\\]+", " ", shown).strip()
    return name if not ending or name.lower().endswith(f".{ending}") else f"{name}.{ending}"


def _headers(digest: str, name: str) -> dict[str, str]:
    """As a download of its own name, never shown in our pages' place."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "", PurePath(name).name).lstrip(".") or "data"
    said = f"attachment; filename=\"{plain[-100:]}\"; filename*=UTF-8''{quote(name)}"
    return {
        "Content-Disposition": said,
        "ETag": f'"{digest}"',
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }


def _knows(header: str, digest: str) -> bool:
    named = [one.strip().removeprefix("W/").strip('"') for one in header.split(",")]
    return digest in named or "*" in named


def _part(request: Request, digest: str, size: int) -> tuple[int, int]:
    """The first and the last byte asked for; the whole file when nothing else is understood."""
    whole = (0, size - 1)
    condition = request.headers.get("if-range")
    found = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if found is None or found.group(1) == found.group(2) == "":
        return whole
    if condition is not None and condition.strip('"') != digest:
        return whole
    first, last = found.groups()
    if not first:
        return max(size - int(last), 0) if int(last) else size, size - 1
    end = min(int(last), size - 1) if last else size - 1
    return (int(first), end) if not last or int(last) >= int(first) else whole


def _chunks(stream: BinaryIO, left: int) -> Iterator[bytes]:
    with stream:
        while left > 0 and (chunk := stream.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk


@router.get("/open/entries/{code:code}", response_class=HTMLResponse, dependencies=[Depends(greet)])
def entry_page(request: Request, session: Reading, code: Code) -> HTMLResponse:
    """One open entry as people read it: exactly what the open portal shows of it."""
    found = shown_entry(session, code[:100], now=today())
    _sent, package = form_of(found, origin_of(session))
    base = base_of(request)
    for resource in package["resources"]:
        resource["url"] = str(resource["url"] or "").replace(BASE, base)
    extras = {extra["key"]: extra["value"] for extra in package["extras"]}
    return render(request, "open_entry.html", {"package": package, "extras": extras, "base": base})
