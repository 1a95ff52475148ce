// Conversions between the five kinds of prediction, and between the conventions of papers and libraries.
//
// The formulas are those of impl/predictions.py and impl/conventions.py, and tests compare the two to 1e-12:
// a kind is the mean of A x0 + B eps, and with x = alpha x0 + sigma eps any one of them fixes the others.
// No dependency, no page: convert-page.js draws the form.

export const KINDS = ["x0", "epsilon", "score", "v", "velocity"];

// [A, B] of a kind at a level {alpha, sigma, dAlpha, dSigma}.
export function combination(kind, n) {
  switch (kind) {
    case "x0": return [1, 0];
    case "epsilon": return [0, 1];
    case "score": return [0, -1 / n.sigma];
    case "v": return [-n.sigma, n.alpha];
    case "velocity": return [n.dAlpha, n.dSigma];
    default: throw new Error(`unknown kind of prediction ${kind}`);
  }
}

// [x0, eps] from a value y = A x0 + B eps at x = alpha x0 + sigma eps; not finite where nothing follows.
export function pair([a, b], y, x, alpha, sigma) {
  const det = alpha * b - sigma * a;
  return [(b * x - sigma * y) / det, (alpha * y - a * x) / det];
}

// One kind as another.  Written with the coefficients on x and y, as in impl/predictions.py.
export function convert(from, to, y, x, n) {
  if (from === to) return y;
  const [a, b] = combination(from, n), [c, d] = combination(to, n);
  const det = n.alpha * b - n.sigma * a;
  const onX = (c * b - d * a) / det, onY = (n.alpha * d - n.sigma * c) / det;
  return onX * x + onY * y;
}

// All five at once: {x0, epsilon, score, v, velocity}, null where the conversion is singular.
export function all(from, y, x, n) {
  const out = {};
  for (const kind of KINDS) {
    const value = convert(from, kind, y, x, n);
    out[kind] = Number.isFinite(value) ? value : null;
  }
  return out;
}

// ---------------------------------------------------------------- scales, heads and chains
const sigmoid = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));
const vp = (lam) => [Math.sqrt(sigmoid(2 * lam)), Math.sqrt(sigmoid(-2 * lam))];
const softplus = (z) => (z > 0 ? z + Math.log1p(Math.exp(-z)) : Math.log1p(Math.exp(z)));

const epsilon = () => [0, 1];
const data = () => [1, 0];
const score = (alpha, sigma) => [0, -1 / sigma];
const v = (alpha, sigma) => { const r = Math.hypot(alpha, sigma); return [-sigma / r, alpha / r]; };
const minusV = (alpha, sigma) => v(alpha, sigma).map((z) => -z);
const edm = (sd) => (alpha, sigma) => { const r = Math.sqrt(sigma * sigma + sd * sd); return [sigma / (sd * r), -sd / r]; };
const straight = () => [1, -1];

// A discrete chain: its lambda at the steps, straight lines between them.
function chain(betas, first) {
  const lams = [];
  let log = 0;
  for (const beta of betas) {
    log += Math.log1p(-beta);
    lams.push((log - Math.log(-Math.expm1(log))) / 2);
  }
  const last = lams.length - 1;
  return {
    span: [first, first + last],
    lam(c) {
      const i = Math.min(Math.floor(c - first), last - 1);
      return lams[i] + (c - first - i) * (lams[i + 1] - lams[i]);
    },
    clock(lam) {
      if (!(lam <= lams[0] && lam >= lams[last])) return NaN;
      let low = 0, high = last;
      while (high - low > 1) { const m = (low + high) >> 1; if (lams[m] >= lam) low = m; else high = m; }
      return first + low + (lams[low] - lam) / (lams[low] - lams[high]);
    },
  };
}
const evenly = (a, b, n) => Array.from({ length: n }, (_, i) => a + ((b - a) * i) / (n - 1));
const ddpm = chain(evenly(1e-4, 0.02, 1000), 1);
const stable = chain(evenly(Math.sqrt(0.00085), Math.sqrt(0.012), 1000).map((r) => r * r), 0);

// Score SDE's VP, beta from 0.1 to 20: alpha = exp(-B/2), sigma^2 = 1 - exp(-B).
const B = (t) => t * (0.1 + (t * 19.9) / 2);
const song = {
  level: (t) => [Math.exp(-B(t) / 2), Math.sqrt(-Math.expm1(-B(t)))],
  clock: (lam) => { const b = softplus(-2 * lam); return (2 * b) / (0.1 + Math.sqrt(0.01 + 2 * 19.9 * b)); },
  rate: (t) => { // dalpha/dt, dsigma/dt
    const beta = 0.1 + t * 19.9, [alpha, sigma] = song.level(t);
    return [(-beta / 2) * alpha, (beta * alpha * alpha) / (2 * sigma)];
  },
};

const RATE = Math.log(100) / 9, MIN = 1e-3, Q = Math.PI / 2, LOG_MIN = Math.log(MIN);

// name: [label, what the network is told, span, level(c) -> [alpha, sigma], clock(lambda) -> c, head(alpha, sigma, c)]
const table = {
  "ddpm": ["DDPM", "step i, 1 … 1000", ddpm.span, (c) => vp(ddpm.lam(c)), ddpm.clock, epsilon],
  "ncsn": ["NCSN", "level 0 … 9", [0, 9], (c) => [1, Math.exp(-RATE * c)], (l) => l / RATE, score],
  "score-sde-vp": ["score SDE, VP", "999 t", [0, 999], (c) => song.level(c / 999), (l) => 999 * song.clock(l), epsilon],
  "score-sde-ve": ["score SDE, VE", "σ", [0.01, 50], (c) => [1, c], (l) => Math.exp(-l), score],
  "edm": ["EDM, network F", "¼ log σ", [-Infinity, Infinity], (c) => [1, Math.exp(4 * c)], (l) => -l / 4, edm(0.5)],
  "k-diffusion": ["k-diffusion, denoiser", "σ", [0, Infinity], (c) => [1, c], (l) => Math.exp(-l), data],
  "k-diffusion-v": ["k-diffusion, VDenoiser", "(2/π) arctan σ", [0, 1], (c) => [1, Math.tan(Q * c)], (l) => Math.atan(Math.exp(-l)) / Q, v],
  "lipman": ["flow matching, OT path", "t", [0, 1], (c) => [c, 1 - (1 - MIN) * c],
    (l) => Math.exp(l) / (1 + (1 - MIN) * Math.exp(l)), () => [1, MIN - 1]],
  "rectified-flow": ["rectified flow", "999 t", [0, 999], (c) => [c / 999, 1 - c / 999], (l) => 999 * sigmoid(l), straight],
  "diffusers": ["diffusers, epsilon", "timestep 0 … 999", stable.span, (c) => vp(stable.lam(c)), stable.clock, epsilon],
  "diffusers-v": ["diffusers, v_prediction", "timestep 0 … 999", stable.span, (c) => vp(stable.lam(c)), stable.clock, v],
  "diffusers-euler": ["diffusers, Euler scheduler", "timestep 0 … 999", stable.span,
    (c) => [1, Math.exp(-stable.lam(c))], stable.clock, epsilon],
  "diffusers-flow": ["diffusers, flow (SD3)", "1000 σ", [0, 1000], (c) => [1 - c / 1000, c / 1000],
    (l) => 1000 * sigmoid(-l), () => [-1, 1]],
  "flow_matching": ["flow_matching, CondOT", "t", [0, 1], (c) => [c, 1 - c], sigmoid, straight],
  "flow_matching-vp": ["flow_matching, VP", "t", [0, 1], (c) => song.level(1 - c), (l) => 1 - song.clock(l),
    (alpha, sigma, c) => song.rate(1 - c).map((z) => -z)],
  "torchcfm": ["torchcfm", "t", [0, 1], (c) => [c, 1 - c], sigmoid, straight],
  "torchcfm-vp": ["torchcfm, variance preserving", "t", [0, 1], (c) => [Math.sin(Q * c), Math.sin(Q * (1 - c))],
    (l) => Math.atan(Math.exp(l)) / Q, (alpha, sigma, c) => [Q * Math.sin(Q * (1 - c)), -Q * Math.sin(Q * c)]],
  "azula": ["azula, rectified", "t", [0, 1], (c) => [1 - (1 - MIN) * c, MIN + (1 - MIN) * c],
    (l) => (1 - MIN * Math.exp(l)) / ((1 - MIN) * (1 + Math.exp(l))), data],
  "azula-vp": ["azula, VP", "t", [0, 1],
    (c) => [Math.exp(LOG_MIN * c * c), Math.sqrt(MIN * MIN - Math.expm1(2 * LOG_MIN * c * c))],
    (l) => Math.sqrt(Math.max(0, (Math.log1p(MIN * MIN) - softplus(-2 * l)) / (2 * LOG_MIN))), data],
  "azula-karras": ["azula, Karras backbone", "log(σ/α)", [-Infinity, Infinity], (c) => vp(-c), (l) => -l, minusV],
};
export const CONVENTIONS = Object.fromEntries(
  Object.entries(table).map(([name, [label, told, span, level, clock, head]]) => [name, { label, told, span, level, clock, head }]),
);

// What a convention's network is told, sees and says at a given lambda, for the pair (x0, eps); null off its clock.
export function theirs(name, x0, eps, lam) {
  const k = CONVENTIONS[name], c = k.clock(lam);
  if (!(c >= k.span[0] && c <= k.span[1])) return null;
  const [alpha, sigma] = k.level(c), [a, b] = k.head(alpha, sigma, c);
  return { c, alpha, sigma, x: alpha * x0 + sigma * eps, output: a * x0 + b * eps };
}

// The pair (x0, eps) and lambda from what a convention's network was told (c), saw (x) and said (y); null off its clock.
export function ours(name, c, x, y) {
  const k = CONVENTIONS[name];
  if (!(c >= k.span[0] && c <= k.span[1])) return null;
  const [alpha, sigma] = k.level(c), [a, b] = k.head(alpha, sigma, c);
  const [x0, eps] = pair([a, b], y, x, alpha, sigma);
  return { x0, eps, alpha, sigma, lam: Math.log(alpha) - Math.log(sigma) };
}
