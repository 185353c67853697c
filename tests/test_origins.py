"""Whose text an article is, and how many voices there are: by invented articles."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import agencies, config, furniture, origins, packaged
from aggregator.agencies import Agencies
from aggregator.clean import clean
from aggregator.markers import built_in
from aggregator.models import Article, Category, Credit, Entry, Markup, Origin

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
PROSE = {
    "en": "The ferry between the two islands will run again from Monday, the harbour office said on Friday.\n\nRepairs of the pier had taken three weeks longer than was planned, and cost twice as much.",
    "de": "Die Fähre zwischen den beiden Inseln fährt ab Montag wieder, teilte das Hafenamt am Freitag mit.\n\nDie Arbeiten am Anleger hatten drei Wochen länger gedauert als geplant und doppelt so viel gekostet.",
    "fr": "Le ferry entre les deux îles circulera de nouveau à partir de lundi, a annoncé vendredi le port.\n\nLes travaux du quai ont duré trois semaines de plus que prévu et coûté deux fois plus cher.",
    "es": "El ferry entre las dos islas volverá a navegar a partir del lunes, anunció el viernes el puerto.\n\nLas obras del muelle duraron tres semanas más de lo previsto y costaron el doble.",
    "ru": "Паром между двумя островами снова пойдёт с понедельника, сообщили в пятницу в управлении порта.\n\nРемонт причала занял на три недели больше, чем было намечено, и обошёлся вдвое дороже.",
    "zh": "港务局星期五表示，两座岛屿之间的渡轮将于星期一恢复运行，所有班次均按照原来的时刻表执行。\n\n码头的修缮工程比原计划多用了三个星期，费用也增加了一倍，居民们对此表示不满。",
    "ar": "قالت هيئة الميناء يوم الجمعة إن العبارة بين الجزيرتين ستعود إلى العمل ابتداء من يوم الاثنين.\n\nواستغرقت أعمال ترميم الرصيف ثلاثة أسابيع أكثر مما كان مقررا وكلفت ضعف ما كان متوقعا.",
}


def article(text: str, language: str | None = None, **fields: object) -> Article:
    """An article as it comes from a dropped text, without what is furniture."""
    entry = Entry(title=Markup("Ferry to run again"), content=Markup(text), framed=True, **fields)  # type: ignore[arg-type]
    return furniture.cut(clean(entry, source="s", now=NOW, declared_language=language), built_in())


def found(text: str, language: str | None = None, **fields: object) -> tuple[str, str] | None:
    credit = origins.credit(article(text, language, **fields))
    return (credit.label, credit.place) if credit else None


DATELINES = [
    ("en", "HARBOUR TOWN, March 12 (Reuters) - ", "Reuters"),
    ("en", "HARBOUR TOWN (AP) — ", "AP"),
    ("en", "By Jane Doe and John Roe HARBOUR TOWN, March 12 (Reuters) - ", "Reuters"),
    ("en", "(Reuters) - ", "Reuters"),
    ("en", "LONDON, March 12 (PA) - ", "PA"),
    ("en", "BEIJING, March 12 (Xinhua) -- ", "Xinhua"),
    ("en", "MOSCOW, March 12. /TASS/. ", "ТАСС"),
    ("de", "Hafenstadt (dpa) - ", "dpa"),
    ("de", "WIEN (APA/dpa) - ", "APA"),
    ("de", "Bern (sda) – ", "SDA"),
    ("fr", "Paris, 12 mars 2024 (AFP) – ", "AFP"),
    ("fr", "AFP - ", "AFP"),
    ("fr", "Berne (ats) - ", "SDA"),
    ("es", "Madrid, 12 mar (EFE).- ", "EFE"),
    ("es", "MADRID 12 Mar. (EUROPA PRESS) - ", "Europa Press"),
    ("ru", "МОСКВА, 12 марта. /ТАСС/. ", "ТАСС"),
    ("ru", "МОСКВА, 12 мар - РИА Новости. ", "РИА Новости"),
    ("ru", "Москва. 12 марта. ИНТЕРФАКС - ", "Интерфакс"),
    ("zh", "新华社北京3月12日电（记者张三）", "Xinhua"),
    ("zh", "中新社北京3月12日电 ", "中新社"),
    ("ar", "القاهرة 12 مارس (رويترز) - ", "Reuters"),
    ("ar", "باريس (أ ف ب) – ", "AFP"),
]


@pytest.mark.parametrize(("language", "line", "label"), DATELINES)
def test_dateline(language: str, line: str, label: str) -> None:
    assert found(line + PROSE[language], language) == (label, "dateline")


CREDITS = [
    ("en", "(Reporting by Jane Doe in Oban; editing by John Roe)", "Reuters"),
    ("en", "Source: Xinhua", "Xinhua"),
    ("en", "(Source: Reuters)", "Reuters"),
    ("en", "AFP", "AFP"),
    ("en", "© 2024 AFP", "AFP"),
    ("en", "Copyright 2024 The Associated Press. All rights reserved. This material may not be published.", "AP"),
    ("en", "This article was originally published by Reuters.", "Reuters"),
    ("en", "– Bernama", "Bernama"),
    ("de", "Quelle: dpa", "dpa"),
    ("de", "dpa/AFP", "dpa"),
    ("de", "© dpa-infocom, dpa:240312-99-123456/2", "dpa"),
    ("de", "(Bericht von Anna Schmidt, redigiert von Karl Meier.)", "Reuters"),
    ("fr", "Source : AFP", "AFP"),
    ("fr", "(Reportage Jean Dupont, version française Marie Durand, édité par Paul Martin)", "Reuters"),
    ("es", "Fuente: EFE", "EFE"),
    ("es", "(Reporte de Juan Pérez. Editado por María López)", "Reuters"),
    ("ru", "Источник: ТАСС", "ТАСС"),
    ("zh", "来源：新华社", "Xinhua"),
    ("zh", "（来源：中新网 作者：张三）", "中新社"),
    ("ar", "المصدر: رويترز", "Reuters"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "line", "label"), CREDITS)
def test_credit_line(language: str, line: str, label: str) -> None:
    assert found(f"{PROSE[language]}\n\n{line}", language) == (label, "credit line")


@pytest.mark.parametrize(
    ("language", "ending", "label"),
    [("en", " (AFP)", "AFP"), ("de", " (dpa)", "dpa"), ("en", " — PTI", "PTI"), ("zh", "（新华社）", "Xinhua"), ("ar", " (رويترز)", "Reuters")],
)  # fmt: skip
def test_credit_at_the_end_of_the_last_paragraph(language: str, ending: str, label: str) -> None:
    assert found(PROSE[language] + ending, language) == (label, "credit line")


def test_a_name_among_what_else_there_is_to_read_is_no_credit() -> None:
    text = article(f"{PROSE['en']}\n\nRelated articles\n\nFerry fares to rise\n\nReuters\n\nShare this:")
    assert text.cuts and origins.credit(text) is None


def test_a_credit_line_that_was_cut_as_furniture_counts() -> None:
    behind = "Source: Xinhua\n\nRelated articles\n\nFerry fares to rise\n\nShare this:\n\nFollow us on Facebook"
    text = article(f"{PROSE['en']}\n\n{behind}")
    assert "Xinhua" not in text.text and text.cuts
    assert origins.credit(text) == Credit("xinhua", "Xinhua", "credit line")


@pytest.mark.parametrize(
    ("authors", "language", "label"),
    [
        (("Reuters",), "en", "Reuters"),
        (("By Jane Doe, Reuters",), "en", "Reuters"),
        (("Jane Doe | AP",), "en", "AP"),
        (("AFP/Jane Doe",), "en", "AFP"),
        (("Jane Doe (dpa)",), "de", "dpa"),
        (("Reuters Staff",), "en", "Reuters"),
        (("The Associated Press",), None, "AP"),
        (("Island Post avec AFP",), "fr", "AFP"),
        (("Agence France-Presse (AFP)",), "fr", "AFP"),
        (("JANE DOE, AP Sports Writer",), "en", "AP"),
        (("新华社",), "zh", "Xinhua"),
        (("РИА Новости",), "ru", "РИА Новости"),
        (("Jane Doe",), "en", None),
        (("Jane Doe", "Reuters"), "en", None),
        (("Jane Doe avec AFP",), "fr", None),
        (("Reuters Breakingviews columnist and others",), "en", None),
        (("Ap",), "en", None),
        (("PA",), "es", None),
    ],
)
def test_authors(authors: tuple[str, ...], language: str | None, label: str | None) -> None:
    text = PROSE[language or "en"]
    credit = found(text, language, authors=authors, link="https://www.islandpost.example/ferry")
    assert credit == ((label, "byline") if label else None)


@pytest.mark.parametrize(
    ("line", "label"),
    [("By Reuters", "Reuters"), ("By Jane Doe, Associated Press", "AP"), ("Xinhua | Updated: 2024-03-12 10:30", "Xinhua"), ("By JANE DOE\n\nAssociated Press Writer", "AP"), ("By Jane Doe", None), ("REUTERS/Jane Doe", None), ("AFP", None)],
)  # fmt: skip
def test_byline_in_the_text(line: str, label: str | None) -> None:
    assert found(f"{line}\n\n{PROSE['en']}", "en") == ((label, "byline") if label else None)


def test_what_the_publisher_states() -> None:
    assert found(PROSE["en"], origin=Origin("Reuters", None)) == ("Reuters", "source")
    assert found(PROSE["en"], origin=Origin(None, "https://www.apnews.com/feed")) == ("AP", "source")
    assert found(PROSE["en"], categories=(Category("Source: AFP"),)) == ("AFP", "source")
    assert found(PROSE["en"], categories=(Category("AFP", "https://a.example/agency"),)) == ("AFP", "source")
    assert found(PROSE["en"], categories=(Category("Reuters"), Category("Sourcing"))) is None
    assert found(PROSE["en"], link="https://www.reuters.com/world/ferry") == ("Reuters", "host")
    assert found(PROSE["en"], link="https://notreuters.com/world/ferry") is None


NOT = [
    ("en", "Reuters reported on Friday that the ferry between the two islands will run again from Monday."),
    ("en", "The ferry will run again from Monday, the harbour office told Reuters (and others) on Friday afternoon."),
    ("en", "“We are glad,” the harbour master told the AP. “It was a long time without a ferry between the islands.”"),
    ("en", "Apple said (AP) - which has the story - that the ferry between the two islands will run again."),
    ("en", "Bloomberg — the man, not the agency — was among the first passengers on the ferry between the islands."),
    ("en", "A ferry - Reuters counted the passengers - went between the two islands on Monday, in heavy weather."),
    ("en", "HARBOUR TOWN, March 12 (Meridian Wire) — The ferry between the two islands will run again from Monday.\n\n(Reporting by Jane Doe; editing by John Roe)"),
    ("en", "The ferry between the two islands will run again from Monday.\n\nAdditional reporting by Reuters and AP"),
    ("en", "The ferry between the two islands will run again from Monday.\n\n(With inputs from PTI)"),
    ("en", "The ferry between the two islands will run again from Monday.\n\nThe Associated Press contributed to this report."),
    ("en", "The ferry between the two islands will run again from Monday.\n\n(AP Photo/Jane Doe)"),
    ("en", "The ferry between the two islands will run again from Monday.\n\nPhoto: AFP"),
    ("en", "The ferry between the two islands will run again from Monday.\n\nJane Doe / AFP"),
    ("en", "The ferry between the two islands will run again from Monday.\n\nSource: World Bank, Reuters"),
    ("en", "The ferry between the two islands will run again from Monday.\n\nImage source: AFP"),
    ("en", "The ferry between the two islands will run again from Monday.\n\nThis post was first published at http://[x"),
    ("en", "Shares of Thomson Reuters rose, and so did those of the ferry, on the second day of the week in London."),
    ("de", "Das sagte ein Sprecher der Nachrichtenagentur dpa. Die Fähre zwischen den Inseln fährt ab Montag wieder."),
    ("de", "Die Fähre fährt ab Montag wieder, teilte das Hafenamt mit.\n\nMit Material von dpa und AFP"),
    ("fr", "Le ferry circulera de nouveau, a déclaré à l'AFP le directeur du port, qui attendait cela depuis longtemps."),
    ("es", "El ferry volverá a navegar, dijo a EFE el director del puerto, que esperaba esto desde hacía mucho tiempo."),
    ("ru", "Паром снова пойдёт с понедельника, сообщает ТАСС со ссылкой на управление порта и на очевидцев."),
    ("zh", "据新华社报道，两座岛屿之间的渡轮将于星期一恢复运行，所有班次均按照原来的时刻表执行，居民们表示欢迎。"),
    ("ar", "قالت هيئة الميناء لوكالة رويترز إن العبارة بين الجزيرتين ستعود إلى العمل ابتداء من يوم الاثنين المقبل."),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text"), NOT)
def test_who_quotes_an_agency_is_not_one(language: str, text: str) -> None:
    assert found(f"{text}\n\n{PROSE[language]}" if "\n" not in text else text, language) is None
    assert found(text, language) is None


def test_a_short_name_is_another_agencys_in_another_language() -> None:
    known = agencies.built_in()
    assert known.named("APA", "de") and not known.named("APA", "ru")
    assert known.named("TT", "sv") and not known.named("TT", "en")
    assert known.named("dpa") and known.named("DPA") and not known.named("Dpa")
    assert known.named("reuters") and known.named("REUTERS") and known.named(" Reuters. ")


def test_packaged_agencies_are_what_they_look_like() -> None:
    listed = packaged.data("agencies.yaml")["agencies"]
    assert len(listed) > 60
    parsed = config.agencies.SCHEMA.validate_python(packaged.data("agencies.yaml"))
    assert parsed.agencies.keys() == listed.keys()
    hosts = [host for one in listed.values() for host in one.get("hosts", ())]
    assert len(hosts) == len(set(hosts))
    # Nobody's name is two agencies' in one language.
    assert [
        form for form, meant in agencies.built_in().by_name.items() if len({where for where, _ in meant}) < len(meant)
    ] == []


def voices(*copies: Article) -> int:
    return origins.independent(map(origins.voice, copies))


def at(host: str, text: str = PROSE["en"], **fields: object) -> Article:
    return article(text, "en", link=f"https://{host}/ferry", **fields)


def test_reprints_of_one_agency_are_one_voice() -> None:
    reprints = [at(f"paper{number}.example", f"OBAN (Reuters) - {PROSE['en']}") for number in range(12)]
    assert voices(*reprints) == 1
    assert voices(*reprints, at("www.reuters.com")) == 1
    assert voices(*reprints, at("paper1.example"), at("island.example")) == 3
    assert voices(*reprints, at("paper1.example", f"OBAN (AP) - {PROSE['en']}")) == 2


def test_a_site_is_one_voice() -> None:
    assert voices(at("www.bbc.co.uk"), at("sport.bbc.com")) == 1
    assert voices(at("jane.blogspot.com"), at("john.blogspot.com")) == 2
    assert voices(article(PROSE["en"]), article(PROSE["en"])) == 1
    assert voices() == 0


def test_a_reprint_counts_with_its_original() -> None:
    told = "\n\nThis article was originally published by Island Post."
    linked = "\n\nThis article was first published at https://www.islandpost.example/ferry."
    original, named, addressed = (
        at("www.islandpost.example"),
        at("a.example", PROSE["en"] + told),
        at("b.example", PROSE["en"] + linked),
    )
    assert voices(original, named, addressed) == 1
    assert voices(named, at("c.example", PROSE["en"] + told)) == 1
    assert voices(named, at("c.example")) == 2


def test_what_a_redirector_leads_to_is_a_voice_of_its_own() -> None:
    news = "news.google.com/rss/articles"
    one, other = (at(f"{news}/{name}", origin=Origin(name, f"https://{name}.example")) for name in ("a", "b"))
    assert voices(one, other) == 2


@given(
    st.lists(
        st.sampled_from(
            [*(line for _, line, _ in DATELINES + CREDITS), *PROSE.values(), "By", "Source:", "(", "—/—", "©"]
        ),
        max_size=6,
    )
)
def test_anything_may_be_written(lines: list[str]) -> None:
    text = article("\n\n".join(lines), authors=tuple(lines), categories=tuple(map(Category, lines)))
    assert origins.independent([origins.voice(text)]) == 1


@pytest.mark.parametrize(
    "text", ["(" * 5000, "By " * 3000, "a " * 4000 + "(Reuters", "Source: " * 2000, "— " * 4000, "A" * 199 + " - x", "reporting by " * 800]
)  # fmt: skip
def test_hostile_texts_take_no_time(text: str) -> None:
    assert origins.credit(article(text, authors=(text[:200],))) is None


def test_agencies_of_a_configuration_are_added(tmp_path: Path) -> None:
    own = {
        "agencies": {
            "isle": {"label": "Isle News", "names": ["Isle News"], "hosts": ["isle.example"]},
            "reuters": {"names": ["Rtr."]},
        }
    }
    known = Agencies.of(packaged.data("agencies.yaml"), own)
    text = article(f"OBAN (Isle News) - {PROSE['en']}", "en")
    assert origins.credit(text, known) == Credit("isle", "Isle News", "dateline")
    assert origins.credit(at("isle.example"), known) == Credit("isle", "Isle News", "host")
    rtr = known.named("RTR")
    assert rtr and rtr.label == "Reuters" and known.named("Reuters") == rtr
