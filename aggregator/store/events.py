"""Which of the stories about one event is the only one that a topic shows: parts of statements."""

from sqlalchemy import Boolean, bindparam, not_, or_, select

from aggregator.store.schema import articles, memberships, stories

FOUNDER = articles.alias("founder")
_others, _their_founders = stories.alias("others"), articles.alias("their_founders")
_IS_FIRST, _OTHER_IS_FIRST = stories.c.id == stories.c.event, _others.c.id == _others.c.event
_CAME_BEFORE = or_(
    _their_founders.c.first_seen_at < FOUNDER.c.first_seen_at,
    (_their_founders.c.first_seen_at == FOUNDER.c.first_seen_at) & (_others.c.id < stories.c.id),
)
_theirs = memberships.alias("theirs")
_IS_IN_THE_TOPIC = (
    select(_theirs.c.story)
    .where(
        _theirs.c.topic == bindparam("topic"),
        _theirs.c.story == _others.c.id,
        or_(_theirs.c.hidden.is_(False), bindparam("past", type_=Boolean())),
    )
    .correlate(_others)
    .exists()
)
_OF_THE_EVENT = (  # others in the topic that go before: the event's first story, else the one that came first
    select(_others.c.id)
    .join(_their_founders, _their_founders.c.key == _others.c.id)
    .where(
        _others.c.event == stories.c.event,
        _others.c.id != stories.c.id,
        or_(_OTHER_IS_FIRST, not_(_IS_FIRST) & _CAME_BEFORE),
        _IS_IN_THE_TOPIC,
    )
)
IS_LOOKED_AT = or_(stories.c.event.is_not(None), not_(stories.c.unrelated))
IS_ONE_PER_EVENT = IS_LOOKED_AT & not_(_OF_THE_EVENT.correlate(stories, FOUNDER).exists())
