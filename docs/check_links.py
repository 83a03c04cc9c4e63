"""Checks the links of the built pages without a network.

    python docs/check_links.py docs/_build/html

A link to a file or to a place in it must lead somewhere. Of links to other hosts it can only be
checked that they are whole: https, and a host with a dot.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Page(HTMLParser):
    """What one page links to, and the places in it that can be linked to."""

    links: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called for each tag."""
        for name, value in attrs:
            if value is None:
                continue
            if name == "id" or (name == "name" and tag == "a"):
                self.places.add(value)
            elif name in ("href", "src"):
                self.links.append(value)


def read_pages(folder: Path) -> dict[Path, Page]:
    """All pages below a folder."""
    pages = {}
    for path in sorted(folder.rglob("*.html")):
        page = Page()
        page.feed(path.read_text(encoding="utf-8"))
        pages[path.resolve()] = page
    return pages


def broken_links(folder: Path) -> list[str]:
    """One line for each link that leads nowhere: page, link and what is wrong."""
    pages = read_pages(folder)
    found = []
    for path, page in pages.items():
        for link in page.links:
            wrong = _what_is_wrong(link, path, pages)
            if wrong:
                found.append(f"{path.relative_to(folder.resolve())}: {link}: {wrong}")
    return found


def _what_is_wrong(link: str, path: Path, pages: dict[Path, Page]) -> str:
    parts = urlsplit(link)
    if parts.scheme in ("data", "mailto"):
        return ""
    if parts.scheme or parts.netloc:
        whole = parts.scheme == "https" and "." in parts.netloc
        return "" if whole else "not a whole https address"
    target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "no such file"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
        return "no such place in the page"
    return ""


def main() -> int:
    """Prints what is broken; the exit code is 1 then."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print("usage: python docs/check_links.py FOLDER-WITH-HTML")
        return 2
    folder = Path(sys.argv[1])
    broken = broken_links(folder)
    print("\n".join(broken) or f"{len(read_pages(folder))} pages, no broken link")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
