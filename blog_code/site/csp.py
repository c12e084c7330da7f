"""The content security policy of a page: its own host, and exactly the inline scripts that stand in it."""

import base64
import hashlib
import re

# lxml writes names in lower case, and a script that were missed here would be refused by the browser.
SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.S)
META = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
CHARSET = re.compile(r"<meta charset=[^>]*>")
DATA = re.compile(r'type="application/(?:ld\+)?json"')


def with_csp(text: str) -> str:
    """The page with its policy, right after the line that names its encoding and before any script."""
    text = META.sub("", text)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{csp(text)}">'
    return CHARSET.sub(lambda found: f"{found[0]}{meta}", text, count=1)


def csp(text: str) -> str:
    """Return the directives."""
    hashes = "".join(f" '{value}'" for value in script_hashes(text))
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self'{hashes}",
            "style-src 'self'",
            "img-src 'self' data:",
            "media-src 'self'",
            "font-src 'self'",
            "connect-src 'self'",
            "worker-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def script_hashes(text: str) -> list[str]:
    """The hashes of the inline scripts of a page, each once, in order; data in JSON needs none."""
    hashes: dict[str, None] = {}
    for script in SCRIPT.finditer(text):
        if "src=" not in script["attributes"] and not DATA.search(script["attributes"]):
            digest = hashlib.sha256(script["body"].encode()).digest()
            hashes[f"sha256-{base64.b64encode(digest).decode()}"] = None
    return list(hashes)
