"""The errors of the registry. One handler answers them as a page or as RFC 9457 JSON.

MuluError
├── Unauthenticated 401   ├── NotAllowed 403   ├── NotFound 404   ├── Conflict 409   ├── Gone 410
├── Stale 412             ├── TooLarge 413     ├── Rejected 422   ├── Throttled 429  └── Unavailable 503
│                         └── Unreadable 422: a file that cannot be read at all (the command exits with 2)
"""

from typing import Any

from validators.findings import Finding


class MuluError(Exception):
    """What went wrong, in the user's words: place, reason and cure."""

    status = 500

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class Unauthenticated(MuluError):
    status = 401


class NotAllowed(MuluError):
    status = 403


class NotFound(MuluError):
    status = 404


class Conflict(MuluError):
    status = 409


class Gone(MuluError):
    status = 410


class Stale(MuluError):
    status = 412


class TooLarge(MuluError):
    status = 413


class Rejected(MuluError):
    status = 422


class Throttled(MuluError):
    status = 429


class Unavailable(MuluError):
    status = 503


class Unreadable(Rejected):
    """A file that cannot be read: ``finding`` says why, under rule E171 or E172. It is worded where it is shown."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"{finding.rule} {finding.reason}")
        self.finding = finding
