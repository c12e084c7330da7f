"""Whole imports: a Hugo site and this site built from it are the same to a reader, and nothing is lost."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import hugo_oracle as oracle
import pytest
from hugo_oracle import ROOT, import_posts
from lxml import html as lxml_html
from typer.testing import CliRunner, Result

from blog_code.cli import app
from blog_code.errors import PostError
from blog_code.hugo import parity
from blog_code.hugo.problems import Usage

BLOG = Path(__file__).with_name("blog")
DRAFT = Path(__file__).with_name("draft") / "flax-post.md"  # the first post as its author left it in 2023
MKDOCS = """
site_name: Imported
site_url: https://new.test/
docs_dir: docs
theme: {name: material, font: false}
plugins:
  - tags
  - blog: {blog_dir: ".", post_dir: "posts", post_url_format: "posts/{slug}"}
  - macros:
      on_undefined: strict
      on_error_fail: true
      j2_variable_start_string: "{{="
      j2_block_start_string: "\ufdd0%"
      j2_comment_start_string: "\ufdd0#"
      j2_extensions: [blog_code.site.inert.Inert]
validation:
  nav: {omitted_files: warn}
  links: {anchors: warn, absolute_links: warn, unrecognized_links: warn}
"""


def dialect() -> str:
    """Return the Markdown extensions of this site, as they stand in its mkdocs.yml."""
    return re.findall(r"(?m)^markdown_extensions:\n(?:  .*\n)+", (ROOT / "mkdocs.yml").read_text("utf-8"))[0]


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Import the fixture blog and build it with MkDocs; return the folder of both."""
    root = tmp_path_factory.mktemp("site")
    report = import_posts(BLOG, root / "docs", report=root / "report.json")
    assert not report.refused, report.refused
    (root / "docs" / "index.md").write_text("# Posts\n")
    (root / "blog_code").mkdir()
    (root / "docs" / "runs").mkdir()
    (root / "mkdocs.yml").write_text(MKDOCS + dialect())
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"],
        cwd=root,
        capture_output=True,
        text=True,
        env={"NO_MKDOCS_2_WARNING": "1", "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return root


@pytest.fixture(scope="module")
def hugo_pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the fixture blog with Hugo and return its pages."""
    site = tmp_path_factory.mktemp("hugo") / "blog"
    shutil.copytree(BLOG, site)
    return oracle.build(site)


def _units(page: str, address: str, moved: dict[str, str], site: str) -> list[parity.Unit]:
    """Return the units of a page, its addresses absolute and old ones replaced by those they redirect to."""
    root = lxml_html.document_fromstring(page)
    for element in root.iter("a", "img"):
        for key in ("href", "src"):
            if element.get(key):
                full = urlsplit(urljoin(site + address, element.get(key)))
                is_here = full.netloc in ("me.test", "new.test")
                path = moved.get(full.path, full.path) if is_here else full.geturl()
                name = path.rsplit("/", 1)[-1] if re.search(r"\.(png|csv)$", path) else path
                element.set(key, name + (f"#{full.fragment}" if full.fragment else ""))
    text = oracle.without_maths_marks(lxml_html.tostring(root, encoding="unicode"))
    return oracle.joined(parity.units(text), maths=True)


def _posts() -> list[str]:
    return [
        path.relative_to(BLOG / "content").as_posix() for path in sorted((BLOG / "content").rglob("[!_]*.md"))
    ]


@pytest.mark.parametrize("post", _posts())
def test_built_page_shows_what_hugo_showed(post: str, imported: Path, hugo_pages: Path) -> None:
    """After the whole way, import, macros, Markdown, blog plugin and links, a page is what Hugo's own was."""
    entries = {
        entry["source"]: entry for entry in json.loads((imported / "report.json").read_text("utf-8"))["posts"]
    }
    entry = entries[str(BLOG / "content" / post)]
    moved = json.loads((imported / "report.json").read_text("utf-8"))["redirects"]
    new = "/" + entry["page"].removesuffix(".md") + "/"
    addresses = [
        new,
        *(address for address, there in moved.items() if there == new and address.endswith("/")),
    ]
    files = {address: hugo_pages / unquote(address).strip("/") / "index.html" for address in addresses}
    old = next(
        address for address, file in files.items() if file.is_file() and "<main>" in file.read_text("utf-8")
    )
    ours = lxml_html.document_fromstring(
        (imported / "site" / new.strip("/") / "index.html").read_text("utf-8")
    )
    article = ours.xpath("//article")[0]
    for extra in article.xpath("./nav | ./h1[not(@id)] | ./aside | ./hr[last()]"):
        extra.drop_tree()
    expected = _units(files[old].read_text("utf-8"), old, moved, "https://me.test")
    found = _units(lxml_html.tostring(article, encoding="unicode"), new, {}, "https://new.test")
    difference = parity.first_difference(expected, found)
    assert difference is None, repr(difference)


def test_old_addresses_lead_to_the_new_pages(imported: Path) -> None:
    """Links from elsewhere still lead to the post: each old address holds a page that does."""
    redirects = json.loads((imported / "report.json").read_text("utf-8"))["redirects"]
    assert redirects["/2021/06/my-note/"] == "/posts/n/"
    assert redirects["/old/first/"] == redirects["/posts/first-old.html"] == "/posts/first/"
    for old, new in redirects.items():
        file = (
            imported / "site" / (old.lstrip("/") if old.endswith(".html") else f"{old.strip('/')}/index.html")
        )
        target = re.search(r'rel="canonical" href="([^"]+)"', file.read_text("utf-8"))
        assert target is not None
        assert urlsplit(urljoin(f"https://new.test{old}", target[1])).path == new


def test_second_import_changes_nothing(tmp_path: Path) -> None:
    """The same source imported again leaves every file as it is, for a site under version control."""
    import_posts(BLOG, tmp_path / "docs")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    report = import_posts(BLOG, tmp_path / "docs")
    assert {post.status for post in report.posts} == {"unchanged"}
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    """Who only wants to see has a dry run, which reports all and leaves no file."""
    report = import_posts(BLOG, tmp_path / "docs", dry_run=True)
    assert report.posts and not list(tmp_path.iterdir())


def test_edited_page_is_kept_unless_forced(tmp_path: Path) -> None:
    """An author's edits are safe: a page changed since its import is refused, and replaced only by force."""
    source = _post(tmp_path, "text\n")
    import_posts(source, tmp_path / "docs")
    page = tmp_path / "docs" / "posts" / "post.md"
    page.write_text(page.read_text("utf-8") + "\nmine\n", "utf-8")
    source.write_text(source.read_text("utf-8") + "\ntheirs\n", "utf-8")
    assert "edited" in import_posts(source, tmp_path / "docs").refused[0].reason
    assert page.read_text("utf-8").endswith("mine\n")
    assert not import_posts(source, tmp_path / "docs", force=True).refused
    assert page.read_text("utf-8").endswith("theirs\n")


def test_changed_source_replaces_an_untouched_page(tmp_path: Path) -> None:
    """The changes of a blog that is still written in Hugo come in where the page was not edited."""
    source = _post(tmp_path, "text\n")
    import_posts(source, tmp_path / "docs")
    source.write_text(source.read_text("utf-8") + "\nmore\n", "utf-8")
    assert import_posts(source, tmp_path / "docs").posts[0].status == "converted"
    assert "more" in _page(tmp_path)


def _page(folder: Path, name: str = "post") -> str:
    return (folder / "docs" / "posts" / f"{name}.md").read_text("utf-8")


def _post(
    folder: Path, body: str, header: str = "title: Post\ndate: 2024-01-02\n", name: str = "post.md"
) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"---\n{header}---\n{body}", "utf-8")
    return path


REFUSALS = {
    "unknown shortcode": ("x\n\n{{< mystery a >}}\n", "", 6, "`mystery` is not known"),
    "unclosed shortcode": ("{{< highlight go >}}\nx\n", "", 4, "never closed"),
    "stray end": ("a\n{{< /details >}}\n", "", 5, "closes a shortcode"),
    "unterminated": ('{{< figure src="x"\n', "", 4, "never closed"),
    "inline shortcode": ("{{< now.inline >}}{{ now }}{{< /now.inline >}}\n", "", 4, "inline shortcode"),
    "template": ("a {{ .Params.x }} b\n", "", 4, "Go template"),
    "unknown ref": ('[x]({{< ref "nowhere.md" >}})\n', "", 4, "leads to no page"),
    "unknown param": ("{{< param nothing >}}\n", "", 4, "names nothing"),
    "other markup": ("x\n", "markup: org\n", 1, "not Markdown"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refused_with_its_place(name: str, tmp_path: Path) -> None:
    """No post comes in wrong in silence: it is refused with line and reason, and nothing is written."""
    body, header, shift, reason = REFUSALS[name]
    source = _post(tmp_path, body, f"title: x\ndate: 2024-01-01\n{header}")
    [refused] = import_posts(source, tmp_path / "docs").refused
    assert reason in refused.reason
    assert refused.line == (shift + 1 if shift > 1 else shift)
    assert not list((tmp_path / "docs").rglob("*.md"))


def test_no_date_is_refused(tmp_path: Path) -> None:
    """A post without a date, or with one that cannot be read, is refused: the blog is in their order."""
    for header in ("title: x\n", "title: x\ndate: sometime\n"):
        [refused] = import_posts(_post(tmp_path, "x\n", header), tmp_path / "docs").refused
        assert "date" in refused.reason


def test_broken_header_is_refused_at_its_line(tmp_path: Path) -> None:
    """No header is half read: YAML, TOML and JSON that cannot be read name their line."""
    broken = {
        "a.md": "---\ntitle: x\nb: [\n---\n",
        "b.md": "+++\ntitle = 1\nx = \n+++\n",
        "c.md": '{"a": 1,\n b}\n',
    }
    for name, text in broken.items():
        (tmp_path / name).write_text(text)
        [refused] = import_posts(tmp_path / name, tmp_path / "docs").refused
        assert "cannot be read" in refused.reason and refused.line >= 2


def _site(folder: Path, config: str = "baseURL = 'https://me.test/'\n") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hugo.toml").write_text(config)
    (folder / "content").mkdir(exist_ok=True)
    return folder


def test_colliding_addresses_are_refused(tmp_path: Path) -> None:
    """No post replaces another: two that would stand in one place are refused, each naming the other."""
    site = _site(tmp_path / "site")
    for name in ("content/a/same.md", "content/b/same.md"):
        _post(site, "x\n", name=name)
    refused = import_posts(site, tmp_path / "docs").refused
    assert len(refused) == 2 and all("posts/same/" in post.reason for post in refused)


def test_other_languages_and_formats_are_refused(tmp_path: Path) -> None:
    """Of a site in many languages the default one comes in; each post of another is refused with a word."""
    site = _site(tmp_path / "site", "[languages.en]\nweight = 1\n[languages.fr]\nweight = 2\n")
    _post(site, "x\n", name="content/posts/a.md")
    _post(site, "x\n", name="content/posts/a.fr.md")
    (site / "content" / "posts" / "b.org").write_text("* x")
    report = import_posts(site, tmp_path / "docs")
    assert sorted(post.reason.split(";")[0] for post in report.refused) == [
        ".org is not Markdown",
        "written in 'fr'",
    ]
    assert [post.page for post in report.posts if post.page] == ["posts/a.md"]


def test_mapping_file_says_what_shortcodes_become(tmp_path: Path) -> None:
    """Themes' own shortcodes become Markdown with parameters, HTML around the inner text, or nothing."""
    mapping = tmp_path / "map.toml"
    mapping.write_text(
        "[shortcodes.img]\nmarkdown = '![{alt}]({src}){{ width=\"{max-width}\" }}'\n"
        "[shortcodes.lead]\nhtml = '<p class=\"lead\">{inner}</p>'\n"
        "[shortcodes.music]\ndrop = true\n"
        "[shortcodes.box]\nmarkdown = '''\n!!! note \"{0}\"\n\n    {inner}\n'''\n"
    )
    source = _post(
        tmp_path,
        '{{< img src="/a.png" alt="A" max-width="30" >}}\n\n'
        "{{< lead >}}Big *words*{{< /lead >}}\n\n"
        "{{< music 1 >}}\n\n{{< box Title >}}\none\n\n- two\n{{< /box >}}\n",
    )
    report = import_posts(source, tmp_path / "docs", mapping=mapping)
    assert not report.refused, report.refused
    page = _page(tmp_path)
    assert '![A](/a.png){ width="30" }' in page
    assert '<p class="lead">' in page and "<em>words</em>" in page
    assert '!!! note "Title"\n\n    one\n\n    - two' in page and "music" not in page


def test_mapping_that_means_nothing_is_a_usage_error(tmp_path: Path) -> None:
    """A typing error in a mapping does not pass: an entry without a known form stops the import."""
    mapping = tmp_path / "map.toml"
    mapping.write_text("[shortcodes.img]\nmarkdwon = 'x'\n")
    with pytest.raises(Usage, match="needs one of"):
        import_posts(_post(tmp_path, "x\n"), tmp_path / "docs", mapping=mapping)


def test_python_blocks_become_regions(tmp_path: Path) -> None:
    """A tutorial can become an executed post: each block is a region, its fence names it, output stays."""
    source = _post(
        tmp_path,
        '## Set up\n\n```python\nx = 1\n\ny = f"{{x}}"\n```\n\n'
        "```\nOut: 1\n```\n\n- in a list\n\n  ```py\n  if x:\n"
        "      print(x)\n  ```\n\n```python\n>>> x\n1\n```\n\n```bash\nls\n```\n",
        name="my-post.md",
    )
    report = import_posts(source, tmp_path / "docs", extract=True)
    assert not report.refused, report.refused
    module = (tmp_path / "blog_code" / "my_post" / "story.py").read_text("utf-8")
    compile(module, "story.py", "exec")
    assert '# --8<-- [start:set-up]\nx = 1\n\ny = f"{{x}}"\n# --8<-- [end:set-up]' in module
    assert "# --8<-- [start:set-up-2]\nif x:\n    print(x)\n# --8<-- [end:set-up-2]" in module
    page = _page(tmp_path, "my-post")
    assert '``` { .python }\n--8<-- "my_post/story.py:set-up"\n```' in page
    assert '    ``` { .python }\n    --8<-- "my_post/story.py:set-up-2"\n    ```' in page
    assert ">>> x" in page and "Out: 1" in page and "raw" not in page


def test_bundle_brings_its_resources(tmp_path: Path) -> None:
    """Pictures and data beside a post are not lost: they stand in the folder of the post's name."""
    _post(tmp_path, "![x](x.png)\n", name="trip/index.md")
    (tmp_path / "trip" / "x.png").write_bytes(b"png")
    (tmp_path / "trip" / "data").mkdir()
    (tmp_path / "trip" / "data" / "y.csv").write_text("1\n")
    assert not import_posts(tmp_path / "trip", tmp_path / "docs").refused
    page = _page(tmp_path, "trip")
    assert "![x](trip/x.png)" in page
    assert (tmp_path / "docs" / "posts" / "trip" / "x.png").read_bytes() == b"png"
    assert (tmp_path / "docs" / "posts" / "trip" / "data" / "y.csv").is_file()


def test_addresses_are_those_that_hugo_makes(tmp_path: Path) -> None:
    """Old links keep working: the address that an import redirects from is one that Hugo published."""
    site = _site(
        tmp_path / "site",
        'baseURL = "https://a.test/"\n'
        'disableKinds = ["taxonomy", "term", "RSS", "sitemap", "404", "home", "section"]'
        '\n[permalinks]\nposts = "/:year/:month/:day/:slug/"\ndocs = "/d/:sections/:filename/"\n',
    )
    posts = {
        "posts/2020/Hello World.md": 'title: "Hello, World! It\'s C++ & C#"\n',
        "posts/slugged.md": "title: X\nslug: My Slug Here\n",
        "blog/My Trip/index.md": "title: T\n",
        "blog/sub/Page-One.md": "title: P\n",
        "blog/Über.md": "title: U\n",
        "blog/it's.md": "title: I\n",
        "blog/url.md": "title: U\nurl: /custom/path.html\n",
        "docs/x.md": "title: X\n",
        "root.md": "title: R\n",
    }
    for name, header in posts.items():
        _post(site, "x\n", f"{header}date: 2020-03-04T23:30:00-05:00\n", name=f"content/{name}")
    public = oracle.build(site)
    report = import_posts(site, tmp_path / "docs")
    assert not report.refused and len(report.redirects) == len(posts)
    for old in report.redirects:
        assert (public / old.strip("/") / ("" if old.endswith(".html") else "index.html")).is_file(), old


def test_links_to_markdown_files_are_resolved(tmp_path: Path) -> None:
    """Links as editors follow them lead on: the path of another post's file becomes that of its page."""
    site = _site(tmp_path / "site")
    _post(site, "[b](../b/index.md#x) [c](c.md) [d](/posts/c.md)\n", name="content/posts/a.md")
    _post(site, "b\n", name="content/b/index.md")
    _post(site, "c\n", "title: C\ndate: 2024-01-01\nslug: sea\n", name="content/posts/c.md")
    assert not import_posts(site, tmp_path / "docs").refused
    page = _page(tmp_path, "a")
    assert "[b](b.md#x) [c](sea.md) [d](sea.md)" in page


def test_draft_comes_in_whole(tmp_path: Path) -> None:
    """The draft of the first post comes in with its header, all words, and the list after a line of text."""
    assert not import_posts(DRAFT, tmp_path / "docs").refused
    page = _page(tmp_path, "flax-post")
    assert page.startswith(
        "---\ntitle: Flax Post\ndate: 2023-05-22T21:54:11+01:00\ndraft: true\nslug: flax-post\n---\n"
    )
    body = DRAFT.read_text("utf-8").split("---", 2)[2]
    assert page.split("---", 2)[2].replace("<!-- more -->", "", 1).split() == body.split()
    assert "two libraries:\n\n- **JAX**" in page


def test_command_ends_with_its_exit_codes(tmp_path: Path) -> None:
    """Scripts that call the command can tell: 0 all in, 1 any refused, 2 a request that makes no sense."""
    good, bad = _post(tmp_path, "x\n", name="good.md"), _post(tmp_path, "{{< nope >}}\n", name="bad.md")

    def call(source: Path) -> Result:
        return CliRunner().invoke(app, ["import", str(source), "--into", str(tmp_path / "docs")])

    assert call(good).exit_code == 0
    refused = call(bad)
    assert refused.exit_code == 1 and "bad.md:5" in refused.output
    assert call(tmp_path / "none.md").exit_code == 2


def test_pages_are_checked_in_the_dialect_of_their_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site that reads `==` as markup gets pages on which the signs stand, as they stand on Hugo's."""
    monkeypatch.chdir(tmp_path)
    source = _post(tmp_path, "a ==b== c\n")
    call = ["import", str(source), "--into", "new/docs"]

    nowhere = CliRunner().invoke(app, call)
    assert nowhere.exit_code == 2 and nowhere.output.startswith("blog: no mkdocs.yml here or above")
    (tmp_path / "new").mkdir()
    for more, body in {"": "a ==b== c", "  - pymdownx.mark\n": "a &#61;&#61;b&#61;&#61; c"}.items():
        (tmp_path / "new" / "mkdocs.yml").write_text(MKDOCS + dialect() + more)
        assert CliRunner().invoke(app, [*call, "--force"]).exit_code == 0
        assert body in (tmp_path / "new/docs/posts/post.md").read_text("utf-8")
    (tmp_path / "new" / "mkdocs.yml").write_text("markdown_extensions: [nowhere]\n")
    with pytest.raises(
        PostError, match=r"mkdocs.yml:1: Failed to load extension 'nowhere'. ModuleNotFound.*'nowhere'$"
    ):
        CliRunner().invoke(app, call, catch_exceptions=False)


def test_typed_python_is_marked_as_not_executed(tmp_path: Path) -> None:
    """Imported Python that stays in the page is said not to run, so that `blog check` can pass."""
    source = _post(tmp_path, "```python\nprint(1)\n```\n")
    import_posts(source, tmp_path / "docs")
    import_posts(source, tmp_path / "other" / "docs", extract=True)

    assert "executed: false" in _page(tmp_path)
    assert "executed" not in _page(tmp_path / "other")
