"""sources.yaml: a list of places to read. Each plug-in of `sources` brings the keys of its kind."""

from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, TypeAdapter, create_model

from aggregator import registry
from aggregator.registry import Options, Source


def schema() -> TypeAdapter[Any]:
    """The whole of sources.yaml, made from the plug-ins that are installed."""
    kinds = registry.sources()

    def kind(value: Any) -> str | None:
        if isinstance(value, Source):
            return type(value).__name__
        return next(
            (plugin.__name__ for key, plugin in kinds.items() if isinstance(value, dict) and key in value), None
        )

    help_text = f"a source needs one of the keys {', '.join(kinds)}"
    discriminator = Discriminator(
        kind,
        custom_error_type="unknown_kind",
        custom_error_message=help_text,
    )
    members: list[Any] = [Annotated[plugin, Tag(plugin.__name__)] for plugin in kinds.values()]
    source: Any = Annotated[reduce(or_, members[1:], members[0]), discriminator]
    model = create_model(
        "SourcesFile",
        __base__=Options,
        __doc__="The whole of sources.yaml.",
        sources=(tuple[source, ...], Field(())),
    )
    return TypeAdapter(model)
