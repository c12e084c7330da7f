"""Run as a script, never imported: turn each notebook that comes on a line of input into a line of HTML.

It is mkdocs-jupyter's exporter with a template of ours: a process of its own, since its import takes longer
than all else of a small build, and one for many notebooks, since it would compile its template for each.
"""

import io
import json
import os
import queue
import sys
import threading
from html import escape
from pathlib import Path
from typing import Any

from lxml import etree, html

REQUESTS: queue.SimpleQueue[str] = queue.SimpleQueue()
TEMPLATE = Path(__file__).with_name("notebook.html.j2")


def coloured(source: str) -> str:
    """Return Python code with the classes that the theme colours."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    formatter = HtmlFormatter(cssclass="highlight", wrapcode=True)
    return str(highlight(source, PythonLexer(stripnl=False), formatter))


def exporter() -> Any:
    """Return mkdocs-jupyter's exporter, whose template is compiled once."""
    from mkdocs_jupyter.convert import NotebookHTMLExporter

    return NotebookHTMLExporter(
        template_file=str(TEMPLATE),
        exclude_anchor_links=True,
        filters={"coloured": coloured},
    )


def as_html(made_by: Any, notebook: str, pictures: dict[str, list[list[str]]]) -> str:
    """Convert a notebook to one element on one line; `pictures` has file and alt text of what a cell drew.

    Nothing is left in it that Markdown or a template engine would act on.
    """
    body, _ = made_by.from_file(io.StringIO(notebook), resources={"pictures": pictures})
    tree = html.fragment_fromstring(body, create_parent="div")  # tags that an author left open end here
    tree.set("class", "notebook")
    for pre in tree.xpath(".//pre[not(code)]"):  # of a fence in the prose
        code = etree.Element("code")
        code.text, pre.text = pre.text, None
        code.extend(pre)
        pre.append(code)
    links = [(escape(h.get("id", "")), escape(h.text_content())) for h in tree.iter("h2")]
    places = "".join(f'<li><a href="#{place}">{words}</a></li>' for place, words in links)
    if places and (title := tree.find(".//h1")) is not None:
        contents = f'<details class="contents"><summary>Contents</summary><ul>{places}</ul></details>'
        title.addnext(html.fragment_fromstring(contents))
    text = str(html.tostring(tree, encoding="unicode"))
    return text.replace("\n", "&#10;").replace("{", "&#123;")


def listen() -> None:
    """Take requests in, and end when there can be no more: who asked is gone, and waits for nothing."""
    for request in sys.stdin:
        REQUESTS.put(request)
    os._exit(0)


def main() -> None:
    """Answer each request."""
    threading.Thread(target=listen, daemon=True).start()
    made_by = exporter()
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library says is no answer
    while request := REQUESTS.get():
        print(json.dumps(as_html(made_by, **json.loads(request))), file=answers, flush=True)


if __name__ == "__main__":
    main()
