"""Past invoices replayed through a policy: what it would have asked of whom, before it is put to work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from commands.failures import BadInput
from commands.files.past_invoices import read_past
from commands.terminal import count, day, out, print_json, progress_bar, table, words
from domain.policy import InvalidPolicy, Policy, load_policy
from domain.simulation import backtest as replay
from domain.vocabulary import step_name


def backtest(csv: Path, policy: Path, until: date | None, as_json: bool) -> int:
    """Replay the file's rows up to `until` (left out: the newest date in it) and print contacts by step."""
    chosen = _policy(policy)
    past, rejected = read_past(csv)
    end = until or max(max(one.issued_on, one.settled_on or one.issued_on) for one in past)
    with progress_bar() as bar:
        task = bar.add_task("customers", total=None)

        def progress(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of)

        told: Callable[[int, int], None] = progress
        result = replay.backtest(past, chosen, end, rejected=rejected, progress=told)
    if as_json:
        print_json(result.as_json())
        return 0
    out().print(
        words(
            f"Policy {result.policy} on {count(result.invoices, 'invoice')} issued by {day(result.until)}"
            f" ({count(result.rejected, 'row')} rejected)"
        ),
        soft_wrap=True,
    )
    listed = table(
        ["Step", "Day", "Unpaid on that day", "Contacts"], right=["Day", "Unpaid on that day", "Contacts"]
    )
    for step in result.steps:
        listed.add_row(
            words(step_name(step.step)),
            words(f"{step.day:+d}" if step.day else "0"),
            words(f"{step.due:,}"),
            words(f"{step.contacts:,}"),
        )
    out().print(listed)
    return 0


def _policy(file: Path) -> Policy:
    try:
        return load_policy(file.read_text("utf-8"), str(file))
    except InvalidPolicy as problem:
        raise BadInput(str(problem)) from None
    except UnicodeDecodeError:
        raise BadInput(f"{file}: is not UTF-8 text") from None
