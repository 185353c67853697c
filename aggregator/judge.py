"""What do the rules of a configuration say of an article: what it is about, and where it belongs? Pure."""

from dataclasses import dataclass

from aggregator import __version__, origins, registry, tagging, topics
from aggregator.config import Config
from aggregator.features import Features, Vocabulary
from aggregator.models import Article, Membership, Story, Tag, Verdict
from aggregator.registry import DEFAULT_RANK
from aggregator.words import digest

_LOOKS = {"title", "description", "stories", "related", "limit", "examples"}  # of a topic: what no judgement depends on


@dataclass(frozen=True)
class Judgement:
    """What the rules say of one article."""

    features: Features
    tags: dict[str, Tag]  # by concept
    verdicts: dict[str, Verdict]  # by topic
    least: dict[str, int]  # independent sources that a topic wants

    @property
    def all_tags(self) -> tuple[Tag, ...]:
        return tuple(self.tags.values())

    def memberships(self, story: Story) -> tuple[Membership, ...]:
        """The topics of a story that this article leads."""
        voices = origins.independent(copy.voice or copy.source for copy in story.copies)
        return tuple(
            Membership(slug, story.id, verdict.score, (*topics.reasons(verdict), *_told(voices, self.least[slug])))
            for slug, verdict in self.verdicts.items()
            if verdict.holds and voices >= self.least[slug]
        )


def _told(voices: int, least: int) -> tuple[str, ...]:
    return (f"{voices} independent sources, of {least} that are wanted",) if least > 1 else ()


class Judge:
    """The rules of a configuration, ready to be asked about articles."""

    def __init__(self, config: Config) -> None:
        self.topics = config.topics
        self.vocabulary = Vocabulary(config.concepts, topics.phrases(config.topics.values()))
        rules = [f"{slug} {topic.model_dump(exclude=_LOOKS)!r}" for slug, topic in config.topics.items()]
        told_apart = sorted(
            (key, source.rank, source.paywall)
            for key, source in config.sources.items()
            if source.rank != DEFAULT_RANK or source.paywall
        )
        ranks = [
            f"{key} {rank} {paywall}" for key, rank, paywall in told_apart
        ]  # a list that grows judges nothing anew
        self.rules_hash = digest([__version__, *registry.taggers(), *rules, repr(config.concepts), *ranks])

    def judge(self, article: Article) -> Judgement:
        """Everything at once: the words are read only once."""
        features = self.vocabulary.read(article)
        tags = tagging.tags(features, self.vocabulary)
        verdicts = {slug: topics.judge(topic, features, tags) for slug, topic in self.topics.items()}
        least = {slug: topic.min_independent_sources for slug, topic in self.topics.items()}
        return Judgement(features, tags, verdicts, least)
