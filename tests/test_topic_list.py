"""The list of all topics: as they are now, and no private ones."""

from pathlib import Path

from lxml import etree

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


async def test_what_goes_across_topics_is_in_a_folder_before_them(config_directory: Path) -> None:
    only_inbox(config_directory)
    (config_directory / "topics.yaml").write_text(
        "topics:\n  one: {title: One, description: Of one., labels: [asia, rail], digests: [daily],"
        " variants: {lang: [en]}, any: [{phrase: one}]}\n"
        "  desk: {title: Desk, labels: [hush], private: true, any: [{phrase: two}]}\n"
    )
    path = config_directory / "aggregator.yaml"
    path.write_text(path.read_text().replace("  publish: false", "  publish: true"))
    await once(config_directory)
    body = (config_directory.parent / "var" / "public" / "topics.opml").read_bytes()
    (_, root) = etree.fromstring(body)
    assert [(one.get("text"), [inner.get("text") for inner in one]) for one in root] == [
        ("Across topics", ["Everything", "asia", "rail"]),
        ("asia", ["One"]),
    ]
    base = "http://127.0.0.1:8080/"
    assert dict(root[1][0].attrib) == {
        "text": "One",
        "title": "One",
        "type": "rss",
        "xmlUrl": f"{base}feeds/one.atom",
        "htmlUrl": f"{base}topics/one",
        "description": "Of one.",
        "category": "/asia,/rail",
    }
    assert [one.get("htmlUrl") for one in root[0]] == [base, f"{base}#label-asia", f"{base}#label-rail"]
    assert root[0][1].get("xmlUrl") == f"{base}feeds/_label-asia.atom"
