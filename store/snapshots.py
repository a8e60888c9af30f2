"""The figures of a day as they were known when it was closed: kept once, whatever becomes known later."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.figures.day_figures import figures
from store import receivables
from store.schema import DailyFiguresRow


def keep(session: Session, day: date, at: datetime) -> int:
    """Keep the report of a day, taken at an instant, for each currency; returns how many are new. A day that
    is kept stays as it is."""
    if session.scalar(select(func.count()).where(DailyFiguresRow.day == day)):
        return 0
    rows = [
        {"day": day, "currency": currency, "figures": figures(sums, day, currency), "taken_at": at}
        for currency, sums in receivables.sums(session, day).items()
    ]
    if not rows:
        return 0
    kept = insert(DailyFiguresRow).values(rows).on_conflict_do_nothing()
    return len(session.scalars(kept.returning(DailyFiguresRow.currency)).all())


def kept(session: Session, day: date) -> dict[str, tuple[datetime, dict[str, Any]]]:
    """When the figures of a day were taken, and what they were, by currency; empty where it was not closed."""
    rows = session.scalars(select(DailyFiguresRow).where(DailyFiguresRow.day == day))
    return {row.currency: (row.taken_at, row.figures) for row in rows}
