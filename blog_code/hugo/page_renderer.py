"""Renders a page as the built site does, for the importer to hold it against what Hugo shows."""

from collections.abc import Mapping
from typing import Any

import markdown

Extensions = Mapping[str, Mapping[str, Any]]  # those of mkdocs.yml by name, with their options


class PageRenderer:
    """Renders with Python-Markdown and the extensions of a site."""

    def __init__(self, extensions: Extensions) -> None:
        self._markdown = markdown.Markdown(extensions=list(extensions), extension_configs=extensions)

    def html(self, text: str) -> str:
        """Return the HTML of a page's text, without its front matter."""
        self._markdown.reset()
        return str(self._markdown.convert(text))
