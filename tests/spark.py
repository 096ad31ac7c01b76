"""A Spark of one's own on this machine, for tests: one process, 127.0.0.1 only, stopped by itself."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import lacking


@contextmanager
def running() -> Iterator[Any]:
    """A session of one worker thread; what Spark writes goes to a folder that is removed at the end.

    Raises:
        ImportError: there is no pyspark.
    """
    from pyspark.sql import SparkSession

    folder = Path(tempfile.mkdtemp(prefix="mulu-spark-"))
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={folder} -Djava.io.tmpdir={folder}",
        "spark.log.level": "ERROR",
    }
    builder = SparkSession.builder.master("local[1]").appName("mulu-tests")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    try:
        yield session
    finally:
        gateway = session.sparkContext._gateway
        session.stop()
        # stopping the session leaves its Java process waiting for this one to end
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(timeout=30)
        _forget()
        shutil.rmtree(folder, ignore_errors=True)


def _forget() -> None:
    """Another session may be started in this process later."""
    from pyspark import SparkContext

    SparkContext._gateway = None
    SparkContext._jvm = None


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """A Spark session for the whole run; skipped with the cure where Java or pyspark is not there."""
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        lacking(" Java", "apt-get install openjdk-17-jre-headless")
    try:
        with running() as session:
            yield session
    except ImportError:
        lacking(" pyspark", "pip install 'mulu[spark]'")
