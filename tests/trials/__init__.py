"""Trials: long runs that look for what a test of seconds cannot find. Each is a command
(`python -m tests.trials.fuzz --help`) that prints its figures and ends with 1 when something was
found; the short run of each is a test in this folder."""
