"""The documentation keeps its promises: its code runs, and nothing public is left out."""

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
SHOWN_PAGES = [
    ROOT / "README.md",
    ROOT / "contrib" / "README.md",
    *sorted((ROOT / "benchmarks" / "results").rglob("*.md")),
]
"""Pages whose code other tests run: `test_readme`, and those of tests/contrib."""
SCRIPTS = [
    path
    for folder in ("benchmarks", "tutorials", "docs")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
FENCE = re.compile(r"^(`{3,}|:{3,})\{?([\w-]*)\}?[^\n]*\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
OWN_FILE = re.compile(r"# file: (\S+)\n")
HANGS_AFTER_S = 100

SHOWN_ONLY = (
    *("pip", "git", "python", "sphinx-build", "pre-commit", ".ci/run"),
    *("pytest", "ruff", "mypy", "lint-imports"),
)
"""Commands for people: they install, or take long. What they name is checked, not run."""
CODE_SPAN = re.compile(r"`([^`\n]+\.py [^`\n]+)`")
OPTION = re.compile(r"--[a-z][\w-]*")
KNOWN_LANGUAGES = {"python", "sh", "text", "toctree", "include", "admonition"}

PUBLIC_MODULES = (
    "agcore",
    "agcore.budget",
    "agcore.callbacks",
    "agcore.curves",
    "agcore.datasets",
    "agcore.policy",
    "agcore.scheduler",
    "agcore.searcher",
    "agcore.space",
    "agcore.whatif",
    "agcore_contrib.hpopt",
    "agcore_contrib.otx",
    "agcore_contrib.vision",
)
LEFT_OUT = {
    "agcore": {
        *("__version__", "version", "budget", "callbacks", "curves", "datasets", "executor"),
        *("policy", "scheduler", "searcher", "space"),
    }
}
"""Names that are modules with pages of their own, or no API."""


def blocks(page):
    """The fenced blocks of a page: language and content."""
    found = [match.group(2, 3) for match in FENCE.finditer(page.read_text(encoding="utf-8"))]
    return [(language, content) for language, content in found]


def page_id(page):
    return str(page.relative_to(ROOT))


def environment():
    paths = os.pathsep.join([str(ROOT), str(ROOT / "contrib")])
    return {**os.environ, "PYTHONPATH": paths, "PYTHONWARNINGS": "error"}


def run(command, folder):
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=HANGS_AFTER_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def commands(page):
    """The command lines of a page, without comments and with lines joined that go on."""
    text = "".join(content for language, content in blocks(page) if language == "sh")
    lines = (shlex.split(line, comments=True) for line in text.replace("\\\n", " ").splitlines())
    return [line for line in lines if line]


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_the_code_of_a_page_runs_from_top_to_bottom(page, tmp_path):
    code = [content for language, content in blocks(page) if language == "python"]
    for content in code:
        if named := OWN_FILE.match(content):
            (tmp_path / named[1]).write_text(content)
    if code:
        (tmp_path / "page.py").write_text("\n\n".join(code))
        run([sys.executable, "page.py"], tmp_path)
    for command in commands(page):
        if command[0] == "agcore" or any((tmp_path / word).is_file() for word in command):
            run([sys.executable, "-m", *command], tmp_path)


@pytest.mark.parametrize("page", [*PAGES, *SHOWN_PAGES[1:]], ids=page_id)
def test_no_block_of_a_page_escapes_the_tests(page):
    for language, content in blocks(page):
        assert language in KNOWN_LANGUAGES, f"unknown language of a block: {language!r}\n{content}"
        if language == "text":
            assert "import agcore" not in content, "Python that nobody runs"
    for command in commands(page):
        if command[0] in ("agcore", "cd"):
            continue
        assert command[0] in SHOWN_ONLY, command
        for word in command[1:]:
            if "/" in word and not word.startswith("-"):
                assert (ROOT / word).exists() or "_build" in word or word == "dist/*", word


def script_named(word):
    """The script of ours that a word of a command names, with or without its folder."""
    found = (ROOT / folder / word for folder in ("", "benchmarks", "tutorials", "docs"))
    return next((path for path in found if word.endswith(".py") and path.is_file()), None)


def scripts_called(lines):
    """Our scripts in command lines, each with the options that are given to it."""
    for words in lines:
        for place, word in enumerate(words[:2]):
            if script := script_named(word):
                given = " ".join(words[place + 1 :])
                yield script, set(OPTION.findall(given))


def options_of(script):
    """What a script takes: each string in its code that is an option and nothing else."""
    texts = (
        node.value
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {text for text in texts if OPTION.fullmatch(text)}


@pytest.mark.parametrize("page", [*PAGES, *SHOWN_PAGES], ids=page_id)
def test_scripts_have_the_options_that_a_page_gives_them(page):
    spans = CODE_SPAN.findall(page.read_text(encoding="utf-8"))
    for script, given in scripts_called([*commands(page), *map(str.split, spans)]):
        assert given <= options_of(script), page_id(script)


@pytest.mark.parametrize("script", SCRIPTS, ids=page_id)
def test_scripts_have_the_options_that_they_say_they_have(script):
    said = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    lines = [line.split() for line in said.splitlines() if line.startswith("    python ")]
    for called, given in scripts_called(lines):
        assert given <= options_of(called), page_id(called)


def test_an_option_that_no_script_has_is_noticed():
    lines = [
        ["python", "benchmarks/gp_speed.py", "--repeats", "3", "--fast"],
        ["overhead.py", "--slow"],
    ]
    wrong = [given - options_of(script) for script, given in scripts_called(lines)]
    assert wrong == [{"--fast"}, {"--slow"}]


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_every_public_name_stands_in_the_reference(module):
    reference = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*"))
    documented = set(re.findall(r"\.\. auto\w+:: \S*?(\w+)$", reference, re.MULTILINE))
    documented |= set(re.findall(r"``(\w+)``", reference))
    public = set(importlib.import_module(module).__all__) - LEFT_OUT.get(module, set())
    assert public - documented == set()


def test_everything_in_the_reference_can_be_imported():
    reference = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*"))
    for kind, name in re.findall(r"\.\. auto(\w+):: (\S+)$", reference, re.MULTILINE):
        assert name.startswith("agcore"), f"write the whole name of the {kind} {name}"
        module, attribute = name, []
        while True:
            try:
                found = importlib.import_module(module)
                break
            except ModuleNotFoundError:
                module, _, last = module.rpartition(".")
                attribute.insert(0, last)
        for last in attribute:
            found = getattr(found, last)


def test_nothing_is_promised_that_does_not_exist():
    import agcore

    for page in PAGES:
        named = set(re.findall(r"`(?:@)?ag\.(\w+)", page.read_text(encoding="utf-8")))
        assert named <= set(dir(agcore)), page


def test_pictures_are_those_that_the_script_draws(tmp_path):
    run([sys.executable, str(DOCS / "pictures" / "draw.py"), str(tmp_path)], tmp_path)
    drawn = {path.name for path in tmp_path.glob("*.svg")}
    assert drawn == {path.name for path in (DOCS / "pictures").glob("*.svg")}
    shown = {
        page.parent.joinpath(link).resolve()
        for page in PAGES
        for link in re.findall(r"!\[[^]]*\]\((\S+?)\)", page.read_text(encoding="utf-8"))
    }
    assert drawn == {path.name for path in shown if path.parent == DOCS / "pictures"}
    for path in shown:
        assert path.is_file(), path
