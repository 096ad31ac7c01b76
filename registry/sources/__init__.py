"""Data as batches of Arrow: files and tables, read whole and never held whole."""

from registry.sources.files import open_file
from registry.sources.frames import open_frame
from registry.sources.problems import SourceProblem, SourceUnreadable
from registry.sources.source import Source
from registry.sources.tables import open_table

__all__ = ["Source", "SourceProblem", "SourceUnreadable", "open_file", "open_frame", "open_table"]
