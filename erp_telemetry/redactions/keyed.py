"""Keyed secrets: what follows a name such as ``Password=`` or ``"token":``, and whole connection strings."""

from __future__ import annotations

import re
from collections.abc import Iterator

_Found = tuple[int, int, str, str | None]

NAMES = (
    r"pass[\W_]?(?:word|wd|phrase|code)|pass\b|pwd|secret|token|cookie|credential|bearer|jwt|authori[sz]ation|"
    r"connection[\W_]?str|connstr|access[\W_]?signature|"
    r"(?:api|access|account|shared|private|signing|encryption|master|subscription|functions)[\W_]?key")
"""What a name has in it that holds a secret, in lower case."""

WORDS = ("pass", "pwd", "secret", "token", "key", "cookie", "credential", "bearer", "jwt", "authori", "conn", "sig")
"""At least one of them is in every such name: looking for words is much faster than for a pattern."""

_SECRET = re.compile(NAMES)
# names that speak about a secret and do not hold it
_ABOUT = re.compile(
    r"(?:public[\W_]?key[\W_]?token|cancellation[\W_]?token|type|names?|count|length|limit|size|expir\w*|lifetime|ttl|"
    r"policy|required|valid|status|state|version|provider|scheme|(?:chang|creat|updat|issu)ed[\W_]?at|services?|servers?|"
    r"endpoint|handler|store|cache|manager|validator|factory|issuer|errors?|failures?|result|enabled|disabled|used|"
    r"remaining|elapsed|duration|seconds|millis|[\W_](?:ms|us|ns|s)|bypass|compass|trespass|overpass)[\W_]*$")
# total_tokens: 512 and pass: 12 count, they do not open anything
_COUNTED = re.compile(r"(?:(?:token|cookie|secret|credential)s|pass)[\W_]*$")
HOLE = re.compile(
    r"\{\{?[@$]?[\w.]+(?:,-?\d+)?(?::[^{}\"']*)?\}\}?|\$\{[^}\"']*\}|\$\([^)\"']*\)|%\w+%|%[sdvr@]|<[\w \-]+>|\*{2,}|"
    r"[xX]{4,}|\.{3}|…|\[redacted: [a-z ]+\d*\]|\((?:null|none|empty|hidden)\)")
"""What stands in for a secret: a template's hole, a mask, a mark."""

_NOTHING = frozenset({"null", "none", "nil", "undefined", "true", "false"})
_PROSE = frozenset(re.findall(r"\w+", """null none nil undefined true false string str int bool object any number
    invalid expired missing required empty not is was the a an of for and or has must cannot unknown failed ok yes no
    too wrong rejected denied refused validated refreshed validation authentication optional unset"""))
_FIRST = "api|access|account|shared|private|signing|encryption|master|subscription|functions|connection|client"
_KEY = re.compile(
    # a mark is no name
    rf"(?<![\w.\-])(?<!\[redacted: )(?<!\[redacted: url )"
    rf"((?:(?:{_FIRST})[ ])?[\w.\-]++)\\*[\"'`]?\]?[ \t]*+(=>|:=|={{1,3}}|:(?!:))[ \t]*+", re.IGNORECASE)
_FLAG = re.compile(r"(?<![\w\-])--?([A-Za-z][\w\-]*+)([ ]++)(?![\-\s])")
# Foo<Token>.Bar and <HandleTokenAsync>d__3 are types, not elements
_ELEMENT = re.compile(r"(?<![\w.])<([\w:.\-]++)(?:[ ][^<>]{0,300})?(>)(?=[^<\s])")
_NAMED = re.compile(
    r"\b(?:key|name)\\{0,4}[\"']?\s*[:=]\s*\\{0,4}[\"']([\w:.\- ]{1,100})\\{0,4}[\"'][,\s]*\\{0,4}[\"']?"
    r"value\\{0,4}[\"']?(\s*[:=]\s*)",
    re.IGNORECASE)
_OPENING = re.compile(r"(\\*)([\"'`])")
_CLOSED = {quote: re.compile(rf"(?:[^{quote}\\]|\\.|{quote}{quote})*+", re.DOTALL) for quote in "\"'`"}
# inside a connection string a value ends with its semicolon, whatever stands in it
_WITHIN = re.compile(r"[^;\r\n\"]{0,300}(?=;)|[^;\s\"]*")
_BARE = re.compile(r"[^\s,;&\"'`<>|]++")
_BRACED = re.compile(r"(?:\{(?=[\s\"'\\])[^}]*\}?|\[(?=[\s\"'\\])[^\]]*\]?)")
_CREDENTIAL = re.compile(
    r"(?:bearer|basic|negotiate|ntlm|apikey|token|sharedkey|sharedkeylite)[ \t]+[^\s,;\"'`<>]+|"
    r"(?:digest|aws4-hmac-sha256|sharedaccesssignature|hawk)[ \t][^\r\n]*", re.IGNORECASE)
_LINE = re.compile(r"[^\r\n\"'`]+")

_NAME = r"(?:Data Source|Initial Catalog|User ID|Application Name|Integrated Security|[A-Za-z][\w\-.]*)[ ]?=[ ]?"
_BEFORE = re.compile(rf"(?<![\w\-.]){_NAME}", re.IGNORECASE)
_AFTER = re.compile(
    rf"\s*+;\s*+{_NAME}(?:\"[^\"]*\"|'[^']*'|\{{[^}}]*\}}|[^;\r\n\"']*(?=;)|[^;\s\"']*)", re.IGNORECASE)
_LEADING = re.compile(rf"[^;\r\n\"]{{0,300}};\s*+{_NAME}", re.IGNORECASE)
_PAIRS = 50
_REACH = 400
_DRIVER = re.compile(r"driver[ ]?=", re.IGNORECASE)


def is_secret(name: str, value: object = None) -> bool:
    """Whether what stands under a name is secret, whatever it looks like."""
    lower = name.lower()
    if lower.strip(" _-") == "sig":
        return True
    if not _SECRET.search(lower) or _ABOUT.search(lower):
        return False
    return not (_COUNTED.search(lower) and str(value).isdigit())


def is_hole(text: str) -> bool:
    """Whether a value only stands in for a secret, or is none."""
    return not text.strip() or HOLE.fullmatch(text.strip()) is not None or text.lower() in _NOTHING


def finds(text: str, lower: str) -> Iterator[_Found]:
    """Values under secret names, each widened to the connection string around it."""
    if not any(word in lower for word in WORDS):
        return
    for pattern in (_KEY, _FLAG, _ELEMENT, _NAMED):
        until = 0
        for key in pattern.finditer(text):
            # what lies inside a value is gone with it
            found = _value(text, key) if key.start() >= until and is_secret(key[1]) else None
            if found is not None:
                until = found[1]
                yield _widened(text, key, *found)


def _value(text: str, key: re.Match[str]) -> tuple[int, int] | None:
    """Where the value behind a name stands, without its quotes; ``None`` where it is no secret."""
    at = key.end()
    opening = _OPENING.match(text, at)
    is_braced = _is_driver_braced(text, at)
    if is_braced:
        start, stop = at, text.find("}", at) + 1 or len(text)
    elif opening is not None:
        start, stop = opening.end(), _closing(text, opening)
    elif key[2] == "=>":
        # a lambda, not a value
        return None
    else:
        start, stop = at, text.find("<", at) if key[2] == ">" else _bare_end(text, at, key[1].lower())
        stop = len(text) if stop < 0 else stop
    value = text[start:stop]
    is_template = HOLE.match(text, start) if opening is None else HOLE.fullmatch(value.strip())
    if is_template and not is_braced and (opening is not None or text[is_template.end():stop].strip(".)]},") == ""):
        return None
    words = _PROSE if (opening is None and ":" in key[2]) or key[2].isspace() else _NOTHING
    if not value.strip() or value.lower().strip(".!") in words or not is_secret(key[1], value):
        return None
    return start, stop


def _closing(text: str, opening: re.Match[str]) -> int:
    """Where a quoted value ends; one that is never closed ends with the text."""
    if opening[1]:
        found = text.find(opening[0], opening.end())
        return len(text) if found < 0 else found
    closed = _CLOSED[opening[2]].match(text, opening.end())
    return closed.end() if closed is not None else opening.end()


def _bare_end(text: str, at: int, name: str) -> int:
    """Where a value without quotes ends."""
    braced = _BRACED.match(text, at)
    if braced is not None:
        return braced.end()
    if "cookie" in name:
        line = _LINE.match(text, at)
        return line.end() if line is not None else at
    found = (_CREDENTIAL.match(text, at) if "authorization" in name else None) or _BARE.match(text, at)
    if found is None:
        return at
    return at + len(text[at:found.end()].rstrip(".)]}\\"))


def _is_driver_braced(text: str, at: int) -> bool:
    """ODBC quotes values by braces, where templates have holes."""
    return text[at:at + 1] == "{" and _DRIVER.search(text, max(0, at - 1000), at + 1000) is not None


def _widened(text: str, key: re.Match[str], start: int, stop: int) -> _Found:
    """The whole connection string, if the value is part of one, else the value alone."""
    if "=" not in key[2]:
        return start, stop, "secret", bare(text[start:stop])
    quotes = text[key.end():start]
    end = stop + len(quotes) if quotes and text.startswith(quotes, stop) else stop
    is_within = _pair_before(text, key.start()) < key.start() or _LEADING.match(text, end) is not None
    if is_within and not quotes and text[start] != "{":
        within = _WITHIN.match(text, start)
        stop = end = max(stop, within.end() if within is not None else stop)
    secret = text[start:stop]
    first, last = key.start(), end
    for _ in range(_PAIRS):
        before, after = _pair_before(text, first), _AFTER.match(text, last)
        if before == first and after is None:
            break
        first, last = before, last if after is None else after.end()
    if first == key.start() and last == end:
        return start, stop, "secret", bare(secret)
    return first, last, "connection string", secret


def _pair_before(text: str, at: int) -> int:
    """Where the ``name=value;`` begins that ends here; ``at`` itself where there is none."""
    near = text[max(0, at - _REACH):at].rstrip()
    if not near.endswith(";"):
        return at
    segment = max(near.rfind(mark, 0, -1) for mark in ";\r\n") + 1
    found = _BEFORE.search(near, segment)
    return at if found is None else max(0, at - _REACH) + found.start()


def bare(secret: str) -> str:
    """A secret without the scheme before it."""
    return secret.rpartition(" ")[2] if _CREDENTIAL.fullmatch(secret) else secret
