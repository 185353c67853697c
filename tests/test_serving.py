"""The nginx example of docs/serving.md, run by a real nginx over files that were really published."""

import gzip
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path

import pytest

from aggregator import publish, registry, websub
from tests.postgresql_server import free_port

NGINX = shutil.which("nginx") or next(filter(os.path.exists, ["/usr/sbin/nginx"]), None)
TEXT = (Path(__file__).parent.parent / "docs" / "serving.md").read_text()
AROUND = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {server}
}}
"""
BODY = b"<feed>" + b"news " * 1000 + b"</feed>"

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A running nginx with the example, over a public folder in `tmp_path`."""
    feeds = tmp_path / "public" / "feeds"
    feeds.mkdir(parents=True)
    for kind in registry.formats().values():
        publish.replace(feeds / f"energy.{kind.extension}", BODY)
    port = free_port()
    example = re.search(r"```nginx\n(.*?)```", TEXT, re.DOTALL)
    assert example
    server = example[1].replace("listen 80;", f"listen 127.0.0.1:{port};").replace("/var/lib/aggregator", str(tmp_path))
    user = "user root;" if os.getuid() == 0 else ""  # who may look into the folders of tests
    config = tmp_path / "nginx.conf"
    config.write_text(user + AROUND.format(folder=tmp_path, server=server))
    with subprocess.Popen([str(NGINX), "-p", str(tmp_path), "-c", str(config)], stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                with suppress(OSError):
                    ask(port, "/feeds/energy.atom")
                    break
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()


def ask(port: int, target: str, **headers: str) -> tuple[int, HTTPMessage, bytes]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", target, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.headers, response.read()


def test_feeds_are_served_as_the_daemon_would(port: int) -> None:
    for kind in registry.formats().values():
        status, headers, body = ask(port, f"/feeds/energy.{kind.extension}")
        assert (status, body) == (200, BODY)
        assert headers["Content-Type"] == kind.media_type
        assert headers["Vary"] == "Accept-Encoding"
        assert headers["Cache-Control"] == "public, max-age=60"
        own = f"https://news.example.org/feeds/energy.{kind.extension}"
        assert list(websub.links([headers["Link"]])) == [("hub", "https://news.example.org/hub"), ("self", own)]
        status, packed, body = ask(port, f"/feeds/energy.{kind.extension}", Accept_Encoding="gzip")
        assert (status, packed["Content-Encoding"], gzip.decompress(body)) == (200, "gzip", BODY)
        assert packed["Content-Type"] == kind.media_type
        assert packed["ETag"].startswith('"')
        assert packed["ETag"] != headers["ETag"]
        again = ask(port, f"/feeds/energy.{kind.extension}", Accept_Encoding="gzip", If_None_Match=packed["ETag"])
        assert (again[0], again[2]) == (304, b"")
        assert ask(port, f"/feeds/energy.{kind.extension}", If_Modified_Since=headers["Last-Modified"])[0] == 304


def test_new_version_is_seen_however_soon_it_comes(port: int, tmp_path: Path) -> None:
    _, before, _ = ask(port, "/feeds/energy.atom")
    other = BODY[::-1]
    publish.replace(tmp_path / "public" / "feeds" / "energy.atom", other)
    for condition in ({"If_None_Match": before["ETag"]}, {"If_Modified_Since": before["Last-Modified"]}):
        status, _, body = ask(port, "/feeds/energy.atom", **condition)
        assert (status, body) == (200, other)


@pytest.mark.parametrize("target", ["/feeds/none.atom", "/feeds/.energy.atom", "/feeds/energy.atom.gz"])
def test_nothing_but_feeds_is_served_from_the_disk(port: int, target: str) -> None:
    assert ask(port, target)[0] in (404, 502)  # 502: it is for the daemon to answer, which does not run here


@pytest.mark.parametrize("target", ["/readyz", "/metrics", "/metrics?x"])
def test_what_is_for_who_looks_after_the_daemon_is_not_passed_on(port: int, target: str) -> None:
    assert ask(port, target)[0] == 404


def test_editions_are_files_too_and_what_a_query_chooses_is_left_to_the_daemon(port: int, tmp_path: Path) -> None:
    for name in ("energy.en.min50.atom", "_label-fuel.rss", "_all.json"):
        publish.replace(tmp_path / "public" / "feeds" / name, name.encode())
        assert ask(port, f"/feeds/{name}")[::2] == (200, name.encode())
    assert ask(port, "/feeds/energy.atom?utm_source=x")[::2] == (200, BODY)
    for query in ("lang=en", "min_score=50", "utm_source=x&min_score=50&lang=en"):
        assert ask(port, f"/feeds/energy.atom?{query}")[2] != BODY  # it does not run here
