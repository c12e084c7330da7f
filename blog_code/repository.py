"""Hold the repository as it stands: settings of mkdocs.yml, posts, and what is to be said of them.

Each is read when it is first asked for, once, and handed on to check and build.
"""

import contextlib
import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from yaml_env_tag import construct_env_tag

from blog_code.errors import Finding, PostError, read_text
from blog_code.posts import calendar
from blog_code.posts.links import lint_links
from blog_code.posts.lint import unused_regions
from blog_code.posts.pages import lint_docs, lint_names
from blog_code.posts.post import RUNS, Post, Prose, post_paths, read_post
from blog_code.runner.check import Verdict, check_post
from blog_code.runner.derived import VALUES, read_values, values_of
from blog_code.runner.record import STALE, Record, changed_parts, read_record


@dataclass(frozen=True)
class Settings:
    """Holds what mkdocs.yml says, as far as we need to know it."""

    name: str
    url: str  # ends in a slash
    repository: str  # https://github.com/owner/name, or empty
    branch: str  # that Colab opens notebooks from
    author: str
    description: str
    divider: str  # that each post has to have, or empty
    extra: frozenset[str]  # its keys


class Repository:
    """Reads a folder that holds mkdocs.yml, docs/ and blog_code/."""

    def __init__(self, root: Path, today: datetime.date | None = None) -> None:
        self.root = root
        self.today = today or calendar.today()
        self._posts: dict[Path, Post] = {}
        self._records: dict[Path, Record | None] = {}
        self._verdicts: dict[Path, Verdict] = {}
        # Posts that stand here as of an earlier commit, and which.
        self.held: dict[str, str] = {}

    @cached_property
    def settings(self) -> Settings:
        return read_settings(self.root)

    @property
    def posts(self) -> list[Post]:
        """Return every post, in the order of names; raise PostError where nothing can be made of one."""
        return [self.post(path) for path in post_paths(self.root)]

    def publishes(self, post: Post) -> bool:
        """Say whether the site has a post: it is no draft, and not scheduled."""
        return bool(post.day and post.day <= self.today)

    def next_day(self) -> datetime.date | None:
        """Return the day on which the next scheduled post is due, so that the site is another; or None."""
        return min((post.day for post in self.posts if post.day and post.day > self.today), default=None)

    def held_back(self) -> list[str]:
        """Return patterns, as of .gitignore, of what in docs/ belongs to posts that are not published."""
        slugs = [re.escape(post.slug) for post in self.posts if not self.publishes(post)]
        return [place.format(slug) for slug in slugs for place in ("/posts/{}.md", "/posts/{}/", "/runs/{}/")]

    def post(self, path: Path) -> Post:
        """Return the post that lies at a path."""
        if path not in self._posts:
            self._posts[path] = read_post(path, self.root)
        return self._posts[path]

    def record(self, post: Post) -> Record | None:
        """Return the record of a post's accepted run, or None; raise PostError where that is torn."""
        if post.path not in self._records:
            self._records[post.path] = read_record(post)
        return self._records[post.path]

    def forget(self, paths: list[Path]) -> None:
        """Read these posts anew when they are asked for: they have been run."""
        for path in paths:
            for known in (self._posts, self._records, self._verdicts):
                known.pop(path, None)

    def verdict(self, path: Path) -> Verdict:
        """Return what `blog check` says of the post that lies at a path."""
        if path not in self._verdicts:
            try:
                verdict = check_post(post := self.post(path), self.record)
                verdict.findings += [f for f in unused_regions(post) if f not in verdict.findings]
                verdict.findings += self._lint(post)
                verdict.held_back = post.meta.draft or bool(post.day and post.day > self.today)
                if verdict.held_back:
                    said = "a draft" if post.meta.draft else f"scheduled for {post.day}"
                    verdict.reasons.insert(0, f"{said}: the site is built without it")
            except PostError as error:
                verdict = Verdict(path.stem, "broken", findings=list(error.findings))
            self._verdicts[path] = verdict
        return self._verdicts[path]

    def check(self, only: list[Path] | None = None) -> list[Verdict]:
        """Return a verdict a post, in the order of names, and one for what posts share if that is wrong."""
        paths = post_paths(self.root) if only is None else only
        verdicts = [self.verdict(path) for path in paths]
        read = [self._posts[path] for path in paths if path in self._posts]
        shared = Verdict("site", "shared by all posts", findings=list(self._shared(read)))
        return [*verdicts, shared] if shared.findings else verdicts

    def publishable(self, verdict: Verdict) -> bool:
        """Say whether page, code and output of a post agree, though it might be drawn otherwise today."""
        if verdict.status != "stale" or verdict.findings:
            return not verdict.wrong(release=False)
        post = self.post(self.root / "docs" / "posts" / f"{verdict.post}.md")
        record = self.record(post)
        return record is not None and STALE & set(changed_parts(post, record)) == {"look"}

    def _shared(self, posts: list[Post]) -> Iterator[Finding]:
        """Find values that are not those of the runs, runs that no post has, and posts that no run sees."""
        try:
            _ = self.settings
        except PostError as error:
            yield from error.findings
        slugs = {path.stem for path in post_paths(self.root)}
        runs = [(post, record) for post in posts if (record := self._records.get(post.path))]
        kept = read_values(self.root)
        if (
            kept is None
            or set(kept) - {slug.replace("-", "_") for slug in slugs}
            or any(kept.get(package) != shown for package, shown in values_of(runs).items())
        ):
            message = "was edited by hand, or is older than a run or the format of a value"
            yield Finding(VALUES, 1, message, "blog run, which executes nothing for it")
        for run in sorted({path.name for path in (self.root / RUNS).glob("*/")} - slugs):
            yield Finding(f"{RUNS}/{run}", 1, "is the run of no post", f"git rm -r {RUNS}/{run}")
        packages = {post.package for post in posts if post.meta.values} | set(kept or {})
        yield from lint_docs(self.root, packages, kept or {})
        yield from lint_names(posts)

    def _readable(self, path: Path) -> Post | None:
        """Return the post that lies at a path, or None where there is none that can be read."""
        with contextlib.suppress(PostError):
            return self.post(path) if path in post_paths(self.root) else None
        return None

    def _lint(self, post: Post) -> Iterator[Finding]:
        """Find what is wrong with a post on this site, where it leads, and what the settings ask of it."""
        yield from lint_links(post, self._readable)
        with contextlib.suppress(PostError):  # what is wrong with the settings is said of the site
            settings = self.settings
            prose = [part.text for part in post.parts if isinstance(part, Prose)]
            if settings.divider and not any(settings.divider in text for text in prose):
                fix = f"put it on a line of its own: {settings.divider}"
                yield post.finding(1, "nothing says where lists cut the post off", fix)
            if post.meta.values and post.package in settings.extra:
                fix = f"rename {post.path.name}, or the key in mkdocs.yml"
                yield post.finding(
                    1, f"{post.package} is a key of extra in mkdocs.yml, which pages would quote", fix
                )


def check_posts(root: Path, only: list[Path] | None = None) -> list[Verdict]:
    """Check a repository that nobody has read yet."""
    return Repository(root).check(only)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads mkdocs.yml without doing what its tags ask for, but to look into the environment."""


_Loader.add_multi_constructor("", lambda loader, suffix, node: None)
_Loader.add_constructor("!ENV", construct_env_tag)


def _read_config(root: Path, loader: Any) -> dict[str, Any]:
    """Return what mkdocs.yml holds; raise PostError where it is no mapping."""
    try:
        config = yaml.load(read_text(root / "mkdocs.yml", root), Loader=loader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error)
        raise PostError(Finding("mkdocs.yml", mark.line + 1 if mark else 1, reason)) from None
    if not isinstance(config, dict):
        raise PostError(Finding("mkdocs.yml", 1, "is not a mapping"))
    return config


def read_extensions(root: Path) -> dict[str, dict[str, Any]]:
    """Return the Markdown extensions that MkDocs takes from mkdocs.yml, in order, with their options."""
    from mkdocs.config.base import ValidationError
    from mkdocs.config.config_options import MarkdownExtensions
    from mkdocs.utils.yaml import get_yaml_loader

    config = _read_config(root, get_yaml_loader())
    if wrong := list(_wrong_settings(config, read_text(root / "mkdocs.yml", root))):
        raise PostError(*wrong)
    option = MarkdownExtensions(builtins=["toc", "tables", "fenced_code"])  # MkDocs adds these to any site
    try:
        names = option.run_validation(config.get("markdown_extensions") or [])
    except ValidationError as error:
        reason, *traceback = str(error).splitlines()
        raise PostError(Finding("mkdocs.yml", 1, " ".join([reason, *traceback[-1:]]))) from None
    return {name: option.configdata.get(name, {}) for name in names}


def read_settings(root: Path) -> Settings:
    """Return what mkdocs.yml says, without doing what its tags ask for."""
    config = _read_config(root, _Loader)
    if wrong := list(_wrong_settings(config, read_text(root / "mkdocs.yml", root))):
        raise PostError(*wrong)
    extra, blog = config.get("extra") or {}, _named(config.get("plugins")).get("blog") or {}
    required = blog.get("post_excerpt") == "required"
    return Settings(
        config.get("site_name") or "",
        (config.get("site_url") or "/").rstrip("/") + "/",
        (extra.get("repository") or "").rstrip("/"),
        extra.get("branch") or "main",
        extra.get("author") or "",
        config.get("site_description") or "",
        str(blog.get("post_excerpt_separator") or "<!-- more -->") if required else "",
        frozenset(map(str, extra)),
    )


def _named(entries: Any) -> dict[str, Any]:
    """Return plugins or extensions, each with its settings, of what mkdocs.yml has as a list or a mapping."""
    if isinstance(entries, dict):
        return {str(name): settings for name, settings in entries.items()}
    named: dict[str, Any] = {}
    for entry in entries or []:
        named |= entry if isinstance(entry, dict) else {str(entry): None}
    return named


def _wrong_settings(config: dict[str, Any], text: str) -> Iterator[Finding]:
    """Find settings of another type than MkDocs, the theme and we ourselves want."""

    def wrong(key: str, kind: str) -> Finding:
        found = re.search(rf"^[ \t-]*[\"']?{re.escape(key)}\b", text, re.M)
        line = text.count("\n", 0, found.start()) + 1 if found else 1
        return Finding("mkdocs.yml", line, f"{key} is no {kind}", f"make it a {kind}, or leave it out")

    for key in ("site_name", "site_url", "site_description", "docs_dir", "edit_uri", "copyright"):
        if not isinstance(config.get(key), str | None):
            yield wrong(key, "text")
    extra = config.get("extra") or {}
    if not isinstance(extra, dict):
        yield wrong("extra", "mapping")
        return
    for key in ("repository", "branch", "author"):
        if not isinstance(extra.get(key), str | None):
            yield wrong(key, "text")
    for key in ("plugins", "markdown_extensions"):
        entries = config.get(key)
        if not isinstance(entries, list | dict | None):
            yield wrong(key, "list")
            continue
        for entry, settings in _named(entries).items():
            if not isinstance(settings, dict | None):
                yield wrong(str(entry), "mapping of settings")
