"""Data as batches of Arrow: files and tables, read whole and never held whole."""
