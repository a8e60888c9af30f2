"""The minute of a day on which a case acts: inside the customer's window, spread so that not all act at once."""

from __future__ import annotations

import zlib
from datetime import date, datetime, timedelta

from domain.calendar import SendWindow
from domain.case import Case
from domain.channels import window_of
from domain.pauses import calendar_of
from domain.policy import Policy


def slot(case: Case, policy: Policy, on: date, now: datetime) -> datetime:
    """The customer's minute inside the window of a business day `on`, spread by invoice; never before `now`'s
    own window: what can no longer go out on its day rolls forward."""
    calendar = calendar_of(case.account, policy)
    window = window_of(policy.send_window, case.account.ways)
    at = calendar.window_opens(on, window) + _spread(case, policy, window)
    if at <= now:
        at = calendar.next_open(now, window)
        if at > now:
            at += _spread(case, policy, window)
    return at


def _spread(case: Case, policy: Policy, window: SendWindow) -> timedelta:
    room = max(0, int(window.length.total_seconds() // 60) - policy.jitter_minutes - 1)
    slots = min(policy.spread_minutes, room)
    minutes = zlib.crc32(case.account.customer_id.encode()) % (slots + 1) if slots else 0
    jitter = (
        zlib.crc32(case.invoice_id.encode()) % (policy.jitter_minutes * 60 + 1)
        if policy.jitter_minutes
        else 0
    )
    return timedelta(minutes=minutes, seconds=jitter)
