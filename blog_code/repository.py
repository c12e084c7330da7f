"""Hold the repository as it stands: settings of mkdocs.yml, posts, and what is to be said of them.

Each is read when it is first asked for, once, and handed on to check and build.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from yaml_env_tag import construct_env_tag

from blog_code.errors import Finding, PostError, read_text
from blog_code.posts.lint import unused_regions
from blog_code.posts.post import RUNS, Post, post_paths, read_post
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


class Repository:
    """Reads a folder that holds mkdocs.yml, docs/ and blog_code/."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._posts: dict[Path, Post] = {}
        self._records: dict[Path, Record | None] = {}
        self._verdicts: dict[Path, Verdict] = {}
        self.held: dict[
            str, str
        ] = {}  # posts that stand here as of an earlier commit, and what readers are told

    @cached_property
    def settings(self) -> Settings:
        return read_settings(self.root)

    @property
    def posts(self) -> list[Post]:
        """Return every post, in the order of names; raise PostError where nothing can be made of one."""
        return [self.post(path) for path in post_paths(self.root)]

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

    def verdict(self, path: Path) -> Verdict:
        """Return what `blog check` says of the post that lies at a path."""
        if path not in self._verdicts:
            try:
                verdict = check_post(post := self.post(path), self.record)
                verdict.findings += [f for f in unused_regions(post) if f not in verdict.findings]
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
        for path in sorted((self.root / "docs" / "posts").glob("*/**/*.md")):
            fix = "move it to docs/posts/, or exclude it in mkdocs.yml"
            name = path.relative_to(self.root).as_posix()
            yield Finding(name, 1, "is a post in a folder, which no run sees", fix)


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

    option = MarkdownExtensions(builtins=["toc", "tables", "fenced_code"])  # MkDocs adds these to any site
    try:
        names = option.run_validation(_read_config(root, get_yaml_loader()).get("markdown_extensions") or [])
    except ValidationError as error:
        reason, *traceback = str(error).splitlines()
        raise PostError(Finding("mkdocs.yml", 1, " ".join([reason, *traceback[-1:]]))) from None
    return {name: option.configdata.get(name, {}) for name in names}


def read_settings(root: Path) -> Settings:
    """Return what mkdocs.yml says, without doing what its tags ask for."""
    config = _read_config(root, _Loader)
    extra = config.get("extra") or {}
    return Settings(
        config.get("site_name", ""),
        (config.get("site_url") or "/").rstrip("/") + "/",
        (extra.get("repository") or "").rstrip("/"),
        extra.get("branch", "main"),
        extra.get("author", ""),
    )
