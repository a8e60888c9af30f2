"""The blocks of a message laid out as plain text. What is wrapped here is wrapped for good."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from activities.writing.blocks import Detail, Row, Table
from activities.writing.phrasing import Labels

#: RFC 3676 recommends at most 78.
TEXT_WIDTH = 76


def wrap(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text,
        TEXT_WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def text_table(table: Table, say: Labels) -> str:
    """A table in plain text: aligned columns, stacked where they would be too wide for a mail."""
    rows = [row for group in table.groups for row in group.rows]
    head = Row(say.invoice, say.due, "", table.head, ())
    totals = [group.total for group in table.groups]

    def cells(row: Row) -> list[str]:
        return [row.name, row.due, row.lateness, row.amount]

    widths = [max(len(cell) for cell in column) for column in zip(*map(cells, [head, *rows]), strict=True)]
    widths[-1] = max([widths[-1], *map(len, totals)])
    width = sum(widths) + 2 * (len(widths) - 1)
    if width > TEXT_WIDTH:
        return _stacked(table, say)

    def line(row: Row) -> str:
        placed = enumerate(zip(cells(row), widths, strict=True))
        return "  ".join(c.ljust(w) if place < 3 else c.rjust(w) for place, (c, w) in placed).rstrip()

    lines = [line(head), "-" * width]
    for group in table.groups:
        for row in group.rows:
            lines.append(line(row))
            lines += [wrap(note, "  ") for note in row.notes]
        if table.totals:
            label = say.subtotal(group.currency)
            lines += ["-" * width, label + group.total.rjust(width - len(label)), ""]
    return "\n".join(lines).rstrip()


def _stacked(table: Table, say: Labels) -> str:
    blocks = []
    for group in table.groups:
        for row in group.rows:
            about = [f"{say.due} {row.due}, {row.lateness}"]
            about.append(f"{table.head}{say.colon} {row.amount}")
            blocks.append("\n".join([row.name, *(wrap(text, "  ") for text in [*about, *row.notes])]))
        if table.totals:
            blocks.append(f"{say.subtotal(group.currency)}{say.colon} {group.total}")
    return "\n\n".join(blocks)


def text_detail(detail: Detail, say: Labels) -> str:
    """One invoice with its movements and running balance, in plain text."""
    lines = [
        f"{say.invoice} {detail.name}",
        *([wrap(" · ".join(detail.about), "  ")] if detail.about else []),
    ]
    if detail.movements:
        amounts = max(len(movement.amount) for movement in detail.movements)
        balances = max(len(movement.balance) for movement in detail.movements)
        for movement in detail.movements:
            figures = f"{movement.amount.rjust(amounts)}  {movement.balance.rjust(balances)}"
            what = f"  {movement.on}  {movement.what}"
            room = TEXT_WIDTH - len(figures) - 2
            if len(what) <= room:
                lines.append(what.ljust(room) + "  " + figures)
            else:
                lines += [wrap(what.strip(), "  "), figures.rjust(TEXT_WIDTH)]
    label = f"  {say.balance}"
    lines.append(label + detail.balance.rjust(TEXT_WIDTH - len(label)))
    lines += [wrap(note, "  ") for note in detail.notes]
    if detail.asked is not None:
        label = f"  {say.amount_due}"
        lines.append(label + detail.asked.rjust(TEXT_WIDTH - len(label)))
    return "\n".join(lines)


def text_fields(fields: Sequence[tuple[str, str]], say: Labels, indent: str = "  ") -> str:
    """Labelled values, aligned; a long value goes on below its label."""
    width = max((len(label) for label, _ in fields), default=0) + len(say.colon) + 1
    return "\n".join(
        textwrap.fill(
            value,
            TEXT_WIDTH,
            initial_indent=indent + f"{label}{say.colon}".ljust(width),
            subsequent_indent=indent + " " * width,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for label, value in fields
    )
