"""Kinds: where in a text something secret or personal stands, and what it is.

Each finder yields spans of a text whose hidden characters were taken out. A finder costs time in
proportion to the text: where a pattern could run on, it begins only where a run of its letters begins.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

from erp_telemetry.redactions import keyed


class Find(NamedTuple):
    """A span of a text, what it is, and the secret itself where it may stand elsewhere in plain."""

    start: int
    stop: int
    kind: str
    secret: str | None = None


_IBAN_LENGTHS = dict(re.findall(r"([A-Z]{2})(\d\d)", """AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21
    CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22
    IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28
    NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24
    TR26 UA29 VA22 VG24 XK20 YE30"""))
"""Length by country: SWIFT IBAN registry, release 99."""

CANDIDATE = (
    rf"(?i){keyed.NAMES}|basic[ \t]|negotiate|ntlm|\bsig\b|://[^\s/@]*:|@|%40|eyJ|A[KS]IA[A-Z0-9]{{4}}|gh[pousr]_|"
    r"github_pat|glpat|xox|xapp-|AIza|[rs]k_(?:live|test)|sk-|npm_|pypi-|SG\.|slack\.com/|[A-Za-z0-9+/]==|"
    r"PRIVATE KEY|\\u00|"
    r"(?:^|[^0-9])(?:[2-6][0-9]{12}|[2-6][0-9]{3}[ \-\u00a0](?:[0-9]{4}|[0-9]{6})[ \-\u00a0][0-9]{4})|"
    rf"\b(?:{'|'.join(sorted(_IBAN_LENGTHS))})[0-9][0-9][ \-\u00a0]?[A-Z0-9]")
"""What every text has in it that holds something, in the language of Polars; most texts have none of it."""

# the same for one text in Python, where a search for words is much faster than an alternation
_SCHEMES = ("bearer", "basic", "negotiate", "ntlm", "signature")
_VENDORS = ("akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat", "glpat", "xox", "xapp", "aiza",
            "k_live", "k_test", "sk-", "npm_", "pypi-", "sg.", "slack.com/", "==")
_HINTS = ("@", "%40", "://", "eyj", "\\u00", *keyed.WORDS, *_SCHEMES, *_VENDORS)
_NUMBER = re.compile(r"(?<![0-9])[2-6][0-9]{12}|[0-9]{4}[ \-\xa0][0-9]{4}|(?<![^\W_])[A-Za-z]{2}[0-9]{2}")

_EMAIL = re.compile(r"(?<![\w.+\-'])(?!git@)[\w.+\-']++(?:@|%40)[^\W_][\w\-]*+(?:\.[\w\-]++)*\.[^\W\d_]{2,}")
_URL = re.compile(r"://([^\s/:@\"'<>?#\\]{0,256}:[^\s\"'<>\\]{1,512})@")
_PORT = re.compile(r"[^:]*:\d{1,5}(?:[/?#]|$)")
_SCHEME = re.compile(
    r"(?<!\w)(bearer|basic|negotiate|ntlm|sharedaccesssignature)[ \t]+([\w+/=.~%\-]{6,})(?![\"'])", re.IGNORECASE)
_TELLING = re.compile(r"\d|[._~+/=%\-]|[a-z][A-Z]")
_JWT = re.compile(r"(?<![\w\-])eyJ[\w\-]{8,}(?:\.[\w\-]*=*)*")
_VENDOR = re.compile(
    r"gh[pousr]_[A-Za-z0-9]{10,}|github_pat_\w{10,}|glpat-[\w\-]{10,}|xox[a-z]-[\w\-]{8,}|xapp-[\w\-]{10,}|"
    r"AIza[\w\-]{30,}|[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])|"
    r"(?<![\w\-])sk-(?=[A-Za-z\-_]*[0-9])[\w\-]{20,}|npm_[A-Za-z0-9]{20,}|pypi-[\w\-]{20,}|"
    r"(?<!\w)SG\.[\w\-]{16,}\.[\w\-]{16,}|(?<=hooks\.slack\.com)/\w+/[\w/]+|"
    r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}==")
_PEM = r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_PRIVATE = re.compile(rf"-----BEGIN {_PEM}.*?(?:-----END {_PEM}|\Z)", re.DOTALL)
# unbroken, in fours, or as American Express and Diners print them; no decimals, no span id behind its trace id
_CARD = re.compile(
    r"(?<![^\W_])(?<![0-9]\.)(?<![0-9a-f]{32}[:\-])(?:[0-9]{13,19}|[0-9]{4}([ \-\xa0])[0-9]{4}\1[0-9]{4}\1[0-9]{1,4}"
    r"(?:\1[0-9]{1,3})?|[0-9]{4}([ \-\xa0])[0-9]{6}\2[0-9]{4,5})(?![^\W_])(?!\.[0-9])")
_ISSUER = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|"
    r"3(?:0[0-5]|[689]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12,15}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}|"
    r"(?:5018|5020|5038|6304|6759|676[1-3])\d{9,15}")
_IBAN = re.compile(r"(?<![^\W_])([A-Za-z]{2})[0-9]{2}(?=[ \-\xa0]?[A-Za-z0-9])")


def may_hold(text: str) -> bool:
    """Whether a text is worth a closer look; false means that no finder finds anything."""
    lower = text.lower()
    return any(hint in lower for hint in _HINTS) or _NUMBER.search(text) is not None


def finds(text: str) -> Iterator[Find]:
    """Everything that must not be shown, in no order; spans may overlap."""
    lower = text.lower()
    if "private key" in lower:
        yield from (Find(*found.span(), "private key") for found in _PRIVATE.finditer(text))
    yield from (Find(*found) for found in keyed.finds(text, lower))
    if any(scheme in lower for scheme in _SCHEMES):
        yield from _schemes(text)
    if "eyJ" in text:
        yield from (Find(*found.span(), "token") for found in _JWT.finditer(text))
    if any(prefix in lower for prefix in _VENDORS):
        yield from (Find(*found.span(), "key") for found in _VENDOR.finditer(text))
    if "://" in text:
        yield from (Find(*found.span(1), "url password", found[1].partition(":")[2])
                    for found in _URL.finditer(text) if not _PORT.match(found[1]))
    if "@" in text or "%40" in text:
        yield from (Find(*found.span(), "email") for found in _EMAIL.finditer(text))
    if _NUMBER.search(text):
        yield from (Find(*found.span(), "card") for found in _CARD.finditer(text) if is_card(found[0]))
        yield from _ibans(text)


def is_card(text: str) -> bool:
    """Whether digits are a card number: an issuer's prefix and length, and Luhn's checksum (ISO/IEC 7812-1)."""
    digits = re.sub(r"[^0-9]", "", text)
    if not _ISSUER.fullmatch(digits):
        return False
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(int(digit) for digit in digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(text: str) -> bool:
    """Whether letters and digits are an IBAN: the country's length and modulo 97 (ISO 13616-1)."""
    if len(text) != int(_IBAN_LENGTHS.get(text[:2].upper(), 0)):
        return False
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1


def _schemes(text: str) -> Iterator[Find]:
    for found in _SCHEME.finditer(text):
        is_basic = found[1].lower() == "basic"
        if _holds_colon(found[2]) if is_basic else _TELLING.search(found[2]):
            yield Find(*found.span(), "authorization", found[2])


def _holds_colon(encoded: str) -> bool:
    """Whether base64 says ``user:password``; it may be cut short."""
    try:
        plain = base64.b64decode(encoded[:len(encoded) // 4 * 4])
    except binascii.Error:
        return False
    return b":" in plain and min(plain) >= 32


def _ibans(text: str) -> Iterator[Find]:
    for found in _IBAN.finditer(text):
        length, start = int(_IBAN_LENGTHS.get(found[1].upper(), 0)), found.start()
        # printed unbroken, or in fours throughout; a GUID is parted otherwise
        separator = text[start + 4:start + 5]
        if separator.isalnum():
            stop = start + length
            kept = text[start:stop]
        else:
            stop = start + length + (length - 1) // 4
            kept = "".join(text[start:stop].split(separator))
            if any(text[at:at + 1] != separator for at in range(start + 4, stop, 5)):
                continue
        if length and not text[stop:stop + 1].isalnum() and kept.isascii() and kept.isalnum() and is_iban(kept):
            yield Find(start, stop, "iban")
