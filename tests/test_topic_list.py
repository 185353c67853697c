"""The list of all topics: as they are now, and no private ones."""

from pathlib import Path

from aggregator import config, opml
from aggregator.web.published import Published
from tests.test_pipeline import once, only_inbox

TOPICS = "topics:\n  {one}:\n    title: One & all\n    any: [{{phrase: one}}]\n  desk:\n    title: Desk\n    private: true\n    any: [{{phrase: two}}]\n"


async def test_the_list_follows_the_configuration_and_names_nothing_private(config_directory: Path) -> None:
    only_inbox(config_directory)
    for slug in ("one", "other"):
        (config_directory / "topics.yaml").write_text(TOPICS.format(one=slug))
        await once(config_directory)
        loaded = config.load(config_directory, {})
        published = Published(lambda: loaded)  # noqa: B023  # used in this turn only
        place = published.place("/topics.opml")
        assert place is not None
        copy = published.copy(place, packed=True)
        assert copy is not None
        assert copy.place.media_type == "text/x-opml; charset=utf-8"
        body = (config_directory.parent / "var" / "public" / "topics.opml").read_bytes()
        (outline,) = opml.read(body, "topics.opml")
        assert (outline.url, outline.title) == (f"http://127.0.0.1:8080/feeds/{slug}.atom", "One & all")
        assert b"desk" not in body.lower()
