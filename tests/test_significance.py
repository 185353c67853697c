"""What changes by itself is no news; what a reader would call news is."""

import time

import pytest

from aggregator.significance import news_hash, significant
from aggregator.words import folded, words

STORY = "The ministers met on Monday. They agreed to meet again."


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("12 comments", "13 comments", id="comments"),
        pytest.param("1,204 views", "1.3k views", id="views"),
        pytest.param("3.4k shares · 12 likes", "3.5k shares · 13 likes", id="counters between dots"),
        pytest.param("12 comments, 3 shares and 40 likes", "13 comments, 4 shares and 41 likes", id="a list of counters"),
        pytest.param("No comments", "1 comment", id="the first comment"),
        pytest.param("Points: 34\n\n# Comments: 3", "Points: 35\n\n# Comments: 4", id="label before its number"),
        pytest.param("Read on (12 comments).", "Read on (13 comments).", id="in brackets"),
        pytest.param("It ends. 12 comments.", "It ends. 15 comments.", id="a sentence of its own"),
        pytest.param("5 min read", "6 min read", id="reading time"),
        pytest.param("Posted 2 hours ago", "Posted 3 hours ago", id="hours ago"),
        pytest.param("updated 5 min ago", "updated an hour ago", id="updated ago"),
        pytest.param("It struck 2 hours ago.", "It struck 3 hours ago.", id="ago in a sentence"),
        pytest.param("2h ago", "3h ago", id="short units"),
        pytest.param("Last updated: 24 November 2026, 14:30 GMT", "Last updated: 25 November 2026, 9:05 GMT", id="stamp"),
        pytest.param("Updated on Monday at 2:30 p.m. ET", "Updated on Tuesday at 11:00 a.m. ET", id="stamp with a day"),
        pytest.param("Published 2026-11-24T10:00:00Z", "Published 2026-11-25T11:30:00Z", id="ISO stamp"),
        pytest.param("At 14:30 UTC it began.", "At 14:35 UTC it began.", id="clock"),
        pytest.param("At 8 pm it began.", "At 9 p.m. it began.", id="hour of the day"),
        pytest.param("See https://a.example/x?utm_source=a", "See https://a.example/x?utm_source=b", id="tracking"),
        pytest.param("A “b” — c", "a 'B'\n\n-  C!", id="case, punctuation, spaces"),
        pytest.param("12 Kommentare | vor 2 Stunden", "13 Kommentare | vor 3 Stunden", id="de"),
        pytest.param("Stand: 24. November 2026, 14.30 Uhr", "Stand: 25. November 2026, 8 Uhr", id="de stamp"),
        pytest.param("12 commentaires\n\nil y a 2 heures", "15 commentaires\n\nil y a 3 heures", id="fr"),
        pytest.param("Mis à jour le 24 novembre 2026 à 14h30", "Mis à jour le 25 novembre 2026 à 9h05", id="fr stamp"),
        pytest.param("12 comentarios\n\nhace 2 horas", "13 comentarios\n\nhace 5 horas", id="es"),
        pytest.param("Actualizado el 24 de noviembre", "Actualizado el 25 de noviembre", id="es stamp"),
        pytest.param("12 комментариев\n\n2 часа назад", "21 комментариев\n\n5 часов назад", id="ru"),
        pytest.param("Обновлено 24 ноября 2026, 14:30 мск", "Обновлено 25 ноября 2026, 9:00 мск", id="ru stamp"),
        pytest.param("1\u00a0204 просмотра", "1\u00a0310 просмотров", id="ru views"),
    ],
)  # fmt: skip
def test_what_changes_by_itself_is_no_news(before: str, after: str) -> None:
    assert words(significant(before)) == words(significant(after))
    assert news_hash("Title", f"{STORY}\n\n{before}") == news_hash("Title", f"{STORY}\n\n{after}")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("5 dead", "12 dead", id="dead"),
        pytest.param("5 Tote", "12 Tote", id="de"),
        pytest.param("5 morts", "12 morts", id="fr"),
        pytest.param("5 muertos", "12 muertos", id="es"),
        pytest.param("5 погибших", "12 погибших", id="ru"),
        pytest.param("He bought 500 shares of it.", "He bought 600 shares of it.", id="shares of a company"),
        pytest.param("The bill drew 12 comments from Moscow.", "The bill drew 40 comments from Moscow.", id="comments in prose"),
        pytest.param("They won 2:1.", "They won 3:1.", id="a result"),
        pytest.param("It grew by 2.30 percent.", "It grew by 2.40 percent.", id="a decimal"),
        pytest.param("It fell 10 years ago.", "It fell 12 years ago.", id="years ago"),
        pytest.param("Updated figures show 5.", "Updated figures show 12.", id="updated figures"),
        pytest.param("On 24 November it began.", "On 25 November it began.", id="a date in prose"),
        pytest.param("They may talk.", "They march.", id="months that are verbs"),
        pytest.param("See https://a.example/x?id=1", "See https://a.example/x?id=2", id="another page"),
    ],
)  # fmt: skip
def test_news_is_news(before: str, after: str) -> None:
    assert news_hash("Title", f"{STORY}\n\n{before}") != news_hash("Title", f"{STORY}\n\n{after}")
    assert news_hash(before, STORY) != news_hash(after, STORY)


@pytest.mark.parametrize(
    "bomb",
    [
        "1" * 1_000_000, "1 " * 500_000, "1 comment " * 100_000, "comments " * 110_000, "updated " * 120_000, "(" * 1_000_000,
        "updated 1 " * 100_000, "1:00 " * 200_000, "12:30 utc " * 100_000, "a " * 500_000, "https://" * 125_000, ",;/&" * 250_000,
        "vor " * 250_000, "https://a.example/?" * 50_000, " - " * 300_000, "no " * 300_000, "1 like," * 140_000,
    ],
    ids=lambda bomb: bomb[:12],
)  # fmt: skip
def test_a_hostile_text_takes_linear_time(bomb: str) -> None:
    begin = time.process_time()
    significant(bomb)
    assert time.process_time() - begin < 5


@pytest.mark.parametrize(
    "text", [STORY, f"{STORY}\n\n12 comments", "Straße (ΣΟΦΟΣ) — 2 hours ago", "https://a.example/?utm_source=x"]
)
def test_words_that_are_known_are_not_read_again(text: str) -> None:
    assert news_hash("Title", text, folded(text)) == news_hash("Title", text)
