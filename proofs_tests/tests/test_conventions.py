"""Conventions of papers and libraries: round trips, and checks that do not use the table's own algebra."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from concordant.errors import BadInput
from concordant.impl.conventions import (
    CONVENTIONS,
    Theirs,
    adapt,
    edm_preconditioning,
    from_ours,
    linear_betas,
    scaled_linear_betas,
    to_ours,
)
from concordant.impl.flow import FlowMatching
from concordant.impl.predictions import KINDS, Prediction
from concordant.impl.schedules import EDM, Schedule, VPLinear, schedule
from concordant.impl.symbols import SYMBOLS, guide, shifted, symbol, ve_sigma
from concordant.impl.targets import target
from concordant.impl.variational import DDPM
from concordant.proofs_tests import rosetta
from concordant.proofs_tests.tests.strategies import floats, named_schedules, tensor

NAMES = sorted(CONVENTIONS)
FLOWS = [n for n in NAMES if CONVENTIONS[n].predicts.startswith("the velocity")]
RING = target("ring")
#: λ that every convention reaches: NCSN's largest level has λ = 0, the first timestep of Stable Diffusion 3.535
LAMS = torch.linspace(0.01, 3.5, 7, dtype=torch.float64)


def clocks(name: str) -> torch.Tensor:
    return CONVENTIONS[name].clock(LAMS)


# ------------------------------------------------------------------------------------------------ every convention
@pytest.mark.parametrize("name", NAMES)
def test_the_clock_is_the_inverse_of_lambda(name: str) -> None:
    there = CONVENTIONS[name]
    c = clocks(name)
    torch.testing.assert_close(there.lam(c), LAMS, rtol=1e-10, atol=1e-10)
    rises = bool((c.diff() > 0).all())
    assert rises == (there.noise_at == "low"), "λ rises with c exactly where the noise is at the low end of the clock"
    assert rises or bool((c.diff() < 0).all())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("clock", ["vp-linear", "edm", "flow-matching"])
def test_there_and_back(name: str, clock: str) -> None:
    """An output that fits nothing in particular survives the way to ours, in every kind, and back."""
    ours_schedule = schedule(clock)
    x, output = torch.randn(2, len(LAMS), 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    theirs = Theirs(clocks(name), x, output)
    for kind in KINDS:
        ours = to_ours(name, theirs, ours_schedule, kind)
        back = from_ours(name, ours.prediction, ours.x, ours.t, ours_schedule)
        for got, want in zip(back, theirs, strict=True):
            torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_a_pair_is_recovered(name: str) -> None:
    """What the network should say of a known pair (x_0, ε), written from α, σ, A, B, gives x_0 and ε back."""
    x0, noise = torch.randn(2, len(LAMS), 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    c = clocks(name)
    alpha, sigma, a, b = (v.unsqueeze(-1) for v in CONVENTIONS[name].coefficients(c))
    theirs = Theirs(c, alpha * x0 + sigma * noise, a * x0 + b * noise)
    for kind, want in (("x0", x0), ("epsilon", noise)):
        got = to_ours(name, theirs, VPLinear(), kind).prediction.value
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_formula_shown_for_the_clean_data(name: str) -> None:
    """`recover`, which the site prints, evaluated, is the x_0 of `to_ours`."""
    there, c = CONVENTIONS[name], clocks(name)[3]
    alpha, sigma, a, b = (float(v) for v in there.coefficients(c))
    x, output = 0.7, -1.3
    values = {
        "x": x,
        there.says: output,
        "alpha": alpha,
        "sigma": sigma,
        "alpha_dot": a,
        "sigma_dot": b,
        "sigma_min": 1e-3,
    }
    ours = to_ours(name, Theirs(c, tensor([x]), tensor([output])), VPLinear())
    assert rosetta.value(there, values) == pytest.approx(float(ours.prediction.value), rel=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_the_ideal_network_is_the_oracle(name: str) -> None:
    """The posterior mean of A x_0 + B ε under *their* kernel, by way of log p alone, is our oracle on our schedule."""
    here = schedule("flow-matching")
    c = clocks(name)[2:3]
    alpha, sigma, a, b = CONVENTIONS[name].coefficients(c)
    law = RING.at_level(alpha[0], sigma[0])

    def network(x: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        assert torch.allclose(told, c)
        leaf = x.detach().requires_grad_()
        (score,) = torch.autograd.grad(
            law.log_prob(leaf).sum(), leaf
        )  # Tweedie from log p: no use of the oracle's heads
        x0, noise = (x + sigma**2 * score) / alpha, -sigma * score
        return a * x0 + b * noise

    t = here.t_of_lam(CONVENTIONS[name].lam(c))[0]
    x = RING.at(here, t).sample(6, seed=2)
    for kind in KINDS:
        got = adapt(name, network, here, kind)(x, t).value
        want = RING.at(here, t).mean(x, kind)
        torch.testing.assert_close(got, want, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", FLOWS)
def test_a_velocity_is_the_derivative_of_the_path(name: str) -> None:
    """A and B are dα/ds and dσ/ds on the clock s that the paper calls time (the number told may be a multiple of it)."""
    unit = {"rectified-flow": 999.0, "diffusers-flow": 1000.0}.get(name, 1.0)
    there = CONVENTIONS[name]
    c = clocks(name).requires_grad_()
    for value, head in zip(there.level(c), there.head(*there.level(c), c), strict=True):
        (rate,) = torch.autograd.grad(value.sum(), c)
        torch.testing.assert_close(unit * rate, head.detach(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", [n for n in FLOWS if n != "diffusers-flow"])
def test_flows_of_the_papers_run_the_other_way(name: str) -> None:
    assert CONVENTIONS[name].noise_at == "low"
    assert CONVENTIONS["diffusers-flow"].noise_at == "high"


def test_flow_matching_is_ours_turned_round() -> None:
    """On the linear path u(x, 1 - t) = -v(x, t), for Meta's library and torchcfm; diffusers' output is v itself."""
    x = RING.at(schedule("flow-matching"), 0.3).sample(5, seed=1)
    ours = RING.at(schedule("flow-matching"), 0.3).predict(x, "velocity")
    for name in ("flow_matching", "torchcfm"):
        theirs = from_ours(name, ours, x, 0.3, schedule("flow-matching"))
        torch.testing.assert_close(theirs.output, -ours.value)
        assert float(theirs.c) == pytest.approx(0.7, rel=1e-14)
    theirs = from_ours("diffusers-flow", ours, x, 0.3, schedule("flow-matching"))
    torch.testing.assert_close(theirs.output, ours.value)
    assert float(theirs.c) == pytest.approx(300.0, rel=1e-14)


def test_meta_vp_is_our_vp_backwards() -> None:
    ours = VPLinear().at(tensor([0.2, 0.6]))
    alpha, sigma, a, b = CONVENTIONS["flow_matching-vp"].coefficients(tensor([0.8, 0.4]))
    for got, want in zip((alpha, sigma, -a, -b), ours[:4], strict=True):
        torch.testing.assert_close(got, want)


# ------------------------------------------------------------------------------------------------ one by one
def test_chains_have_the_levels_of_their_steps() -> None:
    for name, betas, first in (("ddpm", linear_betas(), 1), ("diffusers", scaled_linear_betas(), 0)):
        chain = DDPM(betas)
        for i in (1, 2, 500, 999, 1000):
            alpha, sigma, *_ = CONVENTIONS[name].coefficients(float(i - 1 + first))
            assert float(alpha) == pytest.approx(float(chain.alpha_bar[i].sqrt()), rel=1e-12)
            assert float(sigma) == pytest.approx(float(chain.noise[i].sqrt()), rel=1e-10)


def test_scaled_linear_is_linear_in_the_square_root() -> None:
    roots = scaled_linear_betas(1e-4, 0.02, 11).sqrt()
    torch.testing.assert_close(roots.diff(), torch.full((10,), float(roots[-1] - roots[0]) / 10, dtype=torch.float64))
    assert float(scaled_linear_betas()[-1]) == pytest.approx(0.012, rel=1e-14)


def test_edm_gives_unit_targets_and_the_denoiser() -> None:
    """c_in makes inputs of unit variance, F's target has unit variance, and D = c_skip x + c_out F is the denoiser."""
    sigma = tensor([0.01, 0.5, 3.0, 60.0])
    c_skip, c_out, c_in, c_noise = edm_preconditioning(sigma, 0.5)
    torch.testing.assert_close(c_in**2 * (0.25 + sigma**2), torch.ones_like(sigma))
    _, _, a, b = CONVENTIONS["edm"].coefficients(c_noise)
    torch.testing.assert_close(a**2 * 0.25 + b**2, torch.ones_like(sigma))
    x0, noise = tensor([1.0, -2.0]).unsqueeze(1), tensor([0.3, 0.7]).unsqueeze(1)
    f = a * x0 + b * noise
    torch.testing.assert_close(c_skip * (x0 + sigma * noise) + c_out * f, x0.expand_as(f), rtol=1e-9, atol=1e-9)


def test_edm_at_unit_scale_is_minus_v() -> None:
    """With σ_data = 1, F is minus v-prediction of the variance-preserving twin; azula's backbone is just that."""
    lam = tensor([-2.0, 0.3, 1.7])
    sigma = torch.exp(-lam)
    c_skip, c_out, *_ = edm_preconditioning(sigma, 1.0)
    _, _, a, b = CONVENTIONS["azula-karras"].coefficients(-lam)
    torch.testing.assert_close(a, (1 - c_skip) / c_out)
    torch.testing.assert_close(b, -c_skip * sigma / c_out)
    for v, minus in zip(
        CONVENTIONS["k-diffusion-v"].head(*CONVENTIONS["k-diffusion"].level(sigma), sigma), (a, b), strict=True
    ):
        torch.testing.assert_close(v, -minus)


def test_v_prediction_of_diffusers() -> None:
    """x_0 = √ᾱ x - √(1-ᾱ) v and ε = √ᾱ v + √(1-ᾱ) x, as its schedulers have it."""
    x, v = tensor([0.7, -1.1]), tensor([0.2, 0.9])
    alpha, sigma, *_ = CONVENTIONS["diffusers-v"].coefficients(400.0)
    said = Theirs(tensor(400.0), x, v)
    torch.testing.assert_close(to_ours("diffusers-v", said, VPLinear(), "x0").prediction.value, alpha * x - sigma * v)
    torch.testing.assert_close(
        to_ours("diffusers-v", said, VPLinear(), "epsilon").prediction.value, alpha * v + sigma * x
    )


def test_karras_derivative_is_the_velocity_of_edm() -> None:
    """(x - D)/σ of k-diffusion is dx/dt on the clock t = σ."""
    x = RING.at(EDM(), 1.3).sample(4, seed=5)
    denoised = from_ours("k-diffusion", RING.at(EDM(), 1.3).predict(x, "score"), x, 1.3, EDM())
    assert float(denoised.c) == pytest.approx(1.3, rel=1e-14)
    torch.testing.assert_close(
        (x - denoised.output) / 1.3, FlowMatching(EDM()).velocity(RING.predictor(EDM()), x, tensor(1.3))
    )


def test_same_network_two_schedulers() -> None:
    """The ε of a DDIM scheduler and of an Euler scheduler at one timestep is one ε, at points that differ by √ᾱ."""
    c = tensor(321.0)
    alpha = CONVENTIONS["diffusers"].coefficients(c)[0]
    x, noise = tensor([0.4, -0.2]), tensor([0.3, 1.2])
    one = to_ours("diffusers", Theirs(c, x, noise), VPLinear(), "velocity")
    other = to_ours("diffusers-euler", Theirs(c, x / alpha, noise), VPLinear(), "velocity")
    torch.testing.assert_close(one.x, other.x)
    torch.testing.assert_close(one.prediction.value, other.prediction.value)


@given(st.data(), named_schedules())
def test_conventions_compose_through_any_schedule(data: st.DataObject, between: Schedule) -> None:
    """From one convention to another it does not matter which schedule of ours lies between."""
    one, other = (data.draw(st.sampled_from(NAMES)) for _ in range(2))
    lam = tensor([data.draw(floats(0.05, 3.0))])
    x, output = torch.randn(2, 1, 2, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    said = Theirs(CONVENTIONS[one].clock(lam), x, output)
    results = []
    for way in (between, VPLinear()):
        ours = to_ours(one, said, way, "x0")
        results.append(from_ours(other, ours.prediction, ours.x, ours.t, way))
    for got, want in zip(*results, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-7)


# ------------------------------------------------------------------------------------------------ symbols
@pytest.mark.parametrize("name", sorted(SYMBOLS))
def test_symbols_there_and_back(name: str) -> None:
    values = torch.linspace(0.01, 0.99, 9, dtype=torch.float64)
    entry = symbol(name)
    torch.testing.assert_close(entry.from_ours(entry.to_ours(values)), values)


def test_symbols_against_the_library() -> None:
    chain = DDPM.linear(10)
    level = chain.level(5)
    torch.testing.assert_close(symbol("alpha-bar").to_ours(chain.alpha_bar[5]), level.alpha)
    torch.testing.assert_close(symbol("beta-std").to_ours(chain.beta.sqrt()), chain.beta)
    s = VPLinear()
    torch.testing.assert_close(symbol("log-snr").to_ours(s.snr(0.3).log()), s.lam(0.3))
    torch.testing.assert_close(symbol("sigma-ratio").from_ours(s.lam(0.3)), s.sigma(tensor(0.3)) / s.alpha(tensor(0.3)))


def test_guidance_scales_are_one() -> None:
    cond, uncond = torch.randn(2, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    w = tensor(2.5)
    torch.testing.assert_close(guide(cond, uncond, symbol("guidance-w").to_ours(w)), (1 + w) * cond - w * uncond)


def test_guidance_of_any_kind_is_the_same() -> None:
    x, cond, uncond = torch.randn(3, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    level = VPLinear().at(0.4)
    direct = Prediction("epsilon", guide(cond, uncond, 3.0)).to("velocity", x, level).value
    one, other = (Prediction("epsilon", v).to("velocity", x, level).value for v in (cond, uncond))
    torch.testing.assert_close(guide(one, other, 3.0), direct)


def test_eta_is_a_standard_deviation_in_one_and_a_variance_in_the_other() -> None:
    """The variance added by diffusers, η² β̃, and by azula, η σ_s² τ, agree where the symbol says so."""
    s, t = VPLinear().at(0.3), VPLinear().at(0.5)
    eta_azula = tensor(0.49)
    tau = 1 - (t.alpha / s.alpha * s.sigma / t.sigma) ** 2
    beta_tilde = (s.sigma / t.sigma) ** 2 * (1 - (t.alpha / s.alpha) ** 2)
    eta = symbol("eta-variance").to_ours(eta_azula)
    torch.testing.assert_close(eta**2 * beta_tilde, eta_azula * s.sigma**2 * tau)
    assert not torch.allclose(eta_azula**2 * beta_tilde, eta_azula * s.sigma**2 * tau)


def test_shift_moves_lambda_by_a_constant() -> None:
    s, t = schedule("flow-matching"), torch.linspace(0.1, 0.9, 5, dtype=torch.float64)
    torch.testing.assert_close(s.lam(shifted(t, 3.0)), s.lam(t) - math.log(3))
    torch.testing.assert_close(shifted(shifted(t, 3.0), 1 / 3), t)
    with pytest.raises(BadInput, match="shift must be positive"):
        shifted(t, 0.0)


def test_ve_sigma_is_the_kernel_of_the_ve_schedule() -> None:
    s, t = schedule("ve"), torch.linspace(0.1, 0.9, 5, dtype=torch.float64)
    torch.testing.assert_close(ve_sigma(0.01 * 5000**t), s.sigma(t))


def test_what_is_refused() -> None:
    with pytest.raises(BadInput, match="unknown convention 'flax'"):
        to_ours("flax", Theirs(tensor(0.0), tensor([0.0]), tensor([0.0])), VPLinear())
    with pytest.raises(BadInput, match=r"c must lie in \[0, 999\]"):
        CONVENTIONS["rectified-flow"].coefficients(1000.0)
    with pytest.raises(BadInput, match="lambda must lie in"):
        CONVENTIONS["ddpm"].clock(tensor(50.0))
    with pytest.raises(BadInput, match="unknown symbol"):
        symbol("gamma")


# ------------------------------------------------------------------------------------------------ the page
def test_the_page_shows_the_table() -> None:
    """docs/rosetta.md quotes the two tables as they are now (`python -m concordant.proofs_tests.rosetta` writes them)."""
    text = rosetta.PAGE.read_text("utf-8")
    assert rosetta.filled(text) == text
    assert all(f'id="{name}"' in text for name in [*CONVENTIONS, *SYMBOLS])
