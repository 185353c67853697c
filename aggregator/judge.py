"""What do the rules of a configuration say of an article: what it is about, and where it belongs? Pure."""

from dataclasses import dataclass

from aggregator import __version__, registry, tagging, topics
from aggregator.config import Config
from aggregator.features import Features, Vocabulary
from aggregator.models import Article, Membership, Tag, Verdict
from aggregator.registry import DEFAULT_RANK
from aggregator.words import digest

_LOOKS = {"title", "description", "limit", "examples"}  # of a topic: what no judgement depends on


@dataclass(frozen=True)
class Judgement:
    """What the rules say of one article."""

    features: Features
    tags: dict[str, Tag]  # by concept
    verdicts: dict[str, Verdict]  # by topic

    @property
    def all_tags(self) -> tuple[Tag, ...]:
        return tuple(self.tags.values())

    def memberships(self, story: str) -> tuple[Membership, ...]:
        """The topics of a story that this article leads."""
        held = ((slug, verdict) for slug, verdict in self.verdicts.items() if verdict.holds)
        return tuple(Membership(slug, story, verdict.score, topics.reasons(verdict)) for slug, verdict in held)


class Judge:
    """The rules of a configuration, ready to be asked about articles."""

    def __init__(self, config: Config) -> None:
        self.topics = config.topics
        self.vocabulary = Vocabulary(config.concepts, topics.phrases(config.topics.values()))
        rules = [f"{slug} {topic.model_dump(exclude=_LOOKS)!r}" for slug, topic in config.topics.items()]
        ranked = sorted((key, source.rank) for key, source in config.sources.items() if source.rank != DEFAULT_RANK)
        ranks = [f"{key} {rank}" for key, rank in ranked]  # a list that grows is no reason to judge all anew
        self.rules_hash = digest([__version__, *registry.taggers(), *rules, repr(config.concepts), *ranks])

    def judge(self, article: Article) -> Judgement:
        """Everything at once: the words are read only once."""
        features = self.vocabulary.read(article)
        tags = tagging.tags(features, self.vocabulary)
        verdicts = {slug: topics.judge(topic, features, tags) for slug, topic in self.topics.items()}
        return Judgement(features, tags, verdicts)
