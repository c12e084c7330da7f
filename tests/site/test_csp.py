"""A built page is held to its policy: no script is hashed but the theme's, and any other is named."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import html
from repository import Repository, messages

from blog_code.errors import PostError
from blog_code.repository import Repository as Read
from blog_code.site.build import build_site
from blog_code.site.charts import decorate_figures
from blog_code.site.closing import in_tex
from blog_code.site.code_blocks import cell_title, recorded_lines
from blog_code.site.csp import hold_to_policy, is_known, known_scripts
from blog_code.site.feed import fix_feeds
from blog_code.site.finish import check_anchors, write_formulas
from blog_code.site.metadata import write_metadata
from blog_code.site.page import Page, Site, read_page
from blog_code.site.titles import fix_titles

PLACE, POST = "site/posts/x/index.html", "docs/posts/x.md"
HEAD = '<html><head><meta charset="utf-8"><title>T</title></head>'
SCOPE = (
    '__md_scope=new URL("../..",location),__md_hash=e=>[...e].reduce(((e,_)=>(e<<5)-e+_.charCodeAt(0)),0),'
    '__md_get=(e,_=localStorage,t=__md_scope)=>JSON.parse(_.getItem(t.pathname+"."+e)),'
    '__md_set=(e,_,t=localStorage,a=__md_scope)=>{try{t.setItem(a.pathname+"."+e,JSON.stringify(_))}catch(e){}}'
)


def built(repo: Repository, inside: str, place: str = PLACE) -> Page:
    """The page of a post, or another, as a generator may have written it."""
    path = repo.write(place, f"{HEAD}<body><article class='md-content'>{inside}</article></body></html>")
    page = read_page(path, Site(Read(repo.root), repo.root / "site"))
    page.post, page.record = page.site.posts.get(page.place, (None, None))
    return page


@pytest.fixture
def posted(repo: Repository) -> Repository:
    """A repository with a post that has a run and says much that its page would be refused for."""
    repo.post(first="print(1)", end="\n".join(f"<p>Line {n}.</p>" for n in range(3)))
    repo.accept()
    return repo


SVG = '<svg xmlns="http://www.w3.org/2000/svg"'
HOSTILE = {
    "a script": ("<script>alert(1)</script>", "the script 'alert(1)'"),
    "a script of a type": ("<script type='module'>alert(2)</script>", "the script 'alert(2)'"),
    "a script of another host": (
        "<script src='//host.example/a.js'></script>",
        "<script src='//host.example/a.js'>",
    ),
    "a script beside the post": ("<script src='../x/evil.js'></script>", "<script src='../x/evil.js'>"),
    "a script in a drawing": ("<svg><g><script>a()</script></g></svg>", "the script 'a()'"),
    "a script in a formula": ("<math><mtext><script>b()</script></mtext></math>", "the script 'b()'"),
    "a handler": ("<img src=x onerror='alert(1)'>", "onerror='alert(1)'"),
    "a handler of a drawing": ("<svg onload='c()'></svg>", "onload='c()'"),
    "an address": ("<a href='java&#10;script:d()'>e</a>", "href="),
    "an address of a drawing": (
        "<svg><a xlink:href='javascript:d()'></a></svg>",
        "xlink:href='javascript:d()'",
    ),
    "a frame": ("<iframe srcdoc='f'></iframe>", "<iframe>"),
    "a base": ("<base href='//host.example'>", "<base>"),
    "a refresh": ("<meta http-equiv='refresh' content='0;url=/away'>", "<meta>"),
    "a form": ("<form action='/a'><input type='password'></form>", "<form>"),
    "a style": ("<style>p { color: red }</style>", "<style>"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_runs_is_refused_where_it_is_written(posted: Repository, what: str) -> None:
    """The finding names the post and the line, on its own page and on a list that shows its beginning."""
    inside, said = HOSTILE[what]
    posted.edit(POST, "<p>Line 1.</p>", inside)
    line = (posted.root / POST).read_text().split("\n").index(inside) + 1
    listed = f'<article class="md-post--excerpt"><h2><a href="../posts/x/">A</a></h2>{inside}</article>'
    pages = [built(posted, inside), built(posted, listed, "site/archive/index.html")]

    for page in pages:
        with pytest.raises(PostError) as refused:
            hold_to_policy(page)
        assert said in messages(refused.value)
        assert messages(refused.value).startswith(f"{POST}:{line}: "), messages(refused.value)


def test_only_scripts_of_the_theme_are_hashed(posted: Repository) -> None:
    """Its scripts are known to the letter, wherever the page lies; one letter more, and it is refused."""
    page = built(posted, "<p>Text.</p>")
    page.tree.find("head").append(html.fragment_fromstring(f"<script>{SCOPE}</script>"))
    hold_to_policy(page)

    assert page.text().count("sha256-") == 1
    assert is_known(SCOPE.replace("../..", ".")) and is_known(SCOPE.replace("../..", "/"))
    assert not is_known(SCOPE + ";alert(1)") and not is_known(SCOPE.replace("../..", '",alert(1),"'))
    assert not is_known("") and len(known_scripts()) > 5


@pytest.mark.parametrize("head", [HEAD, "<html><head><title>T</title></head>", "<!doctype html><p>Old"])
def test_each_page_has_a_policy(posted: Repository, head: str) -> None:
    """A page that somebody laid among the files has it too, with or without a line for its encoding."""
    path = posted.write("site/demo.html", f"{head}<body><p>Text.</p></body></html>")
    page = read_page(path, Site(Read(posted.root), posted.root / "site"))
    hold_to_policy(page)
    hold_to_policy(page)

    first, second = page.tree.find("head")[:2]
    assert first.get("charset") == "utf-8"
    assert second.get("content").startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert page.text().count("Content-Security-Policy") == 1


@pytest.mark.parametrize(("target", "allowed"), [("../new/", True), ("https://host.example/", False)])
def test_old_addresses_lead_to_pages_of_the_site(posted: Repository, target: str, allowed: bool) -> None:
    """What an import leaves at an old address may lead to the new one, and nowhere else."""
    refresh = f'<meta http-equiv="refresh" content="0; url={target}">'
    path = posted.write(
        "site/old.html", f"<!doctype html><meta charset=utf-8><title>Moved</title>{refresh}<p>Here"
    )
    page = read_page(path, Site(Read(posted.root), posted.root / "site"))

    if allowed:
        hold_to_policy(page)
    else:
        with pytest.raises(PostError, match="refuses <meta>"):
            hold_to_policy(page)


@pytest.mark.parametrize(
    "title", ["On `vmap` and *stars*", "a < b & c_d_e", '$x$ [link](y) {{ z }} "quoted"']
)
def test_a_title_reads_alike_everywhere(posted: Repository, title: str) -> None:
    """On the page, in its window, in its bar, on lists and among the tags it is the text of the author."""
    posted.write(POST, (posted.root / POST).read_text().replace("A post", "'" + title + "'"))
    own = built(posted, "<h1>T <em>other</em></h1>")
    own.tree.body.insert(0, html.fragment_fromstring("<div class='md-header__topic'><span>T</span></div>"))
    listed = '<article class="md-post--excerpt"><h2><a href="../posts/x/">T <code>o</code></a></h2></article>'
    archive = built(posted, listed, "site/archive/index.html")
    tags = built(posted, '<ul><li><a href="../posts/x/">T</a></li></ul>', "site/tags/index.html")

    for page in (own, archive, tags):
        fix_titles(page)

    said = [*own.tree.xpath("//h1/text()"), *own.tree.xpath("//div/span/text()")]
    said += [archive.tree.findtext(".//h2/a"), tags.tree.findtext(".//li/a")]
    assert said == [title] * 4
    assert own.tree.findtext("head/title") == f"{title} - Fixture"


def test_two_titles_on_a_page_are_refused(posted: Repository) -> None:
    """However it came there, in HTML or in a block, a second title would take the place of the first."""
    with pytest.raises(PostError, match=f"{POST}:1: the page has 2 titles"):
        fix_titles(built(posted, "<h1>One</h1><h1>Two</h1>"))


def test_quotes_in_a_description_are_part_of_it(posted: Repository) -> None:
    """The theme ends the attribute at the first of them; on pages without a post, and for authors, too."""
    said = 'The "best" post & more'
    posted.edit(POST, "title:", f"description: '{said}'\nauthor: 'A \"B\" C'\ntitle:")
    posted.write("docs/about.md", f"---\ndescription: '{said}'\n---\n# About\n")
    broken = (
        '<meta name="description" content="The " best" post & more"><meta name="author" content="A "B" C">'
    )
    for page in (built(posted, "<p>Text.</p>"), built(posted, "<p>Text.</p>", "site/about/index.html")):
        page.tree.find("head").extend(html.fragments_fromstring(broken))
        write_metadata(page)

        assert page.tree.xpath("//meta[@name='description']/@content") == [said]
        assert page.tree.xpath("//meta[@property='og:description']/@content") == [said]
        assert page.tree.xpath("//meta[@name='author']/@content") == (['A "B" C'] if page.post else [])


def test_a_post_without_description_says_how_it_begins(posted: Repository) -> None:
    """Cards and feeds have its first words rather than those about the whole site."""
    page = built(posted, "<header><p>Byline</p></header><p>How it <b>begins</b>.</p><p>And goes on.</p>")
    write_metadata(page)

    assert page.tree.xpath("//meta[@name='description']/@content") == ["How it begins."]


def test_a_feed_says_in_words_what_a_post_is(posted: Repository) -> None:
    """A reader of feeds gets a sentence, and no HTML whose addresses lead nowhere there."""
    address = "https://host.example/posts/x/"
    html_said = "<description>&lt;p&gt;&lt;img src='a.png'&gt;[^1] $x$&lt;/p&gt;</description>"
    posted.write("mkdocs.yml", "site_url: https://host.example/\n")
    feed = f"<rss><item><title>A</title><link>{address}</link>{html_said}</item></rss>"
    posted.write("site/feed_rss_created.xml", feed)
    page = built(posted, "<p>How it begins, &amp; where.</p>")

    fix_feeds(page.site, [page])

    said = (posted.root / "site/feed_rss_created.xml").read_text()
    assert said == feed.replace(html_said, "<description>How it begins, &amp; where.</description>")


@pytest.mark.parametrize(
    ("anchor", "found"), [("cell-first", True), ("h", True), ("cell-none", False), ("#", False)]
)
def test_links_lead_to_places_that_are_there(posted: Repository, anchor: str, found: bool) -> None:
    """Cells have addresses that a post, and another post, can link to; what no page has is refused."""
    place = '<h2 id="h">H</h2><div class="cell" id="cell-first"></div>'
    here = built(posted, f'{place}<a href="#{anchor}">a</a>')
    there = built(posted, f'<a href="../posts/x/#{anchor}">a</a>', "site/about/index.html")

    for page in (here, there):
        if found:
            check_anchors([here, there])
        else:
            with pytest.raises(PostError, match=f"has no place #{anchor}"):
                check_anchors([page, here])


def test_a_formula_is_named_where_it_is_written(posted: Repository) -> None:
    """On a list of posts too, whose page is nobody's: the line of the post is said."""
    formula = r"\nosuch{x} + y"
    posted.edit(POST, "<p>Line 2.</p>", f"So ${formula}$ it is.")
    line = next(
        n for n, text in enumerate((posted.root / POST).read_text().split("\n"), 1) if formula in text
    )
    shown = rf'<span class="arithmatex">\({formula}\)</span>'

    for page in (built(posted, shown), built(posted, shown, "site/archive/2024/index.html")):
        with pytest.raises(PostError) as refused:
            write_formulas(page)
        assert messages(refused.value).startswith(f"{POST}:{line}: the formula")


@pytest.mark.parametrize("drawing", ["<svg", SVG + "><script>currentColor</script></svg>"])
def test_a_drawing_of_a_run_is_looked_at_once_more(posted: Repository, drawing: str) -> None:
    """What a cell wrote comes into the page as elements: a script, or no drawing at all, is refused."""
    posted.write("site/runs/x/first.svg", drawing)
    page = built(posted, '<div class="cell" id="cell-first"></div><img src="../../runs/x/first.svg" alt="A">')

    with pytest.raises(PostError, match=r"docs/posts/x.md:\d+: first.svg .* below region first"):
        decorate_figures(page)


@pytest.mark.parametrize("width", ["abcpt", "1e3pt", "10pt", "-pt"])
def test_a_drawing_of_any_width_is_shown(posted: Repository, width: str) -> None:
    """A width that is none is left to the browser."""
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}"><path stroke="currentColor"/></svg>'
    posted.write("site/runs/x/first.svg", drawing)
    page = built(posted, '<img src="../../runs/x/first.svg" alt="A">')
    decorate_figures(page)

    assert page.tree.xpath("//svg/@width") == ["13" if width == "10pt" else width]


@pytest.mark.parametrize("name", ["site", ".blog/site"])
@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_site_that_is_no_folder_is_refused(posted: Repository, name: str, kind: str) -> None:
    """What a link leads to, a web root perhaps, is neither emptied nor replaced."""
    kept = posted.write("elsewhere/index.html", "kept")
    (posted.root / name).parent.mkdir(exist_ok=True)
    if kind == "link":
        (posted.root / name).symlink_to(kept.parent)
    else:
        (posted.root / name).write_text("kept")

    with pytest.raises(PostError, match=f"{re.escape(name)}:1: is (a symbolic link|no folder)"):
        build_site(Read(posted.root))
    assert kept.read_text() == "kept" and (posted.root / name).exists()


def test_a_failed_build_leaves_nothing(posted: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk that is full the half of a site would be what keeps the next command from working."""

    def half(root: Path, folder: Path, *locks: int, **options: object) -> None:
        (folder / "posts").mkdir(parents=True)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("blog_code.site.build.write_pages", half)
    with pytest.raises(PostError, match="No space left"):
        build_site(Read(posted.root))
    assert not (posted.root / ".blog" / "site").exists()


@pytest.mark.parametrize(
    ("extension", "said"), [("1 / 0", "ZeroDivisionError"), ("md.preprocessors.register(None)", "TypeError")]
)
def test_what_mkdocs_dies_of_is_one_line(posted: Repository, extension: str, said: str) -> None:
    """A traceback of an extension reaches nobody: a line says what it was."""
    posted.write("mkdocs.yml", "site_name: A\nmarkdown_extensions: [broken]\ntheme: {name: mkdocs}\n")
    body = f"class Broken(Extension):\n    def extendMarkdown(self, md):\n        {extension}\n"
    made = "def makeExtension(**options):\n    return Broken()\n"
    posted.write("broken.py", f"from markdown import Extension\n\n\n{body}\n\n{made}")

    done = posted.blog("build", env={**os.environ, "PYTHONPATH": str(posted.root)})

    assert done.returncode == 1 and said in done.stderr
    assert "Traceback" not in done.stdout + done.stderr and "  File" not in done.stderr


def test_lines_of_a_cell_are_those_of_its_run(posted: Repository) -> None:
    """The link leads to the module that the commit of the run has, though the region has moved since."""
    posted.write("mkdocs.yml", "extra: {repository: https://github.com/a/b}\n")
    page = built(posted, "<p>Text.</p>")
    cell = page.post.cells[0]
    page.record = page.record.model_copy(update={"commit": "c0ffee"})
    moved = replace(cell, region=replace(cell.region, module="x/other.py", start=90, end=90))

    assert recorded_lines(page, moved) == "https://github.com/a/b/blob/c0ffee/blog_code/x/story.py#L4-L4"
    assert recorded_lines(page, replace(moved, region=replace(cell.region, name="new"))) == ""


def test_a_cell_that_is_shown_claims_no_test(posted: Repository) -> None:
    """Above code that the post does not run stands that it does not, and no promise that nobody keeps."""
    page = built(posted, "<p>Text.</p>")
    shown = replace(page.post.cells[0], flags=frozenset({"shown"}))

    assert "shown, not run" in cell_title(page, shown).text_content()


def test_a_post_with_the_look_of_a_notebook_is_a_post(posted: Repository) -> None:
    """A class that anybody can write makes no page a notebook's, whose policy is wider."""
    with pytest.raises(PostError, match="refuses <style>"):
        hold_to_policy(built(posted, "<div class='jupyter-wrapper'><style>p { color: red }</style></div>"))


def test_bibtex_is_fit_for_tex() -> None:
    """A title with a percent sign ends no line of somebody's bibliography."""
    assert (
        in_tex("50 % of A&B_c #1 {x} ~ \\d") == r"50 \% of A\&B\_c \#1 x \textasciitilde{} \textbackslash{}d"
    )
