"""One module for each `depotd COMMAND`: `add_arguments(parser)` and `run(args) -> exit status`.

Heavy imports live inside `run`, so that `--help` and the other commands stay quick.
"""

from __future__ import annotations


class Refused(Exception):
    """Wrong usage or input: one sentence naming what, where, and what was wanted."""
