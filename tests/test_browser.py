"""The pages in a real Chromium: they hold together, everybody can read them, and a person can follow them."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer

from aggregator import config, runtime
from aggregator.config import Config
from aggregator.web.serve import application
from tests.conftest import ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]

Opened = Callable[..., AbstractAsyncContextManager[tuple[Any, list[str]]]]
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 320, "height": 700}
ATTACK = "<img src=x onerror=alert(1)><script>alert(2)</script>"
UNBROKEN = "Donaudampfschifffahrtsgesellschaft" * 8
ARTICLES = {
    "attack.html": f"<!doctype html><title>{ATTACK.replace('<', '&lt;')} China and Russia</title>"
    f"<article><h1>{ATTACK.replace('<', '&lt;')} China and Russia</h1>"
    + f"<p>China and Russia signed an agreement; {ATTACK} Russia supplies gas, China pays for it in yuan.</p>" * 8
    + f"<table><tr><td>{UNBROKEN}</td><td>{UNBROKEN}</td></tr></table><pre>{UNBROKEN}</pre></article>",
    "attack.txt": f"Russia and China {ATTACK}\n\nRussia and China signed it. {ATTACK} {UNBROKEN}\n",
    "arabic.txt": "الصين وروسيا توقعان اتفاق الغاز\n\nوقعت الصين وروسيا يوم الاثنين اتفاقا جديدا لتوريد الغاز الطبيعي.\n",
    "chinese.txt": "中国与俄罗斯签署天然气协议\n\n中国和俄罗斯周一签署了一项新的天然气供应协议，俄罗斯向中国供气。\n",
}
SOURCES = """
  - {url: "http://127.0.0.1:9/closed.xml?token=secret", name: "%s", allow: [127.0.0.0/8]}
  - {url: "http://127.0.0.1:9/الأنباء", name: "وكالة الأنباء", allow: [127.0.0.0/8]}
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The shipped configuration, its store filled, with hostile articles and sources beside the samples."""
    folder = tmp_path_factory.mktemp("browser")
    for name in ("config", "seeds"):
        shutil.copytree(ROOT / name, folder / name)
    sources = folder / "config" / "sources.yaml"
    sources.write_text(sources.read_text() + SOURCES % UNBROKEN[:200])
    found = config.load(folder / "config", {})
    inbox = found.state / "inbox"
    inbox.mkdir(parents=True)
    for name, text in ARTICLES.items():
        (inbox / name).write_text(text)
    with runtime.opened(found) as database:
        asyncio.run(runtime.once(found, database, lambda visit: None))
    return found


@pytest_asyncio.fixture(loop_scope="module")
async def base(filled: Config) -> AsyncIterator[str]:
    """Address of a web server over it."""
    found = filled
    with runtime.opened(found) as database:
        async with TestServer(application(lambda: found, database)) as server:
            base = str(server.make_url("/"))
            found = replace(found, settings=found.settings.model_copy(update={"base_url": base}))
            yield base


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Any]:
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            await browser.close()


@pytest.fixture
def opened(chromium: Any) -> Opened:
    @asynccontextmanager
    async def opened(**options: Any) -> AsyncIterator[tuple[Any, list[str]]]:
        """A tab, and what the browser complains of in it: policies that are broken, scripts that fail or speak up."""
        async with await chromium.new_context(**options) as context:
            page = await context.new_page()
            complaints: list[str] = []
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("dialog", lambda dialog: complaints.append(f"a dialog: {dialog.message}"))
            yield page, complaints

    return opened


async def every_page(page: Any, base: str) -> AsyncIterator[str]:
    """Goes through all kinds of pages: of articles a hostile one, one with copies, and an Arabic one."""
    for path in ("", "topics/china-russia", "topics/us-china", "sources", "sources?state=new"):
        await page.goto(base + path)
        yield path
    for words in ("img src=x", "Resume Talks", "الصين"):
        await page.goto(f"{base}topics/china-russia")
        story = page.locator("article").filter(has_text=words)
        await story.get_by_role("link", name="Why it is here").first.click()
        yield words


async def test_reader_finds_topic_story_and_reason(base: str, opened: Opened) -> None:
    async with opened(viewport=NARROW) as (page, complaints):
        await page.goto(base)
        assert await page.locator("h2").all_inner_texts() == ["China–Russia", "US–China", "Energy"]
        assert await page.locator("link[rel=alternate]").count() == 9
        chart = page.get_by_role("img", name=re.compile("stories in 30 days"))
        assert await chart.count() == 3
        await page.get_by_role("link", name="China–Russia", exact=True).click()
        assert await page.locator("article").count() == 7
        await page.get_by_role("link", name="Why it is here").first.click()
        assert await page.get_by_role("heading", name="What it is about").is_visible()
        assert complaints == []


@pytest.mark.parametrize(
    "options",
    [
        {"viewport": WIDE},
        {"viewport": WIDE, "color_scheme": "dark"},
        {"viewport": NARROW, "reduced_motion": "reduce"},
    ],
    ids=["light", "dark", "narrow"],
)
async def test_pages_fit_and_break_no_rule_of_accessibility(base: str, opened: Opened, options: dict[str, Any]) -> None:
    from axe_playwright_python.async_playwright import Axe

    rules = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
    found: dict[str, str] = {}
    async with opened(**options) as (page, complaints):
        async for name in every_page(page, base):
            results = await Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"]})
            if results.violations_count:
                found[name] = results.generate_report()
            assert await is_wide(page) is False, name
        assert found == {}
        assert complaints == []


async def test_pages_fit_on_paper_with_addresses_and_all_that_is_folded(base: str, opened: Opened) -> None:
    async with opened(viewport={"width": 700, "height": 900}) as (page, complaints):
        await page.emulate_media(media="print")
        async for name in every_page(page, base):
            assert await is_wide(page) is False, name
            assert await page.locator("nav").first.is_visible() is False
        assert await page.locator(".rules").first.is_visible()
        await page.goto(base)
        shown = "getComputedStyle(document.querySelector('.feeds a'), '::after').content"
        assert "attr(href)" in await page.evaluate(shown) or f"{base}feeds/" in await page.evaluate(shown)
        assert complaints == []


async def test_pages_can_be_read_and_searched_without_scripts(base: str, opened: Opened) -> None:
    async with opened(viewport=WIDE, java_script_enabled=False) as (page, _):
        await page.goto(base)
        assert await page.get_by_role("button", name="Copy").count() == 0
        await page.get_by_role("link", name="Sources").click()
        assert await page.locator("tbody tr").count() == 4
        assert "secret" not in await page.content()
        await page.get_by_label("State").select_option("failing")
        await page.get_by_role("button", name="Show").click()
        assert await page.locator("tbody tr").count() == 2
        assert await page.get_by_text("connection refused").count() == 2


async def test_an_address_is_copied(base: str, opened: Opened) -> None:
    async with opened(viewport=WIDE, permissions=["clipboard-read", "clipboard-write"]) as (page, complaints):
        await page.goto(base)
        await page.get_by_role("button", name="Copy the Atom address of Energy").click()
        status = page.get_by_role("status")
        await status.filter(has_text="Copied").wait_for(state="attached")
        assert await page.evaluate("navigator.clipboard.readText()") == f"{base}feeds/energy.atom"
        assert complaints == []


async def test_an_address_is_copied_where_there_is_no_clipboard(base: str, opened: Opened) -> None:
    async with opened(viewport=WIDE) as (page, complaints):
        await page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
        await page.goto(base)
        await page.evaluate("addEventListener('copy', () => { window.copied = getSelection().toString() })")
        button = page.get_by_role("button", name="Copy the RSS address of Energy")
        await button.click()
        await page.get_by_role("status").filter(has_text="Copied").wait_for(state="attached")
        assert await page.evaluate("copied") == f"{base}feeds/energy.rss"
        assert await button.evaluate("button => button === document.activeElement")
        assert complaints == []


async def test_keyboard_reaches_the_content_first(base: str, opened: Opened) -> None:
    async with opened(viewport=NARROW) as (page, _):
        await page.goto(base)
        await page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to the content")
        await page.wait_for_function("document.querySelector('.skip').getBoundingClientRect().top >= 0")
        assert await skip.evaluate("link => link === document.activeElement")
        assert await skip.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.tagName") == "MAIN"
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "one list"


async def is_wide(page: Any) -> bool:
    """Whether one has to scroll sideways."""
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    return bool(await page.evaluate(wide))
