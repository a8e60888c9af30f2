"""How long the database takes for the figures of a million invoices, how fast history is imported, and what it takes
to say when every open invoice will be paid."""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from activities.rulebook import load_rulebook
from benchmarks.accounting import cpu_seconds
from commands.risk.cash import foretell
from deploy.local_postgres import LocalPostgres
from domain.figures.day_figures import figures
from domain.figures.trend import month_ends, trend
from domain.files import portfolio_csv
from settings import ROOT
from store import balances, history, receivables
from store import trend as store_trend
from store.database import create_engine, session_factory
from store.migrate import upgrade

TODAY = date(2027, 3, 31)
CUSTOMERS, SETTLED, OPEN = 20_000, 900_000, 100_000
ROUNDS = 7
IMPORTED = 200_000

# Three years of history with terms of 30 to 60 days, and four months of open invoices of which every fifth is paid
# in part and every tenth of those credited, too. Rows of cases are as wide as real ones, with policy and decision.
_CUSTOMERS = """
INSERT INTO customers (customer_id, profile, tier, country, audit_seq)
SELECT 'C-' || n,
       jsonb_build_object(
           'customer_id', 'C-' || n, 'name', 'Customer ' || n,
           'account_manager', jsonb_build_object('name', 'Manager ' || n % 40)
       ),
       (ARRAY['strategic', 'standard', 'standard', 'chronic_late'])[1 + n % 4],
       (ARRAY['US', 'DE', 'FR', 'ES', 'PT'])[1 + n % 5],
       0
FROM generate_series(1, :customers) AS n
"""
_SETTLED = """
INSERT INTO settled_invoices
    (invoice_id, customer_id, issued_on, due_on, amount_minor, currency, settled_on)
SELECT 'H-' || n, 'C-' || 1 + (random() * random() * (:customers - 1))::int, issued, issued + terms,
       (100 + random() * random() * 5000000)::bigint, 'USD',
       least(:today, issued + greatest(0, terms + (random() * 70)::int - 20))
FROM (
    SELECT n, :today - 45 - (random() * 1050)::int AS issued, 30 + 15 * (random() * 2)::int AS terms
    FROM generate_series(1, :settled) AS n
) AS made
"""
_CASES = """
INSERT INTO cases
    (invoice_id, customer_id, owner_id, seller, number, currency, invoice, start_sha256, policy_name,
     policy_version, policy, cycle, revision, opened_at, issued_on, due_on, amount_minor, balance_minor, stage,
     why, risk, decision)
SELECT 'I-' || n, customer, customer, 'seller-' || n % 3, 'I-' || n, 'USD',
       jsonb_build_object(
           'invoice_id', 'I-' || n, 'description', repeat(md5(n::text), 8), 'currency', 'USD',
           'amount', (minor / 100.0)::numeric(15, 2)::text, 'due_on', (issued + terms)::text
       ),
       ''::bytea,
       'standard', '1', cast(:policy AS jsonb), 0, 1, issued::timestamptz, issued, issued + terms, minor,
       minor - paid, 'overdue', repeat(md5(n::text), 3), 'low',
       jsonb_build_object('kind', 'wait', 'why', repeat(md5(n::text), 12))
FROM (
    SELECT n, 'C-' || 1 + (random() * random() * (:customers - 1))::int AS customer,
           :today - (random() * 120)::int AS issued, 30 + 15 * (random() * 2)::int AS terms, minor,
           CASE WHEN n % 5 = 0 THEN minor / 3 ELSE 0 END + CASE WHEN n % 50 = 0 THEN minor / 4 ELSE 0 END AS paid
    FROM (
        SELECT n, (100 + random() * random() * 5000000)::bigint AS minor
        FROM generate_series(1, :open) AS n
    ) AS priced
) AS made
"""
_LEDGER = """
INSERT INTO ledger_entries (invoice_id, customer_id, kind, event_id, amount_minor, currency, entry_on)
SELECT invoice_id, customer_id, 'invoice', invoice_id, amount_minor, currency, issued_on FROM cases
UNION ALL
SELECT invoice_id, customer_id, 'payment_received', 'P', -(amount_minor / 3), currency, issued_on + 20
FROM cases WHERE substr(invoice_id, 3)::int % 5 = 0
UNION ALL
SELECT invoice_id, customer_id, 'credit_issued', 'C', -(amount_minor / 4), currency, issued_on + 9
FROM cases WHERE substr(invoice_id, 3)::int % 50 = 0
"""
# Every case was written to before it fell due, and has the payment that its ledger tells of.
_FACTS = """
INSERT INTO events (customer_id, invoice_id, kind, event_id, payload, payload_sha256, at)
SELECT customer_id, invoice_id, 'step_claimed', 'M-' || invoice_id,
       jsonb_build_object('message_id', 'M-' || invoice_id, 'step', 'pre_due', 'cycle', 0, 'catch_up', false),
       ''::bytea, due_on::timestamptz
FROM cases
UNION ALL
SELECT customer_id, invoice_id, 'payment_received', 'P',
       jsonb_build_object(
           'payment_id', 'P', 'amount', (amount_minor / 3 / 100.0)::numeric(15, 2)::text, 'currency', currency,
           'received_on', (issued_on + 20)::text
       ),
       ''::bytea, (issued_on + 20)::timestamptz
FROM cases WHERE substr(invoice_id, 3)::int % 5 = 0
"""
#: The least that any figure over every invoice costs: one pass over both tables.
_BARE = "SELECT (SELECT sum(amount_minor) FROM settled_invoices) + (SELECT sum(amount_minor) FROM cases)"


@dataclass
class Timed:
    """One question: seconds in the database and altogether, round by round, beside the bare sum of that round;
    `cpu` is the processor time of all the database's processes for one round, which load does not stretch."""

    title: str
    aim_ms: int | None
    database: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    cpu: float = 0.0


@dataclass(frozen=True)
class Imported:
    """Rows of history brought into the store; seconds."""

    rows: int
    reading: float
    storing: float
    copying: float
    """Of the same rows by plain COPY into a table without keys."""


@dataclass(frozen=True)
class Foretold:
    """When every open invoice will be paid, each case with all its facts; seconds."""

    invoices: int
    whole: float
    fetching: float
    """The rows of the open cases and of their facts as they are, in one statement each."""


@dataclass(frozen=True)
class Scale:
    timed: list[Timed]
    foretold: Foretold
    imported: Imported


def measure() -> Scale:
    """Fill a database of its own, ask it everything some times, and import into it."""
    with (
        tempfile.TemporaryDirectory(prefix="duecourse-") as folder,
        LocalPostgres(Path(folder) / "postgres", own=True) as server,
    ):
        upgrade(server.url)
        engine = create_engine(server.url, statement_timeout_s=0)
        _fill(engine)
        assert server.pid is not None, "it has just started"
        clock = _DatabaseTime(engine, server.pid)
        timed = [_timed(engine, clock, *each) for each in _QUESTIONS]
        foretold = _foretell(engine)
        imported = _import(engine, Path(folder))
        engine.dispose()
        return Scale(timed, foretold, imported)


def _fill(engine: sa.Engine) -> None:
    policy = load_rulebook(ROOT / "deploy").policies["standard"].model_dump_json()
    given = {"customers": CUSTOMERS, "settled": SETTLED, "open": OPEN, "today": TODAY, "policy": policy}
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT setseed(0.5)"))
        for statement in (_CUSTOMERS, _SETTLED, _CASES, _LEDGER, _FACTS):
            connection.execute(sa.text(statement), given)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
    with session_factory(engine)() as session:
        assert balances.differences(session) == [], "the balances are kept by every way into the table"


def _ageing(session: Session) -> Any:
    return receivables.breakdown(session, TODAY, "seller")


def _ageing_before(session: Session) -> Any:
    return receivables.breakdown(session, TODAY - timedelta(days=200), "seller")


def _by_owner(session: Session) -> Any:
    return receivables.breakdown(session, TODAY, "owner")


def _trend(session: Session) -> Any:
    return trend(store_trend.flows(session)["USD"], month_ends(TODAY, 12), "USD")


def _by_balance(session: Session) -> Any:
    return balances.largest(session, "USD", TODAY, 20)


def _report(session: Session) -> Any:
    return figures(receivables.sums(session, TODAY)["USD"], TODAY, "USD")


_QUESTIONS: tuple[tuple[str, int | None, Callable[[Session], Any]], ...] = (
    ("ageing by seller", 200, _ageing),
    ("ageing by seller, 200 days before", None, _ageing_before),
    ("ageing by account manager", None, _by_owner),
    ("customers by balance, the 20 largest", 200, _by_balance),
    ("trend of 12 months", 1_000, _trend),
    ("the whole report", None, _report),
)


def _timed(
    engine: sa.Engine, clock: _DatabaseTime, title: str, aim_ms: int | None, ask: Callable[[Session], Any]
) -> Timed:
    found = Timed(title, aim_ms)
    with session_factory(engine)() as session:
        ask(session)
        for _ in range(ROUNDS):
            with clock.running() as bare:
                session.execute(sa.text(_BARE)).one()
            with clock.running() as ours:
                assert ask(session)
            found.bare.append(bare.database)
            found.database.append(ours.database)
            found.whole.append(ours.whole)
        used = clock.cpu()
        for _ in range(ROUNDS):
            ask(session)
        found.cpu = (clock.cpu() - used) / ROUNDS
    return found


@dataclass
class _Reading:
    database: float = 0.0
    whole: float = 0.0


class _DatabaseTime:
    """Seconds from sending a statement to its last row, over all statements of a reading."""

    def __init__(self, engine: sa.Engine, pid: int) -> None:
        self._pid = pid
        self._reading: _Reading | None = None
        self._sent = 0.0
        sa.event.listen(engine, "before_cursor_execute", self._send)
        sa.event.listen(engine, "after_cursor_execute", self._answered)

    @contextmanager
    def running(self) -> Iterator[_Reading]:
        self._reading, began = _Reading(), time.perf_counter()
        yield self._reading
        self._reading.whole = time.perf_counter() - began

    def cpu(self) -> float:
        """Processor time used so far by the server and all its processes."""
        return cpu_seconds({"database": self._pid})["database"]

    def _send(self, *_: object) -> None:
        self._sent = time.perf_counter()

    def _answered(self, *_: object) -> None:
        if self._reading is not None:
            self._reading.database += time.perf_counter() - self._sent


def _foretell(engine: sa.Engine) -> Foretold:
    """Once: it takes as long as the others together."""
    with session_factory(engine)() as session:
        began = time.perf_counter()
        for table in ("cases", "events"):
            session.execute(sa.text(f"SELECT * FROM {table}")).all()
        fetching = time.perf_counter() - began
    with session_factory(engine)() as session:
        began = time.perf_counter()
        expected = foretell(session, datetime.combine(TODAY, datetime.min.time(), UTC))
        return Foretold(len(expected), time.perf_counter() - began, fetching)


def _import(engine: sa.Engine, folder: Path) -> Imported:
    """Read a file of history and store it, as `import` does, into the database that is full already."""
    file = _write_history(folder / "history.csv")
    began = time.perf_counter()
    read = portfolio_csv.read(file.read_bytes(), TODAY)
    reading = time.perf_counter() - began
    assert not read.errors
    began = time.perf_counter()
    with session_factory(engine).begin() as session:
        added = history.store_settled(session, read.history, read.customers)
    storing = time.perf_counter() - began
    assert added == IMPORTED
    columns = "invoice_id, customer_id, issued_on, due_on, amount_minor, currency, settled_on"
    rows = [
        (r.invoice_id, r.customer_id, r.issued_on, r.due_on, r.amount.minor, r.amount.currency, r.settled_on)
        for r in read.history
    ]
    with engine.begin() as connection:
        connection.execute(
            sa.text(f"CREATE TABLE bare AS SELECT {columns} FROM settled_invoices WITH NO DATA")
        )
        cursor = connection.connection.cursor()
        began = time.perf_counter()
        with cursor.copy(f"COPY bare ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        copying = time.perf_counter() - began
    return Imported(IMPORTED, reading, storing, copying)


def _write_history(file: Path) -> Path:
    random = Random(5)
    with file.open("w", newline="", encoding="utf-8") as opened:
        out = csv.writer(opened)
        out.writerow("invoice_id customer_id issue_date due_date amount currency settled_date".split())
        for number in range(IMPORTED):
            issued = TODAY - timedelta(days=100 + random.randrange(900))
            due = issued + timedelta(days=random.choice((30, 45, 60)))
            settled = due + timedelta(days=random.randrange(-20, 30))
            amount = f"{random.randrange(100, 5_000_000) / 100:.2f}"
            customer = f"C-{random.randrange(1, 2 * CUSTOMERS)}"
            out.writerow([f"F-{number}", customer, issued, due, amount, "USD", settled])
    return file
