"""More false certificates: inferences, chains, stochastic calculus.  They join the others in `FALSE`."""

from __future__ import annotations

import json

from concordant.proofs_tests.tests.certificates import (
    ABOVE,
    AVERAGE,
    AVERAGED,
    BAYES,
    BAYES_HYPS,
    BOUND,
    CHAIN,
    DENSITY,
    DIM,
    DRIFT,
    DXDEF,
    DYNKIN,
    HOLE,
    ITO_LEFT,
    JENSEN,
    LOGS,
    MEAN,
    NOISE,
    PHI,
    POSITIVE,
    RATIO,
    REAL,
    RHO,
    TRUE,
    U_BACK,
    WEAK,
    F,
    K,
    N,
    P,
    S,
    T,
    du,
    total,
)
from concordant.proofs_tests.tests.false_certificates import (
    FALSE,
    RANGE_STEP,
    changed,
    false,
    hyps,
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
    sc,
    step,
    sub,
    v,
    where,
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
    "isn't, literally, what the rule says",
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
    "aren't such as Jensen",
)
FALSE["Jensen of another mean"] = (
    changed("definition, Jensen", 1, params={"ratio": mul(num(2), RATIO)}),
    "isn't about the mean",
)
FALSE["Jensen of another number"] = (
    changed("definition, Jensen", 1, lhs=log(fld("g", "x", "x"))),
    "isn't, literally, what the rule says",
)
false(
    "Jensen of a bound", "for equations",
    step("given", fld("e", "x"), MEAN, [["given", "above", fld("e", "x"), ">=", MEAN]], rel=">=", label="above"),
    step("Jensen", log(fld("e", "x")), LOGS, JENSEN[1:], [0], ">=", context=AVERAGE, ratio=RATIO),
)  # fmt: skip
false(
    "Jensen of a sum", "aren't such as Jensen",
    step("given", fld("e", "x"), add(RATIO, RATIO), [["given", "sum", fld("e", "x"), "=", add(RATIO, RATIO)]], label="sum"),
    step("Jensen", log(fld("e", "x")), add(log(RATIO), log(RATIO)), [], [0], ">=", context=add(HOLE, HOLE), ratio=RATIO),
)  # fmt: skip

INDEXED = where("s", "x", d(P, "x"), on="i")
false(
    "a definition with components",
    "aren't such as definition",
    step("definition", S, d(P, "x"), [INDEXED], definition=INDEXED),
)
FALSE["a definition with another body"] = (
    changed("definition, Jensen", 0, rhs=mul(num(2), MEAN)),
    "isn't, literally, what the rule says",
)
FALSE["a definition of another field"] = (
    changed("definition, Jensen", 0, lhs=fld("f", "x")),
    "isn't, literally, what the rule says",
)
FALSE["a definition at another point"] = (
    changed("definition, Jensen", 0, lhs=fld("e", "y")),
    "isn't, literally, what the rule says",
)
FALSE["a definition as a bound"] = changed("definition, Jensen", 0, rel=">="), "relation must be ="
FALSE["a definition at another time"] = (
    changed("definition at a time", 0, lhs=fld("u", "x", sc(["+", T, q(1)]))),
    "isn't, literally, what the rule says",
)
LOG_IS = ["where log", "e", ["x"], [], MEAN]
false(
    "a definition of a logarithm",
    "aren't such as definition",
    step("definition", fld("e", "x"), MEAN, [LOG_IS], definition=LOG_IS),
)
OF_Z = where("e", "z", fld("g", "z"))
false(
    "a curve taken for a parameter",
    "isn't, literally, what the rule says",
    step("definition", fld("e", ["along", "vz", T]), fld("g", "z"), [OF_Z], definition=OF_Z),
)
OF_TIME = where("e", "x", num(v("x")))
false(
    "a point taken for a time",
    "a variable of another sort",
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
FALSE["an average taken for an equation"] = changed("average", 1, rel="="), "relation must be >="
FALSE["an average over another variable"] = (
    changed("average", 1, params={"x": "y"}),
    "isn't, literally, what the rule says",
)
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
instance(
    "an instance of a bound variable", "isn't, literally, what the rule says", integral("x", P), fld("c"), ["pt", "y"]
)
instance("an instance at a time", "aren't such as instance", P, fld("c"), sc(T), (P, fld("c")))
false(
    "an instance at the start of a chain", "holds a variable fixed",
    STARTED,
    step("instance", *(fld(n, sc(q(1)), "y", "u") for n in ("q", "m")), [X_CHAIN], [0], x="x", by=["pt", "u"]),
    L=DIM,
)  # fmt: skip
FALSE["an instance on one side only"] = (
    changed("instance", 1, rhs=TRUE["instance"]["steps"][0]["rhs"]),
    "isn't, literally, what the rule says",
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

N_OVER = ["*", N, v("u"), ["^", v("u"), q(-1)]]  # n where u isn't 0, and nothing where it is
FALSE["a bound divided by what may vanish"] = (
    changed("first term", 0, lhs=total(q(1), N_OVER, F)),
    "isn't what the rule says",
)
FALSE["a range divided by what may vanish"] = (
    changed("first term", 0, hyps=[["range", q(1), N_OVER]]),
    "used but not stated",
)
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

__all__ = ["FALSE"]
