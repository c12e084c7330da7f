#!/usr/bin/env bash
# Open, or bring up to date, one pull request for refreshed runs and one for refreshed locks. Touches nothing else,
# whatever else the working tree holds, and does nothing where nothing differs from the commit.
set -euo pipefail
name="github-actions[bot]"
email="41898282+github-actions[bot]@users.noreply.github.com"
base=$(git rev-parse HEAD)

propose() { # branch, title, paths…
  local branch=$1 title=$2
  shift 2
  git add --all -- "$@"
  if git diff --cached --quiet; then
    echo "propose: nothing to refresh in $*"
    return
  fi
  git -c user.name="$name" -c user.email="$email" commit --quiet --message "$title"
  git push --quiet --force origin "HEAD:refs/heads/$branch"
  if [ -z "$(gh pr list --head "$branch" --state open --json number --jq '.[].number')" ]; then
    gh pr create --base main --head "$branch" --title "$title" \
      --body "By the weekly publication. Its checks start when someone closes and reopens it: a token of Actions starts none."
  fi
  echo "propose: $branch, $title"
  git reset --quiet --soft "$base" # the next proposal starts from main again
  git reset --quiet
}

gh auth setup-git
propose refresh/runs "Refresh the runs" docs/runs
propose refresh/locks "Refresh the locks" requirements.lock requirements-gpu.lock
