"""Documents that were read in two ways with two results: kept, so that the fault can be found."""

import json
from pathlib import Path

from aggregator.models import Document
from aggregator.reading import Request
from aggregator.words import digest

MOST = 20  # samples


def keep(document: Document, request: Request, differs: str, state: Path) -> Path:
    """Write a document, and what is needed to read it as it was read. Old samples make room. Raises OSError."""
    folder = state / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{request.now:%Y%m%dT%H%M%S}-{digest([request.source])[:8]}.json"
    memory = request.memory
    facts = {
        "source": request.source,
        "differs": differs,
        "url": document.url,
        "media_type": document.media_type,
        "charset": document.charset,
        "seen": [seen.hex() for seen, _ in memory.entries] if memory else [],
    }
    path.with_suffix(".document").write_bytes(document.body)
    path.write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8")
    for old in sorted(folder.glob("*.json"))[:-MOST]:
        old.unlink()
        old.with_suffix(".document").unlink(missing_ok=True)
    return path
