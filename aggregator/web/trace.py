"""What the rules say of an article, for its page: topic by topic, with every rule and what it found.

Private topics are not asked: what is on a page, everybody may read.
"""

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from aggregator import topics
from aggregator.config import Config, Topic
from aggregator.judge import Judge
from aggregator.models import Article, Membership, Verdict
from aggregator.store import Database
from aggregator.store import memberships as stored_memberships

MOST_ASKED = 40  # topics; of more, those alone to which the article can belong at all


@dataclass(frozen=True, slots=True)
class Answer:
    """A topic's answer."""

    slug: str
    topic: Topic
    verdict: Verdict  # about this very article
    decided: Verdict  # the rule that decided
    membership: Membership | None  # of its story, judged by the copy that leads it
    is_hidden: bool = False  # from the past: on the topic's page only


@dataclass(frozen=True, slots=True)
class Trace:
    """All answers, those first that say yes."""

    answers: Sequence[Answer] = ()
    unasked: int = 0  # topics that want something which the article has not


class Tracer:
    """Asks the rules in use; they are made ready again when a reload has replaced them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._ready: tuple[Config, Judge] | None = None

    def trace(self, config: Config, article: Article, story: str) -> Trace:
        """What each topic says of an article of this story."""
        judge = self._judge(config)
        memberships = stored_memberships.of(self._database, [story])[story]
        hidden = stored_memberships.hiding(self._database, story)
        public = [slug for slug, topic in config.topics.items() if not topic.private]
        asked = public if len(public) <= MOST_ASKED else _candidates(judge, article, public, memberships)
        verdicts = judge.explain(article, asked).verdicts
        answers = [
            Answer(
                slug,
                config.topics[slug],
                verdict,
                topics.deciding(verdict),
                memberships.get(slug),
                slug in memberships and slug in hidden,
            )
            for slug, verdict in verdicts.items()
        ]
        answers.sort(key=lambda answer: answer.membership is None)
        return Trace(answers, len(public) - len(asked))

    def _judge(self, config: Config) -> Judge:
        with self._lock:
            if self._ready is None or self._ready[0] is not config:
                self._ready = config, Judge(config)
            return self._ready[1]


def _candidates(judge: Judge, article: Article, public: Collection[str], memberships: Collection[str]) -> list[str]:
    near = judge.judge(article).verdicts.keys() | set(memberships)
    found = [slug for slug in public if slug in near]
    return sorted(found, key=lambda slug: slug not in memberships)[:MOST_ASKED]
