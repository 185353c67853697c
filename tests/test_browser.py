"""The pages in a real Chromium: they hold together, and a person can follow them."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from aggregator import config, runtime
from aggregator.web.serve import application

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@pytest.fixture
async def base(config_directory: Path) -> AsyncIterator[str]:
    """Address of a web server over the shipped configuration."""
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        await runtime.once(found, database, lambda visit: None)
        async with TestServer(application(lambda: found, database)) as server:
            base = str(server.make_url("/"))
            found = replace(found, settings=found.settings.model_copy(update={"base_url": base}))
            yield base


async def test_reader_finds_topic_story_and_reason(base: str) -> None:
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            page = await browser.new_page(viewport={"width": 320, "height": 700})
            complaints: list[str] = []
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            await page.goto(base)
            assert await page.locator("h2").all_inner_texts() == ["China–Russia", "US–China", "Energy"]
            assert await page.locator("link[rel=alternate]").count() == 9
            await page.get_by_role("link", name="China–Russia", exact=True).click()
            assert await page.locator("article").count() == 4
            await page.get_by_role("link", name="Why it is here").first.click()
            assert await page.get_by_role("heading", name="What it is about").is_visible()
            wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            assert await page.evaluate(wide) is False
            assert [text for text in complaints if "favicon" not in text and "404" not in text] == []
        finally:
            await browser.close()
    await asyncio.sleep(0)
