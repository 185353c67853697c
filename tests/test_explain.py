"""What `explain` finds, and what it says of what is not stored."""

from pathlib import Path

from aggregator import config, explain, runtime
from aggregator.store import articles


async def test_stored_article_is_found_by_key_link_and_page(config_directory: Path) -> None:
    (config_directory / "topics.yaml").write_text("topics:\n  t: {title: T, any: [country:china]}\n")
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        await runtime.once(found, database, lambda visit: None)
        file = next(explain.traces(str(config_directory.parent / "seeds" / "yuan-rouble-settlement.txt"), found, None))
        with database.reading() as connection:
            keys = connection.exec_driver_sql("SELECT key FROM articles").scalars().all()
        key = next(key for key in keys if articles.get(database, key).title == file.article.title)  # type: ignore[union-attr]
        for what in (key, f"http://127.0.0.1:8080/articles/{key}", f"https://news.example.org/x/articles/{key}"):
            (trace,) = explain.traces(what, found, database)
            assert trace.article.key == key
            assert f"  key       {key}" in explain.lines(trace, found)
            assert explain.facts(trace)["key"] == key
        assert list(explain.traces(f"http://127.0.0.1:8080/articles/{'0' * 32}", found, database)) == []


def test_file_that_is_not_stored_has_no_key(config_directory: Path) -> None:
    found = config.load(config_directory, {})
    (trace,) = explain.traces(str(config_directory.parent / "seeds" / "yuan-rouble-settlement.txt"), found, None)
    assert "  stored    no" in explain.lines(trace, found)
    assert explain.facts(trace)["key"] is None


async def test_a_file_is_found_in_the_store_wherever_it_was_moved(config_directory: Path) -> None:
    found = config.load(config_directory, {})
    seed = config_directory.parent / "seeds" / "brief.txt"
    with runtime.opened(found) as database:
        await runtime.once(found, database, lambda visit: None)
        (trace,) = explain.traces(str(seed), found, database)
        assert [source for _, source in trace.stored_as] == ["folder:seeds"]
        assert articles.get(database, trace.stored_as[0][0])
        copy = config_directory.parent / "elsewhere.txt"
        copy.write_bytes(seed.read_bytes())
        (trace,) = explain.traces(str(copy), found, database)
        assert trace.stored_as == ()
