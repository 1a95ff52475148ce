// One step of each sampler, and the four formulations' flows in their own terms.
// The formulas are those of impl/calculus.py, impl/variational.py and impl/sde.py; tests compare each step with torch.
import { levelAt, marginal, timeOf, twin, SCHEDULES } from "./oracle.js";

// ---------------------------------------------------------------- steps from time t to an earlier time s
// `law` gives p_t at a time (a marginal of oracle.js), z is standard normal noise.
const along = (x, step, slope) => x.map((value, i) => value + step * slope[i]);

export const SAMPLERS = {
  euler: { label: "ODE, Euler", noisy: false,
    step: (law, x, t, s) => along(x, s - t, law(t).mean(x, "velocity")) },
  heun: { label: "ODE, Heun", noisy: false,
    step(law, x, t, s) {
      const here = law(t).mean(x, "velocity"), there = law(s).mean(along(x, s - t, here), "velocity");
      return along(x, (s - t) / 2, here.map((value, i) => value + there[i]));
    } },
  ddim: { label: "DDIM", noisy: false,
    step(law, x, t, s) {
      const x0 = law(t).mean(x, "x0"), eps = law(t).mean(x, "epsilon"), n = law(s).level;
      return x0.map((value, i) => n.alpha * value + n.sigma * eps[i]);
    } },
  ancestral: { label: "ancestral (DDPM)", noisy: true,
    // mean and variance of q(x_s | x_t, x0) with the prediction for x0: tau is the part of the noise that is drawn anew
    step(law, x, t, s, z) {
      const from = law(t).level, n = law(s).level, x0 = law(t).mean(x, "x0"), eps = law(t).mean(x, "epsilon");
      const kept = ((from.alpha * n.sigma) / (n.alpha * from.sigma)) ** 2;
      return x0.map((value, i) => n.alpha * value + n.sigma * (Math.sqrt(kept) * eps[i] + Math.sqrt(1 - kept) * z[i]));
    } },
  sde: { label: "reverse SDE, Euler", noisy: true,
    step(law, x, t, s, z) {
      const n = law(t).level, h = s - t, score = law(t).mean(x, "score");
      return x.map((value, i) => value + (n.f * value - n.g2 * score[i]) * h + Math.sqrt(n.g2 * -h) * z[i]);
    } },
};

// All states of a path along falling times; noise is an array of z, one a step.
export function path(name, law, x, times, noise) {
  const states = [x];
  for (let i = 1; i < times.length; i++) {
    x = SAMPLERS[name].step(law, x, times[i - 1], times[i], noise ? noise[i - 1] : null);
    states.push(x);
  }
  return states;
}

// `law` for a mixture on a schedule, remembering the levels that were asked for.
export function lawOf(mix, s) {
  const known = new Map();
  return (t) => {
    if (!known.has(t)) {
      if (known.size > 4096) known.clear();
      known.set(t, marginal(mix, levelAt(s, t)));
    }
    return known.get(t);
  };
}

// ---------------------------------------------------------------- formulations
// The scale each works at, what its network predicts, its own schedule, and dx/dt of its flow in its own terms.
export const FORMULATIONS = {
  ddpm: { label: "DDPM", scale: "vp", kind: "epsilon", says: "the noise ε*", schedule: "vp-linear",
    flow: (p, x) => { const e = p.mean(x, "epsilon"); return x.map((v, i) => p.level.f * (v - e[i] / p.level.sigma)); } },
  ncsn: { label: "NCSN", scale: "ve", kind: "score", says: "the score", schedule: "edm",
    flow: (p, x) => p.mean(x, "score").map((v) => (-p.level.dSigma2 / 2) * v) },
  sde: { label: "score SDE", scale: null, kind: "score", says: "the score", schedule: "sub-vp",
    flow: (p, x) => { const s = p.mean(x, "score"); return x.map((v, i) => p.level.f * v - (p.level.g2 / 2) * s[i]); } },
  flow: { label: "flow matching", scale: null, kind: "velocity", says: "the velocity", schedule: "flow-matching",
    flow: (p, x) => p.mean(x, "velocity") },
};

// The flow of a formulation in its own variables on its own schedule through equally spaced lambda, from a start at the
// common scale (x/sqrt(alpha^2 + sigma^2)).  Runge and Kutta's fourth order.  Gives {times, levels, states}.
export function flowOf(name, mix, start, lams) {
  const form = FORMULATIONS[name], s = twin(SCHEDULES[form.schedule], form.scale), law = lawOf(mix, s);
  const times = lams.map((l) => timeOf(s, l)), levels = times.map((t) => levelAt(s, t));
  const first = Math.hypot(levels[0].alpha, levels[0].sigma);
  let x = start.map((v) => v * first);
  const states = [x];
  for (let i = 1; i < times.length; i++) {
    const t = times[i - 1], h = times[i] - t, m = t + h / 2;
    const a = form.flow(law(t), x), b = form.flow(law(m), along(x, h / 2, a));
    const c = form.flow(law(m), along(x, h / 2, b)), d = form.flow(law(times[i]), along(x, h, c));
    x = x.map((v, k) => v + (h / 6) * (a[k] + 2 * b[k] + 2 * c[k] + d[k]));
    states.push(x);
  }
  return { times, levels, states };
}
