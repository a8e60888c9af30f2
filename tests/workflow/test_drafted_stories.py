"""Lives of `stories.md` with a model that drafts, on real workers: a bad one changes nothing, a good one is heard."""

from datetime import timedelta

from pydantic import SecretStr

from activities.adapters.openai_model import OpenAIModel
from activities.writing.drafting import Drafter
from tests import openai_server as fake
from tests.hostile_drafts import GOOD, says
from tests.openai_server import OpenAIServer
from tests.workflow.conftest import Builder
from tests.workflow.test_stories import TECHGLOBAL, THREATS


def drafting(model: OpenAIServer) -> Drafter:
    return Drafter(OpenAIModel(model="small", api_key=SecretStr("k"), base_url=model.url))


async def test_a_model_that_threatens_leaves_techglobal_its_partner_letter(build: Builder) -> None:
    threat = says("Otherwise our lawyers will take legal action and we will block your orders.")
    with OpenAIServer(then=fake.says(threat)) as model:
        async with build(calendar="weekdays", drafter=drafting(model)) as house:
            house.know("TechGlobal", **TECHGLOBAL)
            await house.bill("TechGlobal", "TG-1", "52600.00", -60)
            await house.through(6)
            [letter] = house.mails("TechGlobal")
            [message] = house.messages()
    assert len(model.asked) == 2
    assert "partner" in model.prompts[0]
    assert "TechGlobal" not in model.prompts[0]
    assert THREATS.findall(letter.text) == []
    assert "52,600.00" in letter.text
    assert message.drafting is not None
    assert message.drafting["words"] == "template"


async def test_a_late_payer_reads_the_models_sentence_with_the_usual_day(build: Builder) -> None:
    with OpenAIServer(then=fake.says(GOOD["pre-due"][1])) as model:
        async with build(calendar="weekdays", drafter=drafting(model)) as house:
            dues = [house.day0 - timedelta(days=14 * number + 60) for number in range(12)]
            house.remember(
                "DataFlow", [(due - timedelta(days=30), due, due + timedelta(days=17)) for due in dues]
            )
            house.know("DataFlow")
            await house.bill("DataFlow", "DF-1", "41000.00", 18)
            await house.through(5)
            [mail] = house.mails("DataFlow")
            history = await house.client.get_workflow_handle(f"invoice-{house.id('DF-1')}").fetch_history()
    said = " ".join(mail.text.split())
    assert mail.step == "pre_due"
    assert (
        "your payments usually arrive around day 45 after the invoice date, so we write a little earlier"
        in said
    )
    assert "nearly always late, by weeks" in model.prompts[0]
    assert "usually arrive" not in history.to_json(), "words never travel"
