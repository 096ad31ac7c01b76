"""Great Expectations: a suite from an entry's items, run over frames, tables, Spark and streams of batches.

Source: DESIGN; the measures ask that what is opened is desensitized (S-ZY 22, S-LPS 24), items say the rest (S6).
Importing this module imports Great Expectations, which takes seconds: import it late, never for one entry.
No file is written, nothing is sent, and of the data only counts, row numbers and row keys leave this module.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import great_expectations as gx
import great_expectations.expectations as ex
import pandas as pd
import pyarrow as pa
from great_expectations.core.batch import Batch
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.execution_engine import PandasExecutionEngine, SparkDFExecutionEngine
from great_expectations.validator.validator import Validator

from catalog_specs import Specs
from validators import expect_metrics as own
from validators.expect_items import Column, Plan, Wanted, column_of_type, plan_of
from validators.expect_keys import KeyCounter
from validators.expect_results import Hide, Seen, SuiteResult, result_of, seen
from validators.expect_tables import NotChecked, hider, open_table, unable_to_push

__all__ = ["NotChecked", "check_batches", "check_frame", "check_spark", "check_table", "suite_of"]

Content = Mapping[str, Any]
_ONCE = ("columns", "column_type", "unique")


def suite_of(
    content: Content,
    specs: Specs,
    columns: Sequence[Column] | None = None,
    *,
    desensitized: bool | None = None,
) -> gx.ExpectationSuite:
    """The expectations that an entry's items make of a table's columns.

    Args:
        columns: the columns of the table; None: a file that has every item, called by its code.
        desensitized: True asks it of every column, False of none, None of those that may be opened.
    """
    if columns is None:
        items = content.get("items", ())
        columns = [Column(str(i.get("item_code") or i.get("item_name"))) for i in items]
    return _suite(plan_of(content, specs, tuple(columns), desensitized=desensitized).wanted, specs)


def _suite(wanted: Sequence[Wanted], specs: Specs) -> gx.ExpectationSuite:
    spec = own.remember(specs)
    made = [_MAKERS[row.check](row, spec, {"number": n}) for n, row in enumerate(wanted)]
    return gx.ExpectationSuite(f"mulu-{spec[:12]}", expectations=made)


Maker = Callable[[Wanted, str, dict[str, int]], Any]


def _columns(row: Wanted, _spec: str, meta: dict[str, int]) -> Any:
    return ex.ExpectTableColumnsToMatchSet(column_set=list(row.columns), exact_match=True, meta=meta)


def _column_type(row: Wanted, spec: str, meta: dict[str, int]) -> Any:
    kinds = row.params["kinds"]
    return own.ExpectColumnTypeToBeOfKind(column=row.columns[0], kinds=kinds, spec=spec, meta=meta)


def _pattern(row: Wanted, _spec: str, meta: dict[str, int]) -> Any:
    return ex.ExpectColumnValuesToMatchRegex(
        column=row.columns[0], regex=f"^(?:{row.params['pattern']})$", meta=meta
    )


def _length(row: Wanted, _spec: str, meta: dict[str, int]) -> Any:
    return own.ExpectColumnValuesToBeWithinCharacters(
        column=row.columns[0], most=row.params["length"], meta=meta
    )


def _values(row: Wanted, _spec: str, meta: dict[str, int]) -> Any:
    return ex.ExpectColumnValuesToBeInSet(
        column=row.columns[0], value_set=list(row.params["values"]), meta=meta
    )


def _range(row: Wanted, _spec: str, meta: dict[str, int]) -> Any:
    return own.ExpectColumnValuesToBeWithinNumbers(
        column=row.columns[0], low=row.params["low"], high=row.params["high"], meta=meta
    )


def _filled(row: Wanted, _spec: str, meta: dict[str, int]) -> Any:
    return ex.ExpectColumnValuesToNotBeNull(column=row.columns[0], meta=meta)


def _unique(row: Wanted, _spec: str, meta: dict[str, int]) -> Any:
    if len(row.columns) == 1:
        return ex.ExpectColumnValuesToBeUnique(column=row.columns[0], meta=meta)
    return ex.ExpectCompoundColumnsToBeUnique(column_list=list(row.columns), meta=meta)


def _desensitized(row: Wanted, spec: str, meta: dict[str, int]) -> Any:
    return own.ExpectColumnValuesToBeDesensitized(
        column=row.columns[0],
        spec=spec,
        detectors=tuple(row.params["detectors"]),
        kind=row.params["kind"],
        meta=meta,
    )


_MAKERS: dict[str, Maker] = {
    "columns": _columns,
    "column_type": _column_type,
    "type": _pattern,
    "digits": _pattern,
    "length": _length,
    "values": _values,
    "range": _range,
    "filled": _filled,
    "unique": _unique,
    "desensitized": _desensitized,
}


# ---- running ----------------------------------------------------------------------------------------------


def _context() -> Any:
    """A context of this moment: no file, no documents that load from outside, no bars, nothing reported."""
    config = DataContextConfig(
        # else a folder for documents is made, and stays
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


class _Run:
    """A plan run over data: once over a whole, or over one part after the other."""

    def __init__(self, plan: Plan, specs: Specs, places: int | None, unable: Mapping[int, str]) -> None:
        self.plan, self.specs = plan, specs
        self._places = places or specs.scanning.expectations.limits.places
        self._unable = unable
        self._context = _context()

    def over(
        self,
        engine: Any,
        data: Any,
        *,
        keys: tuple[str, ...] = (),
        hide: Hide | None = None,
        first_row: int = 1,
        without: tuple[str, ...] = (),
    ) -> dict[int, Seen]:
        """What the checks see in some data, by their number in the plan."""
        wanted = self.plan.wanted
        asked = [n for n, w in enumerate(wanted) if n not in self._unable and w.check not in without]
        suite = _suite([wanted[n] for n in asked], self.specs)
        by_number = isinstance(engine, PandasExecutionEngine)
        shape: dict[str, Any] = {"result_format": "SUMMARY" if by_number or keys else "BASIC"}
        shape |= {"partial_unexpected_count": self._places if by_number or keys else 0}
        shape |= {"exclude_unexpected_values": True, "include_unexpected_rows": False}
        if keys:
            shape["unexpected_index_column_names"] = list(keys)
        validator = Validator(execution_engine=engine, data_context=self._context, batches=[Batch(data=data)])
        outcome = validator.validate(expectation_suite=suite, result_format=shape)
        found = {}
        for row in outcome.results:
            number = asked[row.expectation_config.meta["number"]]
            found[number] = seen(wanted[number], row, self.specs, first_row=first_row, hide=hide)
        return found

    def result(self, rows: int, found: Mapping[int, Seen]) -> SuiteResult:
        """All checks in words; one that nothing was seen of is undecided."""
        every = [
            found.get(n, Seen(None, observed=self._unable.get(n, ""))) for n in range(len(self.plan.wanted))
        ]
        return result_of(rows, self.plan.wanted, every, self.specs, self.plan.unread, self._places)


def _unable(plan: Plan, columns: Sequence[Column], types: Mapping[str, str], specs: Specs) -> dict[int, str]:
    """Checks that cannot be made, with the reason: columns of a type that nobody can look into."""
    kinds = {c.name: c.kind for c in columns}
    say = specs.scanning.expectations.says["no_text"].zh
    return {
        n: say.format(type=types[w.columns[0]])
        for n, w in enumerate(plan.wanted)
        if w.check == "desensitized" and not kinds[w.columns[0]]
    }


def check_frame(
    frame: pd.DataFrame,
    content: Content,
    specs: Specs,
    *,
    desensitized: bool | None = None,
    places: int | None = None,
) -> SuiteResult:
    """A frame against an entry's items. Texts in it are judged as they are written; an empty text is a null.

    Args:
        desensitized: True asks it of every column, False of none, None of those that may be opened.
        places: how many rows of each check are named, by their number from 1; None: as scanning.yaml says.
    """
    frame, columns, types = _prepared(frame, specs)
    plan = plan_of(content, specs, columns, desensitized=desensitized)
    run = _Run(plan, specs, places, _unable(plan, columns, types, specs))
    return run.result(len(frame), run.over(PandasExecutionEngine(), frame))


def _prepared(frame: pd.DataFrame, specs: Specs) -> tuple[pd.DataFrame, tuple[Column, ...], dict[str, str]]:
    frame = frame.reset_index(drop=True)
    frame.columns = pd.Index([str(name) for name in frame.columns])
    types = {name: own.type_name(frame[name].dtype) for name in frame.columns}
    columns = tuple(column_of_type(name, type_, specs, file_like=True) for name, type_ in types.items())
    for column in columns:
        if column.written:
            frame[column.name] = frame[column.name].where(frame[column.name] != "", None)
    return frame, columns, types


def check_table(
    engine_or_url: Any,
    table: str,
    content: Content,
    specs: Specs,
    *,
    schema: str | None = None,
    desensitized: bool | None = None,
    places: int | None = None,
) -> SuiteResult:
    """A table or view in its database against an entry's items; the rows stay where they are.

    Args:
        engine_or_url: an SQLAlchemy engine, or an address; an engine made here is disposed of.
        table: its name; ``schema`` where it is not the default one. Only reading is asked for, and no
            temporary table is made.
        places: how many rows of each check are named, by the items' key or the table's own.

    Raises:
        NotChecked: the database is not reached, or there is no such table; the message says the cure.
    """
    with open_table(engine_or_url, table, schema, specs) as opened:
        plan = plan_of(content, specs, opened.columns, desensitized=desensitized)
        unable = _unable(plan, opened.columns, opened.types, specs) | opened.unable(plan)
        run = _Run(plan, specs, places, unable)
        keys = plan.key or opened.key
        found = run.over(opened.engine, opened.data, keys=keys, hide=hider(content, keys, specs))
        return run.result(opened.rows(), found)


def check_spark(
    dataframe: Any,
    content: Content,
    specs: Specs,
    *,
    desensitized: bool | None = None,
    places: int | None = None,
) -> SuiteResult:
    """A Spark frame against an entry's items; only counts and row keys come back from the cluster.

    What is asked of the values is plain Spark SQL made from the same YAML, so that the executors need neither
    Python nor this package: a city's cluster is used as it stands.
    """
    types = {f.name: type(f.dataType).__name__ for f in dataframe.schema.fields}
    columns = tuple(column_of_type(name, type_, specs, file_like=True) for name, type_ in types.items())
    plan = plan_of(content, specs, columns, desensitized=desensitized)
    unable = _unable(plan, columns, types, specs) | unable_to_push(plan, "spark", specs)
    run = _Run(plan, specs, places, unable)
    engine = SparkDFExecutionEngine(persist=False)
    found = run.over(engine, dataframe, keys=plan.key, hide=hider(content, plan.key, specs))
    return run.result(dataframe.count(), found)


def check_batches(
    batches: Iterator[pa.RecordBatch],
    content: Content,
    specs: Specs,
    *,
    desensitized: bool | None = None,
    places: int | None = None,
) -> SuiteResult:
    """A stream of batches against an entry's items, in bounded memory: a file of any size, read once.

    Row-wise checks are run over one part after the other and added up. Keys are counted exactly over the whole,
    up to the limit of scanning.yaml; beyond it their check is undecided, and so never passed.
    """
    limits = specs.scanning.expectations.limits
    run: _Run | None = None
    found: dict[int, Seen] = {}
    counter = KeyCounter(limits.distinct_keys)
    rows = 0
    for table in _parts(batches, limits.chunk_rows):
        frame, columns, types = _prepared(table.to_pandas(), specs)
        if run is None:
            plan = plan_of(content, specs, columns, desensitized=desensitized)
            run = _Run(plan, specs, places, _unable(plan, columns, types, specs))
        without = _ONCE if rows else ("unique",)
        seen_here = run.over(PandasExecutionEngine(), frame, first_row=rows + 1, without=without)
        found = {n: found[n] + s if n in found else s for n, s in seen_here.items()} | {
            n: s for n, s in found.items() if n not in seen_here
        }
        counter.feed([own.texts_of(frame[name]).to_pylist() for name in run.plan.key])
        rows += table.num_rows
    if run is None:
        return check_frame(pd.DataFrame(), content, specs, desensitized=desensitized)
    found |= {n: _of_keys(counter, specs) for n, w in enumerate(run.plan.wanted) if w.check == "unique"}
    return run.result(rows, found)


def _parts(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """The batches in larger parts, since every part costs Great Expectations a fixed time."""
    held: list[pa.RecordBatch] = []
    count = 0
    yielded = False
    for batch in batches:
        # of a file without rows the first batch tells the columns
        if batch.num_rows or not (held or yielded):
            held.append(batch)
            count += batch.num_rows
        if count >= rows:
            yield pa.Table.from_batches(held)
            held, count, yielded = [], 0, True
    if held:
        yield pa.Table.from_batches(held)


def _of_keys(counter: KeyCounter, specs: Specs) -> Seen:
    law = specs.scanning.expectations
    said = law.says["key_limit"].zh.format(limit=law.limits.distinct_keys)
    unique = counter.unique
    return Seen(unique, counter.repeated_rows, counter.rows, observed=said if unique is None else "")
