"""The REST API: its routers, in the order in which they are tried. Errors are RFC 9457."""

from registry.web import attached, entries, ledger, moves, myself, proofs, reviews, scans, specs

# bodies of these are JSON
ROUTERS = (
    entries.router,
    moves.router,
    reviews.router,
    attached.reading,
    proofs.reading,
    ledger.router,
    myself.router,
    specs.router,
)
# bodies of these hold files
FILES = (attached.sending, proofs.sending, scans.router, specs.checks)
