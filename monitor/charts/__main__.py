"""The process that draws: charts in, pictures out, then it is gone with all its memory."""

from __future__ import annotations

import json
import sys
from base64 import b64encode

from monitor.charts import figures, paper


def main() -> None:
    """Reads a JSON list of charts and writes a JSON object of pictures in base64 by name."""
    made: dict[str, bytes] = {}
    for wanted in json.load(sys.stdin):
        if wanted["kind"] == "paper":
            made[wanted["name"]] = paper.paper(wanted, made)
        elif (picture := figures.png(wanted)) is not None:
            made[wanted["name"]] = picture
    json.dump({name: b64encode(content).decode() for name, content in made.items()}, sys.stdout)


if __name__ == "__main__":
    main()
