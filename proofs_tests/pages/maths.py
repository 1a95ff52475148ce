"""Formulas in pages: from TeX to a placeholder that search can read, and from the placeholder to typeset HTML.

Markdown goes through three hands.  `pymdownx.arithmatex` finds the formulas between dollars; `mark` turns what it leaves
into placeholders, spans whose text is the formula in plain Unicode, which is what the search index gets; `typeset` puts
KaTeX's HTML in their place when the page is whole.
"""

from __future__ import annotations

import html
import re
import unicodedata

from concordant.proofs_tests.pages.katex import Formula, Typesetter

PLACEHOLDER = re.compile(r'<span class="tex( display)?" data-tex="([^"]*)">([^<]*)</span>([.,;:!?)]*)')
SHORT = 30  # characters of an inline formula that is kept on one line with the punctuation after it
LONG = 110  # characters of TeX from which an inline formula scrolls where the screen is narrower
SEARCH_ONLY = re.compile(r'<span class="search-only">[^<]*</span>')
ARITHMATEX = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
DOLLARS = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.DOTALL)
TAG = re.compile(r"\\tag\*?\{([^}]*)\}")

WORDS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "eta": "η", "theta": "θ",
    "kappa": "κ", "zeta": "ζ", "ell": "ℓ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ",
    "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Lambda": "Λ", "Sigma": "Σ",
    "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "nabla": "∇", "partial": "∂", "int": "∫", "sum": "Σ", "prod": "Π", "le": "≤",
    "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈", "equiv": "≡", "in": "∈", "to": "→",
    "mapsto": "↦", "iint": "∫∫", "infty": "∞", "cdot": "·", "times": "×", "circ": "∘", "mid": "|", "vert": "|", "lvert": "|",
    "rvert": "|", "Vert": "‖", "lVert": "‖", "rVert": "‖", "|": "‖", "pm": "±", "sqrt": "√", "sim": "~", "star": "*",
    "top": "ᵀ", "dots": "…", "ldots": "…", "cdots": "…", "prime": "′", "propto": "∝", "otimes": "⊗", "det": "det",
}  # fmt: skip
SILENT = re.compile(
    r"\\(?:left|right|bigl?|bigr|Bigl?|Bigr|biggl?|biggr|displaystyle|limits|mathbb|mathbf|mathcal|mathrm|operatorname\*?"
    r"|textstyle|text|quad|qquad|mathsf|boldsymbol|begin\{\w+\*?\}|end\{\w+\*?\}|[,;:!> ])"
)
ACCENTS = {
    "bar": "\u0304",
    "tilde": "\u0303",
    "hat": "\u0302",
    "dot": "\u0307",
    "widehat": "\u0302",
    "widetilde": "\u0303",
}


def plain(tex: str) -> str:
    """A formula in plain Unicode, for search and for titles.

    >>> plain(r"\\alpha\\,\\mathbb{E}[x_0\\mid x_t=x] = x+\\sigma^2\\nabla\\log p_t(x)")
    'α E[x_0| x_t=x] = x+σ^2∇ log p_t(x)'
    >>> plain(r"\\frac{\\alpha_s}{\\bar\\alpha_t}")
    'α_s/ᾱ_t'
    """
    tex = TAG.sub("", tex)
    tex = re.sub(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"\1/\2", tex)
    tex = re.sub(r"\\[dt]?frac(\d)(\d)", r"\1/\2", tex)
    tex = SILENT.sub(" ", tex).replace("\\\\", " ").replace("&", "")

    def word(found: re.Match[str]) -> str:
        return WORDS.get(found[1], f"\\{found[1]}" if found[1] in ACCENTS else found[1]) + " "

    tex = re.sub(r"\\([A-Za-z]+|\|)\s*", word, tex)
    tex = re.sub(r"\\(\w+) \s*\{?\s*(\w)", lambda m: m[2] + ACCENTS.get(m[1], ""), tex)
    tex = re.sub(r"[{}\\]|(?<=√) ", "", tex)
    tex = re.sub(r" (?=[_^,.\])])|(?<=[(\[]) ", "", tex)
    return unicodedata.normalize("NFC", " ".join(tex.split()))


def placeholder(tex: str, display: bool = False) -> str:
    """The span that stands for a formula until the page is whole."""
    kind = "tex display" if display else "tex"
    shown = html.escape(plain(tex)).replace("_", "&#95;").replace("*", "&#42;").replace("`", "&#96;")
    return f'<span class="{kind}" data-tex="{_attribute(tex)}">{shown}</span>'


def _attribute(tex: str) -> str:
    """TeX in an attribute, with nothing in it that Markdown would read."""
    code = html.escape(" ".join(tex.split()))
    for character in "\\_*`[]$|^~":
        code = code.replace(character, f"&#{ord(character)};")
    return code


SUBSCRIPT = re.compile(
    r"(?<![\w\u0300-\u036f])((?:[^\W\d_]|[∂∇ΣΠ∫])[\u0300-\u036f]?)_(?:\{([^}]*)\}|([^\W_]))(?![^\W_])"
)


def _words(words: str) -> str:
    """Plain words as HTML, with the subscripts of x_0 and the like set as such."""

    def put(found: re.Match[str]) -> str:
        return f"<var>{found[1]}<sub>{SUBSCRIPT.sub(put, found[2] or found[3])}</sub></var>"

    return SUBSCRIPT.sub(put, html.escape(words, quote=False))


def text(words: str) -> str:
    """HTML of words with formulas between dollars."""
    parts, at = [], 0
    for found in DOLLARS.finditer(words):
        parts.append(_words(words[at : found.start()]))
        parts.append(placeholder(found[1] or found[2], display=found[1] is not None))
        at = found.end()
    return "".join(parts) + _words(words[at:])


def search_only(words: str) -> str:
    """Words that the search index gets and the page does not show."""
    return f'<span class="search-only">{html.escape(unicodedata.normalize("NFC", words))}</span>'


def mark(content: str) -> str:
    """A page's HTML with placeholders where arithmatex found formulas."""
    return ARITHMATEX.sub(lambda m: placeholder(html.unescape(m[3]), display=m[2] == "["), content)


def typeset(page: str, by: Typesetter, where: str) -> str:
    """The whole page with its formulas typeset, displayed ones with an anchor at their tag."""
    page = page.replace('role="dialog">', 'role="dialog" aria-label="Search">')  # the theme leaves it without a name
    found = [Formula(html.unescape(m[2]), bool(m[1])) for m in PLACEHOLDER.finditer(page)]
    if not found:
        return SEARCH_ONLY.sub("", page)
    ready = by.render(found, where)
    order = iter(found)

    def put(match: re.Match[str]) -> str:
        formula, after = next(order), match[4]
        if not formula.display:
            if len(formula.tex) > LONG:
                return f'<span class="long">{ready[formula]}</span>{after}'
            shown = ready[formula] + after
            return f'<span class="together">{shown}</span>' if after and len(match[3]) <= SHORT else shown
        tag = TAG.search(formula.tex)
        anchor = f' id="eq-{re.sub(r"[^A-Za-z0-9.-]+", "-", tag[1]).strip("-")}"' if tag else ""
        return f'<span class="equation"{anchor}>{ready[formula]}</span>{after}'

    return SEARCH_ONLY.sub("", PLACEHOLDER.sub(put, page))
