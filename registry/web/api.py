"""The REST API: its routers, in the order in which they are tried. Errors are RFC 9457."""

from registry.web import (
    attached,
    entries,
    ledger,
    lists,
    moves,
    myself,
    promises,
    proofs,
    rectifications,
    requests,
    reviews,
    scans,
    specs,
    sync_api,
)

# bodies of these are JSON
ROUTERS = (
    entries.router,
    moves.router,
    reviews.router,
    attached.reading,
    proofs.reading,
    ledger.router,
    lists.router,
    myself.router,
    promises.router,
    rectifications.router,
    requests.router,
    specs.router,
    sync_api.router,
)
# bodies of these hold files
FILES = (attached.sending, lists.sending, proofs.sending, rectifications.sending, scans.router, specs.checks)
