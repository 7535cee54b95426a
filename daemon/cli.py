"""The command line: picks a command, and turns what may go wrong into an exit status.

0 done, 1 the answer is "no", 2 wrong usage or input; 70 is a defect of ours, with its traceback
(EX_SOFTWARE of sysexits.h, so that no script takes it for a "no").
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Final

from daemon.guard import ForeignPackage, refuse_foreign_packages

COMMANDS: Final = {
    "run": "run the daemon",
    "demo": "run the daemon with virtual stations and a virtual fleet",
    "simulate": "run the daemon under faults in virtual time, and count seconds over each limit",
    "plan": "make one plan for a snapshot",
    "check": "audit a plan against its snapshot",
    "replay": "solve a stored snapshot again and compare",
    "config": "check settings; print their schema or an example",
    "doctor": "look for what would keep the daemon from running well",
}
DONE, WRONG, DEFECT, INTERRUPTED, PIPE_CLOSED = 0, 2, 70, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status of `depotd ARGV`; SystemExit for usage errors and `--help`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        refuse_foreign_packages()
        args = _parser(arguments).parse_args(arguments)
        status: int = importlib.import_module(f"daemon.commands.{args.command}").run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # What is still buffered would fail again, unheard, when the interpreter closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except ForeignPackage as error:
        # Told before anything is imported from packages that may be another's.
        return _tell(error)
    except Exception as error:
        if _is_input_error(error):
            return _tell(error)
        traceback.print_exc()
        return DEFECT
    return status


def _tell(error: Exception) -> int:
    print(f"depotd: {error}", file=sys.stderr)
    return WRONG


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Only the command that is called is imported."""
    parser = argparse.ArgumentParser(
        prog="depotd", description="Plans and drives the charging of a depot's electric vehicles."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    called = next((word for word in arguments if not word.startswith("-")), None)
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=purpose.capitalize() + ".")
        if name == called:
            importlib.import_module(f"daemon.commands.{name}").add_arguments(command)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        from importlib.metadata import version

        print(f"depotd {version('depotd')}")
        parser.exit()


def _is_input_error(error: Exception) -> bool:
    """Whether `error` is about what we were given; its text is then one clear sentence."""
    from config.errors import SettingsError
    from daemon.commands import Refused
    from planner.codec import InputError

    return isinstance(error, Refused | SettingsError | InputError)


if __name__ == "__main__":
    sys.exit(main())
