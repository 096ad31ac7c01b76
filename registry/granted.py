"""A grant as an act on it meets it: found for someone who sees it, held, with its request and agencies."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.grants import grant_named
from registry.lookup import askable
from registry.models import Agency, ShareGrant
from registry.permits import Actor
from registry.request_acts import Matter, load_matter, sees, unseen

_ANEW = {"populate_existing": True}


@dataclass(slots=True)
class Granted:
    """A grant with what stands around it; ``user`` is the agency that uses it."""

    grant: ShareGrant
    matter: Matter
    user: Agency


def load_grant(session: Session, name: str, *, actor: Actor | None, hold: bool = False) -> Granted:
    """A grant by its number or key. With ``hold`` its entry, request and row are held, in this order.

    Raises:
        NotFound: there is none that ``actor`` sees (None: the console, which sees all).
    """
    grant = grant_named(session, askable(name.strip()))
    if grant is None:
        raise unseen(name)
    matter = load_matter(session, grant.request_id, hold=hold)
    if actor is not None and not sees(actor, matter.provider, grant.requester_id, matter.specs):
        raise unseen(name)
    if hold:
        again = select(ShareGrant).where(col(ShareGrant.id) == grant.id).with_for_update()
        grant = session.execute(again, execution_options=_ANEW).scalar_one()
    return Granted(grant, matter, session.get_one(Agency, grant.requester_id))
