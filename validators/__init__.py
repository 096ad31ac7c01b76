"""Pure rules: values and specifications in, findings out; no session, no clock, no HTTP."""

# The PyPI distribution "validators" owns the same import name; registry/__init__.py looks for this marker.
MULU_VALIDATORS = True
