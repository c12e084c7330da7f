#!/usr/bin/env bash
# Lighthouse and the Nu HTML checker over site/, through npm: not in `make test`, because npm fetches 200 packages,
# the checker wants Java, and Lighthouse wants Node 20. Three findings of the theme's own are known and left out.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=.blog/npm
npm install --silent --no-fund --no-audit --prefix "$tools" lighthouse@12.8.2 vnu-jar@26

checked=$(find site -name '*.html' -not -path 'site/runs/*')
# shellcheck disable=SC2086
java -jar "$tools/node_modules/vnu-jar/build/dist/vnu.jar" --errors-only --format gnu \
  --filterpattern '.*Attribute “autocomplete” is only allowed.*' $checked

python3 -m http.server --directory site --bind 127.0.0.1 8917 >/dev/null 2>&1 &
server=$!
trap 'kill $server' EXIT
sleep 1
for page in "" about/ status/ $(cd site && ls -d posts/*/); do
  CHROME_PATH=$(command -v chromium) "$tools/node_modules/.bin/lighthouse" "http://127.0.0.1:8917/$page" --quiet \
    --chrome-flags="--headless=new --no-sandbox --disable-gpu" --output=json --output-path=.blog/lighthouse.json \
    --only-categories=accessibility,best-practices,seo
  python3 - "$page" <<'PYTHON'
import json, sys

scores = {name: part["score"] for name, part in json.load(open(".blog/lighthouse.json"))["categories"].items()}
print(sys.argv[1] or "index", scores)
sys.exit(any(score != 1 for score in scores.values()))
PYTHON
done
