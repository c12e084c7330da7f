"""Output stays output: what a cell prints and displays is on the page to the letter, or the run refuses."""

import base64
import getpass
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import html
from markdown import Markdown
from repository import Repository, messages

from blog_code.errors import PostError
from blog_code.posts.post import Cell
from blog_code.posts.regions import Region
from blog_code.repository import read_extensions
from blog_code.runner import private
from blog_code.runner.check import check_post
from blog_code.runner.outputs import collect, included_files, pieces_of

ROOT = Path(__file__).parents[2]
CELL = Cell(Region("name", "x/y.py", 1, 2, "code"), frozenset(), 1)
MARK = "-" * 2 + "8<" + "-" * 2
PLACES = {
    "at top level": "Before.\n\n{}\n\nAfter.\n",
    "behind a line of text": "Before.\n{}\nAfter.\n",
    "behind a fence": "```\ncode\n```\n{}\nAfter.\n",
    "in a list": "- one\n\n    {}\n\n- two\n",
    "in a tab": "/// tab | One\n\n{}\n\n///\n",
    "in an indented tab": '=== "One"\n\n    {}\n',
    "in a quote": "> Before.\n>\n> {}\n",
    "in a div": '<div class="page-only" markdown>\n\n{}\n\n</div>\n',
}


def printed(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def left(*outputs: dict[str, Any]) -> dict[str, bytes]:
    """Return the files that a cell with these outputs leaves, and what the page includes of them."""
    made = [nbformat.from_dict(output) for output in outputs]
    result = collect(CELL, made, 1.0, quick=False)
    return {**result.files, **included_files(CELL, result.outputs)}


@pytest.fixture(scope="module")
def dialect() -> Markdown:
    """The Markdown of this site, as mkdocs.yml has it, which includes files of docs/runs and blog_code."""
    extensions = read_extensions(ROOT)
    extensions.pop("blog_code.site.excerpts")
    return Markdown(extensions=list(extensions), extension_configs=extensions)


def rendered(dialect: Markdown, folder: Path, place: str, included: bytes) -> list[str]:
    """Return the texts of the outputs of a page that includes a file at a place."""
    (folder / "name.out.html").write_bytes(included)
    snippets = dialect.preprocessors["snippet"]
    snippets.base_path = [str(folder)]
    page = dialect.reset().convert(PLACES[place].format(f'{MARK} "name.out.html"'))
    if (
        place == "in a quote"
    ):  # an include is one at the beginning of its line: the text stands there by itself
        page = dialect.reset().convert(PLACES[place].format(included.decode().strip()))
    tree = html.document_fromstring(f"<body>{page}</body>")
    assert not tree.xpath("//script"), "nothing printed is a script"
    return [node.text_content() for node in tree.find_class("output")]


NASTY = [
    "```\n<script>document.title = 1</script>\n\n```\n~~~\n````",
    f'keep\n# {MARK} [start:a]\nx = 1\n# {MARK} [end:a]\nkeep\n;{MARK} "x"\n{MARK}\nrecord.json\n{MARK}',
    "{{ x.y }} {% raw %} {# gone #} {{= 7 * 7 }} ${{ secrets.T }} {: #id .class } {++a++} {==b==}",
    "# heading\n\n## other\n\nSetext\n======\n\n- list\n1. one\n> quote\n| a | b |\n| - | - |\n| 1 | 2 |",
    "<!-- more -->\n<!-- a -->\n</code></pre></div>\n<details><summary>a</summary>\n&amp; &#60; &nosuch;",
    "*a* **b** __c__ `d` ~~e~~ ^f^ [g](h) ![i](j) [^1] [^1]: note\n\\( k \\) $l$ $$m$$ \\[n\\] H~2~O",
    '/// note\n///\n!!! note\n    text\n=== "tab"\n\n    text\n*[HTML]: words\n[ref]: http://example.org',
    "  two  spaces \n\n\n\ttabs\t\t\n trailing  ",
    "\x00\x01\x07\x08\x0b\x0c\x1b\x7f\x85\x9b\u2028\u2029\ufeff\ufffe\uffff\ud800\U0001f600\u202e",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", NASTY)
def test_what_is_printed_stands_on_the_page(dialect: Markdown, tmp_path: Path, place: str, text: str) -> None:
    """Fences, include marks, braces, tags and Markdown are text in an output, wherever it is shown."""
    files = left(printed(text))

    assert rendered(dialect, tmp_path, place, files["name.out.html"]) == [files["name.txt"].decode()]


SIGNS = """` ``` ~~~ " { } {{ }} {% {# < > </ <script> </pre> & ; &#60; # * _ \\ $ [ ]( ! | ---"""
PIECES = st.sampled_from([*SIGNS.split(), MARK, "\n", "\n\n", "    ", "\t", "\r", "\x1b", "\x00"])


@given(st.lists(PIECES | st.text(max_size=8), max_size=30).map("".join), st.sampled_from(sorted(PLACES)))
@example("\x1b[31mred\x1b[0m \x1b]8;;http://a\x1b\\link\x1b]8;;\x07 \x1b(B", "at top level")
def test_any_text_is_on_the_page_to_the_letter(
    dialect: Markdown, tmp_path_factory: pytest.TempPathFactory, text: str, place: str
) -> None:
    """What a terminal would show of a text is in the file that people read, and the page has it whole."""
    folder = tmp_path_factory.getbasetemp()
    files = left(printed(text))
    if not files:
        assert not re.sub(r"\x1b\[[\d;]*[ -/]*[@-~]", "", text).strip()
        return

    kept = files["name.txt"].decode()
    assert rendered(dialect, folder, place, files["name.out.html"]) == [kept]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", kept)
    if not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", text):
        assert kept == text.rstrip("\n") + "\n"
    assert files["name.out.html"].count(b"\n") == 1
    assert re.fullmatch(r"(?:[A-Za-z0-9]| (?! )|&#\d+;)*", files["name.out.html"].decode()[26:-14])


TERMINAL = {
    "\x1b[31mred\x1b[0m\x1b[K": "red",
    "\x1b]8;;https://example.org\x1b\\a link\x1b]8;;\x1b\\": "a link",
    "\x1b]8;;https://example.org\x07a link\x1b]8;;\x07": "a link",
    "\x1b(Bplain\x1b)0": "plain",
    "10 %\r50 %\rdone": "done",
    "a bell\x07 and \x1bM": "a bell\\x07 and \\x1bM",
    "nul \x00, next line \x85, delete \x7f": "nul \\x00, next line \\x85, delete \\x7f",
}


@pytest.mark.parametrize("text", TERMINAL)
def test_what_is_meant_for_a_terminal(text: str) -> None:
    """Colours, links and character sets go, lines are written over; what is left is visible."""
    assert left(printed(text))["name.txt"].decode() == f"{TERMINAL[text]}\n"


def shown(**data: Any) -> dict[str, Any]:
    """A display of some types, `text_html` for text/html."""
    types = {kind.replace("__", "+").replace("_", "/", 1): content for kind, content in data.items()}
    return {"output_type": "display_data", "metadata": {}, "data": types}


TABLE = """<div>
<style scoped>
    .dataframe tbody tr th:only-of-type {
        vertical-align: middle;
    }

    .dataframe tbody tr th {
        vertical-align: top;
    }
</style>
<table border="1" class="dataframe">
  <thead>
    <tr style="text-align: right;">
      <th></th>
      <th>a_b_c</th>
    </tr>
  </thead>
  <tbody>
    <tr>
      <th>0</th>
      <td>*1* {{ x }}</td>
    </tr>
  </tbody>
</table>
</div>"""
HARMLESS = {
    "a table of pandas": (TABLE, ["div", "table", "thead", "tr", "th", "th", "tbody", "tr", "th", "td"]),
    "what looks like Markdown": ("<span>a_b_c *star* {{ x }}</span>\n\n# not a heading", ["span"]),
    "a link": ('<p>see <a href="https://example.org/?a=1&b=2">this</a></p>', ["p", "a"]),
    "a drawing": (
        '<svg viewBox="0 0 9 9" width="9"><defs><linearGradient id="g"><stop offset="1" stop-color="#f00"/>'
        '</linearGradient></defs><rect width="9" height="9" fill="url(#g)"/></svg>',
        ["svg", "defs", "linearGradient", "stop", "rect"],
    ),
    "a list, not closed": ("<ul><li>one<li>two</ul>", ["ul", "li", "li"]),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("what", HARMLESS)
def test_harmless_html_is_shown_as_it_is(dialect: Markdown, tmp_path: Path, what: str, place: str) -> None:
    """A table, a drawing, words: their tags and their text reach the page, and Markdown sees neither."""
    markup, tags = HARMLESS[what]
    files = left(shown(text_html=markup, text_plain="<object>"))

    found = html.fragment_fromstring(files["name.out.html"].decode().strip())
    words = "".join(re.sub(r"<style.*?</style>|<[^>]*>", "", markup, flags=re.S).split())
    assert [node.tag.lower() for node in found.iter()] == ["div", *map(str.lower, tags)]
    assert "".join(rendered(dialect, tmp_path, place, files["name.out.html"])[0].split()) == words
    assert b"viewBox" in files["name.out.html"] or "viewBox" not in markup
    assert files["name.html"].decode() == f"{markup}\n"


REFUSED = {
    "a script": ("<div id='a'></div><script>alert(1)</script>", "<script>", "save the chart"),
    "a script from elsewhere": ("<script src='https://cdn.example/v.js'></script>", "<script>", "SVG or PNG"),
    "a style sheet": ("<style>td { color: red }</style><table></table>", "<style>", "print plain text"),
    "an inline style": ("<pre style='white-space:pre'>hi</pre>", "style= of <pre>", "force_jupyter"),
    "a handler": ("<b onmouseover=alert(1)>a</b>", "onmouseover= of <b>", "leave it out"),
    "a frame": ("<iframe src='https://example.org'></iframe>", "<iframe>", "link to it"),
    "a sound": ("<audio controls><source src='data:audio/wav;base64,A'></audio>", "<audio>", "link"),
    "a picture from elsewhere": ("<img src='https://example.org/a.png'>", "<img>", "display the picture"),
    "a form": ("<form action='/x'><input name=a></form>", "<form>", "leave it out"),
    "a script in a link": ("<a href='javascript:alert(1)'>a</a>", "href= of <a>", "leave it out"),
    "a script in a drawing": ("<svg><script>alert(1)</script></svg>", "<script>", "save the chart"),
    "HTML in a drawing": ("<svg><foreignObject><b>a</b></foreignObject></svg>", "<foreignobject>", "leave"),
    "another drawing": ("<svg><use href='data:image/svg+xml,a'/></svg>", "href= of <use>", "leave it out"),
    "a heading that takes the page's place": ("<h1>Title</h1>", "<h1>", "h2"),
    "a meta element": ("<meta http-equiv=refresh content='0;url=//x'>", "<meta>", "leave it out"),
    "a cell without a table": ("<td>one</td>", "not closed", "mend it"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_html_that_would_lose_something_is_refused(what: str) -> None:
    """The run says by name what no page shows, and the way out, where the browser would stay blank."""
    markup, name, way = REFUSED[what]

    with pytest.raises(ValueError, match="displays ") as refused:
        left(shown(text_html=markup, text_plain="<object>"))

    assert name in str(refused.value) and way in str(refused.value)


UNSHOWN = {
    "plotly": shown(**{"application_vnd.plotly.v1__json": {"data": []}, "text_plain": "Figure()"}),
    "Markdown": shown(text_markdown="# a", text_plain="<Markdown object>"),
    "LaTeX": shown(text_latex="$x$", text_plain="x"),
    "JSON": shown(application_json={"a": 1}, text_plain="<JSON object>"),
    "JavaScript": shown(application_javascript="alert(1)", text_plain="<Javascript object>"),
    "a widget": shown(**{"application_vnd.jupyter.widget-view__json": {}, "text_plain": "FloatSlider()"}),
    "a photograph": shown(image_jpeg="/9j/", text_plain="<Image object>"),
    "a moving picture": shown(image_gif="R0lG"),
    "a number for a drawing": shown(**{"image_svg__xml": 5}),
    "a number for HTML": shown(text_html=5),
    "a list for text": shown(text_plain=[1]),
    "nothing of a kind": {"output_type": "execute_result", "metadata": {}, "data": {"x/y": "z"}},
    "bytes for a picture": shown(image_png="nothing"),
}


@pytest.mark.parametrize("what", UNSHOWN)
def test_what_a_page_cannot_show_is_refused_by_name(what: str) -> None:
    """Nothing that a cell displays is dropped without a word."""
    output = UNSHOWN[what]

    with pytest.raises(ValueError, match="displays ") as refused:
        left(printed("three points\n"), output)

    kind = next(kind for kind in output["data"] if kind != "text/plain" or len(output["data"]) == 1)
    assert kind in str(refused.value) or "cannot be read" in str(refused.value)


DRAWINGS = {
    '<script xmlns="http://www.w3.org/2000/svg">alert(1)</script>': "<script>",
    '<rect onload="alert(1)"/>': "onload= of <rect>",
    '<rect style="onclick: alert(1)"/>': "onclick= of <rect>",
    '<use href="https://example.org/a.svg#b"/>': "href= of <use>",
    '<rect fill="url(https://example.org/#a)"/>': "fill= of <rect>",
    '<image href="data:image/svg+xml;base64,AA"/>': "<image>",
    "<foreignObject><b>a</b></foreignObject>": "<foreignObject>",
    '<animate attributeName="href" to="javascript:alert(1)"/>': "<animate>",
    "<style>rect { fill: red }</style>": "<style>",
}


@pytest.mark.parametrize("inner", DRAWINGS)
def test_a_drawing_that_could_do_something_is_refused(inner: str) -> None:
    """A chart stands in the page itself, so it may hold nothing but a drawing."""
    markup = f'<svg xmlns="http://www.w3.org/2000/svg"><g>{inner}</g></svg>'

    with pytest.raises(ValueError, match="displays ") as refused:
        left(shown(**{"image_svg__xml": markup}))

    assert DRAWINGS[inner] in str(refused.value)


ADDRESSES = [
    "[<matplotlib.lines.Line2D at 0x7f3d2c1b5a90>]",
    "<function f at 0x7f3d2c1b5a90>",
    "<__main__.A object at 0xffff8a30>",
]


@pytest.mark.parametrize("text", ADDRESSES)
def test_the_address_of_an_object_is_refused(text: str) -> None:
    """No second run prints it again, and the advice is to end the line with a semicolon."""
    result = {"output_type": "execute_result", "metadata": {}, "data": {"text/plain": text}}
    for output in (printed(text), result, shown(text_html=f"<b>{text.replace('<', '&lt;')}</b>")):
        with pytest.raises(ValueError, match="end the last line with ;"):
            left(output)


def test_what_stands_beside_html_is_not_looked_at() -> None:
    """A class of the author's with HTML of its own need not have another plain form."""
    files = left(shown(text_html="<b>a</b>", text_plain="<A at 0x7f3d2c1b5a90>"))

    assert set(files) == {"name.html", "name.out.html"}


SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="1"><path d="M 0 0 L 1 1"/></svg>'


def test_text_and_figures_keep_their_order() -> None:
    """What was printed behind a figure is a file of its own, so that the page can show it there."""
    outputs = [
        printed("one\n"), printed("two\n"),
        shown(**{"image_svg__xml": SVG}), shown(**{"image_svg__xml": SVG}),
        printed("three\n"), shown(text_html="<b>four</b>"), printed("five\n"),
    ]  # fmt: skip
    result = collect(CELL, [nbformat.from_dict(output) for output in outputs], 1.0, quick=False)

    order = [piece.file for piece in pieces_of(CELL, result.outputs)]
    assert order == ["name.out.html", "name.svg", "name-2.svg", "name-2.out.html"]
    assert result.files["name.txt"] == b"one\ntwo\n"
    assert result.files["name-2.txt"] == b"three\nfive\n"
    second = html.fragment_fromstring(included_files(CELL, result.outputs)["name-2.out.html"].decode())
    assert second.text_content() == "three\nfour\nfive\n"


def test_a_chart_of_too_many_bytes_is_refused() -> None:
    """A page of some megabytes is seen by nobody: what is many is to be drawn as a picture."""
    points = "".join(f'<circle cx="{n}" cy="{n}" r="1"/>' for n in range(20_000))
    markup = f'<svg xmlns="http://www.w3.org/2000/svg" width="1">{points}</svg>'

    with pytest.raises(ValueError, match=r"displays a chart of [\d,]+ bytes, and 500,000 .* rasterized=True"):
        left(shown(**{"image_svg__xml": markup}))


def test_a_budget_is_a_warning_with_the_number(repo: Repository) -> None:
    """Who prints much is told how much, and a release is not stopped by it."""
    repo.post(first="print('line\\n' * 30_000)")
    repo.accept()

    verdict = repo.check()

    assert "docs/runs/x/first.txt:1: has 150,000 bytes, and a page should take 100,000 at most" in str(
        verdict
    )
    assert not verdict.wrong(release=True)


PRIVATE = [
    "RuntimeError: cannot open /home/someone/private/key",
    "/Users/someone/miniconda3/bin/python",
    "C:\\Users\\someone\\data",
    "/opt/venv/lib/python3.12/site-packages/jax/__init__.py",
    "/tmp/blog-a1b2c3d4/1/data.csv",
    str(Path.home()),
    getpass.getuser(),
    str(ROOT / ".venv/bin/python"),
]


@pytest.mark.parametrize("text", PRIVATE)
def test_paths_of_the_machine_stop_a_release(repo: Repository, text: str) -> None:
    """What tells of the machine or of who uses it is said, and is not published."""
    repo.post(first=f"print({text!r})")
    repo.accept()

    verdict = repo.check()

    assert "warning: docs/runs/x/first.txt:1: says " in str(verdict)
    assert (verdict.wrong(release=False), verdict.wrong(release=True)) == (False, True)


@pytest.mark.parametrize(
    "text", ["see https://example.org/home/someone", "home/x", "/", "root mean square", "a/b/c"]
)
def test_other_paths_say_nothing(repo: Repository, text: str) -> None:
    """A warning that is none would be overlooked when it is one."""
    repo.post(first=f"print({text!r})")
    repo.accept()

    assert repo.check().warnings == []


def page_of(repo: Repository, *parts: str) -> None:
    """Write the post of two cells that print, and of parts in an order."""
    cell = '``` { .python }\n--8<-- "x/story.py:%s"\n```\n'
    repo.module("x/story.py", mean="print('mean')", median="print('median')", last="m = 1")
    known = {
        **{name: cell % name for name in ("mean", "median", "last")},
        **{f"{name}!": f'--8<-- "x/{name}.out.html"\n' for name in ("mean", "median")},
        "shown": '``` { .python .shown }\n--8<-- "x/story.py:last"\n```\n',
    }
    front = "---\ntitle: A post\ndate: 2024-02-03\n---\n\nProse.\n"
    repo.write("docs/posts/x.md", "\n".join([front, *(known.get(part, part) for part in parts)]))


ORDERS = {
    "under another cell": (
        ["mean", "median", "mean!", "median!"], 16, "is of region mean, and under region median"
    ),
    "under its own and another": (
        ["mean", "mean!", "median", "median!", "mean!"], 20, "is of region mean, and under region median"
    ),
    "twice under its own": (["mean", "mean!", "mean!", "median", "median!"], 14, "is shown twice"),
    "before all cells": (["mean!", "mean", "median", "median!"], 8, "and before all cells"),
    "nowhere": (["mean", "mean!", "median"], 14, "median.out.html is shown nowhere"),
    "under one without outputs": (
        ["mean", "mean!", "median", "last", "median!"], 22, "and under region last"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ORDERS)
def test_an_output_stands_once_and_under_its_own_cell(repo: Repository, what: str) -> None:
    """A reader takes what stands below a cell for what that cell printed."""
    parts, line, said = ORDERS[what]
    page_of(repo, *parts)
    repo.accept()

    found = [finding for finding in repo.check().findings if said in finding.message]

    assert found and found[0].line == line, messages(repo.check())


def test_a_cell_that_is_only_shown_may_stand_between(repo: Repository) -> None:
    """It runs nowhere, so nobody takes the output for its own."""
    page_of(repo, "mean", "shown", "mean!", "median", "median!")
    repo.accept()

    assert repo.check().findings == []


def test_figures_keep_their_place_and_order_too(repo: Repository) -> None:
    """A figure under another cell is as wrong as a text; above all cells one may show what comes."""
    plot = "import matplotlib.pyplot as plt\nprint('one')\nplt.plot([1])\nplt.show()\nprint('two')"
    picture = "![A line](../runs/x/draw.svg)\n\n"
    first, second = '--8<-- "x/draw.out.html"\n', '--8<-- "x/draw-2.out.html"\n'
    repo.module("x/story.py", draw=plot, other="m = 1")
    fence = '``` {{ .python }}\n--8<-- "x/story.py:{}"\n```\n'.format
    front = "---\ntitle: A post\ndate: 2024-02-03\n---\n\n"

    def findings(*parts: str) -> str:
        repo.write("docs/posts/x.md", front + "".join(parts))
        return messages(repo.check())

    repo.write("docs/posts/x.md", front + "".join([fence("draw"), first, picture, second, fence("other")]))
    repo.run()
    assert findings(picture, fence("draw"), first, picture, second, fence("other")) == ""
    assert "draw.svg came before draw-2.out.html" in findings(
        fence("draw"), first, second, picture, fence("other")
    )
    assert "draw.svg is of region draw, and under region other" in findings(
        fence("draw"), first, second, fence("other"), picture
    )


OLD = {
    "a fence of an output": (
        '``` { .text .output }\n--8<-- "x/first.txt"\n```\n',
        "these lines of the fence",
    ),
    "a fence of text": ('``` text\n--8<-- "x/first.txt"\n```\n', "these lines of the fence"),
    "a longer fence": ('~~~~ { .output }\n--8<-- "x/first.txt"\n~~~~\n', "these lines of the fence"),
    "the new form in a fence": ('``` text\n--8<-- "x/first.out.html"\n```\n', "these lines of the fence"),
    "text as it stands": ('--8<-- "x/first.txt"\n', "this line"),
    "HTML as it stands": ('--8<-- "x/first.html"\n', "this line"),
}


@pytest.mark.parametrize("what", OLD)
def test_an_output_that_could_mean_something_is_refused(repo: Repository, what: str) -> None:
    """The finding has the line to write in the place of the old ones."""
    old, lines = OLD[what]
    repo.post(first="print(1)")
    repo.edit("docs/posts/x.md", '--8<-- "x/first.out.html"\n', old)

    (finding,) = repo.read().findings

    assert finding.fix == f'write instead of {lines}: --8<-- "x/first.out.html"'
    assert (repo.root / finding.path).read_text().splitlines()[finding.line - 1] == old.splitlines()[0]


def test_a_file_that_hides_an_output_is_found(repo: Repository) -> None:
    """Snippets takes the first file of a name, and blog_code comes first."""
    repo.post(first="print(1)")
    repo.accept()
    repo.write("blog_code/x/first.out.html", "<p>something else</p>")

    assert "x/first.out.html lies in blog_code too" in messages(repo.check())


def test_an_edited_include_is_found_and_made_again(repo: Repository) -> None:
    """What the page includes is made of what the run left, and of nothing else."""
    repo.post(first="print(1)")
    repo.accept()
    path = repo.root / "docs/runs/x/first.out.html"
    before = path.read_bytes()
    path.write_text("<pre><code>2</code></pre>")

    assert "docs/runs/x/first.out.html:1: " in messages(repo.check())
    assert repo.blog("run", "x").returncode == 0
    assert path.read_bytes() == before


def test_names_that_differ_in_case_only_are_refused(repo: Repository) -> None:
    """Not every file system has room for Ex.txt and ex.txt."""
    repo.post(Ex="print(1)", ex="print(2)")

    with pytest.raises(PostError, match="region ex differs from another in case only"):
        repo.accept()


def test_data_that_changed_says_what_to_declare(repo: Repository) -> None:
    """Nobody computes a checksum by hand: the lines for the front matter are printed."""
    repo.post(first="data_read = {'source': 'a file', 'files': {'data.csv': 'abc'}}\nprint(1)")
    repo.accept()

    assert "\n        data:\n          data.csv: abc" in "\n".join(repo.check().reasons)


def test_a_picture_is_kept_as_it_was() -> None:
    """The text beside it is for other readers."""
    content = base64.b64encode((ROOT / "docs/runs/flax-and-optax/grid.png").read_bytes()).decode()

    assert set(left(shown(image_png=content, text_plain="<Figure at 0x7f3d2c1b5a90>"))) == {"name.png"}


def test_a_verdict_has_its_warnings_for_machines(repo: Repository) -> None:
    """Remarks are in the JSON too."""
    repo.post(first="print('line\\n' * 30_000)")
    repo.accept()
    from blog_code.runner.check import as_json

    (read,) = json.loads(as_json([check_post(repo.read())]))

    assert "150,000" in read["remarks"][0]["message"]


def test_the_name_of_the_user_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is private, and its letters in another word are not."""
    monkeypatch.setattr("getpass.getuser", lambda: "jane")
    private._of_this_machine.cache_clear()

    said = {line: private.private_words(line) for line in ("saved for jane.", "jane", "janet", "jane-like")}
    private._of_this_machine.cache_clear()

    assert said == {"saved for jane.": "jane", "jane": "jane", "janet": "", "jane-like": ""}


def test_what_no_page_holds_is_visible_in_html_too() -> None:
    """Control characters and halves of characters are written as Python does."""
    files = left(shown(text_html="<b>a\x07\ud800</b>\r\n"))

    assert files["name.html"] == b"<b>a\\x07\\ud800</b>\n\n"
    shown_text = html.fragment_fromstring(files["name.out.html"].decode()).text_content()
    assert shown_text.strip() == "a\\x07\\ud800"
