"""Small certificates, built by hand: false ones, or not founded, and what must be said of them."""

from __future__ import annotations

import json
from itertools import permutations

from concordant.proofs_tests.tests.certificates import (
    B_I,
    CHAIN,
    DIM,
    DXDEF,
    GAUSS,
    HOLE,
    ITO_LEFT,
    ITO_RIGHT,
    JOINT,
    MARGINAL,
    MISS,
    NOISE,
    ONE_MORE,
    PHI,
    POSITIVE,
    POST,
    QXZ,
    RANGED,
    REAL,
    SIGMA2,
    SQUARE,
    TRUE,
    WK,
    WK1,
    F,
    K,
    N,
    P,
    S,
    T,
    Z,
    antisymmetric,
    f_at,
    total,
)
from concordant.proofs_tests.tests.trees import (
    J,
    add,
    c,
    cert,
    con,
    converges,
    d,
    dt,
    fld,
    integral,
    line,
    log,
    mul,
    neg,
    num,
    over,
    path,
    power,
    q,
    root,
    sc,
    step,
    sub,
    where,
)

# ------------------------------------------------------------------------------------------------ false, or not founded
FALSE: dict[str, tuple[J, str]] = {}
DIFFER = "the two sides differ"


def false(name: str, why: str, *steps: J, **constants: J) -> None:
    FALSE[name] = cert(*steps, **constants), why


def changed(name: str, k: int, **fields: J) -> J:
    """A true certificate with step k's fields replaced, and parameters by params={…}."""
    out = json.loads(json.dumps(TRUE[name]))
    out["steps"][k] |= {f: value for f, value in fields.items() if f != "params"}
    out["steps"][k]["params"] |= fields.get("params", {})
    return out


def hyps(*some: J) -> J:
    return sorted(some, key=lambda h: json.dumps(h, ensure_ascii=False))


COORD = fld("@", "x", on="i")
PX, PY = integral("x", P), integral("x", power(P, 2))
false("a missing half", DIFFER, line(d(SQUARE, "x", "j"), con("i", mul(S, d(S, "x", "j")))))
false("swapped variables", DIFFER, line(fld("q", "x", "z"), fld("q", "z", "x")))
false("true for D = 1: div x = 1", DIFFER, line(con("i", d(COORD, "x")), num(1)))
false("true for D = 1: s s = |s|²", DIFFER, line(mul(S, S), SQUARE))
false("two free indices that may coincide", DIFFER, line(fld("δ", on="ij"), num(0)))
false("two free indices that may differ", DIFFER, line(fld("δ", on="ij"), num(1)))
for n in (2, 3, 4, 5):
    false(f"true for D < {n} only", DIFFER, line(antisymmetric(n), num(0)))
ROOTS_OF_D = mul(*(num(["+", c("D"), q(-k)]) for k in range(1, 6)))
false("true for D = 1, …, 5 only", DIFFER, line(ROOTS_OF_D, num(0)), D=DIM)
LOOPS = mul(*(sub(con("i", fld("δ", on="ii")), num(k)) for k in range(1, 5)))
false("true for D = 1, …, 4 only", DIFFER, line(LOOPS, num(0)))
false("curl-free assumed", DIFFER, line(d(S, "x", "j"), d(fld("s", "x", on="j"), "x", "i")))
false("|s|⁴ = Σ s⁴", DIFFER, line(power(SQUARE, 2), con("i", power(S, 4))))
false("(∫p)² = ∫p²", DIFFER, line(power(PX, 2), PY, [converges(PX), converges(PY)]))
false(
    "∫∫ p dx dx = (∫p)²", DIFFER, line(integral("x", PX), power(PX, 2), [converges(integral("x", PX)), converges(PX)])
)
GRAM = mul(*(integral("x", mul(fld(f"a{k}", "x"), fld(f"b{k}", "x"))) for k in range(3)))


def gram(n: int) -> J:
    """det ∫ a_i b_j, which vanishes on fewer than n sites."""
    terms = []
    for perm in permutations(range(n)):
        sign = (-1) ** sum(perm[b] > perm[a] for a in range(n) for b in range(a))
        terms.append(
            mul(num(sign), *(integral("x", mul(fld(f"a{k}", "x"), fld(f"b{m}", "x"))) for k, m in enumerate(perm)))
        )
    return add(*terms)


for n in (3, 5):
    pairs = [converges(integral("x", mul(fld(f"a{k}", "x"), fld(f"b{m}", "x")))) for k in range(n) for m in range(n)]
    false(f"true on fewer than {n} points", DIFFER, line(gram(n), num(0), pairs))
CAPTURED = where("p", "x", integral("y", mul(fld("q", "x", "y"), fld("p0", "y"))))
CAPTURE = (
    integral("y", mul(fld("p", "y"), fld("p0", "y"))),
    integral("y", mul(integral("y", mul(fld("q", "y", "y"), fld("p0", "y"))), fld("p0", "y"))),
)
false(
    "a captured variable",
    DIFFER,
    line(*CAPTURE, [converges(CAPTURE[0]), converges(CAPTURE[1])], definitions=[CAPTURED]),
)
CROSS = (
    con("i", mul(S, con("i", mul(S, fld("f", "x", on="i"))))),
    mul(con("i", mul(S, S)), con("i", fld("f", "x", on="i"))),
)
false("a captured index", DIFFER, line(*CROSS))
false("a derivative captured by an index", DIFFER, line(d(SQUARE, "x"), con("i", d(mul(S, S), "x"))))
false("√(x²) = x without a sign", "used but not stated", line(num(root(["^", c("a"), q(2)])), num(c("a"))), a=REAL)
false(
    "√ of a product of negatives",
    "used but not stated",
    line(num(root(["*", c("a"), c("b")])), num(["*", root(c("a")), root(c("b"))])),
    a=REAL,
    b=REAL,
)
false(
    "√(1+a) = 1 + √a",
    DIFFER,
    line(num(root(["+", q(1), c("a")])), num(["+", q(1), root(c("a"))]), [["positive", num(["+", q(1), c("a")])]]),
    a=POSITIVE,
)
false(
    "√(−2) exists",
    "a number is not positive",
    line(num(["*", root(q(-2)), root(q(-2))]), num(-2), [["positive", num(-2)]]),
)
false("dividing by what may vanish", "used but not stated", line(mul(P, power(P, -1)), num(1)))
false(
    "dividing by zero",
    "no model",
    line(
        mul(num(["^", ["+", c("a"), ["*", q(-1), c("a")]], q(-1)])),
        num(1),
        [["nonzero", num(["+", c("a"), ["*", q(-1), c("a")]])]],
    ),
    a=REAL,
)
UNDER = d(PX, "y"), d(integral("z", JOINT), "x"), integral("z", d(JOINT, "x"))
false(
    "∂∫ without leave",
    "without `under_integral`",
    line(UNDER[1], UNDER[2], [converges(UNDER[1][1]), converges(UNDER[2])]),
)
false(
    "∂ of a definition without leave",
    "without `under_integral`",
    line(d(P, "x"), UNDER[2], [converges(UNDER[2])], definitions=[MARGINAL]),
)
false(
    "∂∫ not said to be dominated",
    "dominated",
    line(UNDER[1], UNDER[2], [converges(UNDER[1][1]), converges(UNDER[2])], under_integral=True),
)
TWICE = [MARGINAL, where("r", "x", mul(P, num(2)))]
false(
    "domination hidden in two definitions",
    "dominated",
    line(d(fld("r", "x"), "x"), mul(num(2), UNDER[2]), [converges(UNDER[2])], definitions=TWICE, under_integral=True),
)
SWAPPED = (
    integral("x", integral("z", mul(P, fld("f", "z")))),
    integral("x", integral("z", mul(fld("f", "x"), fld("p", "z")))),
)
false("Fubini for nothing", DIFFER, line(*SWAPPED))
false(
    "an integral not said to converge",
    "converges",
    line(integral("z", integral("x", JOINT)), integral("x", integral("z", JOINT))),
)
false(
    "differentiating a bound variable",
    DIFFER,
    line(d(PX, "x"), integral("x", d(P, "x")), [converges(PX), converges(integral("x", d(P, "x")))]),
)
false("log(p+q)", "name it first", line(log(add(P, S)), add(log(P), log(S)), [["positive", "p"], ["positive", "s"]]))
false("log of a negative", "a number is not positive", line(log(num(-1)), num(0), [["positive", num(-1)]]))
false("log not said to be positive", "used but not stated", line(log(mul(P, P)), mul(num(2), log(P))))
false("log 6 = 2 log 3", DIFFER, line(log(num(6)), mul(num(2), log(num(3)))))
false("log 2/3 = log 2 + log 3", DIFFER, line(log(num(q(2, 3))), add(log(num(2)), log(num(3)))))
false(
    "∫q(x,z)dz = 1",
    DIFFER,
    line(integral("z", QXZ), num(1), [converges(integral("z", QXZ)), ["normalised", "q"]], normalised=["q"]),
)
DIAGONAL = integral("x", fld("q", "x", "x"))
false("∫q(x,x)dx = 1", DIFFER, line(DIAGONAL, num(1), [converges(DIAGONAL), ["normalised", "q"]], normalised=["q"]))
RATE = integral("x", dt(fld("q", "x", sc(T))))
false("∫∂q/∂t = 0 for nothing", DIFFER, line(RATE, num(0), [converges(RATE), ["normalised", "q"]], normalised=["q"]))
false("a telescoping line", DIFFER, line(total(q(1), ONE_MORE, F), add(total(q(1), N, F), f_at(ONE_MORE))))
false(
    "∫dt of another length",
    DIFFER,
    line(over("time", "t", q(0), q(1), num(1)), num(1), [converges(over("time", "t", q(0), q(1), num(1)))]),
)
WALK = path("w", mul(fld("g", WK), fld("g", WK1)))
false(
    "steps of a path independent",
    DIFFER,
    line(
        WALK,
        mul(path("w", fld("g", WK)), path("w", fld("g", WK1))),
        [converges(WALK), converges(path("w", fld("g", WK))), converges(path("w", fld("g", WK1)))],
    ),
)
REVERSED = dt(fld("u", sc(["+", q(1), ["*", q(-1), T]])))
false(
    "time's sign in reverse",
    DIFFER,
    line(dt(mul(num(T), fld("u", Z))), add(fld("u", Z), mul(num(-1), num(T), dt(fld("u", Z))))),
    T=REAL,
)
false(
    "the wrong mean of a Gaussian",
    DIFFER,
    line(d(log(QXZ), "x", "j"), mul(num(["^", SIGMA2, q(-1)]), MISS("j")), [["positive", "q"]], definitions=[GAUSS]),
    sigma=POSITIVE,
    alpha=REAL,
    D=DIM,
)
false(
    "a wrong definition's derivative",
    DIFFER,
    line(d(QXZ, "x", "j"), mul(num(-1), num(["^", SIGMA2, q(-1)]), MISS("j")), definitions=[GAUSS]),
    sigma=POSITIVE,
    alpha=REAL,
    D=DIM,
)
FIRST_ORDER = add(mul(con("i", mul(B_I, d(PHI, "x"))), fld("dt")), con("i", mul(NOISE, fld("dw", on="i"))))
FALSE["Itô without the second order"] = (
    cert(line(ITO_LEFT, FIRST_ORDER, definitions=[DXDEF], ito=True), functions={"g": POSITIVE}),
    DIFFER,
)
FALSE["Itô without its table"] = cert(line(ITO_LEFT, ITO_RIGHT, definitions=[DXDEF]), functions={"g": POSITIVE}), DIFFER
false("dw dw = dt off the diagonal", DIFFER, line(mul(fld("dw", on="i"), fld("dw", on="j")), fld("dt"), ito=True))
false("dw = 0", DIFFER, line(fld("dw", on="i"), num(0), ito=True))
FREE = where("p", "x", mul(QXZ, fld("p0", "z")))
false("a definition with a free variable", "no parameter", line(P, FREE[4], definitions=[FREE]))
false("a definition by itself", "by itself", line(P, mul(num(2), P), definitions=[where("p", "x", mul(num(2), P))]))
LOOP = [where("p", "x", fld("r", "x")), where("r", "x", mul(num(2), P))]
false("a definition by way of another", "by itself", line(num(0), num(0), definitions=LOOP))
TWO = [line(P, mul(num(k), S), definitions=[where("p", "x", con("i", mul(num(k), S)))]) for k in (2, 3)]
false(
    "two definitions",
    "two definitions",
    *(line(P, con("i", mul(num(k), S)), definitions=[where("p", "x", con("i", mul(num(k), S)))]) for k in (2, 3)),
)
false(
    "an inequality taken for an equation",
    "relation",
    *TRUE["Jensen, path"]["steps"][:2],
    TRUE["Jensen, path"]["steps"][2] | {"rel": "="},
)
false(
    "an inequality under a minus",
    "equations",
    *TRUE["Jensen, path"]["steps"][:2],
    step(
        "congruence",
        neg(log(fld("e"))),
        neg(path("w", log(fld("g", ["at", "w", q(1)])))),
        TRUE["Jensen, path"]["steps"][1]["hyps"],
        [1],
        ">=",
        context=neg(HOLE),
    ),
)
DEPENDS = where("r", "x", con("i", mul(S, S)))
false(
    "a dependence hidden in a definition",
    "depends on it",
    line(con("i", mul(S, S)), fld("r", "x"), definitions=[DEPENDS]),
    step("independent", con("i", mul(S, S)), fld("r", "x"), [DEPENDS], [0], name="s"),
)
GIVEN_K = ["given", "k", F, "=", num(0)]
false(
    "a start held fixed", "holds a variable fixed",
    step("chain start", fld("q", sc(q(1)), "x", "z"), fld("m", sc(q(1)), "x", "z"), [CHAIN], chain=CHAIN, x="x"),
    step("congruence", integral("z", fld("q", sc(q(1)), "x", "z")), integral("z", fld("m", sc(q(1)), "x", "z")), [CHAIN], [0], context=integral("z", HOLE)),
    L=DIM,
)  # fmt: skip
RANGE_STEP = RANGED["steps"][0]
for context, why in (
    (over("time", "k", q(1), q(2), HOLE), "fixed"),
    (["d", HOLE, "k", None], "fixed"),
    (over("sum", "k", q(0), N, HOLE), "an empty range"),
    (over("sum", "k", c("a"), N, HOLE), "used but not stated"),
):
    sides = [
        json.loads(json.dumps(context).replace(json.dumps(HOLE), json.dumps(RANGE_STEP[side])))
        for side in ("lhs", "rhs")
    ]
    false(
        f"a range under {context[:2]} {len(FALSE)}",
        why,
        RANGE_STEP,
        step("congruence", sides[0], sides[1], [], [0], context=context),
        a=DIM,
    )
FALSE["a posterior from the first step"] = (
    changed(
        "path posterior",
        0,
        hyps=hyps(CHAIN, ["range", q(1), K], ["range", K, c("L")], converges(POST[0]), converges(POST[1])),
    ),
    "used but not stated",
)
FALSE["a function of the path elsewhere"] = (
    cert(
        step(
            "path posterior",
            path("w", fld("g", WK1, WK1)),
            path("w", integral("y", mul(fld("r", sc(K), "y", WK, "z"), fld("g", "y", WK1)))),
            [],
            chain=CHAIN,
            k=K,
            y="y",
            h=fld("g", "y", WK1),
            w="w",
        ),
        L=DIM,
    ),
    "depends on the path elsewhere",
)
