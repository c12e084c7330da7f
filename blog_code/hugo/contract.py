"""The extensions under which imported pages are checked, and how mkdocs.yml may differ from them.

`contract.yml` is the one place that says which Markdown this site speaks. The parity check renders with it,
and
`contract_differences` compares a site's own configuration with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import markdown
import yaml

CONTRACT_FILE = Path(__file__).with_name("contract.yml")

#: What would eat text that Hugo prints: each of these turns ordinary characters into markup.
EATERS = {
    "pymdownx.caret": "`^`",
    "pymdownx.mark": "`==`",
    "pymdownx.keys": "`++`",
    "pymdownx.smartsymbols": "`(c)` and `1/2`",
    "pymdownx.inlinehilite": "code that begins with `#!`",
    "pymdownx.magiclink": "addresses, a second time",
    "pymdownx.critic": "`{--` and `{++`",
    "pymdownx.emoji": "`:name:`",
    "abbr": "`*[`",
    "nl2br": "every end of line",
}


class _PlainLoader(yaml.SafeLoader):  # type: ignore[misc]
    """A YAML loader that keeps unknown tags as data, so that a configuration can be compared
    without running it."""


def _tagged(loader: yaml.Loader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return (suffix, loader.construct_mapping(node, deep=True))
    if isinstance(node, yaml.SequenceNode):
        return (suffix, loader.construct_sequence(node, deep=True))
    return (suffix, loader.construct_scalar(node))


for _prefix in ("tag:yaml.org,2002:python/", "!"):
    _PlainLoader.add_multi_constructor(_prefix, _tagged)


def _by_name(extensions: Any) -> dict[str, Any]:
    """Return the options of each extension by its name, from either form that MkDocs accepts."""
    if isinstance(extensions, Mapping):
        return {str(name): options or {} for name, options in extensions.items()}
    found: dict[str, Any] = {}
    for entry in extensions or []:
        if isinstance(entry, Mapping):
            found.update({str(name): options or {} for name, options in entry.items()})
        else:
            found[str(entry)] = {}
    return found


def _load(path: Path) -> dict[str, Any]:
    return _by_name(yaml.load(path.read_text("utf-8"), Loader=_PlainLoader).get("markdown_extensions"))


EXTENSIONS: dict[str, Any] = _load(CONTRACT_FILE)


def contract_differences(mkdocs_yml: Path) -> list[str]:
    """Name each way in which a site's extensions differ from those that imported pages were checked
    against."""
    theirs = _load(mkdocs_yml)
    differences = []
    for name, options in EXTENSIONS.items():
        if name not in theirs:
            differences.append(
                f"{mkdocs_yml}: markdown_extensions lacks `{name}`; add it as contract.yml has it"
            )
            continue
        for option in sorted({*options, *theirs[name]}):
            wanted, found = options.get(option), theirs[name].get(option)
            if wanted != found:
                differences.append(
                    f"{mkdocs_yml}: `{name}` has {option}: {_shown(found)}, "
                    f"the contract says {_shown(wanted)}"
                )
    for name in theirs:
        if name in EATERS:
            differences.append(f"{mkdocs_yml}: `{name}` reads {EATERS[name]} as markup; remove it")
        elif name not in EXTENSIONS:
            differences.append(
                f"{mkdocs_yml}: `{name}` is not in the contract, so no import was checked with it"
            )
    return differences


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, tuple):
        return f"!{value[0]} {value[1]}"
    return str(value).lower() if isinstance(value, bool) else str(value)


class PageRenderer:
    """Renders a page as the built site does: the macros plugin first, then Python-Markdown."""

    def __init__(self) -> None:
        from mkdocs.utils.yaml import yaml_load

        loaded = _by_name(yaml_load(CONTRACT_FILE.read_text("utf-8"))["markdown_extensions"])
        self._markdown = markdown.Markdown(extensions=list(loaded), extension_configs=loaded)
        self._jinja = jinja2.Environment(undefined=jinja2.StrictUndefined)

    def html(self, text: str) -> str:
        """Return the HTML of a page's text, without its front matter."""
        self._markdown.reset()
        return str(self._markdown.convert(self._jinja.from_string(text).render()))
