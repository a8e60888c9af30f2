"""The command line: `python starter.py COMMAND`. Exit codes: 0 done, 2 bad input or usage, 1 failed.

What a command does is imported when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache

import typer

from commands.evidence import evidence_commands
from commands.figures import figure_commands
from commands.files import file_commands
from commands.policies import policy_commands
from commands.portal import portal_commands
from commands.risk import risk_commands
from commands.stack import stack_commands
from commands.telling import fact_commands, request_commands
from commands.work import work_commands

app = typer.Typer(
    help="Duecourse collects unpaid invoices in due course, without losing the customer.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for group in (
    stack_commands,
    file_commands,
    work_commands,
    fact_commands,
    request_commands,
    policy_commands,
    figure_commands,
    risk_commands,
    evidence_commands,
):
    app.add_typer(group.app)
app.add_typer(portal_commands.app, name="portal")


@cache
def _program() -> Callable[..., object]:
    """All commands with their options: Typer reads the signatures of every one of them, in 50 ms."""
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        _program()(args=arguments, prog_name="starter.py")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except Exception as error:
        from commands.failures import explain

        return explain(error)
    return 0


def _end(code: int) -> None:
    """End at once: threads of Temporal's client may abort a process that Python takes down (sdk-python #300)."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 1
    os._exit(code)


if __name__ == "__main__":
    _end(main())
