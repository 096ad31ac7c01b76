"""Certificates of wipes on the web: downloads for who sees the record, verification for everybody.

Strangers need the number and the verification code of a certificate; they see what tells whether it is genuine, and
never how to reach a person.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from catalog_specs import load
from registry.db import Database
from registry.errors import Gone, NotFound, Rejected, TooLarge
from registry.heads import sign_quietly
from registry.marks import fingerprint
from registry.models import WipeRecord
from registry.permits import Actor
from registry.web.answers import Named
from registry.web.given import Asking, Reading, greet, stored
from registry.web.problems import ANSWERS
from registry.web.sign_in import Desk
from registry.web.templates import render
from registry.wipe_issue import document_of, exported, published
from registry.wipe_verify import CertificateVerdict, verify_file
from registry.work import safe_name

SEE_OTHER = 303
MEDIA = {"json": "application/json", "pdf": "application/pdf"}
router = APIRouter(prefix="/api/v1/wipes", tags=["wipes"], responses=ANSWERS)
pages = APIRouter(dependencies=[Depends(greet)])


# ---- downloads --------------------------------------------------------------------------------------------


@router.get("/{id}/certificate", response_class=Response)
def certificate(
    request: Request,
    actor: Asking,
    id: Named,  # noqa: A002  (the name in the address)
    form: Annotated[Literal["json", "pdf"], Query(alias="format", description="文件格式")] = "json",
) -> Response:
    """清除证明，连同审计证明；可离线核验。A head is signed first where none is over the certificate yet."""
    # only needed when a file is made
    from registry.wipe_pages import json_of, pdf_of

    document = _with_proof(request.app.state.database, id, actor)
    content = pdf_of(document) if form == "pdf" else json_of(document)
    name = safe_name(f"{document['certificate_no']}.{form}")
    return Response(
        content, media_type=MEDIA[form], headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _with_proof(database: Database, key: str, actor: Actor) -> dict[str, Any]:
    for attempt in range(2):
        try:
            with database.read() as session:
                return exported(session, key, actor=actor)
        except NotFound:
            # also where it is not there at all: then the second answer says so
            if attempt:
                raise
            sign_quietly(database, now=datetime.now(UTC))
    raise AssertionError("unreachable")


# ---- for everybody ----------------------------------------------------------------------------------------


def most_bytes() -> int:
    """How much may be sent by anybody."""
    return load().entry.limits["verify_bytes"]


class CertificateDesk(Desk):
    """Where files are verified: few at once and of one address, for strangers may ask."""

    crowded = "核验的人太多，请稍后再试"


def _desk(request: Request) -> CertificateDesk:
    state = request.app.state
    if not hasattr(state, "certificate_desk"):
        state.certificate_desk = CertificateDesk()
    found: CertificateDesk = state.certificate_desk
    return found


@pages.get("/certificates", response_class=HTMLResponse)
def verify_form(request: Request, no: str = "", code: str = "") -> Response:
    """The form for a number with its code, or for a file; with a number, on to what it names."""
    number = "".join(c for c in no.upper()[:64] if c.isascii() and (c.isalnum() or c == "-"))
    if number:
        kept = "".join(c for c in code.upper()[:64] if c.isascii() and c.isalnum())
        return RedirectResponse(f"/certificates/{number}?code={kept}", SEE_OTHER)
    return _page(request)


@pages.get("/certificates/{number}", response_class=HTMLResponse)
def verify_number(request: Request, session: Reading, number: str, code: str = "") -> HTMLResponse:
    """What everybody may know of the certificate of a number, to who has its verification code."""
    record = published(session, number[:64], code[:64]) if code else None
    values = _shown(record) if record is not None else None
    return _page(
        request, found=values, number=number[:64], code=code[:64], status=200 if values or not code else 404
    )


def _shown(record: WipeRecord) -> dict[str, Any]:
    """The public part of a certificate; of an erased one that it was issued, and its digest."""
    try:
        document = document_of(record)
    except Gone as error:
        return {"number": record.certificate_no, "gone": error.message}
    spec = load().wiping.certificate
    rows = {row["key"]: row["text"] for section in document["shown"] for row in section["rows"]}
    persons = [
        (person["zh"], [fact["text"] for fact in person["facts"] if fact["key"] in spec.public_persons])
        for person in document["persons"]
    ]
    return {
        "number": document["certificate_no"],
        "gone": "",
        "agency": document["agency"],
        "system": document["system"],
        "issued_at": document["issued_at"],
        "facts": [(zh, rows[key]) for key, zh in _public(spec.public_fields) if key in rows],
        "persons": persons,
        "digest": document["digest"],
        "record_digest": record.digest,
        "fingerprint": fingerprint(document["mark"]["key"]),
        "code": document["code"],
    }


def _public(keys: tuple[str, ...]) -> list[tuple[str, str]]:
    zh = {row.key: row.zh for row in load().retirement.fields}
    return [(key, zh[key]) for key in keys]


@pages.post("/certificates", response_class=HTMLResponse)
async def verify_upload_form(request: Request, file: Annotated[UploadFile, File()]) -> HTMLResponse:
    """A dropped file verified; nothing of it is kept."""
    if (file.size or 0) > most_bytes():
        raise TooLarge(f"文件超过 {most_bytes() >> 20} MB；更大的请用 mulu wipe verify")
    verdict = await _desk(request).run(request, _verdict, file.file, file.filename)
    return _page(request, verdict=verdict, file_name=file.filename or "")


def _verdict(source: Any, name: str | None) -> CertificateVerdict:
    if not name:
        raise Rejected("没有选择文件；请上传清除证明（.json、.pdf）")
    with stored(source, safe_name(name)) as path:
        found = verify_file(path)
        # where it lay for a moment says nothing to who sent it
        said = tuple(problem.replace(f"{path.parent}/", "") for problem in found.problems)
    return found._replace(problems=said)


def _page(
    request: Request,
    *,
    found: dict[str, Any] | None = None,
    number: str = "",
    code: str = "",
    verdict: CertificateVerdict | None = None,
    file_name: str = "",
    status: int = 200,
) -> HTMLResponse:
    values = {
        "found": found,
        "number": number,
        "code": code,
        "verdict": verdict,
        "file_name": file_name,
        "most": most_bytes() >> 20,
    }
    return render(request, "certificate_verify.html", values, status=status)
