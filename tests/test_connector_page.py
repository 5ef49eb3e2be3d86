"""The connector that docs/connectors.md shows is one: it passes the suite that the page promises it would."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

from monitor.testing import ConnectorContract, Traffic

PAGE = Path(__file__).parents[1] / "docs" / "connectors.md"


def _written_on(page: Path) -> ModuleType:
    """The page's examples as a module: what is indented under `class Forum` and `class TestForum`."""
    examples = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    module = ModuleType("forum_of_the_page")
    sys.modules[module.__name__] = module  # where pydantic looks the annotations up
    vars(module).update(ConnectorContract=ConnectorContract, Traffic=Traffic)
    for example in examples:
        if "class Forum(" in example or "class TestForum(" in example:
            exec(compile(example, page, "exec"), vars(module))
    return module


TestForum = _written_on(PAGE).TestForum


def test_the_example_is_as_short_as_the_page_says():
    code = next(
        block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "class Forum(" in block
    )

    assert len(code.splitlines()) < 65
