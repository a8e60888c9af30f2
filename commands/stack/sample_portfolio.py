"""The demo's portfolio: twelve invented customers with sixty invoices in four currencies, dated around a day 0.

TechGlobal, Metro and DataFlow are the customers of the stories. They have no country, so that no holiday moves
their dates. Names under .example reach nobody, and the telephone numbers are kept free for invented people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from domain.contract import Customer, Start
from domain.files.portfolio_csv import HistoryRow
from domain.money import Money

#: The same portfolio in every run.
SEED = 2026

NEW_YORK, CHICAGO, DENVER = "America/New_York", "America/Chicago", "America/Denver"
LONDON, BERLIN, PARIS, TOKYO = "Europe/London", "Europe/Berlin", "Europe/Paris", "Asia/Tokyo"

TECHGLOBAL, METRO, DATAFLOW = "C-TECHGLOBAL", "C-METRO", "C-DATAFLOW"
HARBOUR, NORDLICHT, KISARAGI = "C-HARBOUR", "C-NORDLICHT", "C-KISARAGI"
BRAMBLE, QUILLON, MARCHAND = "C-BRAMBLE", "C-QUILLON", "C-MARCHAND"
SABLE, ORCHARD, LARKSPUR = "C-SABLE", "C-ORCHARD", "C-LARKSPUR"

IRIS = {"name": "Iris Cole", "email": "iris.cole@lindenmoor.example"}
SAM = {"name": "Sam Reed", "email": "sam.reed@lindenmoor.example"}


@dataclass(frozen=True)
class Bill:
    """One invoice: due so many days after day 0, issued `net` days before that."""

    number: str
    amount: str
    due: int
    what: str
    net: int = 30
    collection: str = "transfer"
    purchase_order: str | None = None


@dataclass(frozen=True)
class Debtor:
    """A customer with what is owed in one currency."""

    profile: Mapping[str, Any]
    currency: str
    bills: tuple[Bill, ...]

    @property
    def customer_id(self) -> str:
        return str(self.profile["customer_id"])


def _profile(
    customer_id: str,
    name: str,
    zone: str,
    country: str | None,
    address: tuple[str, str, str, str],
    domain: str,
    people: Mapping[str, str],
    *,
    phone: str,
    manager: Mapping[str, str] = SAM,
    **more: Any,
) -> dict[str, Any]:
    """Particulars as an ERP tells them. `address` is street, city, region, postal code; `people` names by role."""
    street, city, region, postal_code = address
    where = {"lines": [street], "city": city, "region": region or None, "postal_code": postal_code}
    return {
        "customer_id": customer_id,
        "name": name,
        "timezone": zone,
        "address": where if country is None else {**where, "country": country},
        "contacts": [
            {"role": role, "name": person, "email": f"{_mailbox(person)}@{domain}.example", "phone": phone}
            for role, person in people.items()
        ],
        "account_manager": dict(manager),
        **({} if country is None else {"country": country}),
        **more,
    }


def _mailbox(person: str) -> str:
    plain = person.lower().translate(str.maketrans("äöüéèçō ", "aoueeco."))
    return plain.replace("'", "")


DEBTORS: tuple[Debtor, ...] = (
    Debtor(
        _profile(
            TECHGLOBAL,
            "TechGlobal Industries",
            NEW_YORK,
            None,
            ("1 Meridian Plaza", "New York", "NY", "10017"),
            "techglobal",
            {"ap": "Dana Whitlock", "cfo": "Robert Haines"},
            phone="+12025550111",
            manager=IRIS,
            tier="strategic",
            annual_revenue="4200000.00",
        ),
        "USD",
        (
            Bill("TG-2081", "52600.00", -60, "Design system, phase 1", purchase_order="4500-7781"),
            Bill("TG-2094", "44800.00", -45, "Design system, phase 2", purchase_order="4500-7781"),
            Bill("TG-2107", "30000.00", -30, "Accessibility audit", purchase_order="4500-7902"),
        ),
    ),
    Debtor(
        _profile(
            METRO,
            "Metro Services LLC",
            NEW_YORK,
            None,
            ("880 Canal Street", "Newark", "NJ", "07102"),
            "metroservices",
            {"ap": "Paula Reyes", "cfo": "Martin Oakes"},
            phone="+12025550112",
            credit_limit="200000.00",
        ),
        "USD",
        (Bill("INV-2024-5521", "84200.00", -78, "Signage for 14 stations"),),
    ),
    Debtor(
        _profile(
            DATAFLOW,
            "DataFlow Analytics",
            NEW_YORK,
            None,
            ("25 Foundry Row", "Boston", "MA", "02210"),
            "dataflow",
            {"ap": "Grace Lin"},
            phone="+12025550113",
        ),
        "USD",
        (
            Bill("DF-3105", "41000.00", 18, "Dashboard design, month 5"),
            Bill("DF-3106", "42000.00", 46, "Dashboard design, month 6"),
        ),
    ),
    Debtor(
        _profile(
            HARBOUR,
            "Harbour & Pike Ltd",
            LONDON,
            "GB",
            ("6 Wapping Wall", "London", "", "E1W 3SG"),
            "harbourpike",
            {"ap": "Oliver Marsh", "finance": "Priya Nair", "cfo": "Helen Pike"},
            phone="+442079460101",
            manager=IRIS,
        ),
        "GBP",
        tuple(
            Bill(f"HP-{7401 + week}", amount, -20 + 7 * week, f"Catalogue pages, batch {week + 1}", net=100)
            for week, amount in enumerate(
                (
                    *("1840.00", "2210.50", "1675.00", "3320.00", "980.00"),
                    *("2745.25", "1999.00", "1420.00", "4105.00", "2280.00"),
                    *("1160.00", "3015.50", "1890.00", "2430.00", "1575.00"),
                )
            )
        ),
    ),
    Debtor(
        _profile(
            NORDLICHT,
            "Nordlicht Medien GmbH",
            BERLIN,
            "DE",
            ("Speicherstraße 12", "Berlin", "", "10243"),
            "nordlicht",
            {"ap": "Jonas Weber", "cfo": "Katrin Vogel"},
            phone="+493023125101",
        ),
        "EUR",
        (
            Bill("NM-1201", "6400.00", -9, "Season trailer, storyboards"),
            Bill("NM-1204", "12850.00", 2, "Season trailer, production"),
            Bill("NM-1210", "3975.00", 14, "Title sequence"),
            Bill("NM-1215", "8200.00", 33, "Poster series"),
            Bill("NM-1222", "5100.00", 70, "Festival booth", net=45),
        ),
    ),
    Debtor(
        _profile(
            KISARAGI,
            "Kisaragi Optics K.K.",
            TOKYO,
            "JP",
            ("3-7-2 Kanda Surugadai", "Tokyo", "", "101-0062"),
            "kisaragi",
            {"ap": "Aiko Tanabe", "finance": "Kenji Mori"},
            phone="+81355500101",
            manager=IRIS,
        ),
        "JPY",
        (
            Bill("KO-881", "1480000", -3, "Lens packaging, first run"),
            Bill("KO-884", "920000", 9, "Instruction leaflets"),
            Bill("KO-889", "2150000", 25, "Trade fair stand"),
            Bill("KO-893", "640000", 44, "Photography"),
            Bill("KO-897", "1120000", 82, "Lens packaging, second run"),
        ),
    ),
    Debtor(
        _profile(
            BRAMBLE,
            "Bramble & Finch Bakery",
            NEW_YORK,
            "US",
            ("14 Orchard Street", "Hudson", "NY", "12534"),
            "bramblefinch",
            {"ap": "Nora Finch"},
            phone="+12025550117",
            kind="sole_trader",
        ),
        "USD",
        (
            Bill("BF-51", "310.00", -12, "Menu boards"),
            Bill("BF-52", "42.50", 5, "Stickers"),
            Bill("BF-53", "185.00", 22, "Gift boxes", net=14),
            Bill("BF-54", "96.00", 60, "Spring menu", net=14),
        ),
    ),
    Debtor(
        _profile(
            QUILLON,
            "Quillon Freight Inc.",
            CHICAGO,
            "US",
            ("2300 Dock Road", "Chicago", "IL", "60616"),
            "quillon",
            {"ap": "Terry Boone", "cfo": "Alan Quill"},
            phone="+12025550118",
        ),
        "USD",
        (
            Bill("QF-6620", "18450.00", -35, "Fleet livery, 20 trucks"),
            Bill("QF-6631", "7300.00", -5, "Driver app, screens"),
            Bill("QF-6640", "9120.00", 12, "Depot signage"),
            Bill("QF-6652", "4480.00", 28, "Driver app, icons"),
            Bill("QF-6660", "2950.00", 45, "Safety posters"),
            Bill("QF-6671", "6100.00", 75, "Fleet livery, 6 trucks"),
        ),
    ),
    Debtor(
        _profile(
            MARCHAND,
            "Atelier Marchand SARL",
            PARIS,
            "FR",
            ("41 rue des Tanneurs", "Lyon", "", "69002"),
            "marchand",
            {"ap": "Luc Perrin", "cfo": "Élise Marchand"},
            phone="+33465710101",
            manager=IRIS,
            tier="strategic",
        ),
        "EUR",
        (
            Bill("AM-3301", "23600.00", 4, "Collection lookbook"),
            Bill("AM-3309", "11750.00", 20, "Showroom concept"),
            Bill("AM-3318", "9900.00", 55, "Invitation cards"),
        ),
    ),
    Debtor(
        _profile(
            SABLE,
            "Sable Ridge Hotels",
            DENVER,
            "US",
            ("700 Aspen Way", "Denver", "CO", "80202"),
            "sableridge",
            {"ap": "Megan Stroud", "finance": "Victor Hale", "cfo": "Ruth Sable"},
            phone="+12025550120",
            annual_revenue="1900000.00",
        ),
        "USD",
        (
            Bill("SR-410", "15200.00", -16, "Guest directory"),
            Bill("SR-411", "8640.00", -2, "Key cards"),
            Bill("SR-415", "5075.00", 10, "Spa brochure"),
            Bill("SR-419", "12300.00", 24, "Wayfinding, building B"),
            Bill("SR-426", "3890.00", 52, "Restaurant menus"),
        ),
    ),
    Debtor(
        _profile(
            ORCHARD,
            "Orchard Lane Veterinary",
            LONDON,
            "GB",
            ("9 Orchard Lane", "Bath", "", "BA1 2LR"),
            "orchardlane",
            {"ap": "Simon Webb"},
            phone="+442079460111",
        ),
        "GBP",
        (
            Bill("OL-91", "640.00", 1, "Appointment cards", net=14),
            Bill("OL-92", "1280.00", 15, "Website care, quarter", collection="direct_debit"),
            Bill("OL-93", "415.00", 29, "Leaflets"),
            Bill("OL-94", "2200.00", 50, "Waiting room murals"),
            Bill("OL-95", "640.00", 85, "Appointment cards", net=14),
        ),
    ),
    Debtor(
        _profile(
            LARKSPUR,
            "Larkspur Dental Group",
            NEW_YORK,
            "US",
            ("500 Larkspur Avenue", "Philadelphia", "PA", "19103"),
            "larkspur",
            {"ap": "Ellen Brody", "finance": "Marcus Dale"},
            phone="+12025550122",
        ),
        "USD",
        (
            Bill("LD-701", "2450.00", -1, "Practice brand, part 1"),
            Bill("LD-702", "2450.00", 13, "Practice brand, part 2"),
            Bill("LD-703", "1325.00", 20, "Patient forms"),
            Bill("LD-704", "88.00", 6, "Name badges"),
            Bill("LD-705", "5600.00", 36, "Photo library"),
            Bill("LD-706", "760.00", 40, "Opening hours signs"),
        ),
    ),
)


@dataclass(frozen=True)
class Portfolio:
    """The sample as an ERP would send it, on dates that follow from day 0."""

    day0: date
    starts: tuple[tuple[date, Start], ...]
    """Each invoice with the day it is sent: that of its issue, day 0 for those issued before."""
    history: tuple[HistoryRow, ...]
    customers: Mapping[str, Customer]


def sample(day0: date) -> Portfolio:
    """The portfolio around `day0`; equal days give equal portfolios."""
    random = Random(SEED)
    starts = [
        (max(day0, start.invoice.issued_on or day0), start)
        for debtor in DEBTORS
        for start in (_start(debtor, bill, day0, random) for bill in debtor.bills)
    ]
    customers = {debtor.customer_id: Customer.model_validate(debtor.profile) for debtor in DEBTORS}
    return Portfolio(day0, tuple(starts), tuple(_dataflow_history(day0)), customers)


def _start(debtor: Debtor, bill: Bill, day0: date, random: Random) -> Start:
    due = day0 + timedelta(days=bill.due)
    issued = due - timedelta(days=bill.net)
    invoice = {
        "invoice_id": bill.number,
        "number": bill.number,
        "currency": debtor.currency,
        "amount": bill.amount,
        "issued_on": issued.isoformat(),
        "due_on": due.isoformat(),
        "description": bill.what,
        "purchase_order": bill.purchase_order,
        "collection": bill.collection,
        "collect_on": due.isoformat() if bill.collection != "transfer" else None,
        "lines": _lines(bill, Money.parse(bill.amount, debtor.currency), random),
    }
    return Start.model_validate({"invoice": invoice, "customer": debtor.profile})


def _lines(bill: Bill, amount: Money, random: Random) -> list[dict[str, str]]:
    """One to three lines that sum to the amount."""
    works = ["Concept and drafts", "Artwork", "Preparation for print"][: random.randint(1, 3)]
    if len(works) == 1:
        return [{"description": bill.what, "amount": str(amount)}]
    return [
        {"description": f"{bill.what}: {work.lower()}", "amount": str(part)}
        for work, part in zip(works, _parts(amount, len(works), random), strict=True)
    ]


def _parts(amount: Money, count: int, random: Random) -> list[Money]:
    shares = [random.randint(2, 5) for _ in range(count)]
    minors = [amount.minor * share // sum(shares) for share in shares]
    minors[-1] += amount.minor - sum(minors)
    return [Money(minor, amount.currency) for minor in minors]


def _dataflow_history(day0: date) -> list[HistoryRow]:
    """24 invoices paid late, as the story has it, and the four of its six that lie before day 0, paid when due."""
    first_live = day0 + timedelta(days=18)
    dues = [first_live - timedelta(days=28 * back) for back in (4, 3, 2, 1)]
    late = [15, 16, 17, 18, 19, 17] * 4
    earlier = [dues[0] - timedelta(days=14 * back) for back in range(len(late) + 1, 1, -1)]
    paid = [*zip(earlier, late, strict=True), *((due, 0) for due in dues)]
    return [
        HistoryRow(
            invoice_id=f"DF-{3105 - len(paid) + number}",
            customer_id=DATAFLOW,
            issued_on=due - timedelta(days=30),
            due_on=due,
            amount=Money(4_100_000, "USD"),
            settled_on=due + timedelta(days=days),
        )
        for number, (due, days) in enumerate(paid)
    ]
