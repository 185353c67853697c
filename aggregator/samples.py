"""Documents that were read in two ways with two results: kept, so that the fault can be found."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aggregator.models import Document
from aggregator.reading import Request
from aggregator.words import digest

MOST = 20  # samples


def keep(document: Document, request: Request, differs: str, state: Path) -> Path:
    """Write a document, and all that is needed to read it as it was read: bytes as hex, times as ISO 8601.

    Answers with the path of the JSON; the document's own bytes lie beside it. Old samples make room. Takes a while for
    a large document. Raises OSError, and leaves nothing behind then.
    """
    folder = state / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{request.now:%Y%m%dT%H%M%S}-{digest([request.source])[:8]}.json"
    facts = {
        "source": request.source,
        "differs": differs,
        "document": asdict(replace(document, body=b"")),
        "request": asdict(request),
    }
    try:
        path.write_text(json.dumps(facts, ensure_ascii=False, indent=1, default=_plain), encoding="utf-8")
        path.with_suffix(".document").write_bytes(document.body)
    except OSError:
        _remove(folder, path.stem)
        raise
    for stem in sorted({old.stem for old in folder.iterdir()})[:-MOST]:
        _remove(folder, stem)
    return path


def kept_since(state: Path, since: datetime) -> Iterator[tuple[str, datetime]]:
    """The names of samples that were kept since then, and when."""
    for path in sorted((state / "samples").glob("*.json")):
        with suppress(ValueError, OSError):
            at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if at >= since:
                yield path.name, at


def _plain(value: object) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _remove(folder: Path, stem: str) -> None:
    for suffix in (".json", ".document"):
        (folder / f"{stem}{suffix}").unlink(missing_ok=True)
