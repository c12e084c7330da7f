"""Say on the page of a post that it, or its run, is older than it might be."""

import html as escape

from blog_code.site.page import Page, element


def write_notice(page: Page) -> None:
    """Set a line below the header of a post that stands as of an earlier commit, or whose run is due."""
    said = older(page)
    for header in page.classed("post-header") if said else []:
        box = '<div class="admonition note older"><p class="admonition-title">Older than it might be</p>'
        header.addnext(element(f"{box}<p>{said}</p></div>"))


def older(page: Page) -> str:
    """Say in a sentence how a post is older than it might be; empty where it is not."""
    assert page.post is not None
    repository = page.site.repository
    if commit := repository.held.get(page.post.slug):
        name = escape.escape(commit[:7])
        if page.site.settings.repository:
            address = escape.escape(f"{page.site.settings.repository}/commit/{commit}")
            name = f'<a href="{address}">{name}</a>'
        since = "What changed since has no run that was accepted yet."
        return f"This page, its code and its outputs are as of commit {name}. {since}"
    verdict = repository.verdict(page.post.path)
    if verdict.status not in {"due", "stale"}:
        return ""
    reasons = "; ".join(verdict.reasons[:-1])  # the last says what to run
    return f"The outputs are those of the run that was accepted: {escape.escape(reasons)}."
