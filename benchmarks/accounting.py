"""Processor time of processes and all they started, from Linux's `/proc`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """User and system time that each named process and its descendants, ended ones included, have used."""
    times: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for entry in PROC.glob("[0-9]*/stat"):
        try:
            # The name stands in parentheses and may hold blanks; what follows begins with state and parent.
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        pid = int(entry.parent.name)
        times[pid] = sum(int(ticks) for ticks in fields[11:15])
        children.setdefault(int(fields[1]), []).append(pid)

    def of(pid: int) -> int:
        return times.get(pid, 0) + sum(of(child) for child in children.get(pid, []))

    return {name: of(pid) / _TICKS for name, pid in pids.items()}
