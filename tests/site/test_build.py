"""`blog build`: strict, without JAX, twice over, and never half."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from lxml import html
from sites import ROOT, Built, build_thin

from blog_code.errors import PostError
from blog_code.posts.post import read_post
from blog_code.repository import Repository, check_posts
from blog_code.runner.atomic import replace_folder
from blog_code.runner.jobs import run_posts
from blog_code.runner.view import make_view
from blog_code.site.build import build_site, write_pages
from blog_code.site.feed import fix_sitemap
from blog_code.site.finish import finish_site
from blog_code.site.page import Site

BLOG = Path(sys.executable).with_name("blog")
PLACE = "posts/thin-post/"
REFUSED = ("jax", "jaxlib", "flax", "optax", "orbax", "tensorflow_datasets", "matplotlib")


@pytest.fixture
def root(thin: Built, tmp_path: Path) -> Path:
    """A copy of the thin repository, to change."""
    ignored = shutil.ignore_patterns("site", ".blog")
    return Path(shutil.copytree(thin.root, tmp_path / "repository", ignore=ignored))


def test_strict_build_needs_no_jax(thin: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout becomes pages where JAX, Flax and Optax cannot be imported."""
    for name in REFUSED:
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('{name} is not for building')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    probe = subprocess.run([sys.executable, "-c", "import jax"], capture_output=True, text=True, check=False)

    assert "not for building" in probe.stderr
    write_pages(thin.root, tmp_path / "site")
    code = "from blog_code.site.finish import finish_site as finish; finish(*map(pathlib.Path, sys.argv[1:]))"
    command = [sys.executable, "-c", f"import pathlib, sys; {code}", str(tmp_path / "site"), str(thin.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "cell-half" in (tmp_path / "site" / "posts" / "thin-post" / "index.html").read_text("utf-8")


def test_finishing_is_stable(thin: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same sources give the same pages, byte for byte."""
    build_thin(thin.root, tmp_path)

    for place in thin.pages:
        path = tmp_path / place / "index.html" if not place.endswith(".html") else tmp_path / place
        assert path.read_text("utf-8") == thin.text(place), place


def test_a_failed_build_leaves_the_old_site(root: Path) -> None:
    """When a page and its code disagree the site that was there stays, to the last byte."""
    (root / "site").mkdir()
    (root / "site" / "index.html").write_text("the old site")
    post = root / "docs" / "posts" / "thin-post.md"
    text = post.read_text("utf-8").replace("[A seven, to the right](#demo)", "[A seven](nowhere.md)")
    post.write_text(text, "utf-8")

    with pytest.raises(PostError, match="site/ is as it was"):
        build_site(Repository(root))
    assert (root / "site" / "index.html").read_text() == "the old site"


@pytest.mark.parametrize("command", ["build", "site"])
def test_a_build_says_where_the_site_is_and_nothing_of_its_tools(root: Path, command: str) -> None:
    """Its last lines are a command to look at the site, which works where a folder has a space."""
    place = root.rename(root.with_name("a repository"))

    done = subprocess.run([BLOG, command], cwd=place / "docs", capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    where, look = done.stdout.splitlines()[-2:]
    assert where.startswith(f"The site is in {place}/site/.")
    assert (Path(shlex.split(look)[-1]) / "index.html").is_file()
    assert "notebook" not in done.stdout and "[macros]" not in done.stdout


@pytest.mark.skipif(
    not str(ROOT).isascii(), reason="in an ASCII locale Python itself starts from no path with accents"
)
def test_a_site_is_built_where_all_is_ascii(root: Path) -> None:
    """A terminal and a locale without accents keep nobody from pages that have them."""
    post = root / "docs" / "posts" / "thin-post.md"
    post.write_text(post.read_text("utf-8").replace("title: ", "title: Caf\u00e9 \u2728, ", 1), "utf-8")
    plain = {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    environment = {**os.environ, **plain, "PYTHONCOERCECLOCALE": "0"}

    for command in ("build", "site"):
        done = subprocess.run([BLOG, command], cwd=root, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "Caf\u00e9 \u2728" in (root / "site" / PLACE / "index.html").read_text("utf-8")


def test_a_quiet_build_still_warns(root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What MkDocs and its plugins warn of is said, what the macros plugin logs as mere information too."""
    configuration = (root / "mkdocs.yml").read_text("utf-8")
    missing = configuration.replace("include_yaml: [", "include_yaml: [docs/nobody.yml, ")
    (root / "mkdocs.yml").write_text(missing, "utf-8")
    (root / "docs" / "about.md").write_text("[broken](nowhere.md)\n")

    with pytest.raises(PostError, match="mkdocs build --strict failed"):
        write_pages(root, tmp_path / "site")

    said = capfd.readouterr().err
    assert "YAML configuration file was not found" in said and "nobody.yml" in said
    assert "'nowhere.md'" in said


def test_what_is_not_published_stays_out(root: Path) -> None:
    """Of a draft, and of a post of a later day, neither page nor run nor a file beside it is in the site."""
    text = (root / "docs" / "posts" / "thin-post.md").read_text("utf-8")
    unpublished = {
        "draft": text.replace("title:", "draft: true\ntitle:", 1),
        "later-on": text.replace("date: 2026-01-02T03:04:05+00:00", "date: 2099-01-02"),
    }
    for slug, content in unpublished.items():
        shutil.copytree(root / "docs" / "runs" / "thin-post", root / "docs" / "runs" / slug)
        (root / "docs" / "posts" / slug / "more").mkdir(parents=True)
        (root / "docs" / "posts" / slug / f"{slug}-plan.svg").write_text(f"<svg>{slug}</svg>")
        (root / "docs" / "posts" / slug / "more" / f"{slug}-data.csv").write_text("secret")
        content = content.replace("thin-post", slug).replace("JAX, thin", f"only-{slug}, thin")
        (root / "docs" / "posts" / f"{slug}.md").write_text(content, "utf-8")

    site = build_site(Repository(root))

    assert (site / "runs" / "thin-post").is_dir() and (site / PLACE).is_dir()
    for slug in unpublished:
        assert [path for path in site.rglob("*") if slug in path.as_posix().removeprefix(str(site))] == []
        texts = [path for path in site.rglob("*") if path.suffix in {".html", ".xml", ".json"}]
        assert [path for path in texts if slug in path.read_text("utf-8")] == []
    assert "The next post is scheduled for 2 January 2099." in (site / "status" / "index.html").read_text(
        "utf-8"
    )


def test_names_that_addresses_spell_otherwise(root: Path) -> None:
    """A category that is not ASCII builds, and a tag of the byline leads to its place on the page of tags."""
    post = root / "docs" / "posts" / "thin-post.md"
    text = post.read_text("utf-8").replace("categories: [Thin]", "categories: [Künstliche Köpfe]")
    tags = ["node.js", "JAX/Flax", "Q&A", "A & B", "Übung"]
    post.write_text(text.replace("tags: [JAX, thin things]", f"tags: {tags}"), "utf-8")

    site = build_site(Repository(root))

    assert "Künstliche Köpfe" in (site / "category" / "künstliche-köpfe" / "index.html").read_text("utf-8")
    listed = html.fromstring((site / "tags" / "index.html").read_text("utf-8")).xpath("//@id")
    byline = html.fromstring((site / PLACE / "index.html").read_text("utf-8")).find_class("byline")[0]
    links = {link.text_content(): unquote(urlsplit(link.get("href")).fragment) for link in byline.iter("a")}
    assert {tag: links[tag] in listed for tag in tags} == dict.fromkeys(tags, True)


def test_a_page_that_includes_no_provenance_has_it(thin: Built, root: Path) -> None:
    """Under the title of each executed post stands where and when, whether it asks for it or not."""
    post = root / "docs" / "posts" / "thin-post.md"
    post.write_text(post.read_text("utf-8").replace('--8<-- "thin-post/provenance.md"\n', ""), "utf-8")

    page = html.fromstring((build_site(Repository(root)) / PLACE / "index.html").read_text("utf-8"))

    said = [line.text_content() for line in page.find_class("provenance")]
    before = html.fromstring(thin.text(PLACE)).find_class("provenance")
    assert said == [before[0].text_content()] and said[0].startswith("Ran on ")


def test_braces_in_a_notebook_are_no_template(root: Path, tmp_path: Path) -> None:
    """Code with two braces reaches the page of the notebook; nothing looks for a value of that name."""
    run = root / "docs" / "runs" / "thin-post"
    notebook = (run / "thin-post.ipynb").read_text("utf-8").replace("## Code", "## Code `{{ nobody }}`")
    post = read_post(root / "docs" / "posts" / "thin-post.md", root)
    (run / "notebook.md").write_bytes(make_view(post, notebook.encode()))

    write_pages(root, tmp_path / "site")

    view = tmp_path / "site" / "runs" / "thin-post" / "notebook" / "index.html"
    assert "{{ nobody }}" in html.fromstring(view.read_text("utf-8")).text_content()


def test_a_run_that_changes_during_a_build(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No page has the numbers of one run and the pictures of the next."""

    def beside(root: Path, folder: Path, *locks: int, **options: Any) -> None:
        write_pages(root, folder, *locks, **options)
        run = root / "docs" / "runs" / "thin-post"
        shutil.copytree(run, tmp_path / "next")
        replace_folder(tmp_path / "next", run)

    monkeypatch.setattr("blog_code.site.build.write_pages", beside)
    with pytest.raises(PostError, match="a run was replaced while the site was built"):
        build_site(Repository(root))
    assert not (root / "site").exists()


def test_the_site_map_of_a_site_under_runs(tmp_path: Path) -> None:
    """Only notebooks are left out, wherever the site lies."""
    place = "<url><loc>https://example.org/runs/posts/x/</loc></url>"
    notebook = "<url><loc>https://example.org/runs/runs/x/notebook/</loc></url>"
    (tmp_path / "sitemap.xml").write_text(f"<urlset>{place}{notebook}</urlset>")

    (tmp_path / "mkdocs.yml").write_text("site_url: https://example.org/runs/\n")
    fix_sitemap(Site(Repository(tmp_path), tmp_path))

    assert (tmp_path / "sitemap.xml").read_text() == f"<urlset>{place}</urlset>"


def test_a_post_without_a_page_is_refused(thin: Built, tmp_path: Path) -> None:
    """A generator that lays posts elsewhere leaves them without cells, header and check: never silently."""
    shutil.copytree(thin.folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "posts" / "thin-post").rename(tmp_path / "posts" / "elsewhere")

    with pytest.raises(PostError, match="the site has no page posts/thin-post/"):
        finish_site(tmp_path, thin.root)


def test_a_figure_without_words_is_refused(thin: Built, tmp_path: Path) -> None:
    """A chart that nobody described, nor said to be mere decoration, does not reach a page."""
    shutil.copytree(thin.folder, tmp_path, dirs_exist_ok=True)
    page = tmp_path / "about" / "index.html"
    image = '<img src="../runs/thin-post/chart.svg">'
    page.write_text(page.read_text("utf-8").replace("</h1>", f"</h1>{image}", 1), "utf-8")

    with pytest.raises(PostError, match="without alternative text"):
        finish_site(tmp_path, thin.root)


def test_an_inline_style_is_refused(thin: Built, tmp_path: Path) -> None:
    """What the policy would refuse in the reader's browser is refused at build, by its name."""
    shutil.copytree(thin.folder, tmp_path, dirs_exist_ok=True)
    page = tmp_path / "about" / "index.html"
    page.write_text(page.read_text("utf-8").replace("</h1>", '</h1><p style="color: red">', 1), "utf-8")

    with pytest.raises(PostError, match=r"about/:1: <p style=.* is refused"):
        finish_site(tmp_path, thin.root)


@pytest.mark.parametrize("tex", [r"\frac{1}", r"\nosuch x", "x^", r"\left( x"])
def test_a_formula_that_cannot_be_set_is_named(thin: Built, tmp_path: Path, tex: str) -> None:
    """TeX that makes no formula stops the build, and the message holds the formula."""
    shutil.copytree(thin.folder, tmp_path, dirs_exist_ok=True)
    page = tmp_path / "about" / "index.html"
    broken = rf'<span class="arithmatex">\({tex}\)</span>'
    page.write_text(page.read_text("utf-8").replace("</h1>", f"</h1><p>{broken}</p>", 1), "utf-8")

    with pytest.raises(PostError, match=re.escape(f"the formula {tex} cannot be set")):
        finish_site(tmp_path, thin.root)


def test_the_readme_makes_a_post(root: Path) -> None:
    """What the README says, word for word, gives a page with code and output, and a clean check."""
    readme = (ROOT / "README.md").read_text("utf-8")
    module, page = (
        textwrap.dedent(re.findall(rf"( +)(`+){language}\n(.*?)\1\2\n", readme, re.S)[0][2])
        for language in ("python", "markdown")
    )
    (root / "blog_code" / "my_post").mkdir()
    (root / "blog_code" / "my_post" / "story.py").write_text(module, "utf-8")
    (root / "docs" / "posts" / "my-post.md").write_text(page, "utf-8")

    assert run_posts([root / "docs" / "posts" / "my-post.md"], root)
    assert not any(verdict.wrong(release=True) for verdict in check_posts(root))
    text = (build_site(Repository(root)) / "posts" / "my-post" / "index.html").read_text("utf-8")
    assert "Hello, reader." in text and 'id="cell-greet"' in text
