"""What may be named where everybody reads: no story that is in private topics only, shown there or not."""

from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, func, select

from aggregator.store.schema import memberships

_belonging = memberships.alias("belonging")
_PRIVATE: Any = bindparam("private", expanding=True)
_HAS_PUBLIC = func.max(case((_belonging.c.topic.not_in(_PRIVATE), 1), else_=0))  # nothing where there are no topics


def is_public(story: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a story is in another topic than the `private` ones, or in none."""
    # Story by story: with EXISTS, PostgreSQL reads the memberships of all stories beforehand.
    looked_up = select(_HAS_PUBLIC).where(_belonging.c.story == story).correlate_except(_belonging).scalar_subquery()
    return func.coalesce(looked_up, 1) == 1
