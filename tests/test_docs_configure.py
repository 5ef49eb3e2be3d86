"""docs/configure.md says what the code does: every key, in its own section, and nothing else."""

from __future__ import annotations

import re
import tomllib

import pytest

from monitor.config import RISKS, SECTIONS, keys, load
from tests.configured import ENVIRON, ROOT, SMALL, connectors, read, written

PAGE = (ROOT / "docs" / "configure.md").read_text(encoding="utf-8")
CHATS = ("slack", "teams", "discord")


def section(heading: str) -> str:
    """What stands below `heading`, up to the next one."""
    return PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


def documented(text: str) -> list[str]:
    """The keys of its tables: what stands in backquotes in the first cell of a row, or the second below a parent."""
    found: list[str] = []
    for first, second in re.findall(r"^\| (`[^|]*) \| ([^|]*) \|", text.partition("\n### ")[0], flags=re.MULTILINE):
        names = re.findall(r"`(\w+)`", first)
        below = re.fullmatch(r"`(\w+)`", second)
        found += [f"{name}.{below[1]}" for name in names] if below else names
    return found


def expected(pattern: str) -> list[str]:
    """The keys of a section's model, and those of the small tables within an inbox."""
    found = keys(SECTIONS[pattern])
    within = [name for name in SECTIONS if name.startswith(f"{pattern}.") and pattern]
    return found + [f"{name.rpartition('.')[2]}.{key}" for name in within for key in keys(SECTIONS[name])]


HEADINGS = {
    "network": "`[network]`",
    "smtp": "`[smtp]`",
    "topics.*": "`[topics.NAME]`",
    "sources.*": "`[sources.NAME]`",
    "inboxes.*": "`[inboxes.NAME]`",
    "appetite": "`[appetite]`",
    "risks.*": "`[risks.CLASS]`",
    "rules.*": "`[rules.NAME]`",
    "voice.*": "`[voice.NAME]`",
    "digest": "`[digest]`",
    "retention": "`[retention]`",
}


@pytest.mark.parametrize(("pattern", "heading"), HEADINGS.items())
def test_every_key_of_a_section_is_documented_in_it(pattern, heading):
    assert sorted(documented(section(heading))) == sorted(expected(pattern))


def test_every_key_at_the_top_is_documented():
    text = section("Top level")
    tables = re.findall(r"`(\w+)`", text.partition("The tables are")[2])
    assert sorted(documented(text) + tables) == sorted(keys(SECTIONS[""]))


def test_every_section_of_the_configuration_has_its_heading():
    small = {pattern for pattern in SECTIONS if pattern.startswith("inboxes.*.")}
    assert set(HEADINGS) | small | {""} == set(SECTIONS)


def test_every_risk_class_is_named():
    named = section("`[risks.CLASS]`").partition("| key |")[0]
    assert set(re.findall(r"`(\w+)`", named)) == RISKS


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL))
def test_every_example_on_the_page_is_read(tmp_path, block):
    others = {section: "-" for section in SMALL if section and block.startswith(f"[{section}]")}
    path = tmp_path / "config.toml"
    path.write_text(written(others) + block, encoding="utf-8")
    config = load(path, environ=ENVIRON, connectors=connectors)
    (heading,) = tomllib.loads(block)
    assert getattr(config, heading)


def test_the_mistakes_on_the_page_are_those_that_are_printed():
    from tests.test_config_mistakes import MISTAKES

    printed = re.findall(r"^config\.toml:\d+: (.*)$", PAGE, flags=re.MULTILINE)
    assert len(printed) == 2
    assert set(printed) <= {sentence for _, _, _, sentence in MISTAKES}


CONFIGURED = {"network": "network", "smtp": "smtp", "topics.main": "topics.*", "sources.news": "sources.*"} | {
    "inboxes.risk": "inboxes.*", "appetite": "appetite", "risks.threat_to_staff": "risks.*", "digest": "digest",
    "retention": "retention", "rules.low": "rules.*",
}  # fmt: skip


def test_defaults_on_the_page_are_those_of_the_models(tmp_path):
    bare = {"rules.low": 'inboxes = ["risk"]\nstars_below = 3', "risks.threat_to_staff": ""}
    changes = {name: f"{bare.get(name, '')}\n{literals(name)}".strip() for name in CONFIGURED}
    assert sum(text.count(" = ") for text in changes.values()) >= 19
    config, plain = read(tmp_path, changes), read(tmp_path, bare)
    assert config.model_dump(exclude={"digest"}) == plain.model_dump(exclude={"digest"})
    assert config.digest == plain.digest


def literals(name: str) -> str:
    """A section of the small configuration with every default that its page shows as it would be written."""
    rows = re.findall(r"^\| `(\w+)` \| [^|]* \| `([^`|]+)` \|", section(HEADINGS[CONFIGURED[name]]), flags=re.MULTILINE)
    return "\n".join(f"{key} = {default}" for key, default in rows if key not in SMALL.get(name, {}))
