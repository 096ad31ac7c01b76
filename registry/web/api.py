"""The REST API, first part: health, specifications, check, entries. Errors are RFC 9457."""

import io
import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from sqlalchemy import text
from starlette.datastructures import UploadFile

from catalog_specs import load, profiles
from catalog_specs.schema import entry_schema
from registry.checking import as_json, check_file
from registry.dictionary import fields_json, rules_json
from registry.errors import Rejected, TooLarge, Unavailable
from registry.lookup import count_entries, find_entry, get_version, list_entries, versions_of
from registry.shown import entry_json, shown_json
from registry.web.given import Reading, Seeing, stored, today
from registry.web.problems import ANSWERS
from validators.case import Facts

router = APIRouter(responses=ANSWERS)
Lang = Literal["zh", "en"]
PAGE_LIMIT = 1000
_CHECK_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
            },
            "application/json": {
                "schema": {"oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}
            },
        },
    }
}


@router.get("/healthz", tags=["service"])
def healthz(session: Reading) -> dict[str, str]:
    """Whether the service and its database answer."""
    try:
        session.execute(text("SELECT 1 FROM audit_event LIMIT 1"))
    except Exception as error:
        raise Unavailable("数据库不能使用；先执行 mulu init") from error
    return {"status": "ok", "spec": load().digest}


@router.get("/api/v1/openapi.json", include_in_schema=False)
def openapi(request: Request) -> dict[str, Any]:
    """The description of this API."""
    app: FastAPI = request.app
    return app.openapi()


@router.get("/api/v1/specs", tags=["specifications"])
def list_specs() -> dict[str, Any]:
    """The profiles with the digest of their specification."""
    rows = [
        {
            "profile": p.key,
            "name": p.zh,
            "city": p.city,
            "valid_from": p.valid_from,
            "spec": load(p.key).digest,
        }
        for p in profiles().values()
    ]
    return {"items": rows}


@router.get("/api/v1/specs/{profile}", tags=["specifications"])
def one_spec(profile: str, lang: Lang = "zh") -> dict[str, Any]:
    """Rules, fields and JSON Schema of one profile, with their articles."""
    specs = load(profile)
    return {
        "profile": profile,
        "spec": specs.digest,
        "rules": rules_json(specs, lang),
        "fields": fields_json(specs, lang),
        "schema": entry_schema(specs),
    }


@router.post("/api/v1/check", tags=["check"], openapi_extra=_CHECK_BODY)
async def check(request: Request, profile: str | None = None, lang: Lang = "zh") -> JSONResponse:
    """Judge a catalogue file (multipart field ``file``) or entries given as JSON; nothing is stored."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with request.form(max_files=1, max_fields=10) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise Rejected("表单里没有名为 file 的文件")
            found = await run_in_threadpool(_check, file.file, file.filename or "upload", profile, lang)
    elif kind == "application/json":
        source = io.BytesIO(await _json_lines(request))
        found = await run_in_threadpool(_check, source, "request.jsonl", profile, lang)
    else:
        raise Rejected("请以 multipart/form-data 上传文件，或以 application/json 提交条目")
    return JSONResponse(found)


def _check(source: Any, name: str, profile: str | None, lang: str) -> dict[str, Any]:
    with stored(source, name) as path:
        return as_json(check_file(path, facts=Facts(today=today().date()), profile=profile), lang)


async def _json_lines(request: Request) -> bytes:
    """The entries of a JSON body, one a line, so that they are read as a file of them is."""
    body = b""
    most = load().entry.limits["file_bytes"]
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLarge(f"内容超过 {most >> 20} MB")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"不是合法的 JSON：{error}") from error
    rows = value if isinstance(value, list) else [value]
    return "\n".join(json.dumps(row, ensure_ascii=True) for row in rows).encode()


@router.get("/api/v1/entries", tags=["entries"])
def entries(
    session: Reading,
    seen: Seeing,
    agency: str | None = None,
    state: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 100,
) -> dict[str, Any]:
    """Entries by key, a page at a time: ``items``, ``next_cursor`` (null on the last page), ``total``."""
    rows = list_entries(session, sight=seen, agency=agency, state=state, after=cursor, limit=limit + 1)
    page = rows[:limit]
    return {
        "items": [entry_json(row) for row in page],
        "next_cursor": page[-1].entry.id if len(rows) > limit else None,
        "total": count_entries(session, sight=seen, agency=agency, state=state),
    }


@router.get("/api/v1/entries/{code:path}", tags=["entries"])
def one_entry(
    session: Reading,
    seen: Seeing,
    response: Response,
    code: str,
    version: int | None = None,
    lang: Lang = "zh",
) -> dict[str, Any]:
    """One entry by code or key, with its newest version or the one asked for."""
    row = find_entry(session, code, sight=seen)
    chosen = get_version(session, row, version)
    response.headers["ETag"] = f'"{chosen.digest}"'
    return shown_json(row, chosen, versions_of(session, row), lang)
