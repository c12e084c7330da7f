"""Asks the real Hugo what it makes of many texts at once, and converts the same texts here."""

import re
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from blog_code.hugo import importing, parity
from blog_code.hugo.convert import Conversion, Workshop
from blog_code.hugo.dialect import Dialect
from blog_code.hugo.links import Target
from blog_code.hugo.page_renderer import PageRenderer
from blog_code.hugo.problems import refusal
from blog_code.hugo.shortcodes import Shortcode
from blog_code.repository import read_extensions

ROOT = Path(__file__).parents[2]
EXTENSIONS = read_extensions(ROOT)
import_posts = partial(importing.import_posts, extensions=EXTENSIONS)

CONFIG = """
baseURL = "https://blog.test/"
disableKinds = ["taxonomy", "term", "home", "section", "RSS", "sitemap", "404"]
[markup.goldmark.renderer]
unsafe = true
[markup.highlight]
noClasses = false
[params]
foo = "bar-x"
"""

# What themes do with `> [!NOTE]`; Hugo alone prints it as a quote.
ALERTS = """{{ if eq .Type "alert" -}}
<blockquote class="admonition"><p class="admonition-title">
{{- with .AlertTitle }}{{ . }}{{ else }}{{ title $.AlertType }}{{ end }}</p>{{ .Text }}</blockquote>
{{- else }}<blockquote>{{ .Text }}</blockquote>{{ end }}"""


def hugo_command() -> list[str]:
    """Return the command of the Hugo binary that the test extra installs."""
    return [str(Path(sys.executable).with_name("hugo"))]


def build(site: Path) -> Path:
    """Build a Hugo site in the plainest theme and return the folder of its pages."""
    (site / "layouts" / "_markup").mkdir(parents=True)
    (site / "layouts" / "_markup" / "render-blockquote.html").write_text(ALERTS)
    for kind in ("page", "home", "section"):
        (site / "layouts" / f"{kind}.html").write_text("<main>{{ .Content }}</main>")
    done = subprocess.run(
        [*hugo_command(), "--source", str(site), "--destination", "public", "--buildDrafts",
         "--buildFuture", "--buildExpired", "--logLevel", "error"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return site / "public"


def hugo_html(texts: Mapping[str, str], folder: Path, config: str = CONFIG) -> dict[str, str]:
    """Return what Hugo prints for each text, by its name, from one run of Hugo."""
    (folder / "content").mkdir(parents=True)
    (folder / "hugo.toml").write_text(config)
    for name, text in texts.items():
        (folder / "content" / f"{name}.md").write_text(f"---\ntitle: x\n---\n{text}", "utf-8")
    public = build(folder)
    return {name: (public / name / "index.html").read_text("utf-8") for name in texts}


def workshop(dialect: Dialect | None = None) -> Workshop:
    """Return a parser of the dialect and a renderer of this site's pages."""
    return Workshop(PageRenderer(EXTENSIONS), dialect or Dialect())


def convert(workshop: Workshop, text: str, dialect: Dialect | None = None) -> str:
    """Return a text as this site's Markdown, links left as they are."""

    def unknown(shortcode: Shortcode) -> str:
        raise refusal("no pages here", shortcode.line)

    conversion = Conversion(
        workshop,
        dialect or workshop.dialect,
        Target("posts/x.md", "posts/x/"),
        lambda *_: None,
        unknown,
        {"foo": "bar-x"},
    )
    return conversion.body(text, 1)[0]


def difference(hugo: str, page: str, workshop: Workshop) -> str:
    """Say where a page of this site differs from Hugo's, or nothing."""
    here = workshop.page.html(page)
    maths = "arithmatex" in here
    if maths:
        hugo, here = without_maths_marks(hugo), without_maths_marks(here)
    found = parity.first_difference(
        joined(parity.units(hugo), maths=maths), joined(parity.units(here), maths=maths)
    )
    return f"Hugo: {parity.described(found[0])}; here: {parity.described(found[1])}" if found else ""


def without_maths_marks(html: str) -> str:
    """Return HTML in which maths is text: on Hugo's page a script finds it there."""
    html = re.sub(r'<(span|div) class="arithmatex">(.*?)</\1>', r"\2", html, flags=re.DOTALL)
    return re.sub(r"\$\$?|\\[()\[\]]", "", html)


def _typed(text: str) -> str:
    """Return text without the typographer's work, which Hugo gives to KaTeX and arithmatex keeps away."""
    for set_in_type, typed in (
        ("…", "..."),
        ("’", "'"),
        ("‘", "'"),
        ("—", "---"),
        ("–", "--"),
        ("“", '"'),
        ("”", '"'),
    ):
        text = text.replace(set_in_type, typed)
    return text


def joined(units: list[parity.Unit], *, maths: bool) -> list[parity.Unit]:
    """Join runs of words that only display maths parts, white space aside."""
    joined: list[parity.Unit] = []
    for unit in units:
        if unit[0] == "words":
            unit = ("words", _typed(re.sub(r"\s+", "", unit[1])) if maths else re.sub(r"\s+", "", unit[1]))
            if joined and joined[-1][0] == "words":
                joined[-1] = ("words", joined[-1][1] + unit[1])
                continue
        joined.append(unit)
    return joined
