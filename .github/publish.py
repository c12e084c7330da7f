"""Do what `decide.py` decides with posts, git and GitHub: `python .github/publish.py plan`, and the like.

`settings` and `propose`, which hold a token, need Python alone; the others need what is installed.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decide import (
    BRANCH,
    FAILING,
    UNSEEN,
    Refused,
    device_fault,
    due_today,
    failed_sources,
    failing_body,
    missing_for_gpu,
    missing_for_pages,
    plan,
    runner,
)

if TYPE_CHECKING:
    from blog_code.repository import Repository

RUNS = Path("docs/runs")
LEFT = Path(".blog/artifacts")  # what other jobs left
PROPOSAL = LEFT / "proposal"
LOCKS = ("requirements.lock", "requirements-gpu.lock")
BOT = ["-c", "user.name=github-actions[bot]"]
BOT += ["-c", "user.email=41898282+github-actions[bot]@users.noreply.github.com"]


def call(*command: str, may_fail: bool = False) -> str:
    """Run a command and return what it prints; end with its own words where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and not may_fail:
        fix = "\nSettings, Actions, General: Allow GitHub Actions to create and approve pull requests"
        raise Refused(f"{' '.join(command[:3])}: {done.stderr.strip()}{fix * ('permitted' in done.stderr)}")
    return "" if done.returncode else done.stdout.strip()


def say(*lines: str, to: str = "GITHUB_STEP_SUMMARY") -> None:
    """Print lines, and write them into a file of GitHub's: the summary of the job, or what it hands on."""
    print("\n".join(lines))
    if path := os.environ.get(to):
        with open(path, "a", encoding="utf-8") as file:
            print("\n".join(lines), file=file)


def page(slug: str) -> Path:
    """Return the path of a post's page."""
    return Path.cwd() / "docs" / "posts" / f"{slug}.md"


def read() -> "Repository":
    """Read the repository as it stands."""
    from blog_code.repository import Repository

    return Repository(Path.cwd())


def look_at_settings(needs: str) -> None:
    """Ask GitHub for what `pages` or the `gpu` need, and end with a sentence for each that is not set."""

    def ask(name: str) -> Any:
        command = ["gh", "api", f"repos/{os.environ['GITHUB_REPOSITORY']}/{name}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return json.loads(done.stdout)
        if "HTTP 404" in done.stderr:
            return None
        say(f"{name} cannot be seen with this token, and is believed to be set: {done.stderr.strip()}")
        return UNSEEN

    if needs == "pages":
        missing = missing_for_pages(ask("pages"), ask("environments/github-pages"))
    else:
        missing = missing_for_gpu(ask("environments/gpu"), os.environ.get("GPU_RUNNER", ""))
    if missing:
        say(*missing)
        raise Refused(1)


def look_at_device() -> None:
    """End with a sentence where JAX would compute on another device than was asked for."""
    import jax

    found = jax.devices()[0].platform
    print(f"device: {jax.devices()[0].device_kind}")
    if fault := device_fault(os.environ.get("BLOG_DEVICE", "cpu"), {"cuda": "gpu"}.get(found, found)):
        raise Refused(fault)


def look_at_dates() -> None:
    """Say whether the day of a post has come, so that the site is to be published without a push."""
    from blog_code.errors import PostError
    from blog_code.posts.post import post_paths

    repository, days = read(), []
    for path in post_paths(Path.cwd()):
        with contextlib.suppress(PostError):
            days.append(repository.post(path).day)
    say(f"publish={json.dumps(due_today(days, repository.today))}", to="GITHUB_OUTPUT")


def sources(slug: str) -> str:
    """Return a checksum of all that the run of a post depends on."""
    from blog_code.runner.record import digest, fingerprint

    lock = Path("requirements.lock").read_bytes()
    return digest([fingerprint(read().post(page(slug)), []), digest(lock)])[:16]


def proposed_posts() -> set[str]:
    """Name the posts for which the branch of proposals has a run that fits their sources as they stand."""
    from blog_code.runner.record import Record, changed_parts

    repository = read()

    def fits(slug: str) -> bool:
        name = f"origin/{BRANCH}:{(RUNS / slug / 'record.json').as_posix()}"
        text = call("git", "show", name, may_fail=True)
        return bool(text) and not changed_parts(repository.post(page(slug)), Record.model_validate_json(text))

    verdicts = repository.check()
    return {v.post for v in verdicts if v.status in {"stale", "due"} and fits(v.post)}


def issue(title: str) -> dict[str, Any]:
    """Return the open issue of a title that is of Actions; a stranger could write anything into one."""
    asked = ["--state", "open", "--app", "github-actions", "--limit", "100", "--json", "number,title,body"]
    found = json.loads(call("gh", "issue", "list", *asked) or "[]")
    return next((one for one in found if one["title"] == title), {})


def tell(title: str, body: str) -> None:
    """Keep one issue of a title: open it, bring it up to date, close it where nothing is left to say."""
    known = issue(title)
    if not known and body:
        call("gh", "issue", "create", "--title", title, "--body", body)
    elif known and not body:
        call("gh", "issue", "close", str(known["number"]), "--comment", "Nothing of it is left.")
    elif known and body != known["body"]:
        call("gh", "issue", "edit", str(known["number"]), "--body", body)


def make_plan() -> None:
    """Name the posts to execute, and the runner that does it."""
    states = {verdict.post: verdict.status for verdict in read().check()}
    known = failed_sources(issue(FAILING).get("body", "")) if os.environ.get("GH_TOKEN") else {}
    failed = {slug for slug, key in known.items() if states.get(slug) == "stale" and key == sources(slug)}
    again = os.environ.get("GITHUB_EVENT_NAME") != "push" or os.environ.get("GITHUB_RUN_ATTEMPT") != "1"
    made = plan(states, proposed_posts(), failed, again=again)
    say(*(f"- {post}: {why}" for post, why in made.waiting.items()))
    on = runner(os.environ.get("GPU_RUNNER", ""), os.environ.get("GITHUB_RUN_ID", ""))
    say(f"posts={json.dumps(made.execute)}", f"runner={on}", to="GITHUB_OUTPUT")


def parts_of(slug: str) -> list[str]:
    """Name all that makes up a post: its page, what lies beside it, its code, its run."""
    package = slug.replace("-", "_")
    return [f"docs/posts/{slug}.md", f"docs/posts/{slug}", f"blog_code/{package}", f"{RUNS}/{slug}"]


def put_back(slug: str, commit: str = "") -> None:
    """Put page, code and run of a post where they stood at a commit; without one, take them away."""
    for path in parts_of(slug):
        call("git", "rm", "-r", "--force", "--quiet", "--ignore-unmatch", "--", path)
        if commit and call("git", "ls-tree", commit, path):
            call("git", "checkout", "--quiet", commit, "--", path)


def publishable(slug: str) -> bool:
    """Say whether a post, as it lies here, may go out."""
    from blog_code.runner.jobs import refresh_posts

    if not page(slug).exists():
        return False
    refresh_posts(Path.cwd(), [page(slug)])
    repository = read()
    return repository.publishable(repository.verdict(page(slug)))


def hold() -> None:
    """Put each post that may not go out back to the newest commit at which it might, or take it away.

    Its page, code and outputs are then of one commit. What readers are told is left in .blog/held.json.
    """
    from blog_code.posts.post import post_paths
    from blog_code.runner.jobs import refresh_posts

    if call("git", "status", "--porcelain", "--untracked-files=no"):
        raise Refused("hold: something is not committed and would be lost: commit it first")
    told: dict[str, str] = {}
    for _ in range(5):  # what is taken away may be what another post links to
        refresh_posts(Path.cwd())
        repository = read()
        verdicts = map(repository.verdict, post_paths(Path.cwd()))
        wrong = [v for v in verdicts if not (v.held_back or repository.publishable(v))]
        for verdict in wrong:
            hold_back(verdict.post, str([*verdict.findings, *verdict.reasons][0]).splitlines()[0], told)
        if not wrong:
            break
    Path(".blog").mkdir(exist_ok=True)
    Path(".blog/held.json").write_text(json.dumps(told), encoding="utf-8")


def hold_back(slug: str, why: str, told: dict[str, str]) -> None:
    """Put a post back to the newest commit at which it may go out, and tell which; or take it away."""
    for commit in call("git", "rev-list", "--max-count=100", "HEAD", "--", *parts_of(slug)).split():
        put_back(slug, commit)
        if publishable(slug):
            told[slug] = commit
            say(f"- {slug} is published as of commit {commit[:7]}: {why}")
            return
    told.pop(slug, None)
    put_back(slug)
    say(f"- {slug} is not published: {why}, and no commit has a run that fits")


def take(folder: Path) -> None:
    """Put the run in a folder in the place of a post's accepted one, of which no file stays."""
    if not page(folder.name).is_file():
        raise Refused(f"{folder} is the run of no post")
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise Refused(f"{path} is no plain file")
    shutil.rmtree(RUNS / folder.name, ignore_errors=True)
    shutil.copytree(folder, RUNS / folder.name)


def collect() -> None:
    """Put the runs that jobs left, and those proposed before that still fit, in place; lay out a proposal."""
    from blog_code.runner.jobs import refresh_posts

    for folder in sorted((LEFT / "runs").glob("*/")):
        take(folder)
    for slug in proposed_posts():
        call("git", "checkout", "--quiet", f"origin/{BRANCH}", "--", f"{RUNS}/{slug}")
    changed = call("git", "status", "--porcelain", "--untracked-files=all", "--", str(RUNS))
    new = sorted(set(re.findall(rf"^.. ?\"?{RUNS}/([^/\n]+)/", changed, re.MULTILINE)))
    refresh_posts(Path.cwd())
    refused = [v for v in map(read().verdict, map(page, new)) if v.wrong(release=False)]
    for verdict in refused:
        say(f"- the run of {verdict.post} is refused:", str(verdict))
        put_back_run(verdict.post)
    refresh_posts(Path.cwd())
    taken = [slug for slug in new if slug not in {verdict.post for verdict in refused}]
    for slug in taken:
        shutil.copytree(RUNS / slug, PROPOSAL / "runs" / slug)
    PROPOSAL.mkdir(parents=True, exist_ok=True)
    shutil.copy(RUNS / "values.yml", PROPOSAL)
    failed = {path.name: sources(path.name) for path in sorted((LEFT / "failed").glob("*"))}
    (PROPOSAL / "failed.json").write_text(json.dumps({"failed": failed, "settled": taken}), "utf-8")
    (PROPOSAL / "body.md").write_text("\n".join(f"- {slug}: {growth(slug)}" for slug in taken), "utf-8")


def put_back_run(slug: str) -> None:
    """Put the accepted run of a post back as it is committed."""
    call("git", "reset", "--quiet", "HEAD", "--", f"{RUNS}/{slug}")
    shutil.rmtree(RUNS / slug)
    call("git", "checkout", "--quiet", "HEAD", "--", f"{RUNS}/{slug}", may_fail=True)


def growth(slug: str) -> str:
    """Say how large the run of a post is, and by how much it grows."""
    listed = call("git", "ls-tree", "-r", "--long", "HEAD", f"{RUNS}/{slug}").splitlines()
    before = sum(int(line.split()[3]) for line in listed)
    now = sum(path.stat().st_size for path in (RUNS / slug).rglob("*") if path.is_file())
    return f"its run has {now / 1000:,.0f} KB, {(now - before) / 1000:+,.0f}"


def propose() -> None:
    """Open, or bring up to date, a pull request for runs, one for locks, and the issues that were left."""
    for folder in sorted((PROPOSAL / "runs").glob("*/")):
        take(folder)
    for name, place in [("values.yml", RUNS), *((lock, Path()) for lock in LOCKS)]:
        if (PROPOSAL / name).is_file() and not (PROPOSAL / name).is_symlink():
            shutil.copy(PROPOSAL / name, place / name)
    left = {
        path.name: path.read_text("utf-8") for path in PROPOSAL.glob("*.*") if path.suffix in {".md", ".json"}
    }
    shutil.rmtree(LEFT)
    call("gh", "auth", "setup-git")
    pull(BRANCH, "Refresh the runs", left.get("body.md", ""), str(RUNS))
    pull("refresh/locks", "Refresh the locks", "", *LOCKS)
    if "failed.json" in left:
        known = failed_sources(issue(FAILING).get("body", ""))
        known = {slug: key for slug, key in known.items() if page(slug).is_file()}
        tell(FAILING, failing_body(known, **json.loads(left["failed.json"])))
    if "next.md" in left:
        title, _, body = left["next.md"].partition("\n")
        tell(title.removeprefix("# "), body.strip())


def pull(branch: str, title: str, said: str, *paths: str) -> None:
    """Push what differs in some paths as a branch, and open a pull request unless one is open."""
    base = call("git", "rev-parse", "HEAD")
    call("git", "add", "--all", "--", *filter(os.path.exists, paths))
    if not call("git", "diff", "--cached", "--name-only"):
        print(f"propose: nothing to refresh in {', '.join(paths)}")
        return
    call("git", *BOT, "commit", "--quiet", "--message", title)
    call("git", "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")
    address = [os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    run = "{}/{}/actions/runs/{}".format(*address)
    body = f"[Made by Actions]({run}), where a page for each run shows what it changes. "
    body += f"The checks wait for “Approve and run”. Merging it publishes it.\n\n{said}"
    listed = call(
        "gh", "pr", "list", "--head", branch, "--state", "open", "--json", "number", "--jq", ".[].number"
    )
    if listed:
        call("gh", "pr", "edit", listed.split()[0], "--body", body)
    else:
        call("gh", "pr", "create", "--base", "main", "--head", branch, "--title", title, "--body", body)
    print(f"propose: {branch}, {title}")
    call("git", "reset", "--quiet", "--soft", base)  # the next proposal starts from main again
    call("git", "reset", "--quiet")


COMMANDS: dict[str, Callable[..., None]] = {
    "settings": look_at_settings,
    "device": look_at_device,
    "today": look_at_dates,
    "plan": make_plan,
    "hold": hold,
    "collect": collect,
    "propose": propose,
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
