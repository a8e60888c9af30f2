"""How a command fails: the exit code, and a message that names the fix instead of a traceback."""

from __future__ import annotations

import sys


class CommandError(Exception):
    """Ends the command with its message on stderr."""

    exit_code = 1


class BadInput(CommandError):
    """What was asked for does not fit; nothing was changed."""

    exit_code = 2


class Failed(CommandError):
    """It was fit to be asked for, and could not be done."""


def explain(error: Exception) -> int:
    """Say on stderr what went wrong and return the exit code; errors nobody expects are raised again."""
    known = error if isinstance(error, CommandError) else _translated(error)
    if known is None:
        raise error
    print(str(known), file=sys.stderr)
    return known.exit_code


def _translated(error: Exception) -> CommandError | None:
    """What servers and files say, as a person would need to read it."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    first = (str(error).strip().splitlines() or [kind])[0]
    if kind.startswith("sqlalchemy.exc."):
        return _of_database(error, first)
    if kind == "temporalio.service.RPCError":
        return Failed(f"Temporal does not answer: {first}. Check it with: python starter.py doctor")
    if isinstance(error, RuntimeError) and "Failed client connect" in str(error):
        return Failed(f"Temporal cannot be reached: {first}. Check it with: python starter.py doctor")
    if kind == "deploy.local_process.LocalServerError":
        return Failed(str(error))
    if isinstance(error, OSError):
        if error.filename is not None:
            return BadInput(f"{error.filename}: {error.strerror}")
        return Failed(str(error))
    return None


def _of_database(error: Exception, first: str) -> CommandError | None:
    from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError

    if isinstance(error, ArgumentError):
        return BadInput(f"DATABASE_URL cannot be read: {first}. Write postgresql://user@host/name")
    if isinstance(error, OperationalError):
        return Failed(f"The database does not answer: {first}. Check it with: python starter.py doctor")
    if isinstance(error, ProgrammingError) and "UndefinedTable" in str(error):
        return Failed("The database has no schema of Duecourse. Check it with: python starter.py doctor")
    return None
