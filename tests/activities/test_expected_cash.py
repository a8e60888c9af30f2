"""Expected cash of the store: every item with a day lies in a week."""

from datetime import UTC, date, datetime

from commands.risk.cash import foretell
from tests.activities.conftest import Office


def test_what_is_expected_of_a_customer_who_still_has_yesterday_lies_in_the_first_week(
    office: Office,
) -> None:
    office.now = datetime(2026, 11, 20, 15, tzinfo=UTC)
    office.open(customer={"timezone": "America/New_York"}, invoice={"due_on": "2026-11-18"})
    office.tell("INV-1", "promise_made", promise_id="P", pay_by="2026-11-22", source="phone")
    now, monday = datetime(2026, 11, 23, 2, tzinfo=UTC), date(2026, 11, 23)
    with office.sessions() as session:
        assert [each.on for each in foretell(session, now)] == [date(2026, 11, 22)]
        assert [each.on for each in foretell(session, now, monday)] == [monday]
