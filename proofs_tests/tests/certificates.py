"""Small certificates, built by hand: true ones, for every rule."""

from __future__ import annotations

import json
from itertools import permutations

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
WEIGHT = fld("h", "y")
AVERAGE = integral("y", mul(WEIGHT, HOLE))
MEAN, LOGS = integral("y", mul(WEIGHT, RATIO)), integral("y", mul(WEIGHT, log(RATIO)))
MEAN_IS = where("e", "x", MEAN)
MEAN_STEP = step("definition", fld("e", "x"), MEAN, [MEAN_IS], definition=MEAN_IS)
JENSEN = [
    MEAN_IS,
    converges(LOGS),
    ["positive", "e"],
    ["positive", "g"],
    ["positive", "h"],
    ["nonzero", "h"],
    ["probability", WEIGHT, "y"],
]
JENSEN_STEP = step("Jensen", log(fld("e", "x")), LOGS, JENSEN, [0], ">=", context=AVERAGE, ratio=RATIO)
TRUE["definition, Jensen"] = cert(MEAN_STEP, JENSEN_STEP)
TRUE["Jensen, a number"] = cert(
    step("given", num(1), MEAN, [["given", "mass", num(1), "=", MEAN]], label="mass"),
    step(
        "Jensen", log(num(1)), LOGS, [*JENSEN[1:2], *JENSEN[3:], ["given", "mass", num(1), "=", MEAN]], [0], ">=",
        context=AVERAGE, ratio=RATIO,
    ),
)  # fmt: skip
JOINED = integral("y", mul(WEIGHT, fld("j", "y"), RATIO)), integral("y", mul(WEIGHT, fld("j", "y"), log(RATIO)))
JOINED_IS = where("e", "x", JOINED[0])
TRUE["Jensen, two weights"] = cert(
    step("definition", fld("e", "x"), JOINED[0], [JOINED_IS], definition=JOINED_IS),
    step(
        "Jensen", log(fld("e", "x")), JOINED[1],
        [JOINED_IS, converges(JOINED[1]), *JENSEN[2:6], ["probability", mul(WEIGHT, fld("j", "y")), "y"]],
        [0], ">=", context=integral("y", mul(WEIGHT, fld("j", "y"), HOLE)), ratio=RATIO,
    ),
)  # fmt: skip
ALONG_PATH = path("w", fld("g", ["at", "w", q(1)])), path("w", log(fld("g", ["at", "w", q(1)])))
PATH_IS = where("e", "", ALONG_PATH[0])
PATH_HYPS = [PATH_IS, converges(ALONG_PATH[1]), ["positive", "g"], ["positive", "e"]]
TRUE["Jensen, path"] = cert(
    step("definition", fld("e"), ALONG_PATH[0], [PATH_IS], definition=PATH_IS),
    step(
        "Jensen", log(fld("e")), ALONG_PATH[1], PATH_HYPS, [0], ">=", context=path("w", HOLE), ratio=fld("g", ["at", "w", q(1)])
    ),
    line(add(log(fld("e")), num(1)), add(ALONG_PATH[1], num(1)), PATH_HYPS, [1], rel=">="),
)  # fmt: skip
TIMED_IS = where("u", "x t", mul(num(["*", T, T]), fld("g", "x")))
TRUE["definition at a time"] = cert(
    step("definition", fld("u", "x", sc(T)), TIMED_IS[4], [TIMED_IS], definition=TIMED_IS),
    line(dt(fld("u", "x", sc(T))), mul(num(["*", q(2), T]), fld("g", "x")), definitions=[TIMED_IS]),
)
ABOVE = ["given", "bound", fld("f", "x", "y"), ">=", fld("g", "x", "y")]
BOUND = step("given", ABOVE[2], ABOVE[4], [ABOVE], rel=">=", label="bound")
OVER_X = [integral("x", mul(mul(fld("h", "x"), power(fld("j", "x"), 2)), e)) for e in (ABOVE[2], ABOVE[4])]
AVERAGED = [ABOVE, ["positive", "h"], ["positive", "j"], converges(OVER_X[0]), converges(OVER_X[1])]
TRUE["average"] = cert(
    BOUND,
    step("average", *OVER_X, AVERAGED, [0], ">=", weight=mul(fld("h", "x"), power(fld("j", "x"), 2)), x="x"),
)
FLOW = ["along", "z", ["+", c("a"), T]]
MOVES = [
    "given",
    "field",
    con("i", d(fld("v", "x", sc(T), on="i"), "y")),
    "=",
    mul(fld("f", "x", "y"), integral("u", fld("g", "x", "u"))),
]
AT_FLOW = con("i", d(fld("v", FLOW, sc(T), on="i"), "y")), mul(fld("f", FLOW, "y"), integral("u", fld("g", FLOW, "u")))
TRUE["instance"] = cert(
    step("given", MOVES[2], MOVES[4], [MOVES], label="field"),
    step("instance", *AT_FLOW, [MOVES], [0], x="x", by=FLOW),
    step("instance", *json.loads(json.dumps([MOVES[2], MOVES[4]]).replace('["pt", "x"]', '["pt", "z"]')), [MOVES], [0], x="x", by=["pt", "z"]),
    a=REAL,
)  # fmt: skip
EQUATION = [
    add(dt(fld("p", "x", sc(T))), dt(num(["*", T, ["f", "g", T]]))),
    mul(num(["f", "g'", T]), fld("p", ["along", "z", T], sc(["*", q(2), T]))),
]
FORWARD = ["given", "forward", EQUATION[0], "=", EQUATION[1]]
U_BACK = ["+", c("a"), ["*", q(-1), v("u")]]


def du(e: J) -> J:
    return ["d", e, "u", None]


BACKWARD = [
    add(neg(du(fld("p", "x", sc(U_BACK)))), neg(du(num(["*", U_BACK, ["f", "g", U_BACK]])))),
    mul(num(["f", "g'", U_BACK]), fld("p", ["along", "z", U_BACK], sc(["*", q(2), U_BACK]))),
]
TRUE["time reversal"] = cert(
    step("given", *EQUATION, [FORWARD], label="forward"),
    step("time reversal", *BACKWARD, [FORWARD], [0], t="t", tau="u", end=c("a")),
    a=REAL, functions={"g": REAL},
)  # fmt: skip
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
BAYES = (
    fld("r", sc(K), "y", "x", "z"),
    mul(fld("q", sc(K), "x", "y"), fld("m", sc(ONE_LESS), "y", "z"), power(fld("m", sc(K), "x", "z"), -1)),
)
BAYES_HYPS = [CHAIN, ["nonzero", "m"], ["range", q(2), K], ["range", K, c("L")]]
BAYES_STEP = step("chain Bayes", *BAYES, BAYES_HYPS, chain=CHAIN, k=K, y="y", x="x")
TRUE["chain Bayes"] = cert(BAYES_STEP, L=DIM)
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
    step("given", TESTED[0][2], TESTED[0][4], [TESTED[0]], label="weak"),
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
        [*HEAT_GIVEN, ["unique", *HEAT[0], "rho"], ["equal at one time", RHO, BY]],
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
TRUE["logs"] = cert(
    line(log(num(["*", q(2, 3), ["^", c("a"), q(2)], ["pi"]])), add(log(num(q(2))), neg(log(num(q(3)))), mul(num(2), log(num(c("a")))), log(num(["pi"])))),
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
