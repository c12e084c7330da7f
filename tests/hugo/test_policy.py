"""What imported posts owe this site: its own configuration builds them; they load nothing from elsewhere."""

import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import hugo_oracle as oracle
import pytest
import yaml
from hugo_oracle import ROOT, import_posts
from lxml import html as lxml_html

from blog_code.hugo.convert import Conversion
from blog_code.hugo.dialect import Dialect
from blog_code.hugo.importing import PostReport
from blog_code.hugo.links import Target
from blog_code.hugo.page_header import slugged
from blog_code.posts.post import SLUG
from blog_code.repository import Repository, check_posts
from blog_code.site.build import build_site

ELSEWHERE = {
    "{{< youtube abc--d_e >}}": "YouTube video: <https://www.youtube.com/watch?v=abc--d_e>",
    '{{< youtube id=abc start=30 title="My _t_" >}}': (
        "[My &#95;t&#95;](https://www.youtube.com/watch?v=abc&t=30s)"
    ),
    "- {{< vimeo 55073825 >}}": "- Vimeo video: <https://vimeo.com/55073825>",
    "{{< gist me 1234 a_b.py >}}": "Gist: <https://gist.github.com/me/1234#file-a-b-py>",
    '{{< x user="me" id="12" >}}': "Post on X: <https://x.com/me/status/12>",
    "{{< instagram xyz >}}": "Post on Instagram: <https://www.instagram.com/p/xyz/>",
    '{{< figure src="https://x.test/a.png" alt="A" >}}': (
        '<figure markdown="span">\n[A](https://x.test/a.png)\n</figure>'
    ),
    'A ![plot *b*](https://x.test/a_b.png "T") and ![](//x.test/c.png)': (
        "A [plot b](https://x.test/a_b.png) and <https://x.test/c.png>"
    ),
    "[![badge](https://x.test/b.svg)](https://ci.test/)": "[badge](https://ci.test/)",
    '<a href="https://ci.test/"><img src=https://x.test/b.svg alt="badge"></a>': (
        '<a href="https://ci.test/">badge</a>'
    ),
    '<iframe src="https://www.youtube.com/embed/x?rel=0" style="border:0">no frames</iframe>': (
        "<https://www.youtube.com/watch?v=x>"
    ),
    '<div style="a:b"><iframe src="https://player.vimeo.com/video/5?h=1" title="V"></iframe></div>': (
        '<div><a href="https://vimeo.com/5">V</a></div>'
    ),
    'in <iframe src="/demo.html">no</iframe> line': "in [/demo.html](/demo.html) line",
    '<script src="https://gist.github.com/me/12.js"></script>': "<https://gist.github.com/me/12>",
    'a<script async src="https://x.test/w.js"></script>': "a",
    '<video controls>\n<source src="https://x.test/a.mp4">\n<source src="https://x.test/a.webm">\n</video>': (
        "<https://x.test/a.mp4>"
    ),
    'a <b style="color:red">b</b>': "a <b>b</b>",
}


def conversion() -> Conversion:
    """Return a conversion that leaves links as they are."""
    here = Target("posts/x.md", "posts/x/")
    return Conversion(oracle.workshop(), Dialect(), here, lambda *_: None, lambda _: "", {})


@pytest.mark.parametrize("text", ELSEWHERE)
def test_what_another_host_would_send_is_a_link(text: str) -> None:
    """No other host hears of readers, and no page has a hole: a link stands there, and a note says so."""
    converted = conversion()

    assert converted.body(text, 7)[0] == ELSEWHERE[text]
    assert converted.notes and all(note.startswith("7: ") for note in converted.notes)


LEFT_ALONE = [
    "![a](a.png)",
    '<video src="x.mp4" controls></video>',
    "`<img src=\"https://x.test/a.png\">`",
    "``` html\n<iframe src=\"https://x.test/\"></iframe>\n```",
    "<script>\nwrite('<img src=\"https://x.test/a.png\">');\n</script>",
    "| a |\n| :-: |\n| b |",
]  # fmt: skip


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_the_policy_allows_is_left_alone(text: str) -> None:
    """The site's own pictures and films stay, and code that only shows an address."""
    converted = conversion()

    assert converted.body(text, 1)[0] == text
    assert not converted.notes


DIVIDED = {
    "One.\n\nTwo.": "One.\n\n<!-- more -->\n\nTwo.",
    "# H\n\nOne\nmore.\n- list": "# H\n\nOne\nmore.\n\n<!-- more -->\n\n- list",
    "- a\n\n  b\n\n> q": "- a\n\n    b\n\n> q\n\n<!-- more -->",
    "```text\na\n\nb\n```": "``` text\na\n\nb\n```\n\n<!-- more -->",
    "```text\nnever closed": "``` text\nnever closed\n```\n\n<!-- more -->",
    "<div>\n\nIn.\n\n</div>\n\nOut.\n\nEnd.": (
        '<div markdown="block">\n\nIn.\n\n</div>\n\nOut.\n\n<!-- more -->\n\nEnd.'
    ),
    "{{< vimeo 5 >}}\n\nOne.\n\nTwo.": "Vimeo video: <https://vimeo.com/5>\n\nOne.\n\n<!-- more -->\n\nTwo.",
    "One[^1].\n\n[^1]: Note.": "One[^1].\n\n[^1]: Note.\n\n<!-- more -->",
    "One.\n\nTwo.\n<!--more-->\nThree.": "One.\n\nTwo.\n\n<!-- more -->\n\nThree.",
    "": "<!-- more -->",
}


@pytest.mark.parametrize("text", DIVIDED)
def test_every_page_says_where_its_summary_ends(text: str) -> None:
    """Lists of posts have something to show: what stands before a divider, which is never inside a block."""
    assert conversion().page(text, 1).strip() == DIVIDED[text]


@pytest.mark.parametrize("name", ["my_tricks", "Über Straße", "a.b--c_", "Hello, World!", "2024-05-31-x"])
def test_slugs_are_those_that_the_runner_takes(name: str) -> None:
    """However a file is called, its page has a name that `blog check` takes: a-z, 0-9 and single hyphens."""
    assert SLUG.fullmatch(slugged(name))


SOURCES = {
    "none.md": ("", "No divider.\n\n```python\nx = 1\n```\n\n> [!NOTE]\n> ```sh\n> ls\n> ```\n"),
    "only_a_list.md": ("aliases: [/old/list/]\n", "- one\n- two\n"),
    "my_tricks.md": ("lastmod: 2024-06-07T08:00:00+02:00\n", "One.\n\n[A page]({{< ref \"none.md\" >}}).\n"),
    "film.md": ("", "Film:\n\n{{< youtube abc >}}\n\n{{< gist me 12 >}}\n\n<iframe src='https://x.test/'></iframe>\n"),
    "image.md": ("", "![Far](https://x.test/a.png)\n\n<img src='//x.test/b.png' style='width: 3px'> end\n"),
    "2024-05-31-python.md": ("", "Code.\n\n```python\nx = 1\n```\n"),
}  # fmt: skip


def write_sources(folder: Path) -> None:
    """Write a Hugo site of posts that a configuration less strict than this site's would build."""
    (folder / "content" / "posts").mkdir(parents=True)
    settings = 'baseURL = "https://me.test/"\n[markup.goldmark.renderer]\nunsafe = true\n'
    (folder / "hugo.toml").write_text(settings)
    for name, (keys, body) in SOURCES.items():
        header = f"title: A post\ndate: 2024-05-31T10:00:00+02:00\n{keys}"
        (folder / "content" / "posts" / name).write_text(f"---\n{header}---\n{body}")


def copy_configuration(root: Path) -> None:
    """Lay out a repository without posts that has this one's configuration."""
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    settings = re.sub(r"(?m)^nav:\n(?:  .*\n)+", "nav:\n  - Posts: index.md\n", settings)
    settings = re.sub(r" {6}include_yaml:\n(?: {8}- .*\n)+", "", settings)
    for folder in ("docs/runs", "blog_code"):
        (root / folder).mkdir(parents=True)
    (root / "mkdocs.yml").write_text(settings)
    (root / "docs" / "index.md").write_text("# Posts\n")
    shutil.copytree(ROOT / "docs" / "assets", root / "docs" / "assets")


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[PostReport]]:
    """Import the posts into a copy of this site and build it; the one with a digit in front is extracted."""
    source, root = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    write_sources(source)
    copy_configuration(root)
    posts = import_posts(source, root / "docs").posts
    import_posts(source / "content/posts/2024-05-31-python.md", root / "docs", extract=True, force=True)
    build_site(Repository(root))
    return root, posts


def test_imported_posts_pass_the_check_of_this_site(reports: tuple[Path, list[PostReport]]) -> None:
    """What came in without a refusal needs no mending before it can be published."""
    root, posts = reports

    assert [post.status for post in posts] == ["converted"] * len(SOURCES)
    verdicts = check_posts(root)
    assert [str(finding) for verdict in verdicts for finding in verdict.findings] == []
    statuses = {verdict.post: verdict.status for verdict in verdicts}
    assert statuses["2024-05-31-python"] == "stale" and statuses["my-tricks"] == "prose"
    assert (root / "blog_code" / "2024_05_31_python" / "story.py").is_file()


def test_built_pages_of_imported_posts_load_nothing_from_elsewhere(
    reports: tuple[Path, list[PostReport]],
) -> None:
    """Readers stay private: no page, list or redirect refers to another host in a `src`."""
    root, posts = reports
    pages = {path: lxml_html.parse(path).getroot() for path in (root / "site").rglob("*.html")}

    for path, page in pages.items():
        assert not [src for src in page.xpath("//@src") if urlsplit(src).netloc], path
    for post in posts:
        assert root / "site" / post.page.removesuffix(".md") / "index.html" in pages
    film = (root / "site" / "posts" / "film" / "index.html").read_text("utf-8")
    assert 'href="https://www.youtube.com/watch?v=abc"' in film


def test_last_change_of_an_imported_post_is_dated(reports: tuple[Path, list[PostReport]]) -> None:
    """Readers and machines see when a post was last changed, which Hugo knew as `lastmod`."""
    page = lxml_html.parse(reports[0] / "site/posts/my-tricks/index.html").getroot()
    byline = page.xpath("//*[@class='byline']")[0]
    said = yaml.safe_load(page.xpath("//script[@type='application/ld+json']/text()")[0])

    assert "31 May 2024 · updated 7 June 2024" in byline.text_content()
    assert byline.xpath("./a/@href") == []
    assert said["dateModified"] == "2024-06-07T08:00:00+02:00"
    assert page.xpath("//article//a/@href[contains(., 'none')]") == ["../none/"]
