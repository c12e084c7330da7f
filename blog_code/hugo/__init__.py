"""Brings Hugo posts in.

What Hugo's Markdown says is written in this site's Markdown, and checked unit by unit.
"""

from blog_code.hugo.command import import_command, print_report
from blog_code.hugo.contract import EXTENSIONS, contract_differences
from blog_code.hugo.importing import ImportReport, PostReport, import_posts
from blog_code.hugo.problems import Refused, Usage

__all__ = [
    "EXTENSIONS",
    "ImportReport",
    "PostReport",
    "Refused",
    "Usage",
    "contract_differences",
    "import_command",
    "import_posts",
    "print_report",
]
