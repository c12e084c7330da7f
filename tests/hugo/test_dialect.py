"""Own cases and the specification's examples, held against the real Hugo."""

import re
from pathlib import Path

import hugo_oracle as oracle
import pytest

from blog_code.errors import PostError
from blog_code.hugo.convert import Workshop
from blog_code.hugo.dialect import EXTRA_TAGS, Delimiters, Dialect

CASES = Path(__file__).with_name("cases")


def cases(folder: Path = CASES) -> dict[str, str]:
    """Return the cases of all files by file and name."""
    found = {}
    for file in sorted(folder.glob("*.md")):
        for case in re.finditer(r"^==== (.*)\n((?:(?!==== ).*\n)*)", file.read_text("utf-8"), re.MULTILINE):
            found[f"{file.stem}-{case[1].replace(' ', '-')}"] = case[2]
    return found


@pytest.fixture(scope="session")
def workshop() -> Workshop:
    """Return one parser and page renderer for all cases."""
    return oracle.workshop()


@pytest.fixture(scope="session")
def hugo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what Hugo makes of every case, from one run."""
    return oracle.hugo_html(cases(), tmp_path_factory.mktemp("hugo") / "site")


@pytest.mark.parametrize("name", cases())
def test_case_is_what_hugo_shows(name: str, hugo: dict[str, str], workshop: Workshop) -> None:
    """Where the dialects differ, the page still has the words, structure, links, code and maths of Hugo's."""
    page = oracle.convert(workshop, cases()[name])
    assert not oracle.difference(hugo[name], page, workshop), page


def test_prose_stays_as_an_author_writes_it(workshop: Workshop) -> None:
    """Who edits an imported page finds prose, lists and links without a single entity."""
    text = (
        "He said \"it's 'fine'\" -- really... `x_1`, snake_case, 5 * 3 and [a *link*](https://x.org/a_b)."
        "\n\n- **Bold**: text (in brackets)\n- 1 < 2 & 3 > 2\n\n> A quote.\n\nThe list:\n\n1. one\n2. two"
    )
    assert oracle.convert(workshop, text) == text


def test_odd_quotes_become_characters_not_entities(workshop: Workshop) -> None:
    """Pages stay readable: where smarty would set a quote otherwise, it is written out."""
    assert "&#" not in oracle.convert(workshop, 'A "*b*"-"c" and \'"d"\' in the \'90s, "e"f.\n')


VARIANTS = {
    "passthrough": (
        "[markup.goldmark.extensions.passthrough]\nenable = true\n"
        "[markup.goldmark.extensions.passthrough.delimiters]\n"
        'block = [["\\\\[","\\\\]"],["$$","$$"]]\ninline = [["\\\\(","\\\\)"],["$","$"]]\n',
        Dialect(passthrough=Delimiters((("\\(", "\\)"), ("$", "$")), (("\\[", "\\]"), ("$$", "$$")))),
        "A $a_1 b_1$ and \\(x_1 * y * z\\).\n\n"
        "$$\na \\\\\nb_1 * c * d\n$$\n\n\\[\nx < y\n\\]\n\n## $z$ end\n",
    ),
    "hard wraps": (
        "[markup.goldmark.renderer]\nhardWraps = true\nunsafe = true\n",
        Dialect(hard_wraps=True),
        "one\ntwo *three\nfour*\n\n- a\n  b\n",
    ),
    "no typographer": (
        "[markup.goldmark.extensions]\ntypographer = false\n",
        Dialect(typographer=False),
        '"It\'s" -- so... \'x\'\n\n## It\'s "it"\n\n> "q"\n',
    ),
    "no linkify": (
        "[markup.goldmark.extensions]\nlinkify = false\n",
        Dialect(linkify=False),
        "https://x.org and <https://y.org> me@x.org www.z.org\n",
    ),
    "emoji": (
        "",
        Dialect(emoji=True),
        "A :smile: b :+1: c :tada: :nosuch: `:x:` :right_arrow: :heart:\n\n## :rocket: Go\n",
    ),
    "safe": (
        "[markup.goldmark.renderer]\nunsafe = false\n",
        Dialect(raw_html=False),
        "a <b>bold</b> c<br>d\n\n<div>\nx\n</div>\n\n<details>\n\ninside\n\n</details>\n",
    ),
    "extras": (
        "[markup.goldmark.extensions]\nstrikethrough = false\n"
        "[markup.goldmark.extensions.extras]\nmark = {enable = true}\ninsert = {enable = true}\n"
        "superscript = {enable = true}\nsubscript = {enable = true}\ndelete = {enable = true}\n",
        Dialect(strikethrough=False, extras=EXTRA_TAGS),
        "H~2~O x^2^ ==marked *em*== ++new++ ~~gone~~ a == b, c++ and d++ ^ e\n",
    ),
    "East Asian lines": (
        "[markup.goldmark.extensions.cjk]\nenable = true\neastAsianLineBreaks = true\n",
        Dialect(wide_lines_join=True),
        "第一行\n第二行\nand latin\n**重点**\n之后\n",
    ),
    "block attributes": (
        "[markup.goldmark.parser.attribute]\nblock = true\n",
        Dialect(block_attributes=True),
        "para\n{.lead}\n\n- a\n- b\n{.list}\n\n> q\n{.q}\n\n| a |\n|---|\n| b |\n{.t}\n",
    ),
}


def _config(name: str, extra: str) -> str:
    base = oracle.CONFIG.replace("[markup.goldmark.renderer]\nunsafe = true\n", "")
    unsafe = "" if "goldmark.renderer" in extra else "[markup.goldmark.renderer]\nunsafe = true\n"
    return (
        ("enableEmoji = true\n" if name == "emoji" else "") + base.partition("[params]")[0] + unsafe + extra
    )


@pytest.mark.parametrize("name", VARIANTS)
def test_configuration_is_obeyed(name: str, tmp_path: Path) -> None:
    """Posts of a site that sets Goldmark up in a way of its own come in as that site shows them."""
    extra, dialect, text = VARIANTS[name]
    html = oracle.hugo_html({"x": text}, tmp_path / "site", _config(name, extra))["x"]
    workshop = oracle.workshop(dialect)
    page = oracle.convert(workshop, text, dialect)
    assert not oracle.difference(html, page, workshop), page


def test_commonmark_examples_agree(judges: Path, tmp_path: Path, workshop: Workshop) -> None:
    """Of the specification's examples 94 in 100 are exact, and at most three are wrong unnoticed."""
    text = (judges / "commonmark-spec" / "spec.txt").read_text("utf-8")
    found = re.finditer(r"^`{32} example[^\n]*\n(.*?)^\.\n(.*?)^`{32}$", text, re.MULTILINE | re.DOTALL)
    examples = {f"example-{n:03}": match[1].replace("→", "\t") for n, match in enumerate(found, start=1)}
    assert len(examples) > 640
    html = oracle.hugo_html(examples, tmp_path / "site")
    refused, wrong = [], []
    for name, example in examples.items():
        try:
            page = oracle.convert(workshop, example)
        except PostError as error:
            refused.append(f"{name}: {error.findings[0].message}")
            continue
        if difference := oracle.difference(html[name], page, workshop):
            wrong.append(f"{name}: {difference}")
    exact = 1 - (len(refused) + len(wrong)) / len(examples)
    print(f"{exact:.1%} of {len(examples)} exact, {len(refused)} refused, {len(wrong)} differ")
    assert exact >= 0.94, "\n".join(refused + wrong)
    assert len(wrong) <= 3, "\n".join(wrong)
