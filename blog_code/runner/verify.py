"""`blog run --verify`: execute a post aside, and say where its outputs differ from the accepted ones."""

import io
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lxml import etree
from PIL import Image, ImageChops, ImageStat

from blog_code.errors import PostError, writing
from blog_code.posts.post import RUNS, Post, post_paths
from blog_code.posts.values import all_values, within
from blog_code.runner import git
from blog_code.runner.execute import execute
from blog_code.runner.record import Record, changed_parts, missing_outputs, read_record
from blog_code.runner.run import run_files, write_files

NUMBER = re.compile(r"[-+−]?\d[\d,]*(?:\.\d*)?(?:[eE][-+]?\d+)?")
RELATIVE = 0.02  # numbers in text may differ by this much from processor to processor
PICTURE = 0.1  # pictures of equal size may differ by this much of the range from paper to ink, on average


def verify_post(post: Post, *, say: Callable[[str], None] = print, **options: Any) -> str:
    """Execute a post aside and compare; replaces nothing, and raises PostError where the two differ."""
    if post.findings:
        raise PostError(*post.findings)
    record = read_record(post)
    if record is None:
        raise PostError(post.finding(1, "there is no accepted run to compare with", f"blog run {post.slug}"))
    if gone := missing_outputs(post, record.outputs):
        message = f"the accepted run is not whole: {gone[0]} is not what it wrote"
        raise PostError(post.finding(1, message, f"blog run --force {post.slug}"))
    if parts := sorted({"cells", "data"} & set(changed_parts(post, record))):
        message = f"the accepted run is stale ({', '.join(parts)} changed), so there is nothing to compare"
        raise PostError(post.finding(1, message, f"blog run {post.slug}"))
    # Read before the second run, which takes minutes: another may replace the accepted one meanwhile.
    accepted = {name: (post.run_folder / name).read_bytes() for name in record.outputs}
    result = execute(post, say=say, **options)
    files = run_files(post, result)
    scratch = post.root / ".blog" / "verify" / post.slug
    with writing("the second run", post.root, f"blog run --verify {post.slug}"):
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        write_files(scratch, files)
    differences = _values(post, record, result.values, say)
    for name in sorted(record.outputs.keys() | (files.keys() & _outputs_of(result))):
        differences += _output(name, accepted, files, say)
    if differences:
        where = scratch.relative_to(post.root).as_posix()
        said = "\n".join(f"      {line}" for line in differences)
        fix = f"look at {where}; fix the code, or accept this run with: blog run --force {post.slug}"
        raise PostError(post.finding(1, f"a second run differs from the accepted one:\n{said}", fix))
    say(f"{post.slug}: verified, {len(record.outputs)} outputs and {len(result.values)} values")
    return "verified"


def _outputs_of(result: Any) -> set[str]:
    return {name for cell in result.cells for name in cell.files} | set(result.files)


def _values(post: Post, record: Record, values: dict[str, Any], say: Callable[[str], None]) -> list[str]:
    """Values outside what the front matter declares; timings are reported only."""
    accepted = all_values(record.content)
    differences = []
    for name, declared in post.values.items():
        said = f"value {name}: {accepted.get(name)} accepted, {values[name]} now"
        if declared.get("timing"):
            say(f"  {said} (a timing)")
        elif within(values[name], declared):
            say(f"  {said}")
        else:
            differences.append(f"{said}, and {declared['is']} within {declared.get('within', 0)} is declared")
    return differences


def _output(
    name: str, accepted: dict[str, bytes], files: dict[str, bytes], say: Callable[[str], None]
) -> list[str]:
    """How one output differs, in lines for people; nothing where it is the same or near enough."""
    if name not in accepted:
        return [f"{name}: this run wrote it, the accepted one did not"]
    if name not in files:
        return [f"{name}: the accepted run wrote it, this one did not"]
    new, old = files[name], accepted[name]
    if new == old:
        return []
    compare = {".png": compare_pictures, ".svg": compare_charts}.get(Path(name).suffix)
    if compare is None and Path(name).suffix in {".txt", ".html", ".json", ".csv", ".md"}:
        compare = compare_text
    wrong, report = (compare or _compare_sizes)(old, new)
    if report:
        say(f"  {name}: {report}")
    return [f"{name}: {line}" for line in wrong]


def compare_text(old: bytes, new: bytes) -> tuple[list[str], str]:
    """Lines whose words differ, or whose numbers differ by more than processors explain."""
    before, after = (content.decode("utf-8", "replace").split("\n") for content in (old, new))
    same = len(before) == len(after)
    counted = [] if same else [f"{len(before) - 1} lines accepted, {len(after) - 1} now"]
    wrong = [
        line
        for number, (a, b) in enumerate(zip(before, after, strict=False), 1)
        if not near(a, b)
        for line in (f"line {number}", f"  - {a}", f"  + {b}")
    ]
    return counted + wrong, "" if counted or wrong else "numbers differ a little, as between processors"


def near(before: str, after: str) -> bool:
    """True where two lines have the same words, and numbers within two per cent or their last decimal."""
    if NUMBER.sub("0", before).split() != NUMBER.sub("0", after).split():
        return False
    return all(
        abs(_number(a) - _number(b)) <= max(RELATIVE * max(abs(_number(a)), abs(_number(b))), _last_place(a))
        for a, b in zip(NUMBER.findall(before), NUMBER.findall(after), strict=True)
    )


def _number(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


def _last_place(text: str) -> float:
    """One and a half units of the last decimal, and nothing for a whole number, which counts things."""
    decimals = re.search(r"\.(\d+)", text)
    exponent = re.search(r"[eE]([-+]?\d+)", text)
    if not decimals:
        return 0.0
    return float(1.5 * 10.0 ** ((int(exponent[1]) if exponent else 0) - len(decimals[1])))


def compare_pictures(old: bytes, new: bytes) -> tuple[list[str], str]:
    """Pictures of another size, or that are grossly another picture; how much they differ is reported."""
    before, after = (Image.open(io.BytesIO(content)) for content in (old, new))
    if before.size != after.size:
        return [f"{before.size} pixels accepted, {after.size} now"], ""
    apart = ImageStat.Stat(ImageChops.difference(before.convert("RGB"), after.convert("RGB"))).mean
    mean = sum(apart) / len(apart) / 255
    said = f"pictures differ by {mean:.1%} of the range on average"
    return ([said], "") if mean > PICTURE else ([], said)


def compare_charts(old: bytes, new: bytes) -> tuple[list[str], str]:
    """Charts of another size or with other words; how many shapes they have is reported."""
    before, after = (etree.fromstring(content) for content in (old, new))
    wrong = []
    for name in ("width", "height", "viewBox"):
        if before.get(name) != after.get(name):
            wrong.append(f"{name} {before.get(name)} accepted, {after.get(name)} now")
    words_before, words_after = _words(before), _words(after)
    if words_before != words_after:
        changed = (words_before - words_after) + (words_after - words_before)
        wrong.append(f"other words in the chart: {', '.join(sorted(changed))}")
    shapes = [sum(1 for _ in chart.iter()) for chart in (before, after)]
    return wrong, f"charts of {shapes[0]} and {shapes[1]} elements" if not wrong else ""


def _words(chart: Any) -> Counter[str]:
    """The texts of a chart that are no numbers."""
    texts = ("".join(node.itertext()).strip() for node in chart.iter("{*}text"))
    return Counter(text for text in texts if text and not NUMBER.fullmatch(text))


def _compare_sizes(old: bytes, new: bytes) -> tuple[list[str], str]:
    """Files of which only the size can be compared."""
    if len(old) != len(new):
        return [f"{len(old)} bytes accepted, {len(new)} now"], ""
    return [], "the bytes differ, the size does not"


def touched_posts(root: Path, commit: str) -> list[Path]:
    """The posts whose run, or what it depends on, differs from a commit."""
    changed = git.names(root, commit, "diff", "--name-only", "--no-renames", "--relative", commit, "--")
    changed += git.names(root, commit, "ls-files", "--others", "--exclude-standard")
    shared = {"requirements.lock", ".python-version"}
    machinery = ("blog_code/posts/", "blog_code/runner/", "blog_code/errors.py")
    if shared & set(changed) or any(name.startswith(machinery) for name in changed):
        return post_paths(root)

    def concerns(slug: str) -> bool:
        folders = (f"blog_code/{slug.replace('-', '_')}/", f"{RUNS}/{slug}/")
        return f"docs/posts/{slug}.md" in changed or any(name.startswith(folders) for name in changed)

    return [path for path in post_paths(root) if concerns(path.stem)]
