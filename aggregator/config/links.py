"""links.yaml: what is known of links, beside what comes with the program. For comparing links, not for showing them."""

from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from aggregator.registry import Options

_LABEL = "[a-z0-9_-]+"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*\.(?:{_LABEL}|\*)"
Parameter = Annotated[str, Field(pattern=r"^[^*&=?#\s]{1,60}$|^[^*&=?#\s]{2,60}\*$")]
Host = Annotated[
    str, Field(pattern=f"^{_HOST}$", description="In small letters; name.* for its hosts in all countries.")
]


class RedirectorRule(Options):
    """A host that leads elsewhere and has the target in the link."""

    at: str = Field(pattern=rf"^{_HOST}(?:/[^\s?#/]+)*$", description="The host and the beginning of its path.")
    parameter: tuple[Parameter, ...] = Field(
        (), description="Parameters that hold the target: the first that is there."
    )
    behind: str = Field("", max_length=100, description="Behind this text the rest of the link is the target.")
    form: Literal["url", "https", "http", "base64", "google-news", "proofpoint-2", "proofpoint-3"] = Field(
        "url", description="What the target is written in: https or http say what stands before it."
    )

    @model_validator(mode="after")
    def _has_its_place(self) -> Self:
        if bool(self.parameter) == bool(self.behind):
            raise ValueError("say where the target is: either `parameter` or `behind`")
        return self


class LinksFile(Options):
    """The whole of links.yaml; see `aggregator/data/links.yaml`, which has the same keys."""

    tracking: tuple[Parameter, ...] = Field((), description="Parameters that say nothing of the page; * at the end.")
    tracking_at: dict[Host, tuple[Parameter, ...]] = Field({}, description="Those that do so on these hosts only.")
    redirectors: tuple[RedirectorRule, ...] = Field((), description="Hosts that lead elsewhere.")
    forms: tuple[str, ...] = Field((), description="Parameters, with values, that show a page in another form.")
    same_pages: dict[Host, Host] = Field({}, description="Hosts that have the pages of another, without www. and m.")
    hosting: tuple[Host, ...] = Field((), description="Domains under which each host is somebody's own.")


SCHEMA: TypeAdapter[LinksFile] = TypeAdapter(LinksFile)
