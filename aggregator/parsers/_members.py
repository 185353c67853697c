"""Documents inside of others: each is read as if it had come alone. Pure."""

import re
from collections.abc import Collection
from dataclasses import replace

from aggregator import registry, sniff
from aggregator.errors import DocumentError
from aggregator.identity import of_content
from aggregator.models import Document, Parsed

# What a browser saves beside a page, and what a site is made of besides its texts.
_FOLDER = re.compile(
    r"(?:_(?:files|dateien|fichiers|archivos|arquivos|file|bestanden|pliki|soubory|filer)|\.files|-dateien)$",
    re.IGNORECASE,
)
_NO_ARTICLE = frozenset(
    "css scss less js mjs ts map woff woff2 ttf otf eot png jpg jpeg gif webp avif svg ico bmp tif tiff heic".split()
)


def is_of_a_page(name: str) -> bool:
    """Whether a member is but what a page is made of: a name is all there is to tell a stylesheet from a text."""
    *folders, last = name.split("/")
    return last.lower().rpartition(".")[2] in _NO_ARTICLE or any(map(_FOLDER.search, folders))


def read(document: Document, kinds: Collection[str]) -> Parsed:
    """What a member holds, known by its content. Raises DocumentError where it is of none of the kinds."""
    if not document.body.strip():
        raise DocumentError(f"{document.name}: empty")
    kind = sniff.media_type(document.body)
    parser = registry.parsers().get(kind)
    if kind == sniff.BINARY:
        raise DocumentError(f"{document.name}: {sniff.no_text(document.body)}")
    if parser is None or kind not in kinds:
        raise DocumentError(f"{document.name}: {sniff.describe(kind)}, which is not read here")
    return parser.parse(replace(document, identity=of_content(document.body)))
