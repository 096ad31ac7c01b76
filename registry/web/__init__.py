"""The web application: a start page and the REST API, both over the same deeds as the command line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.staticfiles import StaticFiles

from catalog_specs import load, profiles
from registry.db import Database
from registry.heads import sign_quietly
from registry.settings import Settings, read_settings
from registry.web import (
    acceptance_pages,
    api,
    certificates,
    ckan_api,
    dcat,
    duty_pages,
    inspection,
    list_pages,
    oidc,
    open_files,
    pages,
    problems,
    promise_pages,
    proof_pages,
    rectification_pages,
    request_filing,
    request_pages,
    retirement_pages,
    review,
    scan_pages,
    sign_in,
    supervision_pages,
    sync_pages,
    system_pages,
    verify_pages,
    wipe_forms,
)
from registry.web import agencies as agency_routes
from registry.web import copies as copy_routes
from registry.web import jobs as job_routes
from registry.web import systems as system_routes
from registry.web.edge import Edge
from registry.web.given import admit
from registry.web.open_index import Keeper
from registry.work import RECURRING, works
from registry.workers import Worker
from validators.assess import engine_of

HERE = Path(__file__).parent
# what a form may hold beside its file
_FORM_BYTES = 1 << 20
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def create_app(settings: Settings) -> FastAPI:
    """The application on one database. Nothing in it loads from another host."""
    database = Database(settings.database_url)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(_warm)
        worker = Worker(database, works(settings.files), RECURRING, threads=settings.workers)
        worker.start()
        yield
        await run_in_threadpool(worker.stop)
        await run_in_threadpool(sign_quietly, database, now=datetime.now(UTC))
        database.close()

    app = FastAPI(
        title="Mulu 政务数据目录与共享责任登记",
        version=version("mulu"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # FastAPI's own route for it would be open to strangers
        openapi_url=None,
        swagger_ui_oauth2_redirect_url=None,
        # denied by default: a route that forgets to ask who comes is refused all the same
        dependencies=[Depends(admit)],
    )
    app.state.database = database
    app.state.settings = settings
    app.state.open_catalogue = Keeper()
    for part in api.ROUTERS:
        app.include_router(part, max_body_size=load().entry.limits["json_bytes"])
    for part in api.FILES:
        app.include_router(part)
    for part in (agency_routes.router, system_routes.router, copy_routes.router):
        app.include_router(part, max_body_size=load().entry.limits["json_bytes"])
    for part in (system_routes.sending, copy_routes.sending, job_routes.router):
        app.include_router(part)
    _enter_pages(app, settings)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    problems.enter(app)
    sign_in.enter(app)
    most = load().entry.limits["file_bytes"] + _FORM_BYTES
    app.add_middleware(Edge, headers=SECURITY_HEADERS, most_bytes=most)
    return app


def _enter_pages(app: FastAPI, settings: Settings) -> None:
    """The pages, in the order in which they are tried."""
    systems = (system_pages, acceptance_pages, rectification_pages, supervision_pages)
    asked = (request_filing, request_pages, retirement_pages, wipe_forms, *systems, duty_pages)
    for part in (proof_pages, review, pages, scan_pages, list_pages, promise_pages, sync_pages, *asked):
        app.include_router(part.router, include_in_schema=False)
    app.include_router(inspection.pages, include_in_schema=False)
    # strangers may send to it
    most = verify_pages.most_bytes() + _FORM_BYTES
    for router in (verify_pages.router, certificates.pages):
        app.include_router(router, include_in_schema=False, max_body_size=most)
    app.include_router(sign_in.router, include_in_schema=False)
    app.include_router(ckan_api.router, include_in_schema=False, max_body_size=ckan_api.BODY_BYTES)
    for part in (dcat, open_files):
        app.include_router(part.router, include_in_schema=False)
    if settings.oidc:
        app.include_router(oidc.router, include_in_schema=False)


def app_of_environment() -> FastAPI:
    """The application by the settings of the environment, as each of several server processes makes it."""
    return create_app(read_settings())


def _warm() -> None:
    """Compile the rules before the first request: eight threads that did it at once would each do all of it."""
    for key in profiles():
        engine_of(load(key))
