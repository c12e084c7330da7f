#!/usr/bin/env bash
# Put the runs and locks that other jobs left in .blog/artifacts in the place of the committed ones, whole.
set -euo pipefail
shopt -s nullglob
for run in .blog/artifacts/runs/*/; do
  post=$(basename "$run")
  test -f "docs/posts/$post.md" || { echo "accept: $run is the run of no post" >&2; exit 1; }
  mkdir -p docs/runs
  rm -rf "docs/runs/$post"
  mv "$run" "docs/runs/$post"
  echo "accepted: docs/runs/$post"
done
if [ -f .blog/artifacts/runs/values.yml ]; then # of all posts: the job that built the site has written it anew
  mv .blog/artifacts/runs/values.yml docs/runs/
  echo "accepted: docs/runs/values.yml"
fi
for lock in .blog/artifacts/requirements.lock .blog/artifacts/requirements-gpu.lock; do
  if [ -f "$lock" ]; then
    mv "$lock" .
    echo "accepted: $(basename "$lock")"
  fi
done
rm -rf .blog/artifacts
