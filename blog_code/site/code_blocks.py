"""Code and outputs on the page of a post: they must be the post's cells, and each names its source."""

import html as escape

from blog_code.errors import PostError
from blog_code.posts.post import INCLUDED, PYTHON, Cell, Mention
from blog_code.site.page import Element, Page, add_class, element, wrap

PLAIN = {"", "n", "nb", "nn", "p", "w", "o", "bp", "si", "sa", "ow", "mi", "mf", "mh"}  # no colour
ALIKE = {"s1": "s", "s2": "s", "kn": "k", "fm": "nf"}  # tokens of one colour
LONG = 25  # lines; what is longer is folded


def decorate_cells(page: Page) -> None:
    """Check that the page shows exactly the post's cells, and give each its file, lines and address."""
    assert page.post is not None
    if not page.post.meta.executed:
        return
    blocks = python_blocks(page)
    check_code(page, blocks)
    for block, cell in zip(blocks, page.post.cells, strict=True):
        decorate_cell(page, block, cell)


def python_blocks(page: Page) -> list[Element]:
    """The blocks of Python on a page, in order."""
    if page.article is None:
        return []
    languages = {f"language-{name}" for name in PYTHON}
    found = page.article.xpath(".//div[contains(concat(' ', @class, ' '), ' highlight ')]")
    return [block for block in found if languages & set(block.get("class").split())]


def code_of(block: Element) -> str:
    """The code of a block, without the line breaks around it."""
    return str(block.find(".//code").text_content()).strip("\n")


def check_code(page: Page, blocks: list[Element]) -> None:
    """Refuse a page whose code is not, block by block, that of the post's cells."""
    post = page.post
    assert post is not None
    fix = f"the page and the cells must agree: look at {page.place} and run blog check {post.slug}"
    for block, cell in zip(blocks, post.cells, strict=False):
        if code_of(block) != cell.region.source:
            shown = next(iter(code_of(block).splitlines()), "")
            message = f"the page shows other code than region {cell.name}: it begins `{shown}`"
            raise PostError(post.finding(cell.line, message, fix))
    if len(blocks) != len(post.cells):
        message = f"the page has {len(blocks)} blocks of Python, and the post has {len(post.cells)} cells"
        raise PostError(post.finding(1, message, fix))


def decorate_cell(page: Page, block: Element, cell: Cell) -> None:
    """Put a block into its cell: file name, true line numbers, an address; folded where it is long."""
    region = cell.region
    count = region.source.count("\n") + 1
    pre = block.find("pre")
    if (empty := pre.find("span")) is not None:
        empty.drop_tree()
    trim(pre.find("code"))
    numbers = "\n".join(str(number) for number in range(region.start, region.start + count))
    gutter = element(f'<div class="gutter" aria-hidden="true" data-lines="{numbers}"></div>')
    pre.addprevious(gutter)
    wrapper = element(f'<div class="cell" id="cell-{cell.name}"></div>')
    wrap(block, wrapper)
    wrapper.insert(0, cell_title(page, cell))
    if count > LONG:
        summary = f"<code>{cell.name}</code>: {count} lines of {escape.escape(region.module)}"
        fold = element(f'<details class="fold"><summary>{summary}</summary></details>')
        wrap(wrapper, fold)


def trim(code: Element) -> None:
    """Take off blank lines at the end, and the marks of tokens that look like plain text anyway."""
    for token in list(code.iter("span")):
        if token.get("class", "") in PLAIN:
            token.drop_tag()
        else:
            token.set("class", ALIKE.get(token.get("class"), token.get("class")))
    last = code[-1] if len(code) else None
    if last is None:
        code.text = (code.text or "").rstrip("\n") + "\n"
    else:
        last.tail = (last.tail or "").rstrip("\n") + "\n"


def cell_title(page: Page, cell: Cell) -> Element:
    """The line above a cell: its file, and its lines, with a link where the repository is known."""
    region = cell.region
    module = escape.escape(region.module)
    last = region.start + region.source.count("\n")
    lines = f"lines {region.start}–{last}" if last > region.start else f"line {last}"
    address = recorded_lines(page, cell)
    label = f'<a href="{escape.escape(address)}">{lines}</a>' if address else lines
    name = f"Link to the cell {cell.name}"
    anchor = f'<a class="cell-anchor" href="#cell-{cell.name}" aria-label="{name}">#</a>'
    flag = "" if cell.runs else ' <span class="cell-flag">shown, not run</span>'
    return element(
        f'<div class="cell-title"><span class="cell-file">{module}</span>{flag}'
        f'<span class="cell-lines">{label} {anchor}</span></div>'
    )


def recorded_lines(page: Page, cell: Cell) -> str:
    """The address of a cell's lines at the commit of the accepted run, which may count them otherwise."""
    if page.record is None:
        return ""
    for made in page.record.cells:
        if made.region == cell.name:
            last = made.lines[0] + cell.region.source.count("\n")
            return page.site.lines(page.record.commit, f"blog_code/{made.module}", made.lines[0], last)
    return ""


def decorate_outputs(page: Page) -> None:
    """Set outputs apart from code: no copy button, a name, and a label for an error that was meant."""
    if page.article is None or page.post is None or not page.post.runs:
        return
    blocks = page.article.xpath(".//*[self::pre or self::div][@class='output']")
    for block, mention in zip(blocks, check_outputs(page, blocks), strict=True):
        cell = next((cell for cell in page.post.cells if cell.may_leave(mention.file)), None)
        wrapper = element('<div class="output no-copy" role="group"></div>')
        wrapper.set("aria-label", f"Output of {cell.name}" if cell else "Output")
        wrap(block, wrapper)
        if block.tag == "pre":
            add_class(wrapper, "highlight")
        block.attrib.pop("class")
        if cell and "raises" in cell.flags:
            wrapper.insert(0, element('<p class="output-label">Expected error</p>'))


def check_outputs(page: Page, blocks: list[Element]) -> list[Mention]:
    """Refuse a page whose outputs are not, one by one, what the run left; return where the post has them."""
    post = page.post
    assert post is not None
    shown = [mention for mention in post.mentions if mention.file.endswith(INCLUDED)]
    fix = f"page and run must agree: look at {page.place} and run blog check {post.slug}"
    for block, mention in zip(blocks, shown, strict=False):
        left = element((post.run_folder / mention.file).read_text("utf-8").strip())
        if plain(block) != plain(left):
            raise PostError(
                post.finding(mention.line, f"the page shows something else than {mention.file}", fix)
            )
    if len(blocks) != len(shown):
        message = f"the page has {len(blocks)} outputs, and the post shows {len(shown)}"
        raise PostError(post.finding(1, message, fix))
    return shown


def plain(node: Element) -> tuple[list[str], str]:
    """The tags of an element, in order, and its text to the letter."""
    return [part.tag for part in node.iter()], str(node.text_content())
