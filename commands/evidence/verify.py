"""Checking that the audit log says what was written: every chain, text and anchor."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func, select

from commands.evidence import bundle_verify
from commands.failures import BadInput, Failed
from commands.place import find
from commands.terminal import clean, count, out, print_json, table, words
from store import audit
from store.database import session_factory
from store.schema import AuditAnchorRow, AuditRow


def verify_bundle(bundle: Path, *, as_json: bool) -> None:
    """Check an evidence bundle with the program that lies in it, as this installation has it."""
    if not bundle.exists():
        raise BadInput(f"BUNDLE: {bundle} is not there")
    try:
        files, faults = bundle_verify.read(bundle)
    except bundle_verify.UNREADABLE as problem:
        raise Failed(f"{bundle} cannot be read: {problem}") from None
    faults += bundle_verify.check(files)
    if as_json:
        print_json(faults)
    for fault in () if as_json else faults:
        print(clean(fault))
    if faults:
        raise Failed(f"The bundle is not as it was written: {count(len(faults), 'fault')}")
    if not as_json:
        print(f"The bundle is as it was written: {count(len(files), 'file')}")


def verify_chains(state: Path | None, *, as_json: bool) -> None:
    """Check the live chains; ends with 1 where something is not as it was written."""
    place = find(state)
    with session_factory(place.engine)() as session:
        problems = audit.verify(session)
        rows, chains = session.execute(
            select(func.count(), func.count(AuditRow.customer_id.distinct()))
        ).one()
        anchors = session.scalars(select(func.count()).select_from(AuditAnchorRow)).one()
    if as_json:
        print_json([{"customer_id": p.customer_id, "seq": p.seq, "what": p.what} for p in problems])
    elif problems:
        listed = table(["Customer", "Row", "What"], right=["Row"], wide=["What"])
        for problem in problems:
            seq = "" if problem.seq is None else str(problem.seq)
            listed.add_row(words(problem.customer_id or ""), words(seq), words(problem.what))
        out().print(listed)
    else:
        checked = f"{count(rows, 'row')} in {count(chains, 'chain')}, {count(anchors, 'daily anchor')}"
        print(f"The audit log is as it was written: {checked}")
    if problems:
        raise Failed(f"The audit log is not as it was written: {count(len(problems), 'problem')}")
