"""What holds for the repository as a whole: its outside, its lock files, its words, its documentation."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import shutil
import subprocess
import tomllib
from datetime import timedelta
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]

TOP = {
    ".ci", ".gitignore", ".importlinter", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "alembic",
    "benchmarks", "config.example.toml", "connectors", "docs", "monitor", "pyproject.toml", "requirements-dev.lock",
    "requirements.lock", "scripts", "systemd", "tests",
}  # fmt: skip


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """Every file that is, or would be, committed."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("this is no git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return sorted(ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


def texts(files: list[Path]) -> dict[str, str]:
    """The contents of all text files, by their path in the repository."""
    pictures = {".png", ".svg", ".ico", ".gz", ".db"}
    return {str(path.relative_to(ROOT)): path.read_text() for path in files if path.suffix not in pictures}


def test_the_top_level_holds_what_it_should_and_nothing_else(files):
    assert {path.relative_to(ROOT).parts[0] for path in files} <= TOP


def test_no_file_names_a_package_registry(files):
    hosts = re.compile(r"py" r"pi\.org|python" r"hosted\.org|npm" r"js\.(org|com)|deb\." r"debian\.org")

    assert [name for name, text in texts(files).items() if hosts.search(text)] == []


def test_no_file_names_a_path_of_the_machine_it_was_written_on(files):
    places = "|".join(re.escape(str(place)) for place in (ROOT, Path.home()) if len(place.parts) > 1)
    paths = re.compile(rf"(?<![\w.*])(?:{places}|/work)/")

    assert [(name, found[0]) for name, text in texts(files).items() if (found := paths.search(text))] == []


def test_files_end_with_one_line_end_and_lines_without_spaces(files):
    untidy = re.compile(r"[ \t]\n|\r|\n\n\Z|[^\n]\Z")
    written = {name: text for name, text in texts(files).items() if Path(name).suffix in {".py", ".md", ".toml", ""}}

    assert [name for name, text in written.items() if untidy.search(text)] == []


# The lock files


def pins(name: str) -> dict[str, str]:
    """The version of each package in a lock file."""
    lines = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", (ROOT / name).read_text(), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in lines}


def wanted(*groups: str) -> list[Requirement]:
    """What pyproject.toml asks for: the run time, PostgreSQL, charts and the dependency groups named."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    asked = [*project["project"]["dependencies"], *extras["postgres"], *extras["charts"]]
    for group in groups:
        asked += [entry for entry in project["dependency-groups"][group] if isinstance(entry, str)]
    return [Requirement(text) for text in asked]


@pytest.mark.parametrize(
    ("name", "groups"), [("requirements.lock", ["build"]), ("requirements-dev.lock", ["build", "dev"])]
)
def test_a_lock_file_holds_everything_that_is_asked_for(name, groups):
    pinned = pins(name)
    asked = wanted(*groups)

    unmet = [str(one) for one in asked if not one.specifier.contains(pinned.get(canonicalize_name(one.name), "0"))]

    assert len(asked) > 10
    assert unmet == [], "run scripts/lock"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_file_pins_every_package_by_hash_and_names_no_place(name):
    text = (ROOT / name).read_text()
    entries = text.replace("\\\n", " ").splitlines()

    assert [
        entry for entry in entries if not re.fullmatch(r"\S+==\S+( ;[^#]*?)? +(--hash=sha256:[0-9a-f]{64} *)+", entry)
    ] == []
    assert "://" not in text


def test_what_runs_is_what_was_tested():
    tested = pins("requirements-dev.lock")

    assert [(name, version) for name, version in pins("requirements.lock").items() if tested.get(name) != version] == []


# The code

ROOMS = ("monitor", "connectors")


def modules(*rooms: str) -> dict[str, ast.Module]:
    """Each module's syntax tree, by its path in the repository."""
    found = sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in found}


def public(tree: ast.Module) -> list[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]


def test_every_public_class_and_function_says_what_it_is(capsys):
    nodes = [(name, node) for name, tree in modules(*ROOMS).items() for node in public(tree)]
    silent = [f"{name}:{node.lineno} {node.name}" for name, node in nodes if not ast.get_docstring(node)]
    with capsys.disabled():
        print(f"\n{len(nodes) - len(silent)} of {len(nodes)} public classes and functions are documented")  # noqa: T201  # the count is for people

    assert silent == []


@pytest.mark.parametrize("room", [*ROOMS, "tests", "benchmarks", "alembic"])
def test_every_module_opens_with_a_sentence(room):
    openings = {name: (ast.get_docstring(tree) or "").split("\n\n")[0] for name, tree in modules(room).items()}

    assert [name for name, opening in openings.items() if not opening.rstrip().endswith((".", "?", "!"))] == []


def test_no_function_is_longer_than_a_screen_or_two():
    long = [
        f"{name}:{node.lineno} {node.name}"
        for name, tree in modules(*ROOMS).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 80
    ]

    assert long == [], "scripts/sizes lists the longest"


UNUSED = {"alert", "workflow", "manager", "handler", "helper", "abstract", "util", "utils", "common"}


def test_names_are_made_of_our_words():
    named = [
        f"{name}:{node.lineno} {node.name}"
        for name, tree in modules(*ROOMS).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and words(node.name) & UNUSED
    ]
    files = [name for name in modules(*ROOMS) if words(Path(name).stem) & UNUSED]

    assert named + files == []


def words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def test_the_migrations_do_not_shadow_the_library():
    assert not (ROOT / "alembic" / "__init__.py").exists()


# The documentation

PAGES = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")] + sorted(
    (ROOT / "docs").glob("*.md")
)


@pytest.mark.parametrize("command", ["./scripts/run", "./scripts/test"])
def test_the_readme_names_the_command(command):
    assert command in (ROOT / "README.md").read_text()
    assert (ROOT / command).stat().st_mode & 0o111 == 0o111


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|mailto:)([^)#]*)(?:#([^)]*))?\)", page.read_text())

    assert [target for target, anchor in targets if not leads(page, target, anchor)] == []


def leads(page: Path, target: str, anchor: str) -> bool:
    aim = page.parent / target if target else page
    return aim.exists() and (not anchor or anchor in headings(aim))


def headings(page: Path) -> set[str]:
    """The anchors of a page, as they are made from its headings."""
    found = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def commands(group: click.Group, path: str = "") -> dict[str, click.Command]:
    """Every command that does something, by the words one types."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        typed = f"{path} {name}".strip()
        if isinstance(command, click.Group):
            found |= commands(command, typed)
        if not isinstance(command, click.Group) or command.invoke_without_command:
            found[typed] = command
    return found


@pytest.fixture(scope="module")
def wellheard() -> click.Group:
    """All commands, from every module that has some."""
    cli = importlib.import_module("monitor.cli")
    modules = [importlib.import_module(f"monitor.cli.{found.name}") for found in pkgutil.iter_modules(cli.__path__)]
    listed = [command for module in modules for command in getattr(module, "COMMANDS", ())]
    return click.Group(commands=listed)


EVERYWHERE = {"--config", "--json", "--help"}


def test_every_command_and_every_option_is_documented(wellheard):
    sections = (ROOT / "docs" / "operate.md").read_text().split("\n### ")
    missing = []
    for typed, command in commands(wellheard).items():
        section = next((one for one in sections if re.match(rf"`{re.escape(typed)}[ `]", one)), "")
        options = {name for one in command.params for name in one.opts if name.startswith("--")} - EVERYWHERE
        missing += [
            f"{typed} {option}" for option in ({""} if not section else options - set(re.findall(r"--[\w-]+", section)))
        ]

    assert missing == []


def test_no_command_is_documented_that_is_not_there(wellheard):
    documented = re.findall(r"^### `([a-z-]+(?: [a-z-]+)*)", (ROOT / "docs" / "operate.md").read_text(), re.MULTILINE)

    assert documented
    assert [typed for typed in documented if typed not in commands(wellheard)] == []


def test_every_option_that_all_commands_share_is_documented():
    page = (ROOT / "docs" / "operate.md").read_text()

    assert [option for option in EVERYWHERE if option not in page] == []


def test_the_table_of_risk_classes_says_what_the_rules_do():
    from monitor.rules import builtin

    page = (ROOT / "docs" / "risk-classes.md").read_text()
    written = {
        name: (told, within)
        for name, told, within in re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]+) \| ([^|]+) \|$", page, re.MULTILINE)
    }

    assert written == {name: (", ".join(rule.inboxes), spoken(rule.ack_within)) for name, rule in builtin().items()}
    assert [name for name in written if f"### `{name}`" not in page] == []


def spoken(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h"


def test_every_fact_in_the_log_is_explained():
    calls = [node for tree in modules(*ROOMS).values() for node in ast.walk(tree) if isinstance(node, ast.Call)]
    facts = {logged(call) for call in calls} - {""}
    page = (ROOT / "docs" / "operate.md").read_text()

    assert facts
    assert [fact for fact in sorted(facts) if f"`{fact}`" not in page] == []


def logged(call: ast.Call) -> str:
    """The fact that a call such as `log.info("polled")` writes; empty where it is another call."""
    by_name = isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) and call.func.value.id
    level = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if by_name in {"log", "say", "logger"} and level in {"debug", "info", "warning", "error", "exception"}:
        return call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else ""
    return ""
