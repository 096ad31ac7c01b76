"""The REST API: its routers, in the order in which they are tried. Errors are RFC 9457."""

from registry.web import (
    acceptance,
    attached,
    certificates,
    duties,
    entries,
    inspection,
    ledger,
    lists,
    moves,
    myself,
    promises,
    proofs,
    rectifications,
    requests,
    retirements,
    reviews,
    scans,
    specs,
    sync_api,
    wipes,
)

# bodies of these are JSON
ROUTERS = (
    acceptance.router,
    entries.router,
    moves.router,
    reviews.router,
    attached.reading,
    certificates.router,
    duties.reading,
    proofs.reading,
    inspection.router,
    ledger.router,
    lists.router,
    myself.router,
    promises.router,
    rectifications.router,
    requests.router,
    retirements.router,
    specs.router,
    sync_api.router,
    wipes.router,
)
# bodies of these hold files
FILES = (
    acceptance.sending,
    attached.sending,
    duties.sending,
    lists.sending,
    proofs.sending,
    rectifications.sending,
    retirements.sending,
    scans.router,
    specs.checks,
)
