"""Personal data with a form that can be checked: e-mail, phone, IBAN, cards, social security, addresses of machines,
passport and licence numbers, tax numbers, dates of birth.

High precision before recall: a number counts when its check digits hold or when a word beside it says what it is.
Names and postal addresses have no form and are not covered.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from time import perf_counter

from agent.guardrails.base import Context, Decision, Finding, Ring
from agent.guardrails.decide import decide

__all__ = ["PersonalGuard", "find_personal", "iban_holds", "luhn_holds"]

# Every pattern starts at a place where the character before cannot belong to it and has only bounded repeats: time
# grows with the length of the text alone.
_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,6}[^\W\d_]{2,24}(?![\w-])")
_PHONE = re.compile(r"(?<![\w+./-])(?<!\d,)(?:\+ ?|00)?\(?\d(?:[ ().\-/]{0,3}\d){6,14}(?![\w]|[.,:]\d)")
_CARD = re.compile(r"(?<![\w.,+-])\d(?:[ -]?\d){11,18}(?![\w]|[.,]\d)")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}", re.IGNORECASE)
_SSN = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
_SSN_BARE = re.compile(r"(?<![\w-])(?!000|666|9)\d{3} ?(?!00)\d{2} ?(?!0000)\d{4}(?![\w-])")
_IPV4 = re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![\w:])")
_CODE = r"[A-Z]{0,3}[ -]?\d(?:[ .-]?\d|[A-Z]){4,17}"
_CODE_AFTER = r"(?: ?(?:number|no\.?|nr\.?|num[eé]ro|n[uú]mero|nummer|id|#|is|ist|lautet|est|es|:|=)){0,4} {0,2}"
_MONTH = r"(?:jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|ao[uû]t|sep|o[ck]t|nov|de[cz]|ene|f[eé]v|avr)\w{0,7}\.?"
_DATE = (
    rf"(?:\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}|\d{{4}}[./-]\d{{1,2}}[./-]\d{{1,2}}"
    rf"|\d{{1,2}}(?:st|nd|rd|th|\.)? (?:of |de )?{_MONTH},? (?:de )?\d{{4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
)
_BIRTH = re.compile(
    r"(?<!\w)(?:born(?: on)?|date of birth|birth ?date|birthday|d\.?o\.?b\.?|geboren(?: am)?|geburtsdatum|geb\."
    r"|n[eé]e? le|date de naissance|nacid[oa] el|fecha de nacimiento|nat[oa] il|data di nascita)"
    rf"(?: is| was| ist| est| es)?[ :=\t]{{1,3}}(?:the )?({_DATE})",
    re.IGNORECASE,
)
_NUMBERED: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (label, re.compile(rf"(?<!\w)(?:{words}){_CODE_AFTER}({_CODE})(?!\w)", re.IGNORECASE))
    for label, words in (
        ("passport", r"passport|reisepass(?:nummer)?|passeport|pasaporte|passaporto|paspoort"),
        ("driver_licence", r"driv(?:er|ing)(?:'?s)? licen[cs]e|f[uü]hrerschein(?:nummer)?|permis de conduire"),
        (
            "national_id",
            r"(?:national|personal) (?:id|identity|identification)(?: card)?|personalausweis(?:nummer)?|identity card"
            r"|social security|sozialversicherungs?nummer|national insurance|nhs|dni|nif|codice fiscale",
        ),
        ("tax_id", r"tax(?:payer)?(?: identification)?(?: id)?|steuer-?id|steueridentifikationsnummer|tin|itin"),
    )
)
_IBAN_LENGTH = {
    code: int(length)
    for code, length in re.findall(
        r"([A-Z]{2})(\d\d)",
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27"
        "GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22"
        "MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28"
        "TL23TN24TR26UA29VA22VG24XK20YE30",
    )
}
_NEAR = 32  # characters before a number in which a word may say what it is
_PHONE_WORD = re.compile(
    r"(?:phone|tel\b|tel[.:]|telephone|telefon|t[eé]l[eé]phone|call|mobile|mobil|cell|fax|whatsapp|sms|dial|handy|n[uú]mero"
    r"|rufnummer|contact|reach|hotline|number is|-office)",
    re.IGNORECASE,
)
_CARD_WORD = re.compile(r"card|karte|carte|tarjeta|visa|\bmaster|amex|maestro|discover|diners|jcb|pan\b", re.IGNORECASE)
_SSN_WORD = re.compile(r"\bssn\b|social security", re.IGNORECASE)
_IP_WORD = re.compile(
    r"\bips?\b|\bipv4|address|adresse|host|server|router|client|log(?:ged|in)|ping|from", re.IGNORECASE
)
_VERSION_WORD = re.compile(r"(?:(?:version|release|\bv|section|chapter|rev|§)[ .:]{0,2}|[<>~=]= ?)$", re.IGNORECASE)


class PersonalGuard:
    """Finds personal data by form, check digits and the word beside it."""

    id = "personal"
    version = "1"
    rings: frozenset[Ring] = frozenset({"input", "retrieved", "output"})

    def check(self, text: str, context: Context) -> Decision:
        """Decide about the personal data in `text`."""
        started = perf_counter()
        return decide(self, text, find_personal(text), context, started=started)


def find_personal(text: str) -> list[Finding]:
    """Everything found, in order of place; where two overlap, the surer one stays.

    Labels: email, phone, iban, credit_card, us_ssn, ip_address, passport, driver_licence, national_id, tax_id,
    date_of_birth.
    """
    found = [finding for find in _FINDERS for finding in find(text)]
    found.sort(key=lambda f: (-f.score, f.start - f.end))
    kept: list[Finding] = []
    taken = bytearray(len(text))
    for finding in found:
        if not any(taken[finding.start : finding.end]):
            taken[finding.start : finding.end] = b"\x01" * (finding.end - finding.start)
            kept.append(finding)
    return sorted(kept)


def luhn_holds(digits: str) -> bool:
    """The check digit of payment cards.

    Example:
        >>> luhn_holds("4242424242424242"), luhn_holds("4242424242424243")
        (True, False)
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def iban_holds(iban: str) -> bool:
    """Country, length and check digits (ISO 13616, mod 97) of an IBAN without spaces.

    Example:
        >>> iban_holds("GB82WEST12345698765432"), iban_holds("GB82WEST12345698765431")
        (True, False)
    """
    if _IBAN_LENGTH.get(iban[:2]) != len(iban) or not iban.isascii() or not iban.isalnum():
        return False
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


def _emails(text: str) -> Iterator[Finding]:
    if "@" in text:
        for match in _EMAIL.finditer(text):
            yield Finding(match.start(), match.end(), "email", 0.95)


def _phones(text: str) -> Iterator[Finding]:
    for match in _PHONE.finditer(text):
        raw = match.group()
        digits = re.sub(r"\D", "", raw)
        if re.fullmatch(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}", raw) or raw.count("(") != raw.count(")"):
            continue  # a date, a formula
        around = f"{_before(text, match.start())} {text[match.end() : match.end() + 10]}"
        yield Finding(match.start(), match.end(), "phone", _phone_score(raw, digits, around))


def _phone_score(raw: str, digits: str, around: str) -> float:
    if raw.startswith("+") and 8 <= len(digits) <= 15:
        return 0.9
    if re.fullmatch(r"(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[.-])[2-9]\d{2}[ .-]\d{4}", raw):
        return 0.85  # North America
    if re.fullmatch(r"\(?0[1-9]\d{0,3}\)?(?:[ /-]{1,3}\d{2,4}){2,4}", raw) and 9 <= len(digits) <= 11:
        return 0.7  # with a trunk zero, in groups
    if _PHONE_WORD.search(around) and 7 <= len(digits) <= 15:
        return 0.8
    return 0.2


def _cards(text: str) -> Iterator[Finding]:
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if len(set(digits)) < 2 or not luhn_holds(digits):
            continue
        said = _CARD_WORD.search(_before(text, match.start())) is not None
        sure, unsure = (0.95, 0.95 if len(digits) >= 15 else 0.4) if _is_issued(digits) else (0.7, 0.2)
        yield Finding(match.start(), match.end(), "credit_card", sure if said else unsure)


def _is_issued(digits: str) -> bool:
    """Whether a large issuer has this first part and length."""
    two, four, n = int(digits[:2]), int(digits[:4]), len(digits)
    return (
        (digits[0] == "4" and n in (13, 16, 19))
        or (51 <= two <= 55 and n == 16)
        or (2221 <= four <= 2720 and n == 16)
        or (two in (34, 37) and n == 15)
        or ((four == 6011 or two == 65 or 6440 <= four <= 6499) and n in (16, 19))
        or (3528 <= four <= 3589 and n == 16)
        or ((3000 <= four <= 3059 or two in (36, 38, 39)) and n in (14, 16))
        or (two == 62 and 16 <= n <= 19)
    )


def _ibans(text: str) -> Iterator[Finding]:
    for match in _IBAN.finditer(text):
        raw = match.group()
        wanted = _IBAN_LENGTH.get(raw[:2].upper())
        places = [i for i, c in enumerate(raw) if c.isalnum()]
        if wanted is None or len(places) < wanted:
            continue
        end = places[wanted - 1] + 1  # a word in capitals may follow
        if iban_holds(re.sub(r"[ -]", "", raw[:end]).upper()):
            yield Finding(match.start(), match.start() + end, "iban", 0.99)


def _social_security(text: str) -> Iterator[Finding]:
    for match in _SSN.finditer(text):
        yield Finding(match.start(), match.end(), "us_ssn", 0.85)
    if _SSN_WORD.search(text):
        for match in _SSN_BARE.finditer(text):
            if _SSN_WORD.search(_before(text, match.start())):
                yield Finding(match.start(), match.end(), "us_ssn", 0.8)


def _addresses(text: str) -> Iterator[Finding]:
    for match in _IPV4.finditer(text):
        raw, before = match.group(), _before(text, match.start())
        if raw.startswith(("127.", "0.", "255.")) or _VERSION_WORD.search(before):
            continue
        plain = any(int(part) > 31 for part in raw.split("."))  # small numbers throughout are rather a section
        said = _IP_WORD.search(before) is not None
        yield Finding(match.start(), match.end(), "ip_address", 0.9 if said else 0.7 if plain else 0.3)
    for match in _IPV6.finditer(text):
        raw = match.group()
        if len(raw) >= 6 and ("::" in raw or raw.count(":") == 7) and any(c.isdigit() for c in raw):
            try:
                ipaddress.IPv6Address(raw)
            except ValueError:
                continue
            yield Finding(match.start(), match.end(), "ip_address", 0.9)


def _numbered(text: str) -> Iterator[Finding]:
    for label, pattern in _NUMBERED:
        for match in pattern.finditer(text):
            if sum(c.isdigit() for c in match.group(1)) >= 5:
                yield Finding(match.start(1), match.end(1), label, 0.75)


def _births(text: str) -> Iterator[Finding]:
    for match in _BIRTH.finditer(text):
        yield Finding(match.start(1), match.end(1), "date_of_birth", 0.8)


def _before(text: str, start: int) -> str:
    return text[max(0, start - _NEAR) : start]


_FINDERS: tuple[Callable[[str], Iterator[Finding]], ...] = (
    _emails,
    _phones,
    _cards,
    _ibans,
    _social_security,
    _addresses,
    _numbered,
    _births,
)
