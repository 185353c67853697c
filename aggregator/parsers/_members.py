"""Documents inside of others: each is read as if it had come alone. Pure."""

import hashlib
from collections.abc import Collection
from dataclasses import replace

from aggregator import registry, sniff
from aggregator.errors import DocumentError
from aggregator.models import Document, Parsed


def identity(body: bytes) -> str:
    """What a document without a place of its own is known by, as in a folder whose files are moved."""
    return f"sha256:{hashlib.sha256(body).hexdigest()[:32]}"


def read(document: Document, kinds: Collection[str]) -> Parsed:
    """What a member holds, known by its content. Raises DocumentError where it is of none of the kinds."""
    if not document.body.strip():
        raise DocumentError(f"{document.name}: empty")
    kind = sniff.media_type(document.body)
    parser = registry.parsers().get(kind)
    if parser is None or kind not in kinds:
        raise DocumentError(f"{document.name}: {sniff.describe(kind)}, which is not read here")
    return parser.parse(replace(document, identity=identity(document.body)))
