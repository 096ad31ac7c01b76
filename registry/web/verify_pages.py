"""Verification of responsibility lists for everybody, also who has no account: by the code, or by the file.

Only what was published is shown, and of it only what tells whether a list is genuine and the latest.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, File, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from catalog_specs import load
from registry.db import Database
from registry.edition_sight import Found, published_by_code, superseded_by
from registry.editions import edition_name
from registry.errors import TooLarge
from registry.list_verify import Verdict
from registry.marks import fingerprint
from registry.models import Edition
from registry.web.given import Reading, greet
from registry.web.list_downloads import verify_upload
from registry.web.sign_in import Desk
from registry.web.templates import render

SEE_OTHER = 303
router = APIRouter(dependencies=[Depends(greet)])


def most_bytes() -> int:
    """How much may be sent by anybody."""
    return load().entry.limits["verify_bytes"]


class Counter(Desk):
    """Where files are verified: few at once and of one address, for strangers may ask."""

    crowded = "核验的人太多，请稍后再试"


def _counter(request: Request) -> Counter:
    state = request.app.state
    if not hasattr(state, "counter"):
        state.counter = Counter()
    found: Counter = state.counter
    return found


@router.get("/verify", response_class=HTMLResponse)
def verify_form(request: Request, code: str = "") -> Response:
    """The form for a code or a file; with a code, on to what it names."""
    written = "".join(code.split())[:64]
    if written:
        return RedirectResponse(f"/verify/{_address(written)}", SEE_OTHER)
    return _page(request)


def _address(written: str) -> str:
    """A code as people write it, as it stands in an address: letters and digits in groups of four."""
    plain = "".join(c for c in written.upper() if c.isascii() and c.isalnum())
    return "-".join(plain[n : n + 4] for n in range(0, len(plain), 4)) or "-"


@router.get("/verify/{code}", response_class=HTMLResponse)
def verify_code(request: Request, session: Reading, code: str) -> HTMLResponse:
    """The published edition of a verification code."""
    found = published_by_code(session, _address(code[:64]))
    return _page(request, found=found, later=superseded_by(session, found) if found else None, code=code[:64])


@router.post("/verify", response_class=HTMLResponse)
async def verify_file_form(request: Request, file: Annotated[UploadFile, File()]) -> HTMLResponse:
    """A dropped file verified; nothing of it is kept."""
    if (file.size or 0) > most_bytes():
        raise TooLarge(f"文件超过 {most_bytes() >> 20} MB；更大的请用 mulu list verify，或者登录后经接口核验")
    verdict = await _counter(request).run(request, verify_upload, file.file, file.filename)
    found, later = await run_in_threadpool(_known, request, verdict)
    return _page(request, verdict=verdict, found=found, later=later, file_name=file.filename or "")


def _known(request: Request, verdict: Verdict) -> tuple[Found | None, Edition | None]:
    """The published edition that a genuine file is, and the one that came after it."""
    if not verdict.genuine or verdict.document is None:
        return None, None
    database: Database = request.app.state.database
    with database.read() as session:
        found = published_by_code(session, verdict.document.code)
        if found is None or found.edition.digest != verdict.document.digest:
            return None, None
        return found, superseded_by(session, found)


def _page(
    request: Request,
    *,
    found: Found | None = None,
    later: Edition | None = None,
    code: str = "",
    verdict: Verdict | None = None,
    file_name: str = "",
) -> HTMLResponse:
    values = {
        "found": found,
        "edition": found.edition if found else None,
        "fingerprint": fingerprint(found.edition.mark["key"]) if found else "",
        "later": later,
        "code": code,
        "verdict": verdict,
        "file_name": file_name,
        "edition_name": edition_name,
        "most": most_bytes() >> 20,
    }
    return render(request, "list_verify.html", values, status=404 if code and found is None else 200)
