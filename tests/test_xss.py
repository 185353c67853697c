"""Every known attack, in every field, read back from every output: nothing active comes out.

The attacks and the judge (an HTML parser that is not ours) are other people's, so they stand outside the project.
"""

import importlib.util
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import html5lib
import pytest
from lxml import etree

from aggregator import compose, config, registry
from aggregator.clean import clean
from aggregator.dedup import copy_of
from aggregator.markup import safe_html
from aggregator.models import (
    Article,
    Attribution,
    Category,
    Enclosure,
    Entry,
    Link,
    Markup,
    Origin,
    Related,
    Tag,
    Verdict,
)
from aggregator.store.contents import StoredCopy, StoredStory
from aggregator.store.volumes import Latest, Volume
from aggregator.web import pages
from aggregator.web.trace import Answer, Trace

ROOT = Path(__file__).parent.parent
CASES = ROOT.parent / "shared" / "cases" / "reliability" / "xss"
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
MAIN = '<main id="content" tabindex="-1">'
OURS = re.compile(  # what the judge would take for a stranger's
    r'<svg class="(?:chart|meter)"[^<>]*>(?:<(?:path|rect) [^<>]*/>)*</svg>'
    r'|<button type="button" class="copy" data-copy="[^"<>]*" aria-label="[^"<>]*" hidden>Copy</button>'
)
BASE = "https://a.example/x/"
PARTS = 4  # of the attacks: as many tests, which can run side by side
CONFIG = config.load(ROOT / "config", {})
SLUG = next(iter(CONFIG.topics))
pytestmark = pytest.mark.skipif(not CASES.exists(), reason="the case collection is not here")


@pytest.fixture(scope="module")
def attacks() -> list[str]:
    return [json.loads(line)["input"] for line in (CASES / "payloads.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def oracle() -> ModuleType:
    spec = importlib.util.spec_from_file_location("oracle", CASES / "oracle.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.scheme = scheme
    return module


def scheme(link: str) -> str:
    """The scheme of a link as browsers read it (https://url.spec.whatwg.org/#concept-basic-url-parser)."""
    seen = re.sub(r"[\t\n\r]", "", link.strip("".join(map(chr, range(0x21)))))
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", seen)
    return found[1].lower() if found else ""


def attacked(attack: str, html: bool) -> Article:
    """An article whose entry says the same wherever it can say something."""
    said = Markup(attack, html)
    entry = Entry(
        guid=attack,
        link=attack,
        links=(Link(attack, attack, attack, attack), Link(BASE, attack, attack, attack)),
        base=BASE if html else attack,
        title=said,
        subtitle=said,
        summary=said,
        content=said,
        authors=(attack,),
        categories=(Category(attack, attack, attack),),
        enclosures=(Enclosure(attack, attack), Enclosure(BASE, attack)),
        language=attack,
        thumbnail=attack,
        comments=attack,
        origin=Origin(attack, attack),
        licence=attack,
    )
    return clean(entry, source="s", now=NOW)


def story(article: Article, name: str) -> StoredStory:
    copies = (StoredCopy(article.key, NOW, "", "s", Attribution(name, BASE, article.link)),)
    tags = tuple(Tag(f"category:{one.term}", one.label or one.term, 50) for one in article.categories)
    related = (Related(article.key, article.key, article.title, article.link, name, NOW, 0.5),)
    identity = f"tag:example.org,2026:story/{article.key}"
    return StoredStory(article.key, identity, article, copies, tags, 50, (name,), NOW, None, related)


def from_xml(data: bytes) -> tuple[list[str], list[str], list[str]]:
    """HTML, text that readers take for HTML, and links of an Atom or RSS feed."""
    html: list[str] = []
    escaped: list[str] = []
    links: list[str] = []
    for element in etree.fromstring(data).iter():
        name = etree.QName(element).localname
        text = element.text or ""
        if name == "description":
            escaped.append(text)
        elif name == "encoded" or element.get("type") in ("html", "xhtml"):
            html.append(text)
        if name in ("link", "comments", "license", "uri", "docs", "icon", "logo"):
            links.append(text)
        links += [value for key, value in element.attrib.items() if key in ("href", "src", "url", "uri")]
    return html, escaped, links


def from_json(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Each text of a JSON Feed with the key that it stands under."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from from_json(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from from_json(part, key)
    elif isinstance(value, str):
        yield key, value


def links_of(article: Article) -> list[str | None]:
    found = [article.link, article.thumbnail, article.comments, article.origin and article.origin.url]
    return [*found, *(link.href for link in article.links), *(one.url for one in article.enclosures)]


def answered(attack: str) -> Trace:
    """What rules would say of an article if their words were an attack."""
    verdict = Verdict(True, attack, attack, 50, (Verdict(False, attack, attack, excerpts=(attack,)),), (attack,))
    return Trace((Answer(SLUG, CONFIG.topics[SLUG], verdict, verdict, None),), 1)


def index_page(article: Article) -> str:
    return pages.index(CONFIG, {SLUG: Volume(1, Latest(article.key, article.title, article.language, NOW))})


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("html", [True, False], ids=["html", "text"])
def test_no_attack_comes_through(
    attacks: list[str], oracle: ModuleType, html: bool, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    articles = {article.key: article for attack in attacks[part::PARTS] for article in [attacked(attack, html)]}
    stories = {key: story(article, "Wire" if html else article.title or "-") for key, article in articles.items()}
    feed = compose.compose(
        SLUG,
        CONFIG.topics[SLUG],
        list(stories.values()),
        {key: one.item_id or "" for key, one in stories.items()},
        CONFIG.settings,
        NOW,
        CONFIG.agencies,
    )
    values: set[str] = set()
    texts: set[str] = set()
    links = {link for article in articles.values() for link in links_of(article) if link}
    for name in ("atom", "rss"):
        found, escaped, targets = from_xml(registry.formats()[name].render(feed))
        values.update(found)
        texts.update(escaped)
        links.update(filter(str.strip, targets))
    for key, value in from_json(json.loads(registry.formats()["jsonfeed"].render(feed))):
        if key == "content_html":
            values.add(value)
        if key in ("url", "image") or key.endswith("_url"):
            links.add(value)
    assert {link for link in links if not re.match("https?://[^/]", link)} == set()
    assert {scheme(article.licence or "") for article in articles.values()} <= {"", "http", "https"}

    def active(value: str) -> list[str]:
        return oracle.walk(html5lib.parseFragment(value), set())

    assert found_in(oracle.problems if html else active, sorted(values)) == {}
    assert found_in(active, sorted(texts)) == {}

    related = {key: one.related for key, one in stories.items()}
    monkeypatch.setattr(pages, "STORIES", len(stories))
    monkeypatch.setattr(pages.stored_articles, "get", lambda database, key: articles.get(key))
    monkeypatch.setattr(pages.stored_articles, "story_of", lambda database, key: (copy_of(articles[key], 0),))
    monkeypatch.setattr(pages.stored_relations, "of", lambda *_: related)
    monkeypatch.setattr(pages.stored_articles, "tags_of", lambda database, key: stories[key].tags)
    monkeypatch.setattr(pages.stored_contents, "stories_in", lambda *_, **__: list(stories.values()))
    database: Any = SimpleNamespace()
    tracer: Any = SimpleNamespace(trace=lambda config, article, story: answered(article.title))
    written = [pages.topic(CONFIG, database, SLUG)]
    written += [pages.article(CONFIG, database, key, tracer) for key in articles]
    written += [index_page(article) for article in list(articles.values())[::100]]
    bodies = []
    for page in written:
        head, _, body = (page or "").partition(MAIN)
        assert re.fullmatch("[^<>]*", head.partition("<title>")[2].partition("</title>")[0])
        bodies.append(OURS.sub("", body.rpartition("</main>")[0]))
    assert all(bodies)
    assert found_in(active, bodies) == {}


def found_in(active: Callable[[str], list[str]], values: list[str]) -> dict[str, list[str]]:
    """What is active in each of the texts. They are read in one piece first, since starting a parser takes longest."""
    together = active("\n<hr>\n".join(values))
    return {"together": together} | {value: found for value in values if (found := active(value))} if together else {}


def test_cleaning_twice_is_cleaning_once(attacks: list[str]) -> None:
    for attack in attacks:
        once = safe_html(attack, BASE)
        assert safe_html(once, BASE) == once


def test_the_judge_sees_an_attack(oracle: ModuleType) -> None:
    assert len(found_in(oracle.problems, ["<p>x</p>", "<img src=x onerror=alert(1)>"])) == 2
    assert found_in(oracle.problems, ["<p>x</p>", '<a href="\x01javascript:alert(1)">x</a>']) != {}
