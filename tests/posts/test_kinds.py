"""What the build would stumble over, or show wrongly, the check finds: its line, and the way out."""

import datetime
import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from repository import Repository, messages

from blog_code.errors import PostError
from blog_code.posts.front_matter import split_front_matter
from blog_code.repository import Repository as Checked
from blog_code.repository import check_posts
from blog_code.runner.check import as_json

PAGE, MODULE = "docs/posts/x.md", "blog_code/x/story.py"
FENCE = '``` { .python }\n--8<-- "x/story.py:first"\n```'
BLOG = "plugins:\n  - blog: {post_excerpt: required}\n"
Fault = Callable[[Repository], object]


def add(text: str) -> Fault:
    return lambda repo: repo.write(PAGE, (repo.root / PAGE).read_text() + "\n" + text)


def edit(old: str, new: str, name: str = PAGE) -> Fault:
    return lambda repo: repo.edit(name, old, new)


def write(name: str, content: str | bytes) -> Fault:
    return lambda repo: repo.write(name, content)


def front(text: str) -> Fault:
    return edit("title: A post", f"{text}\ntitle: A post")


def both(*faults: Fault) -> Fault:
    return lambda repo: [fault(repo) for fault in faults]


def link(name: str, target: str) -> Fault:
    """Put a symbolic link in the place of whatever there is."""

    def apply(repo: Repository) -> None:
        (repo.root / name).parent.mkdir(parents=True, exist_ok=True)
        if (repo.root / name).is_dir():
            (repo.root / name).rename(repo.root / "moved")
        os.symlink(target, repo.root / name)

    return apply


def png(width: int, height: int) -> bytes:
    """A picture that says it has that size; of its points it has none."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def svg(inside: str, attributes: str = "") -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{inside}</svg>'


def drawn(name: str, content: str | bytes) -> Fault:
    """A picture beside the post, which shows it."""
    return both(write(f"docs/posts/x/{name}", content), add(f"![A picture](x/{name})\n"))


def called(slug: str) -> Fault:
    """A post of that name, with a value."""
    front, code = "values: {a: {is: 1}}", "a = 1\nprint(a)"
    return lambda repo: repo.post(slug, first=code, front=front, end=f"{{{{= {slug}.a }}}}")


# What is done to a good post, how the line begins that is named, and what is said of it.
FOUND: dict[str, tuple[Fault, str, str]] = {
    "line numbers of a fence": (
        edit("{ .python }", '{ .python linenums="1" }'),
        "``` {",
        "no option linenums=",
    ),
    "line numbers without braces": (
        edit("{ .python }", 'python linenums="5"'),
        "``` py",
        "no option linenums=",
    ),
    "a title of a fence": (edit("{ .python }", '{ .python title="a.py" }'), "``` {", "no option title="),
    "an id of a fence": (edit("{ .python }", "{ .python #here }"), "``` {", "no option #here"),
    "a second title": (add("# Part two\n"), "# Part two", "a second title"),
    "a title that is underlined": (add("Part two\n========\n"), "Part two", "a second title"),
    "a title in a quote": (add("> # Part two\n"), "> # Part two", "a second title"),
    "a title of two lines": (edit("title: A post", 'title: "A\\n\\nB"'), "title:", "more than one line"),
    "HTML in a title": (
        edit("title: A post", "title: T <script>alert(1)</script>"),
        "title:",
        "HTML in title",
    ),
    "HTML that ends a title": (edit("title: A post", "title: T </title><b>"), "title:", "HTML in title"),
    "HTML in a tag": (front("tags: [JAX, t <script>x</script>]"), "tags:", "HTML in tags"),
    "HTML in a category": (front("categories: [<img src=x onerror=y>]"), "categories:", "HTML in categories"),
    "HTML in a description": (
        front("description: a <b>bold</b> word"),
        "description:",
        "HTML in description",
    ),
    "a value in a title": (edit("title: A post", 'title: "{{= x.answer }}"'), "title:", "a value in title"),
    "a value in a description": (
        front("description: 'at {{= x.answer }}'"),
        "description:",
        "a value in descr",
    ),
    "a value of settings": (add("{{= config.docs_dir }}\n"), "{{= config", "config.docs_dir is no value"),
    "a value that computes": (add("{{= x.answer + 1 }}\n"), "{{= x.answer +", "is no value of this post"),
    "a value that calls": (
        add("{{=cycler.__init__.__globals__}}\n"),
        "{{=cycler",
        "is no value of this post",
    ),
    "a value over two lines": (add("{{=\nx.answer }}\n"), "{{=", "is no value of this post"),
    "a key that hides a value": (front("x: {answer: 43}"), "x:", "x would change what pages quote"),
    "a key that shows values as text": (
        front("render_macros: false"),
        "render_macros:",
        "would change what pages",
    ),
    "values from elsewhere": (front("include_yaml: [a.yml]"), "include_yaml:", "would change what pages"),
    "a number that YAML takes for text": (
        front("timeout: {cell: 1e3, post: 2e}"),
        "timeout:",
        "timeout is no",
    ),
    "a control character": (add("a \x02 b\n"), "a \x02 b", "U+0002 cannot be shown"),
    "a character that is none": (add("a \ufdd0% b\n"), "a \ufdd0% b", "U+FDD0 cannot be shown"),
    "a region in no fence": (
        edit(FENCE, '--8<-- "x/story.py:first"'),
        "--8<--",
        "the region x/story.py:first stands in no fence",
    ),
    "a picture of another host for cards": (
        front("image: http://host.example/a.png"),
        "image:",
        "no file of docs",
    ),
    "a picture from outside for cards": (front("image: ../mkdocs.yml"), "image:", "is no file of docs"),
    "a script": (add("Hello <script>alert(1)</script>.\n"), "Hello <script>", "refuses <script"),
    "a script of several lines": (add("<script\n src='a.js'>\n</script>\n"), "<script", "refuses <script"),
    "a script in a formula": (add("$x \\text{<script>a()</script>}$\n"), "$x", "refuses <script"),
    "a handler": (add("<img src=x onerror=alert(1)>\n"), "<img src", "onerror="),
    "a handler in braces": (add('[a](b.md){ onclick="a()" }\n'), "[a](b", "onclick="),
    "a handler of an SVG": (add("<svg/onload=a()>\n"), "<svg/", "onload="),
    "a frame": (add('<IFRAME src="https://host.example"></IFRAME>\n'), "<IFRAME", "refuses <IFRAME"),
    "a base": (add("<base href=//host.example>\n"), "<base", "refuses <base"),
    "a refresh": (add('<meta http-equiv="refresh" content="0;url=//a">\n'), "<meta", "refuses <meta"),
    "an address that runs": (add("[a](javascript:alert(1))\n"), "[a](java", "refuses ](javascript:"),
    "an address that runs, below": (add("[a]: javascript:alert(1)\n"), "[a]: java", "refuses ]: javascript:"),
    "a style": (add('<p style="color: red">a</p>\n'), "<p style", "style="),
    "a style in braces": (add('a { style="color: red" }\n'), "a { style", "style="),
    "a link to no file": (add("See\n[there](nowhere.md).\n"), "[there]", "there is no nowhere.md"),
    "a picture that is not there": (add("![A](x/none.png)\n"), "![A](x/none", "there is no x/none.png"),
    "a link to no cell": (add("[a](#cell-none)\n"), "[a](#cell", "has no cell none"),
    "a link to no cell of another post": (add("[a](x.md#cell-third)\n"), "[a](x.md", "has no cell third"),
    "an SVG that is none": (drawn("a.svg", "<svg"), "![A picture]", "a.svg is no SVG"),
    "an SVG that is HTML": (drawn("a.svg", "<html/>"), "![A picture]", "a.svg is no SVG"),
    "an SVG 300 deep": (drawn("a.svg", svg("<g>" * 300 + "</g>" * 300)), "![A picture]", "a.svg is no SVG"),
    "an SVG with an entity": (
        drawn("a.svg", f'<!DOCTYPE svg [<!ENTITY e SYSTEM "file:///etc/passwd">]>{svg("<text>&e;</text>")}'),
        "![A picture]",
        "a.svg holds the entity",
    ),
    "an SVG with a script": (
        drawn("a.svg", svg("<script>a()</script>")),
        "![A picture]",
        "a.svg holds <script>",
    ),
    "an SVG with a handler": (
        drawn("a.svg", svg("", 'onload="a()"')),
        "![A picture]",
        "a.svg holds a script, onload='a()'",
    ),
    "an SVG with an address": (
        drawn("a.svg", svg('<a href="java&#10;script:a()"><text>b</text></a>')),
        "![A picture]",
        "a.svg holds a script",
    ),
    "an SVG that loads": (
        drawn("a.svg", svg('<image href="//host.example/a"/>')),
        "![A picture]",
        "a.svg loads //host",
    ),
    "a PNG that is none": (drawn("a.png", "no picture"), "![A picture]", "a.png is no picture"),
    "a PNG that is cut off": (drawn("a.png", png(4, 4)[:20]), "![A picture]", "a.png is no picture"),
    "a PNG without end": (drawn("a.png", png(60_000, 60_000)), "![A picture]", "more pixels than a page"),
    "a PNG that is wide": (drawn("a.png", png(90_000, 900)), "![A picture]", "90000 × 900 pixels"),
    "a JPEG that is none": (drawn("a.jpg", b"\xff\xd8\xff\xe0"), "![A picture]", "a.jpg is no picture"),
    "a post without divider": (
        write("mkdocs.yml", f"site_name: A\n{BLOG}"),
        "---",
        "where lists cut the post off",
    ),
    "a divider in a fence": (
        both(write("mkdocs.yml", f"site_name: A\n{BLOG}"), add("```text\n<!-- more -->\n```\n")),
        "---",
        "where lists cut the post off",
    ),
    "a key of extra": (write("mkdocs.yml", "extra: {x: 1}\n"), "---", "x is a key of extra"),
}
SHARED: dict[str, tuple[Fault, str]] = {
    "a post of another suffix": (
        write("docs/posts/y.markdown", "---\ntitle: Y\n---\n"),
        "docs/posts/y.markdown:1: is a post that no run sees\n    git mv docs/posts/y.markdown docs/posts/",
    ),
    "another suffix": (write("docs/posts/y.mkd", ""), "docs/posts/y.mkd:1: is a post that no run sees"),
    "a post in a folder": (
        write("docs/posts/a/y.mdown", ""),
        "docs/posts/a/y.mdown:1: is a post in a folder",
    ),
    "a post that is the index": (
        write("docs/posts/index.md", "---\ntitle: Y\ndate: 2024-01-01\n---\n"),
        "docs/posts/index.md:1: index.md is no name of a post",
    ),
    "a script on another page": (
        write("docs/about.md", "# About\n\n<script>a()</script>\n"),
        "docs/about.md:3: the policy of the page refuses <script",
    ),
    "a value that no run has": (
        write("docs/about.md", "a\n\nb {{= x.nothing }}\n"),
        "docs/about.md:3: x.nothing is no value of a run",
    ),
    "a page that computes": (
        write("docs/a/b.md", "{{= x.answer.real }}"),
        "docs/a/b.md:1: {{= x.answer.real }} is no value",
    ),
    "a page that hides a value": (
        write("docs/about.md", "---\nx: {answer: 43}\n---\n{{= x.answer }}\n"),
        "docs/about.md:2: x would change what pages quote",
    ),
    "a folder that hides a value": (
        write("docs/posts/.meta.yml", "x: {answer: 43}\n"),
        "docs/posts/.meta.yml:1: x would change what pages quote",
    ),
    "defaults that are no YAML": (write("docs/.meta.yml", "a: [\n"), "docs/.meta.yml:1: is no YAML"),
    "a page among the runs": (write("docs/runs/a.markdown", "a"), "docs/runs/a.markdown:1: would be a page"),
    "a page that a cell wrote": (write("docs/runs/x/a.mkd", "a"), "docs/runs/x/a.mkd:1: would be a page"),
    "a page that is not UTF-8": (
        write("docs/about.md", b"a\n\xff"),
        "docs/about.md:2: the file is not UTF-8",
    ),
    "a page whose front matter is none": (
        write("docs/about.md", "---\na: [\n---\n"),
        "docs/about.md:3: front",
    ),
    "a drawing that nobody shows": (
        write("docs/assets/a.svg", svg("<script>a()</script>")),
        "docs/assets/a.svg:1: holds <script>",
    ),
    "a link out of docs": (link("docs/away", "/etc"), "docs/away:1: is a symbolic link"),
    "a file that is a link": (link("docs/hosts.txt", "/etc/hosts"), "docs/hosts.txt:1: is a symbolic link"),
    "a run that is a link": (link("docs/runs/x", "../../moved"), "docs/runs/x:1: is a symbolic link"),
    "runs that are a link": (link("docs/runs", "../moved"), "docs/runs:1: is a symbolic link"),
    "a run that is a file": (
        both(lambda repo: (repo.root / "docs/runs/x").rename(repo.root / "moved"), write("docs/runs/x", "a")),
        "docs/runs/x:1: is no folder",
    ),
    "tags of one address": (
        both(
            front('tags: ["C++"]'),
            write("docs/posts/y.md", '---\ntitle: Y\ndate: 2024-01-01\ntags: ["C#"]\n---\n\nA.\n'),
        ),
        "docs/posts/y.md:4: tags: C++ and C# have the address “c”",
    ),
    "categories of one address": (
        front("categories: [JAX, jax]"),
        f"{PAGE}:2: categories: JAX and jax have the address “jax”",
    ),
    "a tag without an address": (front('tags: ["+++"]'), f"{PAGE}:2: tags: +++ has the address “”"),
    "a post that the macros plugin knows": (
        called("page"),
        "docs/posts/page.md:1: page.value is something else to the macros plugin",
    ),
    "a post called after a key": (
        called("title"),
        "docs/posts/title.md:1: title.value is something else to the macros plugin",
    ),
    "an extension as text": (
        write("mkdocs.yml", "markdown_extensions:\n  - tables\n  - toc: yes please\n"),
        "mkdocs.yml:3: toc is no mapping of settings",
    ),
    "a plugin as a number": (
        write("mkdocs.yml", "plugins:\n  - search: 5\n"),
        "mkdocs.yml:2: search is no mapping",
    ),
    "plugins as text": (write("mkdocs.yml", "plugins: search\n"), "mkdocs.yml:1: plugins is no list"),
    "extra as a list": (
        write("mkdocs.yml", "site_name: a\nextra: [a]\n"),
        "mkdocs.yml:2: extra is no mapping",
    ),
    "a name that is a number": (write("mkdocs.yml", "site_name: 5\n"), "mkdocs.yml:1: site_name is no text"),
    "a repository that is a list": (
        write("mkdocs.yml", "extra:\n  repository: [a]\n"),
        "mkdocs.yml:2: repository is no text",
    ),
    "regions that differ in case": (
        lambda repo: [
            repo.module("x/story.py", first="answer = 42", second="print(answer)", Second="print(1)"),
            add(FENCE.replace("first", "Second"))(repo),
        ],
        "region Second differs from another in case only",
    ),
}
GOOD = {
    "workflows": "key: ${{ secrets.TOKEN }}, {% raw %}, {# a #}, {{ x.answer }}\n",
    "TeX": "$\\frac{{a}}{{b}}$ and {{=<% %>=}}\n",
    "code in lines": '`<script>`, ``<iframe> ` `` and `onclick="a"`, \\<script> too\n',
    "a fence": "```html\n<script>a()</script>\n# no title\n<p style='a'>\n```\n",
    "an indented block": "Text.\n\n    <script>a()</script>\n    # no title\n",
    "comparisons": "a < b, x <on the left>, once = twice, on = off\n",
    "headings": "## Two\n\n### Three\n\n#hash\n",
    "links": "[a](#cell-first) [b](x.md#cell-second) [c](https://a.b/c) [d](/e) [e](../index.md) [f](#g)\n",
    "comments": "<!-- <script>a()</script>\n[there](nowhere.md) -->\n\n<!-- more -->\n",
    "plain HTML": '<div class="a" id="b">\nText.\n</div>\n\n<figure><img alt="a" src="a.png"></figure>\n',
}


@pytest.fixture
def good(repo: Repository) -> Repository:
    """A repository of one good post with an accepted run."""
    repo.post(
        first="answer = 42",
        second="print(answer)",
        front="values: {answer: {is: 42}}",
        end="{{= x.answer }}\n",
    )
    repo.accept()
    return repo


@pytest.mark.parametrize("what", FOUND)
def test_a_fault_of_a_post_is_found_on_its_line(good: Repository, what: str) -> None:
    """Whoever wrote it is led to the very line, and told what is wrong with it."""
    fault, begins, said = FOUND[what]
    fault(good)

    (verdict, *_) = verdicts = check_posts(good.root)

    found = [f for one in verdicts for f in one.findings if said in f.message]
    assert found, "\n".join(map(messages, verdicts))
    lines = (good.root / PAGE).read_text().split("\n")
    assert (found[0].path, lines[found[0].line - 1][: len(begins)]) == (PAGE, begins)
    assert any(one.wrong(release=False) for one in verdicts)
    assert verdict.post == "x"


@pytest.mark.parametrize("what", SHARED)
def test_a_fault_beside_the_post_is_found(good: Repository, what: str) -> None:
    """Other pages, pictures, settings and names are looked at before MkDocs is."""
    fault, said = SHARED[what]
    fault(good)

    verdicts = check_posts(good.root)

    assert said in "\n".join(map(str, verdicts))
    assert any(verdict.wrong(release=False) for verdict in verdicts)


@pytest.mark.parametrize("what", GOOD)
def test_what_may_stand_in_a_post(good: Repository, what: str) -> None:
    """What only looks like a fault is none: braces, code, comparisons, headings of the second order."""
    good.write("docs/posts/x/a.png", png(4, 4))
    add(GOOD[what])(good)

    assert [messages(verdict) for verdict in check_posts(good.root)] == [""]


@pytest.mark.parametrize(("text", "number"), [("1e-5", 1e-5), ("-2.5E+3", -2500.0), ("1.0e-5", 1e-5)])
def test_numbers_are_those_of_python(text: str, number: float) -> None:
    """A rate of 1e-5 is a number, as anybody writes it, and not the text that YAML 1.1 takes it for."""
    assert split_front_matter(f"---\nrate: {text}\n---\n", "x")[0] == {"rate": number}


def test_the_line_of_data_is_said(good: Repository) -> None:
    """A run that has read files says what the front matter has to say of them: nobody computes checksums."""
    good.edit(MODULE, "answer = 42", "answer = 42\ndata_read = {'files': {'data.csv': 'abc'}}")
    good.accept()

    said = str(good.check())

    assert "the front matter is to say\n        data:\n          data.csv: abc\n" in said
    front("data: {data.csv: abc}")(good)
    assert good.check().status == "fresh"


@pytest.mark.parametrize("date", ["2099-01-02", "2099-01-02T03:04:05+09:00", "2099-01-02 03:04:05"])
def test_a_post_of_a_later_day_is_scheduled(good: Repository, date: str) -> None:
    """The check says until when it is held back; on that day, by the clock that it is given, it is there."""
    good.post("y", front="")
    good.edit("docs/posts/y.md", "date: 2024-02-03", f"date: {date}")
    day = datetime.date(2099, 1, 1 if "+" in date else 2)

    before = Checked(good.root, datetime.date(2098, 12, 31))
    after = Checked(good.root, day)

    verdict = before.verdict(good.root / "docs/posts/y.md")
    assert (verdict.held_back, verdict.reasons) == (
        True,
        [f"scheduled for {day}: the site is built without it"],
    )
    assert "scheduled for 2099" in as_json([verdict])
    assert (before.next_day(), after.next_day()) == (day, None)
    assert [post.slug for post in after.posts if after.publishes(post)] == ["x", "y"]
    assert before.held_back() == ["/posts/y.md", "/posts/y/", "/runs/y/"]


@pytest.mark.parametrize("line", ["draft: true", "date: 2099-01-02"])
def test_what_is_not_published_blocks_no_release(good: Repository, line: str) -> None:
    """A post that nobody sees yet may be without a run; the check says so all the same."""
    good.post("y", first="print(1)")
    good.edit(
        "docs/posts/y.md",
        "date: 2024-02-03" if "date" in line else "title:",
        line if "date" in line else f"{line}\ntitle:",
    )

    verdict = Checked(good.root).verdict(good.root / "docs/posts/y.md")

    assert (verdict.status, verdict.held_back) == ("stale", True)
    done = good.blog("build")
    assert "it has no run" not in done.stderr


@pytest.mark.parametrize("name", ["docs/runs/x", "docs/runs"])
def test_nothing_is_run_into_a_link(good: Repository, name: str) -> None:
    """What a link leads to is not replaced: it is refused before anything is touched."""
    link(name, str(good.root / "moved"))(good)
    before = good.tree("moved")

    done = good.blog("run", "--force")

    assert done.returncode == 1 and f"{name}:1: is a symbolic link" in done.stdout
    assert good.tree("moved") == before and (good.root / name).is_symlink()
    with pytest.raises(PostError, match="is a symbolic link"):
        good.accept()


def test_a_site_without_posts_has_nothing_to_run(repo: Repository) -> None:
    """Whoever gives the command in another project is told what it looked for."""
    done = repo.blog("run")

    assert done.returncode == 2 and "docs/posts holds no post" in done.stderr


def test_runs_are_compared_to_the_byte_in_every_checkout() -> None:
    """Git changes no line ends of what a run wrote, whatever the machine wishes."""
    attributes = (Path(__file__).parents[2] / ".gitattributes").read_text()

    assert re.search(r"(?m)^docs/runs/\*\* -text$", attributes)
