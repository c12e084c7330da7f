"""`blog build`: MkDocs writes the pages, and a step of our own finishes what only built HTML can be given."""

from blog_code.site.build import build_site

__all__ = ["build_site"]
