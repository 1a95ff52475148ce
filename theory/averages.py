"""Derivations of averages in chapter 4: marginals of mixtures, what keeps a Gaussian Gaussian, random probes of a divergence."""

from __future__ import annotations

from typing import Any

from concordant.theory.calculus import HALF, gaussian, i, j, t, x
from concordant.theory.derivation import derivation
from concordant.theory.kernel.rules import (
    Reason,
    Theorem,
    algebra,
    definition,
    derive,
    divergence_theorem,
    exponential,
    given,
    log_density,
    normalised,
    using,
)
from concordant.theory.kernel.terms import (
    Along,
    Bind,
    D,
    Expr,
    Field,
    Index,
    Point,
    Vec,
    const,
    contract,
    coords,
    delta,
    div,
    dot,
    grad,
    integral,
    lift,
    log,
    norm2,
    over_time,
    scalar,
    step,
    total,
    vector,
)

X = coords(x)
k, l = Index("k"), Index("l")


# ------------------------------------------------------------------------------------------------ mixtures
def over(e: Expr, *indices: Index) -> Expr:
    """Σ e over these coordinates, which are free in it."""
    for one in indices:
        e = Bind("con", one, e)
    return e


class Component:
    """Component n of a mixture before the noise, N(m, C), and after it; P and W are the two precisions, and with u = x - α m
    M := W u, U := α C M."""

    def __init__(self) -> None:
        self.n, self.data = step("n"), Point("x0")
        self.al, self.sg = const("α_t", positive=True), const("σ", positive=True)
        names = "q", (x, self.data), "g", (self.data, self.n), "h", (x, self.n), "r", (self.data, x, self.n)
        self.kernel, self.before, self.after, self.rest = (
            scalar(name)(*at) for name, at in zip(names[::2], names[1::2], strict=True)
        )
        self.scale = scalar("c")(self.n)
        self.w = coords(self.data) - vector("m")(self.n)  # from the centre, before
        self.u = X - lift(self.al) * vector("m")(self.n)  # and after
        self.M, self.U = vector("M")(x, self.n), vector("U")(x, self.n)

    def at(self, name: str, a: Index, b: Index) -> Expr:
        return Field(name, (self.n,), (a, b))

    def form(self, of: Vec) -> Expr:
        """ofᵀ P of."""
        return contract(lambda a: contract(lambda b: self.at("P", a, b) * of.at(a) * of.at(b)))

    def laws(self) -> Reason:
        """The four densities, normalised by constants of their own, of which c is what is left."""
        first, noisy, last = (scalar(f"z{name}")(self.n) for name in "ghr")
        off, nothing = self.w - self.U, Vec(lambda _: lift(0))
        narrower = self.form(off) + lift(self.al**2 / self.sg**2) * dot(off, off)
        constant = gaussian(nothing, nothing, self.sg**2)
        return (
            log_density("q", (x, self.data), gaussian(X, lift(self.al) * coords(self.data), self.sg**2))
            & log_density("g", (self.data, self.n), -HALF * self.form(self.w) - first)
            & log_density("h", (x, self.n), -HALF * dot(self.u, self.M) - noisy)
            & log_density("r", (self.data, x, self.n), -HALF * narrower - last)
            & log_density("c", (self.n,), noisy + last - first + constant)
        )

    def facts(self) -> tuple[Theorem, ...]:
        """P is symmetric; P U = α M, from P C = I; and α U + σ² M = u, from (α² C + σ² I) W = I."""
        symmetric = given("precisions are symmetric", self.at("P", i, j), self.at("P", j, i))
        inverse = given(
            "P is the inverse of C", contract(lambda a: self.at("P", i, a) * self.at("C", a, j)), delta(i, j)
        )
        wide = contract(
            lambda a: (lift(self.al**2) * self.at("C", i, a) + lift(self.sg**2) * delta(i, a)) * self.at("W", a, j)
        )
        wider = given("W is the inverse of α² C + σ² I", wide, delta(i, j))
        by_m = definition("M", (x, self.n), contract(lambda a: self.at("W", i, a) * self.u.at(a)), (i,))
        by_u = definition("U", (x, self.n), lift(self.al) * contract(lambda a: self.at("C", i, a) * self.M.at(a)), (i,))
        pulled = (
            derive(contract(lambda a: self.at("P", i, a) * self.U.at(a)))
            .to(over(inverse.lhs * lift(self.al) * self.M.at(j), j), by=by_u)
            .to(
                lift(self.al) * self.M.at(i),
                by=using(inverse.inside(lambda e: over(e * lift(self.al) * self.M.at(j), j))),
            )
        ).qed()
        shared = (
            derive(lift(self.al) * self.U.at(i) + lift(self.sg**2) * self.M.at(i))
            .to(
                lift(self.al**2) * contract(lambda a: self.at("C", i, a) * self.M.at(a))
                + lift(self.sg**2) * self.M.at(i),
                by=by_u,
            )
            .to(over(wide * self.u.at(j), j), by=by_m)
            .to(self.u.at(i), by=using(wider.inside(lambda e: over(e * self.u.at(j), j))))
        ).qed()
        return symmetric, pulled, shared

    def product(self) -> Theorem:
        """q g = c h r: the square completed, for a covariance in any axes."""
        symmetric, pulled, shared = self.facts()
        w, u = self.w, self.u
        left = lift(2 * self.al) * w - u - lift(self.al) * self.U
        cited = (
            symmetric.inside(lambda e: over(-HALF * e * self.U.at(i) * w.at(j), i, j)),
            pulled.inside(lambda e: over(-HALF * e * (2 * w - self.U).at(i), i)),
            shared.inside(lambda e: over(lift(-1 / (2 * self.sg**2)) * e * left.at(i), i)),
        )
        by = self.laws() & using(*cited, text="completing the square")
        return exponential(
            derive(log(self.kernel * self.before)).to(log(self.scale * self.after * self.rest), by=by).qed()
        )

    def carried(self) -> Theorem:
        """∫ q g dx0 = h: the constant c is 1, since all four are normalised."""
        product = self.product()
        one = (
            derive(self.scale)
            .to(integral(self.scale * self.after * self.rest, x, self.data), by=normalised("h", "r"))
            .to(
                integral(self.kernel * self.before, x, self.data),
                by=using(product.inside(lambda e: -integral(e, x, self.data)), text="the square completed"),
            )
            .to(1, by=normalised("q", "g"))
        ).qed()
        return (
            derive(integral(self.kernel * self.before, self.data))
            .to(
                integral(self.scale * self.after * self.rest, self.data),
                by=using(product.inside(lambda e: integral(e, self.data)), text="the square completed"),
            )
            .to(self.scale * self.after, by=normalised("r"))
            .to(self.after, by=using(one.inside(lambda e: e * self.after), text="what is left over is 1"))
        ).qed()


@derivation("mixture-marginals", notation={"q": "|", "g": "p_0|", "h": "p|", "r": "|", "x": "x_t", "α_t": "α"})
def mixture_marginals() -> Theorem:
    """Complete the square for one component, with matrices that are not inverted; integrals and sums change places."""
    c, last = Component(), step("K")
    weight, p = scalar("w")(c.n), scalar("p")(x, last)
    data = total(weight * c.before, c.n, 1, last)
    marginal = definition("p", (x, last), integral(c.kernel * data, c.data))
    carried = c.carried()
    return (
        derive(p)
        .to(total(weight * integral(c.kernel * c.before, c.data), c.n, 1, last), by=marginal)
        .to(
            total(weight * c.after, c.n, 1, last),
            by=using(carried.inside(lambda e: total(weight * e, c.n, 1, last)), text="every component by itself"),
        )
    ).qed()


# ------------------------------------------------------------------------------------------------ closure
@derivation("gaussian-closure", notation={"q": "p_t", "ς": "g", "ϑ": "f", "e": "e"})
def gaussian_closure() -> tuple[Theorem, ...]:
    """By parts, twice, (x-m)/c² is traded for a derivative; the rest of the third moment has h² as a factor.  The line that keeps
    the mean and the variance right is the probability flow."""
    c, h, centre = const("c", positive=True), const("h", positive=True), vector("m")()
    q, a = scalar("q")(x), vector("a")()
    law = log_density("q", (x,), gaussian(X, centre, c**2))
    y, v, mean = dot(a, X - centre), dot(a, vector("v")(x)), scalar("e")()
    w, length, c2 = v - mean, norm2(a), lift(c**2)

    def along(of: Expr) -> Expr:
        """a·∇F."""
        return dot(a, grad(of, x))

    def stein(of: Expr) -> Theorem:
        """E[a·(x-m) F] = c² E[a·∇F]."""
        push = divergence_theorem(c2 * q * of * a, x)
        return (
            derive(integral(q * y * of, x))
            .to(-c2 * integral(of * along(q), x), by=law)
            .to(c2 * integral(q * along(of), x), by=using(push.inside(lambda e: -e)))
        ).qed()

    first = derive(integral(q * y, x)).to(0, by=using(stein(lift(1)))).qed()
    second = derive(integral(q * y * y, x)).to(c2 * length, by=using(stein(y)) & normalised("q")).qed()
    cube = (
        derive(integral(q * y * y * y, x)).to(
            0, by=using(stein(y * y), first.inside(lambda e: 2 * c2 * length * e), text="a Gaussian is symmetric")
        )
    ).qed()
    average = derive(integral(q * v, x)).to(mean, by=definition("e", (), integral(q * v, x))).qed()
    linear = (
        derive(integral(q * y * y * w, x))
        .to(
            c2 * length * (integral(q * v, x) - mean) + c2 * c2 * integral(q * along(along(v)), x),
            by=using(
                stein(y * v),
                stein(along(v)).inside(lambda e: c2 * e),
                second.inside(lambda e: -mean * e),
                text="by parts, twice",
            ),
        )
        .to(
            c2 * c2 * integral(q * along(along(v)), x),
            by=using(average.inside(lambda e: c2 * length * e), text="e is the mean of a·v"),
        )
    ).qed()
    z = y + lift(h) * w
    rest = lift(3 * h**2) * integral(q * y * w * w, x) + lift(h**3) * integral(q * w * w * w, x)
    third = (
        derive(integral(q * z * z * z, x))
        .to(integral(q * y * y * y, x) + lift(3 * h) * integral(q * y * y * w, x) + rest, by=algebra)
        .to(
            lift(3 * h * c**4) * integral(q * along(along(v)), x) + rest,
            by=using(cube, linear.inside(lambda e: lift(3 * h) * e), text="the moments above"),
        )
    ).qed()
    return third, *matched(c, centre)


def matched(c: Any, centre: Vec) -> tuple[Theorem, ...]:
    """v = a x + b with a m + b = f m and 2 a c² = 2 f c² + g² is f x - ½ g² ∇log N(x; m, c²)."""
    rate, g = const("ϑ"), const("ς", positive=True)
    slope = rate + g**2 / (2 * c**2)
    shift = lift(-(g**2) / (2 * c**2)) * centre
    means = derive((lift(slope) * centre + shift).at(i)).to((lift(rate) * centre).at(i), by=algebra)
    variances = derive(lift(2 * slope * c**2)).to(lift(2 * rate * c**2 + g**2), by=algebra)
    law = log_density("q", (x,), gaussian(X, centre, c**2))
    score = grad(log(scalar("q")(x)), x)
    flow = derive((lift(slope) * X + shift).at(i)).to((lift(rate) * X - lift(HALF * g**2) * score).at(i), by=law)
    return means.qed(), variances.qed(), flow.qed()


# ------------------------------------------------------------------------------------------------ random probes
@derivation("hutchinson", notation={"q": "π", "u": "v", "w": "x"})
def hutchinson() -> tuple[Theorem, ...]:
    """The mean of z zᵀ is the identity, and that of four factors z the sum over their pairings and the excess: contract them with the
    Jacobian, and with two."""
    zp, m = Point("z"), Index("m")
    q, z, J = scalar("q")(zp), coords(zp), vector("u")(x)
    kappa, end = const("κ"), const("T", positive=True)
    two = given("E[z zᵀ] = I", integral(q * z.at(i) * z.at(j), zp), delta(i, j))
    pairs = delta(i, j) * delta(k, m) + delta(i, k) * delta(j, m) + delta(i, m) * delta(j, k)
    four = given(
        "independent coordinates of excess kurtosis κ",
        integral(q * z.at(i) * z.at(j) * z.at(k) * z.at(m), zp),
        pairs + lift(kappa) * delta(i, j) * delta(j, k) * delta(k, m),
    )

    def entry(a: Index, b: Index) -> Expr:
        return D(J.at(a), x, b)

    probe = over(z.at(i) * entry(i, j) * z.at(j), i, j)
    square = over(z.at(i) * entry(i, j) * z.at(j) * z.at(k) * entry(k, m) * z.at(m), i, j, k, m)
    trace = div(J, x)
    unbiased = derive(integral(q * probe, zp)).to(trace, by=using(two.inside(lambda e: over(entry(i, j) * e, i, j))))
    spread = derive(integral(q * square, zp) - trace * trace).to(
        over(entry(i, j) * (entry(i, j) + entry(j, i)), i, j) + lift(kappa) * over(entry(i, i) * entry(i, i), i),
        by=using(four.inside(lambda e: over(entry(i, j) * entry(k, m) * e, i, j, k, m))),
    )
    # along a trajectory, with one probe for all times
    curve = Along("w", t)
    jacobian = Field("J", (curve,), (i, j))
    whole = over_time(over(z.at(i) * jacobian * z.at(j), i, j), t, 0, end)
    summed = derive(integral(q * whole, zp)).to(
        over_time(over(delta(i, j) * jacobian, i, j), t, 0, end),
        by=using(two.inside(lambda e: over_time(over(jacobian * e, i, j), t, 0, end))),
    )
    return unbiased.qed(), spread.qed(), summed.qed()
