"""Read `blog check --json` and name the posts that must be executed, for the matrix of publish.yml."""

import json
import os
import sys


def posts_to_execute(verdicts: list[dict]) -> list[str]:
    """The posts that are stale or due; an error where a post is broken, since no run would mend it."""
    broken = [verdict["post"] for verdict in verdicts if verdict["status"] == "broken"]
    if broken:
        sys.exit(f"broken: {', '.join(broken)}; see: blog check")
    return [verdict["post"] for verdict in verdicts if verdict["status"] in {"stale", "due"}]


if __name__ == "__main__":
    posts = json.dumps(posts_to_execute(json.load(sys.stdin)))
    print(f"to execute: {posts}")
    if output := os.environ.get("GITHUB_OUTPUT"):
        with open(output, "a", encoding="utf-8") as file:
            print(f"posts={posts}", file=file)
