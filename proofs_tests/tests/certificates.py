"""Small certificates, built by hand as JSON: true ones for every rule, and false or unfounded ones with what must be said."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

J = Any  # a tree, as JSON


def q(p: int, r: int = 1) -> J:
    return ["q", p, r]


def c(name: str) -> J:
    return ["c", name]


def v(name: str) -> J:
    return ["v", name]


def num(s: J) -> J:
    return ["num", q(s) if isinstance(s, int) else s]


def sc(s: J) -> J:
    return ["sc", s]


def fld(name: str, *args: J, on: str = "") -> J:
    """A field; bare names are points, and `on` its indices, one letter each."""
    return ["field", name, [["pt", a] if isinstance(a, str) else a for a in args], list(on)]


def add(*terms: J) -> J:
    return ["add", *terms]


def mul(*factors: J) -> J:
    return ["mul", *factors]


def neg(e: J) -> J:
    return mul(num(-1), e)


def sub(a: J, b: J) -> J:
    return add(a, neg(b))


def power(e: J, n: int) -> J:
    return ["pow", e, n]


def log(e: J) -> J:
    return ["log", e]


def root(s: J, n: int = 1) -> J:
    return ["^", s, q(n, 2)]


def d(e: J, x: str, i: str | None = "i") -> J:
    return ["d", e, x, i]


def dt(e: J) -> J:
    return ["d", e, "t", None]


def con(i: str, e: J) -> J:
    return ["bind", "con", i, None, None, e]


def integral(x: str, e: J) -> J:
    return ["bind", "int", x, None, None, e]


def over(kind: str, k: str, low: J, high: J, e: J) -> J:
    return ["bind", kind, k, low, high, e]


def path(w: str, e: J, law: str = "Q") -> J:
    return ["bind", "path", w, law, None, e]


def where(name: str, params: str, body: J, on: str = "") -> J:
    return ["where", name, params.split(), list(on), body]


def step(rule: str, lhs: J, rhs: J, hyps: J = (), premises: J = (), rel: str = "=", **params: J) -> J:
    distinct = {json.dumps(h, ensure_ascii=False): h for h in hyps}
    ordered = [distinct[k] for k in sorted(distinct)]
    return {
        "rule": rule,
        "lhs": lhs,
        "rel": rel,
        "rhs": rhs,
        "hyps": ordered,
        "premises": list(premises),
        "params": params,
    }


def line(lhs: J, rhs: J, hyps: J = (), premises: J = (), rel: str = "=", **params: J) -> J:
    """A line; `definitions`, `normalised`, `ito`, `under_integral` where they are wanted."""
    usual: J = {"definitions": [], "normalised": [], "ito": False, "under_integral": False, "reason": "so"}
    return step("line", lhs, rhs, [*hyps, *params.get("definitions", [])], premises, rel, **usual | params)


def cert(*steps: J, functions: J = None, **constants: J) -> J:
    return {"format": 1, "claim": "by-hand", "constants": constants, "functions": functions or {}, "steps": list(steps)}


def converges(e: J) -> J:
    return ["converges", e]


REAL, POSITIVE, DIM = ["real"], ["positive", "real"], ["positive", "real", "integer"]
HALF, HOLE = ["num", q(1, 2)], ["field", "□", [], []]
P, S, T = fld("p", "x"), fld("s", "x", on="i"), v("t")
JOINT = mul(fld("q", "x", "z"), fld("p0", "z"))
MARGINAL = where("p", "x", integral("z", JOINT))
K, N = v("k"), v("n")
ONE_MORE, ONE_LESS = ["+", N, q(1)], ["+", K, q(-1)]


def antisymmetric(n: int) -> J:
    """Σ_perm sign Π_k u_k · v_perm(k), which vanishes if D < n."""
    terms = []
    for perm in permutations(range(n)):
        sign = (-1) ** sum(perm[b] > perm[a] for a in range(n) for b in range(a))
        dots = [con("i", mul(fld(f"u{k}", "x", on="i"), fld(f"v{m}", "x", on="i"))) for k, m in enumerate(perm)]
        terms.append(mul(num(sign), *dots))
    return add(*terms)


# ------------------------------------------------------------------------------------------------ true
TRUE: dict[str, J] = {}

SQUARE = con("i", mul(S, S))
TRUE["chain rule"] = cert(line(d(SQUARE, "x", "j"), mul(num(2), con("i", mul(S, d(S, "x", "j"))))))
TRUE["divergence of x"] = cert(line(con("i", d(fld("@", "x", on="i"), "x")), num(c("D"))), D=DIM)
TRUE["shadowing"] = cert(
    line(
        integral("x", integral("x", P)),
        mul(integral("x", P), integral("y", num(1))),
        [converges(integral("x", integral("x", P))), converges(integral("x", P)), converges(integral("y", num(1)))],
    )
)
TRUE["Fubini"] = cert(
    line(
        integral("x", integral("z", JOINT)),
        integral("z", mul(fld("p0", "z"), integral("x", fld("q", "x", "z")))),
        [
            converges(integral("x", integral("z", JOINT))),
            converges(integral("z", mul(fld("p0", "z"), integral("x", fld("q", "x", "z"))))),
        ],
    )
)
TRUE["pointwise"] = cert(line(integral("x", mul(P, P)), integral("x", power(P, 2))))
TRUE["marginal under the integral"] = cert(
    line(
        d(P, "x"),
        integral("z", mul(fld("p0", "z"), d(fld("q", "x", "z"), "x"))),
        [converges(integral("z", mul(fld("p0", "z"), d(fld("q", "x", "z"), "x")))), ["dominated", d(P, "x")]],
        definitions=[MARGINAL],
        under_integral=True,
    )
)
TRUE["score"] = cert(line(mul(P, d(log(P), "x")), d(P, "x"), [["positive", "p"]]))
TRUE["normalised"] = cert(
    line(
        integral("z", integral("x", JOINT)),
        integral("z", fld("p0", "z")),
        [converges(integral("z", integral("x", JOINT))), converges(integral("z", fld("p0", "z"))), ["normalised", "q"]],
        normalised=["q"],
    )
)
PARTS = integral("x", con("i", d(mul(P, S), "x")))
LEFT, RIGHT = integral("x", con("i", mul(S, d(P, "x")))), neg(integral("x", mul(P, con("i", d(S, "x")))))
FIELD = ["integrable field", mul(P, S), "i", "x"]
TRUE["by parts"] = cert(
    step("divergence theorem", PARTS, num(0), [FIELD], field=mul(P, S), index="i", x="x"),
    line(LEFT, RIGHT, [FIELD, converges(LEFT), converges(RIGHT[2]), converges(PARTS)], [0]),
)
GIVEN = [["given", "continuity", dt(P), "=", neg(S)]]
TRUE["congruence, chain"] = cert(
    step("given", dt(P), neg(S), GIVEN, label="continuity"),
    step(
        "congruence", mul(dt(P), power(P, -1)), mul(neg(S), power(P, -1)), GIVEN, [0], context=mul(HOLE, power(P, -1))
    ),
    line(mul(neg(S), power(P, -1)), neg(mul(S, power(P, -1))), [["nonzero", "p"]]),
    step("chain", mul(dt(P), power(P, -1)), neg(mul(S, power(P, -1))), [*GIVEN, ["nonzero", "p"]], [1, 2]),
    step("independent", mul(dt(P), power(P, -1)), neg(mul(S, power(P, -1))), [*GIVEN, ["nonzero", "p"]], [3], name="g"),
)
F = fld("f", sc(K), "x")


def f_at(s: J) -> J:
    return fld("f", sc(s), "x")


STEP_BODY = sub(F, f_at(ONE_LESS))


def total(low: J, high: J, e: J = STEP_BODY) -> J:
    return over("sum", "k", low, high, e)


LAST = sub(f_at(ONE_MORE), f_at(["+", ["+", N, q(1)], q(-1)]))
TRUE["telescope by induction"] = cert(
    step("empty sum", total(q(1), q(0)), num(0), body=STEP_BODY, k="k", low=q(1)),
    line(total(q(1), q(0)), sub(f_at(q(0)), f_at(q(0))), premises=[0]),
    step(
        "last term",
        total(q(1), ONE_MORE),
        add(total(q(1), N), LAST),
        [["range", q(0), N]],
        body=STEP_BODY,
        k="k",
        low=q(1),
        high=N,
    ),
    line(
        sub(total(q(1), ONE_MORE), total(q(1), N)),
        sub(sub(f_at(ONE_MORE), f_at(q(0))), sub(f_at(N), f_at(q(0)))),
        [["range", q(0), N]],
        [2],
    ),
    step(
        "induction",
        total(q(1), N),
        sub(f_at(N), f_at(q(0))),
        [["range", q(0), N]],
        [1, 3],
        n="n",
        low=q(0),
        left=total(q(1), N),
        right=sub(f_at(N), f_at(q(0))),
    ),
)
TRUE["first term"] = cert(
    step(
        "first term",
        total(q(1), N, F),
        add(f_at(q(1)), total(q(2), N, F)),
        [["range", q(1), N]],
        body=F,
        k="k",
        low=q(1),
        high=N,
    ),
)
RANGED = cert(
    step(
        "first term",
        over("sum", "j", q(1), K, fld("f", sc(v("j")), "x")),
        add(f_at(q(1)), over("sum", "j", q(2), K, fld("f", sc(v("j")), "x"))),
        [["range", q(1), K]],
        body=fld("f", sc(v("j")), "x"),
        k="j",
        low=q(1),
        high=K,
    ),
)
for low, left in ((q(2), []), (v("a"), [["range", q(1), v("a")]])):
    inner = RANGED["steps"][0]
    TRUE[f"range closed {len(left)}"] = cert(
        inner,
        step(
            "congruence",
            over("sum", "k", low, N, inner["lhs"]),
            over("sum", "k", low, N, inner["rhs"]),
            left,
            [0],
            context=over("sum", "k", low, N, HOLE),
        ),
    )
RATIO = mul(fld("g", "x", "y"), power(fld("h", "y"), -1))
AVERAGE = integral("y", mul(fld("h", "y"), HOLE))
MEAN, LOGS = integral("y", mul(fld("h", "y"), RATIO)), integral("y", mul(fld("h", "y"), log(RATIO)))
JENSEN = [
    ["where", "e", ["x"], [], MEAN],
    converges(MEAN),
    converges(LOGS),
    ["positive", "g"],
    ["positive", "h"],
    ["nonzero", "h"],
    ["probability", fld("h", "y"), "y"],
]
TRUE["Jensen, integral"] = cert(
    step("Jensen", log(fld("e", "x")), LOGS, JENSEN, rel=">=", context=AVERAGE, ratio=RATIO, name=fld("e", "x"))
)
TRUE["Jensen, path"] = cert(
    step(
        "Jensen",
        log(fld("e")),
        path("w", log(fld("g", ["at", "w", q(1)]))),
        [
            ["where", "e", [], [], path("w", fld("g", ["at", "w", q(1)]))],
            converges(path("w", fld("g", ["at", "w", q(1)]))),
            converges(path("w", log(fld("g", ["at", "w", q(1)])))),
            ["positive", "g"],
        ],
        rel=">=",
        context=path("w", HOLE),
        ratio=fld("g", ["at", "w", q(1)]),
        name=fld("e"),
    ),
    line(
        add(log(fld("e")), num(1)),
        add(path("w", log(fld("g", ["at", "w", q(1)]))), num(1)),
        [
            ["where", "e", [], [], path("w", fld("g", ["at", "w", q(1)]))],
            converges(path("w", fld("g", ["at", "w", q(1)]))),
            converges(path("w", log(fld("g", ["at", "w", q(1)])))),
            ["positive", "g"],
            ["positive", "e"],
        ],
        [0],
        rel=">=",
    ),
)
A, B = mul(fld("a"), fld("b")), mul(fld("b"), fld("a"))
TRUE["exponential"] = cert(
    line(log(A), log(B), [["positive", "a"], ["positive", "b"]]),
    step("exponential", A, B, [["positive", "a"], ["positive", "b"]], [0]),
)
CHAIN = ["chain", "Q", "q", "m", "r", "z", c("L")]
WK, WK1 = ["at", "w", K], ["at", "w", ONE_LESS]
MARG = path("w", fld("g", WK)), integral("y", mul(fld("m", sc(K), "y", "z"), fld("g", "y")))
TRUE["path marginal"] = cert(
    step(
        "path marginal",
        *MARG,
        [CHAIN, ["range", q(1), K], ["range", K, c("L")], converges(MARG[0]), converges(MARG[1])],
        chain=CHAIN,
        k=K,
        y="y",
        h=fld("g", "y"),
        w="w",
    ),
    L=DIM,
)
POST = path("w", fld("g", WK1, WK)), path("w", integral("y", mul(fld("r", sc(K), "y", WK, "z"), fld("g", "y", WK))))
TRUE["path posterior"] = cert(
    step(
        "path posterior",
        *POST,
        [CHAIN, ["range", q(2), K], ["range", K, c("L")], converges(POST[0]), converges(POST[1])],
        chain=CHAIN,
        k=K,
        y="y",
        h=fld("g", "y", WK),
        w="w",
    ),
    L=DIM,
)
TRUE["chain start"] = cert(
    step("chain start", fld("q", sc(q(1)), "x", "z"), fld("m", sc(q(1)), "x", "z"), [CHAIN], chain=CHAIN, x="x"), L=DIM
)
U = mul(fld("u", sc(T)), num(["f", "alpha", T]))
TRUE["fundamental theorem"] = cert(
    step(
        "fundamental theorem",
        over("time", "t", q(0), c("a"), dt(U)),
        sub(mul(fld("u", sc(c("a"))), num(["f", "alpha", c("a")])), mul(fld("u", sc(q(0))), num(["f", "alpha", q(0)]))),
        [converges(over("time", "t", q(0), c("a"), dt(U)))],
        of=U,
        t="t",
        low=q(0),
        high=c("a"),
    ),
    a=REAL,
    functions={"alpha": REAL},
)
PHI, B_I, DX = fld("phi", "x"), fld("b", "x", sc(T), on="i"), lambda i: fld("dx", "x", sc(T), on=i)
G = num(["f", "g", T])
DXDEF = where("dx", "x t", add(mul(B_I, fld("dt")), mul(G, fld("dw", on="i"))), on="i")
DRIFT = add(con("i", mul(B_I, d(PHI, "x"))), mul(HALF, power(G, 2), con("i", d(d(PHI, "x"), "x"))))
NOISE = mul(G, d(PHI, "x"))
ITO_LEFT = add(
    con("i", mul(d(PHI, "x"), DX("i"))), mul(HALF, con("i", con("j", mul(d(d(PHI, "x"), "x", "j"), DX("i"), DX("j")))))
)
ITO_RIGHT = add(mul(DRIFT, fld("dt")), con("i", mul(NOISE, fld("dw", on="i"))))
DENSITY = fld("p", "x", sc(T))
ITO = line(ITO_LEFT, ITO_RIGHT, definitions=[DXDEF], ito=True)
WEAK = dt(integral("x", mul(PHI, DENSITY))), integral("x", mul(DENSITY, DRIFT))
DYNKIN_HYPS = [
    DXDEF,
    ["law", "x", "t", DENSITY, "dx"],
    ["square integrable", NOISE, "i"],
    ["test function", "phi"],
    converges(WEAK[0][1]),
    converges(WEAK[1]),
]
DYNKIN = step(
    "Dynkin", *WEAK, DYNKIN_HYPS, [0], phi="phi", x="x", t="t", p=DENSITY, drift=DRIFT, noise=NOISE, index="i", dx="dx"
)
TRUE["Itô, Dynkin"] = cert(ITO, DYNKIN, functions={"g": POSITIVE})
TESTED = [
    ["given", "weak", integral("x", mul(PHI, fld("a", "x"))), "=", integral("x", mul(PHI, fld("b", "x")))],
    ["positive", "k"],
]
TRUE["fundamental lemma"] = cert(
    step("given", *TESTED[0][2:5:2], [TESTED[0]], label="weak"),
    step(
        "fundamental lemma",
        fld("a", "x"),
        fld("b", "x"),
        [["for every test function", "phi", TESTED[0]], ["continuous", fld("a", "x")], ["continuous", fld("b", "x")]],
        [0],
        phi="phi",
        x="x",
        left=fld("a", "x"),
        right=fld("b", "x"),
    ),
)
RHO, BY = fld("rho", "x", sc(T)), mul(num(["f", "c", T]), fld("g", "x"))
HEAT = [(dt(e), con("i", d(d(e, "x"), "x"))) for e in (RHO, BY)]
HEAT_GIVEN = [["given", "heat", a, "=", b] for a, b in HEAT]
TRUE["uniqueness"] = cert(
    *(step("given", a, b, [h], label="heat") for (a, b), h in zip(HEAT, HEAT_GIVEN, strict=True)),
    step(
        "uniqueness",
        RHO,
        BY,
        [*HEAT_GIVEN, ["unique", *HEAT[0], "rho"], ["given", "equal at one time", RHO, "=", BY]],
        [0, 1],
        name="rho",
        params=["x", "t"],
        by=BY,
    ),
    functions={"c": REAL},
)
SIGMA2 = ["^", c("sigma"), q(2)]
MISS = lambda i: sub(fld("@", "x", on=i), mul(num(c("alpha")), fld("@", "z", on=i)))  # noqa: E731
LOGQ = add(
    mul(num(["*", q(-1, 2), ["^", SIGMA2, q(-1)]]), con("i", mul(MISS("i"), MISS("i")))),
    mul(num(["*", q(-1, 2), c("D")]), log(num(["*", q(2), ["pi"], SIGMA2]))),
)
GAUSS = ["where log", "q", ["x", "z"], [], LOGQ]
QXZ = fld("q", "x", "z")
TRUE["score of a Gaussian"] = cert(
    line(d(log(QXZ), "x", "j"), mul(num(-1), num(["^", SIGMA2, q(-1)]), MISS("j")), [["positive", "q"]], definitions=[GAUSS]),
    line(con("j", d(d(QXZ, "x", "j"), "x", "j")), mul(QXZ, add(con("j", power(mul(num(["^", SIGMA2, q(-1)]), MISS("j")), 2)), mul(num(-1), num(c("D")), num(["^", SIGMA2, q(-1)])))), definitions=[GAUSS]),
    sigma=POSITIVE, alpha=REAL, D=DIM,
)  # fmt: skip
BETA = ["+", q(1), ["*", q(-1), c("beta")]]
TRUE["roots"] = cert(
    line(num(["*", root(BETA), root(BETA), root(c("a"))]), num(["*", BETA, ["^", c("a"), q(2)], root(c("a"), -3)]), [["positive", num(BETA)]]),
    line(num(root(["+", ["*", c("a"), c("a")], ["*", c("a"), c("b")]])), num(["*", root(c("a")), root(["+", c("a"), c("b")])]), [["positive", num(["+", ["*", c("a"), c("a")], ["*", c("a"), c("b")]])], ["positive", num(["+", c("a"), c("b")])]]),
    line(num(root(["^", ["+", c("a"), c("b")], q(2)])), num(["+", c("a"), c("b")]), [["positive", num(["+", c("a"), c("b")])]]),
    line(num(root(q(18, 35))), num(["*", q(3), root(q(2)), root(q(1, 35))])),
    a=POSITIVE, b=POSITIVE, beta=REAL,
)  # fmt: skip
TRUE["exponentials and logs"] = cert(
    line(num(["*", ["^", ["exp", ["*", q(1, 2), ["+", T, c("a")]]], q(2)], ["exp", ["*", q(-1), T]]]), num(["exp", c("a")])),
    line(log(num(["*", q(6), ["^", c("a"), q(2)], ["exp", T]])), add(log(num(q(2))), log(num(q(3))), mul(num(2), log(num(c("a")))), num(T))),
    line(log(over("prod", "k", q(1), N, mul(num(2), F))), over("sum", "k", q(1), N, add(log(num(2)), log(F))), [["positive", "f"]]),
    a=POSITIVE,
)  # fmt: skip
Z = ["along", "z", ["+", c("T"), ["*", q(-1), T]]]
SPEED = lambda i: ["d", fld("@", Z, on=i), "t", None]  # noqa: E731
TRUE["time"] = cert(
    line(dt(num(["*", root(["f", "alpha", T]), T])), num(["+", root(["f", "alpha", T]), ["*", q(1, 2), ["f", "alpha'", T], root(["f", "alpha", T], -1), T]])),
    line(dt(mul(num(T), fld("u", Z))), add(fld("u", Z), mul(num(T), dt(fld("u", Z))))),
    T=REAL, functions={"alpha": POSITIVE, "alpha'": REAL},
)  # fmt: skip
TRUE["linear along a curve"] = cert(
    line(dt(con("i", mul(fld("@", Z, on="i"), fld("@", Z, on="i")))), mul(num(2), con("i", mul(fld("@", Z, on="i"), SPEED("i"))))),
    line(dt(fld("r2", Z)), mul(num(2), con("i", mul(fld("@", Z, on="i"), SPEED("i")))), definitions=[where("r2", "x", con("i", power(fld("@", "x", on="i"), 2)))]),
    T=REAL,
)  # fmt: skip
TRUE["two by two"] = cert(
    line(
        antisymmetric(2),
        sub(
            mul(
                con("i", mul(fld("u0", "x", on="i"), fld("v0", "x", on="i"))),
                con("i", mul(fld("u1", "x", on="i"), fld("v1", "x", on="i"))),
            ),
            con(
                "j",
                con(
                    "i",
                    mul(fld("u0", "x", on="i"), fld("v1", "x", on="i"), fld("u1", "x", on="j"), fld("v0", "x", on="j")),
                ),
            ),
        ),
    )
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
false("√(−2) exists", "no model", line(num(["*", root(q(-2)), root(q(-2))]), num(-2), [["positive", num(-2)]]))
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
false("log of a negative", "isn't positive", line(log(num(-1)), num(0), [["positive", num(-1)]]))
false("log not said to be positive", "used but not stated", line(log(mul(P, P)), mul(num(2), log(P))))
false("log 6 = 2 log 3", DIFFER, line(log(num(6)), mul(num(2), log(num(3)))))
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
false(
    "exp a exp b = exp ab",
    DIFFER,
    line(num(["*", ["exp", c("a")], ["exp", c("b")]]), num(["exp", ["*", c("a"), c("b")]])),
    a=REAL,
    b=REAL,
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
    *TRUE["Jensen, path"]["steps"][:1],
    TRUE["Jensen, path"]["steps"][1] | {"rel": "="},
)
false(
    "an inequality under a minus",
    "equations",
    *TRUE["Jensen, path"]["steps"][:1],
    step(
        "congruence",
        neg(log(fld("e"))),
        neg(path("w", log(fld("g", ["at", "w", q(1)])))),
        TRUE["Jensen, path"]["steps"][0]["hyps"],
        [0],
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
    (over("sum", "k", q(0), N, HOLE), "used but not stated"),
):
    sides = [
        json.loads(json.dumps(context).replace(json.dumps(HOLE), json.dumps(RANGE_STEP[side])))
        for side in ("lhs", "rhs")
    ]
    false(
        f"a range under {context[:2]} {len(FALSE)}",
        why,
        RANGE_STEP,
        step("congruence", *sides, [], [0], context=context),
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
FALSE["Jensen turned round"] = changed("Jensen, integral", 0, lhs=LOGS, rhs=log(fld("e", "x"))), "not what Jensen"
FALSE["Jensen without a probability"] = changed("Jensen, integral", 0, hyps=hyps(*JENSEN[:-1])), "probability"
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
