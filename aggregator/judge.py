"""What do all the rules of a configuration say of an article: what it is about, and where it belongs? Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from aggregator import __version__, origins, registry, tagging, topics
from aggregator.case import Case
from aggregator.config import Config, Topic
from aggregator.config.topics import Group
from aggregator.features import Features, Vocabulary
from aggregator.index import Index
from aggregator.leaves.source import SourceLeaf
from aggregator.models import Article, Membership, Story, Tag, Verdict
from aggregator.registry import DEFAULT_RANK
from aggregator.words import digest

# Of a topic: what a judgement depends on. The rest is how its feed looks.
_JUDGED = {*Group.model_fields, "language", "min_independent_sources"}


@dataclass(frozen=True)
class Judgement:
    """What the rules say of one article."""

    features: Features
    tags: dict[str, Tag]  # by concept
    verdicts: dict[str, Verdict]  # by topic: of all that it belongs to, at least
    topics: Mapping[str, Topic]
    rules: Mapping[str, str]  # by topic: a hash of what it asks for

    @property
    def all_tags(self) -> tuple[Tag, ...]:
        return tuple(self.tags.values())

    def memberships(self, story: Story) -> tuple[Membership, ...]:
        """The topics of a story that this article leads."""
        voices = origins.independent_in(story.copies)
        return tuple(
            Membership(
                slug,
                story.id,
                verdict.score,
                (*topics.reasons(verdict), *_told(voices, least)),
                self.rules[slug],
            )
            for slug, verdict in self.verdicts.items()
            if verdict.holds and voices >= (least := self.topics[slug].min_independent_sources)
        )


def _told(voices: int, least: int) -> tuple[str, ...]:
    return (f"{voices} independent sources, of {least} that are wanted",) if least > 1 else ()


class Judge:
    """The rules of a configuration, ready to be asked about articles."""

    def __init__(self, config: Config) -> None:
        self.topics = config.topics
        leaves = {leaf for topic in config.topics.values() for leaf in topics.leaves(topic)}
        self.vocabulary = Vocabulary(config.concepts, sorted({phrase for leaf in leaves for phrase in leaf.phrases}))
        self._index = Index(config.topics)
        self._sources = config.sources
        rules = {slug: f"{slug} {topic.model_dump(include=_JUDGED)!r}" for slug, topic in config.topics.items()}
        self._rules = {slug: digest([written]) for slug, written in rules.items()}
        told_apart = sorted(  # a list that grows judges nothing anew
            (key, source.rank, source.paywall)
            for key, source in config.sources.items()
            if source.rank != DEFAULT_RANK or source.paywall
        )
        ranks = [f"{key} {rank} {paywall}" for key, rank, paywall in told_apart]
        meant = self._meant({leaf for leaf in leaves if isinstance(leaf, SourceLeaf)})
        concepts = repr(config.concepts)
        self.rules_hash = digest([__version__, *registry.taggers(), *rules.values(), concepts, *ranks, *meant])

    def judge(self, article: Article) -> Judgement:
        """What it is about, and the topics that it comes near to. Everything at once: the words are read only once."""
        case = self._case(article)
        verdicts = {slug: topics.judge(self.topics[slug], case) for slug in self._index.candidates(case)}
        return Judgement(case.features, dict(case.tags), verdicts, self.topics, self._rules)

    def explain(self, article: Article, slugs: Collection[str] | None = None, *, shows: bool = True) -> Judgement:
        """The same with every topic, or those that are named, and, if `shows`, what was found in its sentence."""
        case = self._case(article, shows=shows)
        asked = self.topics if slugs is None else slugs
        return Judgement(
            case.features,
            dict(case.tags),
            {slug: topics.judge(topic, case) for slug, topic in self.topics.items() if slug in asked},
            self.topics,
            self._rules,
        )

    def _case(self, article: Article, *, shows: bool = False) -> Case:
        features = self.vocabulary.read(article)
        source = self._sources.get(article.source)
        names = source.names if source else (article.source,)
        tags = tagging.tags(features, self.vocabulary)
        return Case(features, tags, tuple(name.casefold() for name in names), shows)

    def _meant(self, leaves: Collection[SourceLeaf]) -> Iterator[str]:
        """The names of the sources that rules speak of: a source that gets another label is judged anew."""
        for key, source in sorted(self._sources.items()) if leaves else ():
            names = tuple(name.casefold() for name in source.names)
            if any(leaf.fits(names) for leaf in leaves):
                yield repr((key, names))
