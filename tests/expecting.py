"""The module of expectations, imported when a test first asks for it: Great Expectations takes seconds."""

import importlib
import warnings
from typing import Any

import pytest


@pytest.fixture(scope="session")
def expectations() -> Any:
    """``validators.expectations``. Great Expectations 1.24 imports ``sre_parse`` and others that Python
    deprecates."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "module 'sre_[a-z]+' is deprecated", DeprecationWarning)
        return importlib.import_module("validators.expectations")
