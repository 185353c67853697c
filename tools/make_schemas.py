"""Write the JSON Schema files that editors use for the YAML in config/.

Usage: python tools/make_schemas.py
"""

import json
from pathlib import Path

from aggregator.config import schemas

FOLDER = Path(__file__).parent.parent / "config" / "schema"


def text(schema: dict[str, object]) -> str:
    """A schema as its file holds it."""
    return json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        (FOLDER / name).write_text(text(schema), encoding="utf-8")
