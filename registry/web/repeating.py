"""POST requests with an Idempotency-Key: done once, answered alike.

A route takes ``again: Repeating`` and gives ``again.once(session, actor, lambda: Answer(…))``.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.encoders import jsonable_encoder
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile

from registry import repeats
from registry.permits import Actor
from registry.repeats import KEY_LENGTH, Answered, Ask
from registry.web.given import today

_CHUNK = 1 << 20
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
REPLAYED = "Idempotency-Replayed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a deed answers: a value for JSON, the status, headers that belong to it (Location, ETag)."""

    value: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Repeat:
    """A request that may come again."""

    ask: Ask

    def once(
        self, session: Session, actor: Actor, deed: Callable[[], Answer], *, shown_once: bool = False
    ) -> Response:
        """The answer of ``deed``, or that of the same request before; parameters as for ``repeats.once``."""

        def done() -> Answered:
            answer = deed()
            # plain values go as they are: the encoder would walk through all of them
            body = json.dumps(
                answer.value,
                ensure_ascii=False,
                allow_nan=False,
                separators=(",", ":"),
                default=jsonable_encoder,
            )
            return Answered(answer.status, body, answer.headers)

        person = actor.person_id
        found = repeats.once(session, self.ask, done, person_id=person, now=today(), shown_once=shown_once)
        headers = dict(found.headers) | ({REPLAYED: "true"} if found.replayed else {})
        return Response(found.body, found.status, headers, media_type="application/json")


async def read_repeat(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=KEY_LENGTH,
            description="同一个键的同一请求只办一次；重发时给回原来的答复",
            examples=["5f0c2b1e-7c1d-4f0e-9b57-3f1f6f2b9a10"],
        ),
    ] = None,
) -> Repeat:
    """The request as far as it must be alike to be the same: method, address, body."""
    address = f"{request.url.path}?{request.url.query}"
    body = await _body_digest(request) if idempotency_key is not None else ""
    return Repeat(Ask(idempotency_key, request.method, address, body))


async def _body_digest(request: Request) -> str:
    digest = hashlib.sha256()
    if not request.headers.get("content-type", "").startswith(_FORMS):
        digest.update(await request.body())
        return digest.hexdigest()
    # the boundary of a form differs each time; what counts are its fields
    for name, value in (await request.form()).multi_items():
        if isinstance(value, UploadFile):
            digest.update(f"{name}\0{value.filename}\0{value.size}\0".encode(errors="replace"))
            while chunk := await value.read(_CHUNK):
                digest.update(chunk)
            await value.seek(0)
        else:
            digest.update(f"{name}\0{value}\0".encode(errors="replace"))
    return digest.hexdigest()


Repeating = Annotated[Repeat, Depends(read_repeat)]
