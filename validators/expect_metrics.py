"""Our own expectations: column values are desensitized, of a length in characters, numbers within bounds, of a type.

Great Expectations is imported here and takes seconds, so callers import this module late.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import isnan
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
from great_expectations.compatibility.pyspark import functions as spark
from great_expectations.compatibility.sqlalchemy import sqlalchemy as sa
from great_expectations.execution_engine import (
    PandasExecutionEngine,
    SparkDFExecutionEngine,
    SqlAlchemyExecutionEngine,
)
from great_expectations.expectations.expectation import BatchExpectation, ColumnMapExpectation
from great_expectations.expectations.metrics import ColumnMapMetricProvider, column_condition_partial

from catalog_specs import Specs
from validators.detectors import engine_of, residual
from validators.expect_items import column_of_type
from validators.expect_sql import holds_identifier

SQLITE_FUNCTION = "mulu_holds_identifier"
# expectations travel as plain texts, so they name the specification by its digest
_KNOWN: dict[str, Specs] = {}


def remember(specs: Specs) -> str:
    """Make a specification known to the expectations; gives the digest that they name it by."""
    _KNOWN[specs.digest] = specs
    return specs.digest


# ---- desensitized -----------------------------------------------------------------------------------------


def texts_of(values: "pd.Series[Any]") -> pa.Array:
    """A column as texts, as a person would write them: a whole number has no fraction; null stays null."""
    if isinstance(values.dtype, pd.StringDtype):
        return pa.array(values, type=pa.large_string(), from_pandas=True)
    texts = [None if _is_null(value) else written(value) for value in values]
    return pa.array(texts, type=pa.large_string())


def _is_null(value: Any) -> bool:
    # a number that is none is not equal to itself
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and isnan(value))


def written(value: Any) -> str:
    """One value as text: 13800138000.0, as a column of numbers with gaps holds it, is 13800138000."""
    if isinstance(value, float | np.floating | Decimal) and float(value).is_integer():
        return str(int(value))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def holds(specs: Specs, texts: pa.Array, detectors: Sequence[str]) -> np.ndarray:
    """Whether each text holds an unmasked identifier of ``detectors``; shape (rows,), bool."""
    return residual(engine_of(specs), texts, list(detectors))


def dialect_of(dialect: Any) -> str:
    """What a database is called here: a MariaDB is one, whatever its address begins with."""
    return "mariadb" if getattr(dialect, "is_mariadb", False) else str(dialect.name)


class ColumnValuesDesensitized(ColumnMapMetricProvider):  # type: ignore[misc]
    """Metric: a value holds no unmasked identifier of the detectors; a null is not unexpected."""

    condition_metric_name = "column_values.desensitized"
    condition_value_keys = ("spec", "detectors", "kind")

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(
        cls, column: "pd.Series[Any]", spec: str, detectors: Sequence[str], **_: Any
    ) -> "pd.Series[bool]":
        found = holds(_KNOWN[spec], texts_of(column), detectors)
        return pd.Series(~found, index=column.index)

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)  # type: ignore[untyped-decorator]
    def _sqlalchemy(
        cls, column: Any, spec: str, detectors: Sequence[str], _sqlalchemy_engine: Any, **_: Any
    ) -> Any:
        dialect = _sqlalchemy_engine.dialect
        if dialect.name == "sqlite":
            arguments = ",".join(sorted(detectors))
            return sa.func.__getattr__(SQLITE_FUNCTION)(column, spec, arguments) == 0
        quoted = dialect.identifier_preparer.quote(str(column.name))
        found = holds_identifier(dialect_of(dialect), quoted, _KNOWN[spec], detectors)
        return sa.not_(sa.literal_column(f"({found})", sa.Boolean()))

    @column_condition_partial(engine=SparkDFExecutionEngine)  # type: ignore[untyped-decorator]
    def _spark(
        cls, column: Any, spec: str, detectors: Sequence[str], _accessor_domain_kwargs: Any, **_: Any
    ) -> Any:
        name = _accessor_domain_kwargs["column"].replace("`", "``")
        return ~spark.expr(holds_identifier("spark", f"`{name}`", _KNOWN[spec], detectors))


class ExpectColumnValuesToBeDesensitized(ColumnMapExpectation):  # type: ignore[misc]
    """Column values hold no unmasked identifier of ``detectors``.

    ``spec`` is a digest of ``remember``; ``kind`` a key of the kinds of scanning.yaml.
    """

    spec: str
    detectors: tuple[str, ...]
    kind: str = "text"
    map_metric: ClassVar[str] = "column_values.desensitized"
    success_keys: ClassVar[tuple[str, ...]] = ("spec", "detectors", "kind", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "spec", "detectors", "kind")


# ---- lengths and bounds -----------------------------------------------------------------------------------


class ColumnValuesWithinCharacters(ColumnMapMetricProvider):  # type: ignore[misc]
    """Metric: a text has so many characters at most. MariaDB's LENGTH counts bytes, so each engine is asked
    for characters by its own name."""

    condition_metric_name = "column_values.within_characters"
    condition_value_keys = ("most",)

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column: "pd.Series[Any]", most: int, **_: Any) -> "pd.Series[bool]":
        return column.map(lambda value: len(str(value)) <= most).astype(bool)

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)  # type: ignore[untyped-decorator]
    def _sqlalchemy(cls, column: Any, most: int, _sqlalchemy_engine: Any, **_: Any) -> Any:
        is_sqlite = _sqlalchemy_engine.dialect.name == "sqlite"
        return (sa.func.length if is_sqlite else sa.func.char_length)(column) <= most

    @column_condition_partial(engine=SparkDFExecutionEngine)  # type: ignore[untyped-decorator]
    def _spark(cls, column: Any, most: int, **_: Any) -> Any:
        return spark.char_length(column) <= most


class ExpectColumnValuesToBeWithinCharacters(ColumnMapExpectation):  # type: ignore[misc]
    """Column values have ``most`` characters (not bytes) at most."""

    most: int
    map_metric: ClassVar[str] = "column_values.within_characters"
    success_keys: ClassVar[tuple[str, ...]] = ("most", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "most")


class ColumnValuesWithinNumbers(ColumnMapMetricProvider):  # type: ignore[misc]
    """Metric: a value is a number from ``low`` to ``high``, however it is stored; what is no number is outside."""

    condition_metric_name = "column_values.within_numbers"
    condition_value_keys = ("low", "high")

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(
        cls, column: "pd.Series[Any]", low: float | None, high: float | None, **_: Any
    ) -> "pd.Series[bool]":
        numbers = pd.to_numeric(column, errors="coerce")
        return numbers.between(*_bounds(low, high)).astype(bool)

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)  # type: ignore[untyped-decorator]
    def _sqlalchemy(cls, column: Any, low: float | None, high: float | None, **_: Any) -> Any:
        asked = [column >= low] if low is not None else []
        return sa.and_(*asked, *([column <= high] if high is not None else []))

    @column_condition_partial(engine=SparkDFExecutionEngine)  # type: ignore[untyped-decorator]
    def _spark(cls, column: Any, low: float | None, high: float | None, **_: Any) -> Any:
        number = column.try_cast("double")
        return number.isNotNull() & number.between(*_bounds(low, high))


def _bounds(low: float | None, high: float | None) -> tuple[float, float]:
    return -np.inf if low is None else low, np.inf if high is None else high


class ExpectColumnValuesToBeWithinNumbers(ColumnMapExpectation):  # type: ignore[misc]
    """Column values are numbers from ``low`` to ``high``; None means no bound."""

    low: float | None = None
    high: float | None = None
    map_metric: ClassVar[str] = "column_values.within_numbers"
    success_keys: ClassVar[tuple[str, ...]] = ("low", "high", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "low", "high")


# ---- types ------------------------------------------------------------------------------------------------


def column_types(types: Any) -> dict[str, str]:
    """The names of a table's column types by column, from the metric of any engine (``VARCHAR(20)``)."""
    rows = types if isinstance(types, list) else []
    return {str(row["name"]): type_name(row["type"]) for row in rows}


def type_name(type_: Any) -> str:
    """A column type as its database, Spark or pandas says it; one word, and a size where it has one."""
    if isinstance(type_, str):
        return type_
    if isinstance(type_, pd.StringDtype):
        return "str"
    if isinstance(type_, np.dtype | pd.api.extensions.ExtensionDtype):
        return type_.name
    length = getattr(type_, "length", None)
    return type(type_).__name__ + (f"({length})" if isinstance(length, int) else "")


class ExpectColumnTypeToBeOfKind(BatchExpectation):  # type: ignore[misc]
    """A column's type is one of ``kinds``, keys of the kinds of scanning.yaml, in every engine's own words."""

    column: str
    kinds: tuple[str, ...]
    spec: str
    metric_dependencies: ClassVar[tuple[str, ...]] = ("table.column_types",)
    success_keys: ClassVar[tuple[str, ...]] = ("kinds", "spec")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "kinds", "spec")

    def _validate(
        self, metrics: Mapping[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        observed = column_types(metrics["table.column_types"]).get(self.column, "")
        kind = column_of_type(self.column, observed, _KNOWN[self.spec], file_like=False).kind
        return {"success": kind in self.kinds, "result": {"observed_value": observed}}
