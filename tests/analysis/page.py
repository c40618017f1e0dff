"""Reads an HTML page for tests: its tags, visible words and attributes, and whether it is inert."""

from __future__ import annotations

import html.parser
import re

from dance_jax.analysis import report

ALLOWED_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "footer", "nav", "section"),
    *(
        "h1",
        "h2",
        "h3",
        "h4",
        "p",
        "b",
        "strong",
        "span",
        "bdi",
        "a",
        "br",
        "code",
        "ul",
        "li",
        "div",
    ),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "meter", "figure", "img"),
    *("figcaption", "video", "details", "summary", "dl", "dt", "dd"),
}


class Page(html.parser.HTMLParser):
    """Collects tags, visible text and attribute values."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._skip = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._skip += tag == "style"

    def handle_endtag(self, tag):
        self._skip -= tag == "style"

    def handle_data(self, data):
        if not self._skip:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def attributes(self, name: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.tags if name in attrs]


def assert_inert(page: Page) -> None:
    """No script, no handler, nothing loaded from outside, no tag but the template's own."""
    assert {tag for tag, _ in page.tags} <= ALLOWED_TAGS
    for tag, attrs in page.tags:
        assert not [key for key in attrs if key.startswith("on") or key in ("style", "srcset")], tag
        for key in ("src", "href", "poster", "action", "data"):
            if key in attrs:
                assert re.match(r"(data:(image/png|video/mp4);base64,|#|\./)", attrs[key]), attrs[
                    key
                ]


def make(tmp_path, analysis, **options) -> tuple[str, Page]:
    file = report.write_report(tmp_path / "report.html", analysis, folder=tmp_path, **options)
    text = file.read_text("utf-8")
    return text, Page(text)
