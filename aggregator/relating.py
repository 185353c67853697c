"""Stories → those that tell of the same event. Done after visits and before publications, a few stories at a time.

    waiting → heaviest terms → what shares them → relations, event
    stories   by how common    within three days   stored
              terms are

How common terms are is learned from the latest articles of each language, and learned anew as these change; as long as
there are few, their relations are found anew as well.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from aggregator import related
from aggregator.errors import StateError
from aggregator.models import Article, Frequencies, Terms
from aggregator.related import MOST_WORDS, WINDOW
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import frequencies as stored_frequencies
from aggregator.store import relations as stored_relations
from aggregator.store.stories import TURN
from aggregator.words import folds, words

log = logging.getLogger(__name__)

AT_ONCE = 100  # stories: a fifth of a second
SAMPLE = 500  # articles of a language from which is learned how common its terms are
ENOUGH = 250  # below that it is learned badly, docs/quality.md: what was found is looked for anew
LEAST = 30  # below that everything seems rare, and anything related
MORE = 10  # articles that come at least until it is learned anew
MOST_CHARACTERS = 200_000  # of a text
RENEWED = 10  # times `SAMPLE` articles that come until it is learned anew


class Relating:
    """The relations of the stories of one store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Frequencies] = {}  # by language

    def relate(self, now: datetime) -> int:
        """Find the relations of some stories that wait for it, the latest first; how many these were. One that meets a
        bug of ours stays without. Raises StateError."""
        waiting = stored_relations.waiting(self._database, AT_ONCE)
        leads = stored_articles.by_keys(self._database, [one.lead for one in waiting])
        stories = {one.story: leads[one.lead] for one in waiting if one.lead in leads}
        new = Counter(_language(stories[one.story]) for one in waiting if one.is_new and one.story in stories)
        for language in sorted({_language(lead) for lead in stories.values()}):
            self._learn(language, new[language], now)
        self._save(stories)
        gone = {one.story: one.lead for one in waiting if one.story not in stories}
        if gone:
            with self._database.in_turn(TURN):
                stored_relations.leave(self._database, gone)
        return len(waiting)

    def forget(self, now: datetime) -> None:
        """Have the relations of all that came of late looked for anew."""
        self._known.clear()
        stored_frequencies.forget(self._database)
        stored_relations.look_again(self._database, now - WINDOW)

    def stand_by(self) -> None:
        """Another worker does it: what is known here of how common terms are is outdated."""
        self._known.clear()

    def _learn(self, language: str, new: int, now: datetime) -> None:
        """Learn how common terms are, unless that was done when not much less was there."""
        known = self._of(language)
        enough = max(MORE, known.articles if known.articles < SAMPLE else RENEWED * SAMPLE)
        if known.articles and known.seen + new < enough:
            if new:
                self._known[language] = replace(known, seen=known.seen + new)
                stored_frequencies.note_seen(self._database, language, known.seen + new)
            return
        texts = stored_frequencies.sample(self._database, language, SAMPLE)
        counts = related.frequencies([*title, *text] for title, text in map(_words, texts))
        learned = Frequencies(len(texts), 0, {term: count for term, count in counts.items() if count > 1})
        if known.articles < ENOUGH:  # first: a process that ends in between looks again when it learns again
            with self._database.in_turn(TURN):
                stored_relations.look_again(self._database, now - WINDOW, language)
        stored_frequencies.put(self._database, language, learned)
        self._known[language] = learned

    def _save(self, leads: Mapping[str, Article]) -> None:
        """Save the relations of stories, by their leads; where that meets a bug, of each by itself."""
        try:
            terms = {story: self._terms(lead) for story, lead in leads.items()}
            with self._database.in_turn(TURN):
                stored_relations.save(self._database, terms)
        except StateError:
            raise
        except Exception:
            if len(leads) > 1:
                for story, lead in leads.items():
                    self._save({story: lead})
                return
            for story, lead in leads.items():
                log.exception("a bug met while stories related to %s were looked for; please report it", story)
                with self._database.in_turn(TURN):
                    stored_relations.leave(self._database, {story: lead.key})

    def _of(self, language: str) -> Frequencies:
        if language not in self._known:
            self._known[language] = stored_frequencies.of(self._database, language) or Frequencies(0, 0, {})
        return self._known[language]

    def _terms(self, lead: Article) -> Terms:
        known = self._of(_language(lead))
        if known.articles < LEAST:
            return Terms(lead.key, lead.dated_at, {})
        title, text = _words((lead.title, lead.text))
        return Terms(lead.key, lead.dated_at, related.heaviest(title, text, known.counts, known.articles))


def _words(written: tuple[str, str]) -> tuple[Sequence[str], Sequence[str]]:
    """A title's words and a text's, folded, of each as many as are looked at."""
    title, text = written
    return folds(words(title[:MOST_CHARACTERS])[:MOST_WORDS]), folds(words(text[:MOST_CHARACTERS])[:MOST_WORDS])


def _language(article: Article) -> str:
    return article.language or ""
