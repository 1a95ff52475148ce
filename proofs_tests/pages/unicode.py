"""Plain symbols in a sentence as formulas: from "σ_t² > 0 at t = 0" to "$\\sigma_t^{2} > 0$ at $t = 0$".

The registry says hypotheses, and what breaks without them, in words and plain Unicode, for terminals too.  For a page the
formulas in such a sentence are found and written in TeX.  What is found is a run of pieces between spaces of which at least
one can't be a word: it has a Greek letter, an operator, a subscript, or is a single letter.  What holds an ordinary word, or a
character that is not in these tables, stays as it is.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from concordant.proofs_tests.pages.maths import ACCENTS, DOLLARS, WORDS, text

GREEK = {
    sign: rf"\{name}" for name, sign in WORDS.items() if (name.isalpha() and "α" <= sign <= "ω") or "Γ" <= sign <= "Ω"
}
GREEK |= {"ε": r"\varepsilon", "φ": r"\varphi", "Σ": r"\sum", "Π": r"\prod"}
SIGNS = {
    "=": "=", "≠": r"\ne", "<": "<", ">": ">", "≤": r"\le", "≥": r"\ge", "≪": r"\ll", "≫": r"\gg", "≈": r"\approx", "~": r"\sim",
    "≡": r"\equiv", "∝": r"\propto", "+": "+", "-": "-", "−": "-", "±": r"\pm", "·": r"\cdot", "×": r"\times", "/": "/", ":": ":",
    "∇": r"\nabla", "∂": r"\partial", "∫": r"\int", "∬": r"\iint", "∞": r"\infty", "Δ": r"\Delta", "→": r"\to", "↦": r"\mapsto",
    "∈": r"\in", "∘": r"\circ", "⊗": r"\otimes", "⪰": r"\succeq", "‖": r"\|", "|": "|", "(": "(", ")": ")", "[": "[", "]": "]",
    "{": r"\{", "}": r"\}", ",": ",", ";": ";", "…": r"\dots", "½": r"\tfrac12", "¼": r"\tfrac14", "⅓": r"\tfrac13", "⅔": r"\tfrac23",
}  # fmt: skip
RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿᵀ", [*"0123456789+-n", r"\top"], strict=True)) | {"*": "*", "⁽": "(", "⁾": ")"}
LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-", strict=True))
NAMED = {
    name: rf"\{name}"
    for name in ("log", "exp", "det", "sin", "cos", "tan", "arctan", "min", "max", "lim", "sup", "inf")
}
NAMED |= {name: rf"\operatorname{{{name}}}" for name in ("tr", "Cov", "Var", "sign", "diag", "erf", "Law", "div")}
NAMED |= {name: rf"\mathrm{{{name}}}" for name in ("SNR", "KL", "TV", "ELBO", "ESS")}
OPERATORS = "".join(k for k in SIGNS if k not in "()[]{},;:|/…")
STRONG = re.compile(
    rf"[{re.escape(OPERATORS.replace('-', '').replace('<', ''))}α-ωΓΔΘΛΞΠΣΦΨΩ√_{''.join(RAISED)}{''.join(LOWERED)}\u0302-\u0307]"
    r"|[\d)\]]/[\w(√]|^-[\dA-Za-z]|^\d+[A-Za-z]|^\(?[A-Za-z]+[(\[|]|'/|[A-Za-z]/[a-z]$|^d[a-z]/d[a-z]|\^|\|[a-z]\|"
)
WEAK = re.compile(r"[\d.]+|[-+=<>|/]|[()\[\]{}|]*(?:I|E|D|\d+)[()\[\]{}|]*|[()\[\]]+")
TOKEN = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)?|\s+|.", re.DOTALL)
OPEN, CLOSE = "([{", ")]}"


class _Unknown(Exception):
    """Something that is not in the tables."""


def dollars(words: str) -> str:
    """The words with formulas between dollars; those that are there already stay.

    >>> dollars("E|s(x̃)|² and 1 - ᾱ_i are finite (at t = 0, with $a$, they are not)")
    '$\\\\mathbb{E}|s(\\\\tilde{x})|^{2}$ and $1 - \\\\bar{\\\\alpha}_{i}$ are finite (at $t = 0$, with $a$, they are not)'
    """
    parts, at = [], 0
    for found in DOLLARS.finditer(words):
        parts += [_sentence(words[at : found.start()]), found[0]]
        at = found.end()
    return "".join([*parts, _sentence(words[at:])])


def words(sentence: str) -> str:
    """HTML of a sentence whose formulas are plain symbols, or stand between dollars."""
    return text(dollars(sentence))


def whole(said: str) -> str:
    """A remark as a sentence: a capital, unless it begins with a formula, and a full stop.

    >>> whole("the mean is infinite"), whole("x_0 is lost."), whole("log p_0 is not there")
    ('The mean is infinite.', 'x_0 is lost.', 'log p_0 is not there.')
    """
    first = re.match(r"[a-z]{2,}(?=[\s,;])|a(?=\s)", said)
    head = said[:1].upper() if first and first[0] not in NAMED and not re.fullmatch(r"d[a-z]", first[0]) else said[:1]
    return head + said[1:].rstrip(".") + "."


@cache
def _sentence(words: str) -> str:
    pieces = re.split(r"(\s+)", words)
    out: list[str] = []
    run: list[str] = []

    def end() -> None:
        out.append(_formula("".join(run)))
        run.clear()

    for piece in pieces:
        if not piece or piece.isspace():
            (run if run else out).append(piece)
            continue
        kind = _kind(piece)
        if not kind:
            end()
            out.append(piece)
            continue
        run.append(piece)
        so_far = "".join(run)
        if piece[-1] in ",;.:?!" and _depth(so_far) <= 0:
            end()
    end()
    return "".join(out)


def _depth(text: str) -> int:
    """How many brackets are open at the end."""
    return sum((c in OPEN) - (c in CLOSE) for c in text)


def _kind(piece: str) -> str:
    """ "strong" for what can't be words, "weak" for what may be part of a formula, "" for words."""
    bare = piece.strip(".,;:?!")
    core = bare.strip("()[]")
    if re.fullmatch(r"d[twxyzsτ]", core):
        return "strong"
    if core in NAMED:
        return "weak"
    if re.fullmatch(r"d/d[a-z]", core):
        return "strong"
    if re.fullmatch(r"\d+e-?\d+", core):
        return ""
    for name in re.findall(r"[A-Za-z]{2,}", re.sub(r"_(?:\{[^}]*\}|data|prior|max|min)", "", core)):
        if (name not in NAMED and not re.fullmatch(r"d[a-z]|E[a-z]|[a-z]{2}(?=$)", name)) or name == core:
            return ""
        if name not in NAMED and not re.search(rf"{name}[_(\[²/]|[∇·∂(/]{name}", core):
            return ""
    if re.fullmatch(r"[A-Za-z]'?", core):
        return "weak" if core == "I" else "" if core in ("a", "A") else "strong"
    if bare and STRONG.search(bare):
        return "strong"
    return "weak" if WEAK.fullmatch(bare) else ""


def _formula(run: str) -> str:
    """A run of pieces: what is a formula in it between dollars, what is not around them."""
    body, before, after = run, "", ""
    while True:
        if body[:1].isspace() or (body[:1] in OPEN and _depth(body) > 0):
            before, body = before + body[:1], body[1:]
        elif body[-1:].isspace() or body[-1:] in (*",;.:?!",) or (body[-1:] in CLOSE and _depth(body) < 0):
            after, body = body[-1:] + after, body[:-1]
        elif found := re.search(r"(?<=[\w'*])\s+[\d.]+$", body):  # "β 1 % too large"
            body, after = body[: found.start()], found[0] + after
        elif _depth(body) > 0 and " (" in body:  # a remark in brackets that begins with a formula
            head, _, tail = body.rpartition(" (")
            return f"{before}{_formula(head)} ({_formula(tail)}{after}"
        else:
            break
        if not body:
            return run
    if not any(_kind(piece) == "strong" for piece in body.split()):
        return run
    try:
        return f"{before}${tex(body)}${after}"
    except _Unknown:
        return run


def tex(plain: str) -> str:
    """A formula in plain Unicode as TeX.

    >>> tex("x² exp(-x²/2)/√(2π) ≤ α'_{t|s} ‖s*‖")
    "x^{2}\\\\,\\\\exp(-x^{2}/2)/\\\\sqrt{2\\\\pi} \\\\le \\\\alpha'_{t|s} \\\\|s^{*}\\\\|"
    """
    text = "".join(unicodedata.normalize("NFD", c) if c.isalpha() else c for c in plain)
    out: list[str] = []
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        assert found is not None
        token, at = found[0], found.end()
        if token == "√":
            inside, at = _argument(text, at)
            out.append(rf"\sqrt{{{tex(inside)}}}")
        elif token == "_":
            inside, at = _subscript(text, at)
            out.append(rf"_{{\mathrm{{{inside}}}}}" if len(inside) > 2 and inside.isalpha() else f"_{{{tex(inside)}}}")
        elif token == "^":
            inside, at = _subscript(text, at)
            out.append(f"^{{{tex(inside)}}}")
        elif token in RAISED or token in LOWERED:
            table, mark = (RAISED, "^") if token in RAISED else (LOWERED, "_")
            stop = at
            while stop < len(text) and text[stop] in table:
                stop += 1
            out.append(f"{mark}{{{''.join(table[c] for c in text[at - 1 : stop])}}}")
            at = stop
        elif token.isspace():
            out.append(_space("".join(out), text[at : at + 1]))
        elif token == "'":
            out.append("'")
        elif token[0].isascii() and token[0].isalpha():
            out.append(_letters(token, text[at : at + 1]))
        else:
            out.append(_sign(token))
        if at < len(text) and "\u0300" <= text[at] <= "\u036f":
            name = next((n for n, mark in ACCENTS.items() if mark == text[at] and not n.startswith("wide")), None)
            if name is None or not out[-1]:
                raise _Unknown(text[at])
            last = out.pop()
            head = last[:-1] if token.isascii() and len(token) > 1 else ""
            out += [head, rf"\{name}{{{last[-1] if head or len(last) == 1 else last.strip()}}}"]
            at += 1
    return _spaced(out)


def _spaced(parts: list[str]) -> str:
    """Joined so that a command does not run into a letter, without space before brackets."""
    made = ""
    for part in filter(None, parts):
        if re.search(r"\\[A-Za-z]+$", made) and part[0].isalpha():
            made += " "
        made += part
    made = re.sub(r"\s+", " ", made).strip()
    return made.replace(r" \|\,", r"\,\|\,").replace(r" |\,", r" \mid ")


def _letters(token: str, after: str) -> str:
    if token in NAMED:
        return NAMED[token]
    if (token == "E" and after and after in "[|_ (") or (token == "E" and after in GREEK):
        return r"\mathbb{E}"
    if token == "N" and after == "(":
        return r"\mathcal{N}"
    return token


def _space(before: str, after: str) -> str:
    """A thin space between factors, which TeX would set without any; none beside operators and after ∂_t and names."""
    factor = re.search(r"(?:[\w})|'\]]|\\[a-z]+)$", before) and not re.search(
        r"\\(?:partial|nabla)(?:_\{\w+\})?$", before
    )
    named = before.endswith(tuple(NAMED.values()))
    sign = re.search(
        r"\\(?:"
        + "|".join(s[1:] for k, s in SIGNS.items() if s[0] == "\\" and s[1].isalpha() and k not in "½¼⅓⅔∞Δ")
        + ")$",
        before,
    )
    return r"\," if factor and not named and not sign and (after.isalpha() or after in "√∂∇Δ[(½") else " "


def _sign(token: str) -> str:
    if token.isdigit() or re.fullmatch(r"\d+\.\d+", token):
        return token
    if token in GREEK and token not in SIGNS:
        return GREEK[token]
    if token in SIGNS:
        return SIGNS[token]
    if token == ".":
        return "."
    raise _Unknown(token)


def _argument(text: str, at: int) -> tuple[str, int]:
    """What a root stands over: a bracket, or one symbol with its subscript."""
    if text[at : at + 1] == "(":
        stop, depth = at, 0
        for stop in range(at, len(text)):
            depth += (text[stop] == "(") - (text[stop] == ")")
            if not depth:
                return text[at + 1 : stop], stop + 1
        raise _Unknown(text[at:])
    if text[at : at + 1] == "|":
        stop = text.find("|", at + 1) + 1
        if stop:
            return text[at:stop], stop
    found = re.match(r"\d+|[^\W\d_][\u0300-\u036f]?(?:_(?:\{[^}]*\}|\w))?", text[at:])
    if not found:
        raise _Unknown(text[at:])
    return found[0], at + found.end()


def _subscript(text: str, at: int) -> tuple[str, int]:
    found = re.match(
        r"\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}|(data|prior|max|min|[^\W_][\u0300-\u036f]?)(?![A-Za-z])", text[at:]
    )
    if not found:
        raise _Unknown(text[at:])
    return found[1] or found[2], at + found.end()
