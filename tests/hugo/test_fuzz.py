"""Whatever a blog holds, an import ends in pages and refusals, never in a traceback or half a site."""

import os
import tempfile
from pathlib import Path

from hugo_sites import CONFIG, bring, site
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blog_code.hugo.problems import Usage

CASES = sorted((Path(__file__).parent / "cases/content/posts").glob("*.md"))
TEXTS = [path.read_text("utf-8") for path in CASES]
HEADERS = [
    "---\ntitle: x\ndate: 2024-01-01\n---\n",
    '+++\ntitle = "x"\n+++\n',
    '{"title": "x", "date": "2024-01-01"}\n',
]
PIECES = [
    *(
        "<div>",
        "</div>",
        "<details>",
        "<pre>",
        "<!--",
        "-->",
        "<script>",
        "<table><tr><td>",
        "<svg>",
        "<a href=",
        "<p ",
    ),
    *(
        "```",
        "~~~",
        "$$",
        "\\(",
        "\\[",
        "[^1]",
        "[^1]: ",
        "> ",
        "- ",
        "1. ",
        "    ",
        "\t",
        "| a |\n|---|\n",
        "# ",
        "===\n",
    ),
    *(
        "{{< box >}}",
        "{{< /box >}}",
        "{{% pass %}}",
        "{{<",
        ">}}",
        "{{= a.b }}",
        "{%",
        "{#id}",
        "{.c}",
        "--8<--",
        "<!-- more -->",
    ),
    *(
        "hgmk00001x",
        "hgsc0x",
        "hgmissing:x:",
        "\x00",
        "\x1b",
        "\ufdd0",
        "\u2028",
        "&",
        "&amp;",
        "\\",
        "*",
        "_",
        "`",
        "![",
    ),
    *(
        "---\n",
        "+++\n",
        "title: ",
        "a: &a [*a]\n",
        "!!python/object:os.system x\n",
        "\n",
        "\n\n",
        "](",
        ")",
        "é",
        "東",
    ),
]
POST = st.builds(
    lambda header, parts: header + "".join(parts),
    st.sampled_from(HEADERS),
    st.lists(st.sampled_from(PIECES) | st.sampled_from(TEXTS) | st.text(max_size=12), max_size=12),
)
CONFIGURATION = st.lists(
    st.sampled_from(
        [
            *(
                'theme = "x"\n',
                "theme = 5\n",
                "[markup]\ngoldmark = 1\n",
                "[params]\nmath = true\n",
                'contentDir = ".."\n',
                "x =",
            ),
            *(
                'baseURL = "::"\n',
                "[languages.fr]\n",
                "[permalinks]\nposts = '/:year/'\n",
                "enableEmoji = true\n",
                "[[cascade]]\n",
                "\x00",
            ),
        ]
    ),
    max_size=2,
)


LONG = bool(os.environ.get("LONG"))
FEW = settings(max_examples=20 if LONG else 3, suppress_health_check=list(HealthCheck))


def check(files: dict[str, str], config: str) -> None:
    """See that an import ends well: each page is there or refused, and nothing else is left."""
    with tempfile.TemporaryDirectory() as folder:
        old = Path(folder) / "old"
        try:
            encoded = {name: text.encode("utf-8", "surrogatepass") for name, text in files.items()}
            report = bring(site(old, encoded, config), Path(folder))
        except Usage as error:
            assert str(error) and not (Path(folder) / "docs").exists()
            return
        written = {entry.page for entry in report.pages if entry.status == "written"}
        docs = Path(folder) / "docs"
        assert {path.relative_to(docs).as_posix() for path in docs.glob("p*/*.md")} == written
        assert not (docs / ".import").exists()
        assert [entry.reason for entry in report.refused if entry.kind == "fault of the import"] == []
        assert all("{{=" not in (docs / name).read_text("utf-8") for name in written)


@FEW
@given(posts=st.lists(POST, min_size=25 if LONG else 7, max_size=25 if LONG else 7))
def test_drawn_posts_end_in_pages_or_refusals(posts: list[str]) -> None:
    """Posts of odd pieces come in or are refused one by one; no page ends the import of the others."""
    check({f"content/posts/p{number}.md": text for number, text in enumerate(posts)}, CONFIG)


@FEW
@given(post=POST, configuration=CONFIGURATION)
def test_drawn_configurations_end_in_pages_or_one_line(post: str, configuration: list[str]) -> None:
    """A configuration of odd pieces ends in pages, or in one line that says what is wrong with it."""
    check({"content/posts/p.md": post}, "".join(configuration) + CONFIG)
