"""Small certificates, built by hand: false ones, or not founded, and what must be said of them."""

from __future__ import annotations

import json
from itertools import permutations

from concordant.proofs_tests.tests.certificates import (
    ABOVE,
    AVERAGE,
    AVERAGED,
    B_I,
    BAYES,
    BAYES_HYPS,
    BOUND,
    CHAIN,
    DENSITY,
    DIM,
    DRIFT,
    DXDEF,
    DYNKIN,
    GAUSS,
    HOLE,
    ITO_LEFT,
    ITO_RIGHT,
    JENSEN,
    JOINT,
    LOGS,
    MARGINAL,
    MEAN,
    MISS,
    NOISE,
    ONE_MORE,
    PHI,
    POSITIVE,
    POST,
    QXZ,
    RANGED,
    RATIO,
    REAL,
    RHO,
    SIGMA2,
    SQUARE,
    TRUE,
    U_BACK,
    WEAK,
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
    du,
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
    v,
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
FALSE["a last term of the wrong range"] = (
    changed("telescope by induction", 2, hyps=hyps(["range", q(1), N])),
    "used but not stated",
)
FALSE["a wrong base"] = changed("telescope by induction", 4, premises=[3, 3]), "isn't what the rule says"
FALSE["decay where integrability is needed"] = (
    changed("by parts", 0, hyps=[["decays", mul(P, S)]]),
    "used but not stated",
)
FALSE["Jensen turned round"] = (
    changed("definition, Jensen", 1, lhs=LOGS, rhs=log(fld("e", "x"))),
    "not what Jensen",
)
FALSE["Jensen without a probability"] = changed("definition, Jensen", 1, hyps=hyps(*JENSEN[:-1])), "probability"
FALSE["Jensen of what may be negative"] = (
    changed("definition, Jensen", 1, hyps=hyps(*JENSEN[:3], *JENSEN[4:])),
    '["positive", "g"]',
)
FALSE["Jensen with a mean that may be negative"] = (
    changed("definition, Jensen", 1, hyps=hyps(*JENSEN[:2], *JENSEN[3:])),
    '["positive", "e"]',
)
DEEP = integral("y", mul(HOLE, HOLE))
false(
    "Jensen with a hole in the weight", "a hole in the weight",
    step("given", fld("e", "x"), integral("y", mul(P, P)), [["given", "sq", fld("e", "x"), "=", integral("y", mul(P, P))]], label="sq"),
    step("Jensen", log(fld("e", "x")), integral("y", mul(log(P), log(P))), [], [0], ">=", context=DEEP, ratio=P),
)  # fmt: skip
FALSE["Jensen with two means"] = (
    changed("definition, Jensen", 1, params={"context": add(AVERAGE, num(1))}, rhs=add(LOGS, num(1))),
    "isn't about the mean",
)
FALSE["Jensen of another mean"] = (
    changed("definition, Jensen", 1, params={"ratio": mul(num(2), RATIO)}),
    "isn't about the mean",
)
FALSE["Jensen of another number"] = changed("definition, Jensen", 1, lhs=log(fld("g", "x", "x"))), "not what Jensen"
false(
    "Jensen of a bound", "isn't about the mean",
    step("given", fld("e", "x"), MEAN, [["given", "above", fld("e", "x"), ">=", MEAN]], rel=">=", label="above"),
    step("Jensen", log(fld("e", "x")), LOGS, JENSEN[1:], [0], ">=", context=AVERAGE, ratio=RATIO),
)  # fmt: skip
false(
    "Jensen of a sum", "no mean",
    step("given", fld("e", "x"), add(RATIO, RATIO), [["given", "sum", fld("e", "x"), "=", add(RATIO, RATIO)]], label="sum"),
    step("Jensen", log(fld("e", "x")), add(log(RATIO), log(RATIO)), [], [0], ">=", context=add(HOLE, HOLE), ratio=RATIO),
)  # fmt: skip

INDEXED = where("s", "x", d(P, "x"), on="i")
false(
    "a definition with components",
    "not the definition of a scalar",
    step("definition", S, d(P, "x"), [INDEXED], definition=INDEXED),
)
FALSE["a definition with another body"] = changed("definition, Jensen", 0, rhs=mul(num(2), MEAN)), "not the definition"
FALSE["a definition of another field"] = changed("definition, Jensen", 0, lhs=fld("f", "x")), "not the definition"
FALSE["a definition at another point"] = changed("definition, Jensen", 0, lhs=fld("e", "y")), "not the definition"
FALSE["a definition as a bound"] = changed("definition, Jensen", 0, rel=">="), "not the definition"
FALSE["a definition at another time"] = (
    changed("definition at a time", 0, lhs=fld("u", "x", sc(["+", T, q(1)]))),
    "not the definition",
)
LOG_IS = ["where log", "e", ["x"], [], MEAN]
false(
    "a definition of a logarithm",
    "not the definition of a scalar",
    step("definition", fld("e", "x"), MEAN, [LOG_IS], definition=LOG_IS),
)
OF_Z = where("e", "z", fld("g", "z"))
false(
    "a curve taken for a parameter",
    "not the definition",
    step("definition", fld("e", ["along", "vz", T]), fld("g", "z"), [OF_Z], definition=OF_Z),
)
OF_TIME = where("e", "x", num(v("x")))
false(
    "a point taken for a time",
    "not the definition",
    step("definition", fld("e", "x"), num(v("x")), [OF_TIME], definition=OF_TIME),
)

X_CHAIN = ["chain", "Q", "q", "m", "r", "x", c("L")]
STARTED = step(
    "chain start", fld("q", sc(q(1)), "y", "x"), fld("m", sc(q(1)), "y", "x"), [X_CHAIN], chain=X_CHAIN, x="y"
)
STARTS = [integral("x", mul(fld("h", "x"), fld(n, sc(q(1)), "y", "x"))) for n in ("q", "m")]
false(
    "an average over the start of a chain", "holds a variable fixed",
    STARTED,
    step("average", *STARTS, [X_CHAIN, ["positive", "h"], converges(STARTS[0]), converges(STARTS[1])], [0], weight=fld("h", "x"), x="x"),
    L=DIM,
)  # fmt: skip
FALSE["an average whose weight has no sign"] = (
    changed("average", 1, hyps=hyps(*(h for h in AVERAGED if h[0] != "positive"))),
    "used but not stated",
)
FALSE["an average that may diverge"] = (
    changed("average", 1, hyps=hyps(*(h for h in AVERAGED if h[0] != "converges"))),
    "used but not stated",
)
FALSE["an average taken for an equation"] = changed("average", 1, rel="="), "not the average"
FALSE["an average over another variable"] = changed("average", 1, params={"x": "y"}), "not the average"
false(
    "a negative weight", "a number is not positive",
    BOUND, step("average", *(integral("x", mul(num(-1), ABOVE[k])) for k in (2, 4)), [], [0], ">=", weight=num(-1), x="x"),
)  # fmt: skip
false(
    "a weight that is a sum", "name it first",
    BOUND, step("average", *(integral("x", mul(add(P, neg(P)), ABOVE[k])) for k in (2, 4)), [], [0], ">=", weight=add(P, neg(P)), x="x"),
)  # fmt: skip


def instance(name: str, why: str, lhs: J, rhs: J, by: J, to: tuple[J, J] | None = None) -> None:
    """An instance at x := by of a given equation; `to` is what would come of careless substitution."""
    h = ["given", "so", lhs, "=", rhs]
    careless = to or tuple(json.loads(json.dumps(e).replace('["pt", "x"]', json.dumps(by))) for e in (lhs, rhs))
    false(
        name, why, step("given", lhs, rhs, [h], label="so"), step("instance", *careless, [h], [0], x="x", by=by), a=REAL
    )


instance(
    "an instance under its own derivative",
    "a derivative by the variable",
    d(P, "x"),
    fld("v", "x", on="i"),
    ["pt", "y"],
)
instance("an instance captured by an integral", "captured", integral("y", fld("q", "x", "y")), P, ["pt", "y"])
instance(
    "an instance captured by a derivative",
    "captured",
    d(fld("q", "x", "y"), "y"),
    fld("v", "x", "y", on="i"),
    ["pt", "y"],
)
instance("a curve captured by a derivative", "captured", dt(fld("u", "x", sc(T))), P, ["along", "z", T])
instance("a curve captured by a time integral", "captured", over("time", "t", q(0), q(1), P), P, ["along", "z", T])
instance("a path captured by its binder", "captured", path("w", fld("g", ["at", "w", q(1)], "x")), P, ["at", "w", q(1)])
instance("an instance of a bound variable", "not the instance", integral("x", P), fld("c"), ["pt", "y"])
instance("an instance at a time", "a scalar for a point", P, fld("c"), sc(T), (P, fld("c")))
false(
    "an instance at the start of a chain", "holds a variable fixed",
    STARTED,
    step("instance", *(fld(n, sc(q(1)), "y", "u") for n in ("q", "m")), [X_CHAIN], [0], x="x", by=["pt", "u"]),
    L=DIM,
)  # fmt: skip
FALSE["an instance on one side only"] = (
    changed("instance", 1, rhs=TRUE["instance"]["steps"][0]["rhs"]),
    "not the instance",
)


def reversal(name: str, why: str, lhs: J, rhs: J, to: tuple[J, J], **params: J) -> None:
    h = ["given", "so", lhs, "=", rhs]
    usual = {"t": "t", "tau": "u", "end": c("a")}
    false(
        name,
        why,
        step("given", lhs, rhs, [h], label="so"),
        step("time reversal", *to, [h], [0], **usual | params),
        a=REAL,
    )


PT, PU = fld("p", "x", sc(T)), fld("p", "x", sc(U_BACK))
reversal("a derivative's sign kept in reverse", "isn't what the rule says", dt(PT), PT, (du(PU), PU))
reversal("a derivative left in reverse", "isn't what the rule says", dt(PT), PT, (neg(dt(PU)), PU))
reversal("one side left in reverse", "isn't what the rule says", dt(PT), PT, (neg(du(PU)), PT))
reversal(
    "a new time that is in use", "in use", dt(PT), fld("p", "x", sc(v("u"))), (neg(du(PU)), fld("p", "x", sc(v("u"))))
)
reversal("a new time that is derived by", "in use", du(fld("f", "x")), PT, (du(fld("f", "x")), PU))
TIMED = over("time", "t", q(0), q(1), PT), over("time", "u", q(0), q(1), fld("p", "x", sc(v("u"))))
reversal(
    "a bound time in reverse", "a time is bound", TIMED[0], fld("c"), (over("time", "t", q(0), q(1), PU), fld("c"))
)
reversal("a bound new time", "a time is bound", TIMED[1], PT, (TIMED[1], PU))
for end in (T, v("u"), v("s"), ["+", c("a"), v("s")]):
    reversal(
        f"an end that moves with {end[-1]}",
        "the end depends on",
        PT,
        fld("c"),
        (fld("p", "x", sc(["+", end, ["*", q(-1), v("u")]])), fld("c")),
        end=end,
    )
false(
    "a range in reverse", "holds a variable fixed",
    RANGE_STEP, step("time reversal", *json.loads(json.dumps([RANGE_STEP[side] for side in ("lhs", "rhs")]).replace(json.dumps(K), json.dumps(U_BACK))), RANGE_STEP["hyps"], [0], t="k", tau="u", end=c("a")),
    a=REAL,
)  # fmt: skip

FIRST = [
    fld("r", sc(q(1)), "y", "x", "z"),
    mul(fld("q", sc(q(1)), "x", "y"), fld("m", sc(q(0)), "y", "z"), power(fld("m", sc(q(1)), "x", "z"), -1)),
]
false(
    "Bayes at the first step",
    "an empty range",
    step("chain Bayes", *FIRST, [CHAIN, ["nonzero", "m"], ["range", q(1), c("L")]], chain=CHAIN, k=q(1), y="y", x="x"),
    L=DIM,
)
FALSE["Bayes from the first step"] = (
    changed("chain Bayes", 0, hyps=hyps(*BAYES_HYPS[:2], ["range", q(1), K], BAYES_HYPS[3])),
    "used but not stated",
)
FALSE["Bayes with points swapped"] = (
    changed("chain Bayes", 0, lhs=fld("r", sc(K), "x", "y", "z")),
    "isn't what the rule says",
)
FALSE["Bayes with a kernel's points swapped"] = (
    changed("chain Bayes", 0, rhs=mul(fld("q", sc(K), "y", "x"), *BAYES[1][2:])),
    "isn't what the rule says",
)
FALSE["Bayes with one step too many"] = (
    changed("chain Bayes", 0, rhs=mul(BAYES[1][1], fld("m", sc(K), "y", "z"), BAYES[1][3])),
    "isn't what the rule says",
)
FALSE["Bayes where nothing is"] = changed("chain Bayes", 0, hyps=hyps(CHAIN, *BAYES_HYPS[2:])), "nonzero"
for at, name in (({"x": "z"}, "x"), ({"y": "z"}, "y"), ({"x": "y"}, "both")):
    FALSE[f"Bayes at one point {name}"] = changed("chain Bayes", 0, params=at), "different variables"

TWO_TIMES = fld("f", sc(T), sc(v("s")))
CAUGHT = (
    ["d", TWO_TIMES, "s", None],
    ["d", fld("f", sc(v("s")), sc(v("s"))), "s", None],
    ["d", fld("f", sc(q(0)), sc(v("s"))), "s", None],
)
BIND = over("time", "t", q(0), v("s"), dt(CAUGHT[0]))
false(
    "an end captured by a derivative",
    "captured",
    step("fundamental theorem", BIND, sub(*CAUGHT[1:]), [converges(BIND)], of=CAUGHT[0], t="t", low=q(0), high=v("s")),
)
N_CHAIN = ["chain", "Q", "q", "m", "r", "z", N]
STARTED_N = step(
    "chain start", fld("q", sc(q(1)), "x", "z"), fld("m", sc(q(1)), "x", "z"), [N_CHAIN], chain=N_CHAIN, x="x"
)
SAME = fld("q", sc(q(1)), "x", "z"), fld("m", sc(q(1)), "x", "z")
NOTHING = sub(SAME[0], SAME[0]), sub(SAME[1], SAME[1])
false(
    "an induction over the length of a chain", "holds a variable fixed",
    STARTED_N,
    step("congruence", *NOTHING, [N_CHAIN], [0], context=sub(HOLE, HOLE)),
    step("induction", *SAME, [], [0, 1], n="n", low=q(0), left=SAME[0], right=SAME[1]),
)  # fmt: skip
FALSE["a solution with a variable of its own"] = (
    cert(
        *(
            step("given", dt(e), num(0), [["given", "still", dt(e), "=", num(0)]], label="still")
            for e in (RHO, fld("g", "y"))
        ),
        step("uniqueness", RHO, fld("g", "y"), [], [0, 1], name="rho", params=["x", "t"], by=fld("g", "y")),
    ),
    "other variables",
)

FALSE["a test function that the sides know"] = (
    cert(
        step(
            "given",
            integral("x", mul(PHI, PHI)),
            integral("x", mul(PHI, P)),
            [["given", "w", integral("x", mul(PHI, PHI)), "=", integral("x", mul(PHI, P))]],
            label="w",
        ),
        step("fundamental lemma", PHI, P, [], [0], phi="phi", x="x", left=PHI, right=P),
    ),
    "depends on the test function",
)
FALSE["noise in the drift"] = (
    cert(
        line(ITO_LEFT, add(mul(add(DRIFT, fld("dw2")), fld("dt")), con("i", mul(NOISE, fld("dw", on="i")))), definitions=[DXDEF, where("dw2", "", con("i", power(fld("dw", on="i"), 2)))], ito=True),
        step("Dynkin", WEAK[0], integral("x", mul(DENSITY, add(DRIFT, fld("dw2")))), [], [0], **DYNKIN["params"] | {"drift": add(DRIFT, fld("dw2"))}),
        functions={"g": POSITIVE},
    ),
    "contains a differential",
)  # fmt: skip
FALSE["a label of uniqueness's own"] = (
    cert(step("given", P, num(0), [["given", "equal at one time", P, "=", num(0)]], label="equal at one time")),
    "keeps for itself",
)
