"""What several concepts by themselves under one `all` mean: the article is about what is between them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator import config, explain
from aggregator.judge import Judge
from aggregator.leaves.near import Near
from aggregator.models import Article, Verdict
from aggregator.topics import PROMINENT, TOGETHER, deciding, leaves, reasons, together

ROOT = Path(__file__).parent.parent
SEED = ROOT.parent / "shared" / "seed" / "article.txt"
CONFIG = config.load(ROOT / "config", {})
JUDGE = Judge(CONFIG)
NOW = datetime(2026, 11, 24, tzinfo=UTC)
FILLER = "The port handled more grain than in any autumn since the silos were built, its director told the council. "
GERMAN = "Germany held its course, the chancellor told reporters. "

READ_OUT = """The ministers of the seven spoke by telephone on Tuesday. They thanked Italy for the work of its presidency
and looked ahead to the meeting in Canada.

On supply chains they agreed to share figures each quarter. Japan will draw up the form, Germany and France will test it
first. On the war they repeated that Russia must leave, and promised Ukraine transformers before the frost.

On trade they spoke of dumping, of steel from China, and of the tariffs that Brazil and India had announced. They ended
with a word on the Red Sea, on Sudan and on the floods in Bangladesh."""


def verdict(text: str, title: str = "Weekly notes", topic: str = "china-russia") -> Verdict:
    article = Article("k", "s", "g", title, text, "", "", NOW, language="en", word_count=len(text.split()))
    judgement = JUDGE.explain(article, [topic])
    assert (topic in JUDGE.judge(article).verdicts) or not judgement.verdicts[topic].holds
    return judgement.verdicts[topic]


def long_text(together: int, each: int = 5) -> str:
    """About Germany; China and Russia come up behind the lede, `each` times, `together` of them in one sentence."""
    both = ["China buys what Russia sells. "] * together
    alone = ["China waits. ", "Russia waits. "] * (each - together)
    paragraphs = [GERMAN + part + FILLER for part in [*both, *alone]]
    return "\n\n".join([GERMAN * 4 + FILLER * 6, *paragraphs, *[GERMAN + FILLER * 2] * 7])


def test_about_each_is_enough() -> None:
    text = f"{FILLER}\n\nChina said yes. China signed first.\n\nRussia said yes. Russia signed last."
    found = verdict(text, "China and Russia sign")
    assert found.holds
    assert [reason.split(": ")[0] for reason in reasons(found)] == [
        "about country:china ≥ 25",
        "about country:russia ≥ 25",
    ]


def test_each_prominent_and_together_in_several_sentences_is_enough() -> None:
    found = verdict(long_text(TOGETHER))
    scores = [int(reason.split(": ")[1].split()[0]) for reason in reasons(found) if reason.startswith("about")]
    assert found.holds
    assert all(PROMINENT <= score < 25 for score in scores)
    assert reasons(found)[-1] == "country:china near country:russia within one sentence at least 4 times: 4 times"
    assert found.score == min(scores)


def test_each_prominent_but_hardly_together_is_not() -> None:
    found = verdict(long_text(TOGETHER - 1))
    assert not found.holds
    assert found.parts[0].parts[0].value == "neither about each, nor each prominent and together"


@pytest.mark.parametrize(
    ("title", "text"),
    [
        pytest.param("Ministers’ call on supply chains", READ_OUT, id="a read-out of many countries"),
        pytest.param("Ministers’ call", READ_OUT.split("\n\n")[1] + " They named China too.", id="a short one"),
        pytest.param(
            "Leaders meet in Canada",
            "Leaders from Canada, Japan, Italy, France and Germany met. They spoke of Russia and China, of Sudan, of Haiti"
            " and of the climate.",
            id="a very short one that names both in one sentence",
        ),
        pytest.param(
            "Sports in brief",
            f"Norway won the relay before Sweden, China, Finland, Italy and Russia. {FILLER * 5}",
            id="a list of results",
        ),
        pytest.param(
            "China opens a port",
            f"China opened a port. China paid for it. {FILLER * 9} Russia sent its greetings.",
            id="one",
        ),
        pytest.param("Nothing", FILLER, id="neither"),
    ],
)
def test_to_be_named_among_others_is_not(title: str, text: str) -> None:
    found = verdict(text, title)
    assert not found.holds
    assert found.score == 0
    assert deciding(found).rule.startswith("about country:")


def test_of_three_every_two_must_be_together() -> None:
    concepts = ("country:china", "country:russia", "country:germany")
    wanted = [leaf.near for leaf in leaves(together(concepts)) if isinstance(leaf, Near)]
    assert wanted == [concepts[:2], (concepts[0], concepts[2]), concepts[1:]]


COMMENTARY = """Nobody in Vellmar had expected the minister to speak of it. Yet on the last evening, after the toasts, he
said what diplomats had said in private since spring: that the pipeline would not be built.

"For China the price was never right," he said. Moscow had wanted what it was paid in Europe; China offered what Russia
takes at home. Two years of talks between Russia and China had changed neither figure.

What remains is a road, a bridge and a customs post at which lorries wait for days. China buys more oil from Russia than
it did, and pays in yuan. But Russian engineers who went east in the first winter have gone home, and the camp that was
built for them stands empty."""


def test_a_commentary_whose_title_names_neither_belongs_to_the_pair() -> None:
    found = verdict(COMMENTARY, "The line that was never laid")
    assert found.holds
    assert not verdict(COMMENTARY.replace("Russia", "Sweden").replace("Moscow", "Stockholm")).holds


@pytest.mark.skipif(not SEED.exists(), reason="the article is not here")
def test_the_article_that_was_named_for_this_topic_belongs_to_it() -> None:
    (trace,) = explain.traces(str(SEED), CONFIG, None)
    holding = {slug for slug, found in trace.judgement.verdicts.items() if found.holds}
    assert {"china-russia", "us-china"} <= holding
