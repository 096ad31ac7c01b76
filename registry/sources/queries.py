"""A query that may be run: one SELECT that changes nothing and calls nothing that could."""

import logging

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from catalog_specs.law_scanning import Inputs
from registry.sources.addresses import AddressError

# MySQL runs what stands in these comments
_LIVE_COMMENTS = ("/*!", "/*M!")
_CHANGES = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock, exp.Set, exp.Use, exp.Pragma)


def check_select(query: str, kind: str, inputs: Inputs) -> None:
    """Refuse anything but one read-only SELECT in the grammar of that kind of database.

    Raises:
        AddressError: ``not_select``; it does not quote the query.
    """
    if any(mark in query for mark in _LIVE_COMMENTS):
        raise AddressError("not_select", detail="含有会被执行的注释")
    # what the parser cannot make out it would log, with the query
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    try:
        statements = [found for found in sqlglot.parse(query, read=inputs.schemes[kind].grammar) if found]
    except (SqlglotError, RecursionError):
        raise AddressError("not_select", detail="语句看不懂") from None
    if len(statements) != 1:
        raise AddressError("not_select", detail=f"{len(statements)} 条语句")
    if not isinstance(statements[0], exp.Query):
        raise AddressError("not_select", detail="不是 SELECT")
    for node in statements[0].walk():
        _check(node, inputs)


def _check(node: exp.Expr, inputs: Inputs) -> None:
    if isinstance(node, _CHANGES) and not isinstance(node, exp.Query):
        raise AddressError("not_select", detail=f"含有 {type(node).__name__.upper()}")
    if isinstance(node, exp.Func):
        names = {node.name.lower(), node.sql_name().lower(), node.key.lower()}
        refused = sorted(names & set(inputs.refused_functions))
        if refused:
            raise AddressError("not_select", detail=f"不许调用 {refused[0]}")
