"""The operator's own templates win by name, and a broken one is refused at start with file and line."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

import worker
from activities.paper.overrides import TemplatesInvalid, samples, use_templates
from activities.paper.statement import statement_html
from activities.writing.phrasing import LANGUAGES, TEMPLATES, template_names
from activities.writing.words import write_notice
from domain.vocabulary import Step, Tone
from settings import Settings
from tests.letters import invoice, notice

Write = Callable[[str, str], Path]
OVERDUE = "en/overdue.professional.jinja"
DE = "de/overdue.professional.jinja"


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Write]:
    """Puts a template into the operator's folder; ours alone are in use again afterwards."""

    def put(name: str, text: str) -> Path:
        path = tmp_path / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return tmp_path / "own"

    yield put
    use_templates(None)


def changed(name: str, was: str, becomes: str) -> str:
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    assert was in text
    return text.replace(was, becomes)


def line_of(text: str, sought: str) -> int:
    return text[: text.index(sought)].count("\n") + 1


def test_the_operators_own_words_win_and_the_others_stay_ours(write: Write) -> None:
    facts = notice(Step.OVERDUE)
    german = facts.model_copy(update={"language": "de", "locale": "de-DE"})
    before = write_notice(german)
    folder = write(OVERDUE, changed(OVERDUE, "Thank you for working with us.", "Many thanks from all of us."))
    assert use_templates(folder) == 1
    assert "Many thanks from all of us." in write_notice(facts).text
    assert "Thank you for your business." in write_notice(notice(Step.DUE, items=[invoice(days=0)])).text
    assert write_notice(german) == before
    use_templates(None)
    assert "Thank you for working with us." in write_notice(facts).text


def test_shared_layout_labels_and_papers_may_be_overridden(write: Write) -> None:
    write("fr/labels.jinja", changed("fr/labels.jinja", "Comment payer", "Vos moyens de paiement"))
    write("notice.html.jinja", changed("notice.html.jinja", "#1f5f5b", "#113355"))
    folder = write("statement.html.jinja", changed("statement.html.jinja", "#1f5f5b", "#113355"))
    assert use_templates(folder) == 3
    facts = notice(Step.OVERDUE, language="fr", locale="fr-FR")
    words = write_notice(facts)
    assert "Vos moyens de paiement" in words.text
    assert "#113355" in words.html
    assert "#113355" in statement_html(facts)


def test_what_is_changed_after_the_check_counts_from_the_next_start(write: Write) -> None:
    folder = write(OVERDUE, changed(OVERDUE, "Thank you for working with us.", "Many thanks from all of us."))
    use_templates(folder)
    write(OVERDUE, "{{ broken")
    assert "Many thanks from all of us." in write_notice(notice(Step.OVERDUE)).text


@pytest.mark.parametrize("name", [DE, "pt/call.jinja", "steps/demand.jinja"])
def test_a_copy_of_ours_is_accepted(write: Write, name: str) -> None:
    assert use_templates(write(name, (TEMPLATES / name).read_text(encoding="utf-8"))) == 1


#: What is written into the template, where, and what is said about it.
BROKEN = [
    (DE, "Bitte zahlen Sie {{ total }}", "Bitte zahlen Sie {{ total }", "unexpected '}'"),
    (DE, "{{ total }} {{ when }}", "{{ totl }} {{ when }}", "nothing is called 'totl'; did you mean 'total'?"),
    (DE, "{{ total }} {{ when }}", "{{ total|shout }} {{ when }}", "No filter named 'shout'."),
    (DE, "{{ total }} {{ when }}", "{{ say.summe }} {{ when }}", "say has no 'summe'"),
    (DE, "{{ total }} {{ when }}", "{{ facts.custumer }}", "facts has no 'custumer'; did you mean 'customer'?"),
    (DE, "{{ total }} {{ when }}", "{{ it.nmber }}", "has no attribute 'nmber'"),
    (DE, "{{ total }} {{ when }}", "{{ weekday(total) }}", ""),
    (DE, "{{ total }} {{ when }}", "{{ 1 / 0 }}", "division by zero"),
    (DE, "{{ total }} {{ when }}", "{{ ''.__class__.__mro__ }}", "is unsafe"),
    (DE, "{% block still_open %}", "{% block stil_open %}", "a block 'stil_open'; did you mean 'still_open'?"),
    (DE, "{% block still_open %}", "Gruß\n{% block still_open %}", "stands outside every block"),
    ("de/labels.jinja", '"Tage") }} überfällig', '"Tage", 3) }} überfällig', "takes 4 positional arguments"),
    ("steps/overdue.jinja", "{{ say.open_since(items) }}", "{{ say.open_since(itms) }}", "nothing is called 'itms'"),
    ("notice.txt.jinja", "{{ wrap(paragraph) }}", "{{ wrap(paragraph, 3, 4, 5) }}", "positional arguments"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "was", "becomes", "why"), BROKEN, ids=lambda value: str(value)[:24])
def test_a_broken_one_is_refused_with_file_and_line(
    write: Write, name: str, was: str, becomes: str, why: str
) -> None:
    text = changed(name, was, becomes)
    folder = write(name, text)
    with pytest.raises(TemplatesInvalid) as refused:
        use_templates(folder)
    line = line_of(text, becomes.splitlines()[0])
    first = str(refused.value).splitlines()[0]
    assert first.startswith(f"{folder / name}:"), first
    assert int(first.removeprefix(f"{folder / name}:").partition(":")[0]) in (line, line + 1)
    assert why in first
    assert write_notice(notice(Step.OVERDUE, language="de")).text, "ours stay in use"


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        (DE, "", "leaves empty what every message needs: subject, greeting, opening, contact"),
        (DE, '{% extends "steps/overdue.jinja" %}', "Required block"),
        (
            "fr/letter.jinja",
            '{% extends "letter.jinja" %}{% block greeting %}Bonjour{% endblock %}',
            "'contact'",
        ),
        (
            "fr/letter.jinja",
            (TEMPLATES / "fr/letter.jinja")
            .read_text("utf-8")
            .replace("Bonjour ", "{# #}")
            .replace("{{ facts.contact_name }},", ""),
            "leaves empty what every message needs: greeting",
        ),
        ("notice.txt.jinja", "{{ subject }}", "does not name its invoices"),
        ("notice.html.jinja", "<p>{{ subject }}</p>", "does not name its invoices"),
        (
            "statement.html.jinja",
            "<p>{{ facts.customer.name }}</p>",
            "the statement does not name its invoices",
        ),
        (DE, '{% extends "steps/overdu.jinja" %}', "steps/overdu.jinja"),
        (DE, '{% extends "../../worker.py" %}', "worker.py"),
    ],
)
def test_one_that_says_too_little_is_refused(write: Write, name: str, text: str, why: str) -> None:
    folder = write(name, text)
    with pytest.raises(TemplatesInvalid) as refused:
        use_templates(folder)
    assert why in str(refused.value)
    assert str(folder) in str(refused.value)


def test_files_that_are_none_of_ours_are_refused_but_not_what_editors_and_kubernetes_keep(
    write: Write,
) -> None:
    write(".git/config", "x")
    write("..data/en/labels.jinja", "{{ x")
    folder = write("en/.overdue.professional.jinja.swp", "x")
    assert use_templates(folder) == 0
    write("en/overdue.profesional.jinja", "x")
    write("readme.md", "x")
    with pytest.raises(TemplatesInvalid) as refused:
        use_templates(folder)
    assert str(refused.value).splitlines() == [
        f"{folder / 'en/overdue.profesional.jinja'}: is not the name of a template; did you mean {OVERDUE}?",
        f"{folder / 'readme.md'}: is not the name of a template; take it out",
    ]
    (folder / "en/overdue.profesional.jinja").unlink()
    (folder / "readme.md").unlink()
    (folder / "en" / "request.jinja").write_bytes(b"\xff\xfe")
    with pytest.raises(TemplatesInvalid, match=r"request\.jinja: is not UTF-8"):
        use_templates(folder)


def test_the_worker_does_not_start_with_a_broken_one(write: Write, tmp_path: Path) -> None:
    folder = write(DE, changed(DE, "{{ total }} {{ when }}", "{{ totl }}"))
    settings = Settings(database_url=SecretStr("postgresql://nobody@localhost/none"), templates=folder)
    with pytest.raises(TemplatesInvalid, match=r"overdue\.professional\.jinja:\d+: nothing is called 'totl'"):
        worker.parts(settings)
    with pytest.raises(TemplatesInvalid, match="is not a folder"):
        worker.parts(settings.model_copy(update={"templates": tmp_path / "nowhere"}))


def test_the_samples_reach_every_template() -> None:
    for language in LANGUAGES:
        written = {(facts.step, facts.tone) for facts in samples(language)}
        for name in template_names():
            folder, _, file = name.partition("/")
            step, _, tone = file.removesuffix(".jinja").partition(".")
            if folder == language and tone in set(Tone):
                assert (Step(step), Tone(tone)) in written
