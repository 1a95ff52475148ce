// Gaussian mixtures under noise, in closed form: the formulas of impl/schedules and impl/targets/marginal.py.
// Tests compare them with the torch code to 1e-10.

// ---------------------------------------------------------------- schedules: x_t = alpha x0 + sigma eps
const softplus = (z) => (z > 40 ? z : Math.log1p(Math.exp(z)));
const sigmoid = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));
const betas = { low: 0.1, rise: 19.9 };
const integral = (t) => t * (betas.low + (t * betas.rise) / 2);
const beta = (t) => betas.low + t * betas.rise;
const whenIntegral = (b) => (2 * b) / (betas.low + Math.sqrt(betas.low ** 2 + 2 * betas.rise * b));
const offset = 0.008, rate = Math.PI / 2 / (1 + offset), cos0 = Math.cos(rate * offset);
const ve = { low: 0.01, log: Math.log(5000) };

// Each gives alpha, sigma, alpha' and (sigma^2)' of t in [0, T], and mostly t of lambda = log(alpha/sigma).
export const SCHEDULES = {
  "flow-matching": { label: "linear (flow matching)", T: 1,
    alpha: (t) => 1 - t, sigma: (t) => t, dAlpha: () => -1, dSigma2: (t) => 2 * t, tOfLam: (l) => sigmoid(-l) },
  "vp-linear": { label: "VP, linear β", T: 1,
    alpha: (t) => Math.exp(-integral(t) / 2), sigma: (t) => Math.sqrt(-Math.expm1(-integral(t))),
    dAlpha: (t) => (-beta(t) / 2) * Math.exp(-integral(t) / 2), dSigma2: (t) => beta(t) * Math.exp(-integral(t)),
    tOfLam: (l) => whenIntegral(softplus(-2 * l)) },
  "vp-cosine": { label: "VP, cosine", T: 1,
    alpha: (t) => Math.sin(rate * (1 - t)) / cos0,
    sigma: (t) => Math.sqrt(Math.sin(rate * t) * Math.sin(rate * (t + 2 * offset))) / cos0,
    dAlpha: (t) => (-rate * Math.cos(rate * (1 - t))) / cos0,
    dSigma2: (t) => (2 * rate * Math.sin(rate * (1 - t)) * Math.cos(rate * (1 - t))) / cos0 ** 2 },
  "trigonometric": { label: "trigonometric", T: 1,
    alpha: (t) => Math.sin((Math.PI / 2) * (1 - t)), sigma: (t) => Math.sin((Math.PI / 2) * t),
    dAlpha: (t) => (-Math.PI / 2) * Math.sin((Math.PI / 2) * t),
    dSigma2: (t) => Math.PI * Math.sin((Math.PI / 2) * t) * Math.sin((Math.PI / 2) * (1 - t)),
    tOfLam: (l) => (Math.atan(Math.exp(-l)) * 2) / Math.PI },
  "sub-vp": { label: "sub-VP", T: 1,
    alpha: (t) => Math.exp(-integral(t) / 2), sigma: (t) => -Math.expm1(-integral(t)),
    dAlpha: (t) => (-beta(t) / 2) * Math.exp(-integral(t) / 2),
    dSigma2: (t) => -2 * Math.expm1(-integral(t)) * beta(t) * Math.exp(-integral(t)),
    tOfLam: (l) => whenIntegral(2 * Math.asinh(Math.exp(-l) / 2)) },
  "edm": { label: "VE, σ = t (EDM)", T: 80,
    alpha: () => 1, sigma: (t) => t, dAlpha: () => 0, dSigma2: (t) => 2 * t, tOfLam: (l) => Math.exp(-l) },
  "ve": { label: "VE, geometric (NCSN)", T: 1,
    alpha: () => 1, sigma: (t) => ve.low * Math.sqrt(Math.expm1(2 * ve.log * t)),
    dAlpha: () => 0, dSigma2: (t) => 2 * ve.log * ve.low ** 2 * Math.exp(2 * ve.log * t),
    tOfLam: (l) => Math.log1p(Math.exp(-2 * l) / ve.low ** 2) / (2 * ve.log) },
};

// The twin of a schedule at another scale: "vp" has alpha^2 + sigma^2 = 1, "ve" has alpha = 1; the same lambda and time.
export function twin(s, scale) {
  if (scale !== "vp" && scale !== "ve") return s;
  const c = scale === "ve" ? (t) => 1 / s.alpha(t) : (t) => 1 / Math.hypot(s.alpha(t), s.sigma(t));
  const dLog = scale === "ve" // (log c)'
    ? (t) => -s.dAlpha(t) / s.alpha(t)
    : (t) => -(2 * s.alpha(t) * s.dAlpha(t) + s.dSigma2(t)) * c(t) ** 2 / 2;
  return { ...s,
    alpha: (t) => c(t) * s.alpha(t), sigma: (t) => c(t) * s.sigma(t),
    dAlpha: (t) => c(t) * (s.dAlpha(t) + dLog(t) * s.alpha(t)),
    dSigma2: (t) => c(t) ** 2 * (s.dSigma2(t) + 2 * dLog(t) * s.sigma(t) ** 2),
    tOfLam: (l) => timeOf(s, l) };
}

export const lam = (s, t) => Math.log(s.alpha(t)) - Math.log(s.sigma(t));

// The time at which lambda has a value: in closed form, or by bisection.
export function timeOf(s, l) {
  if (s.tOfLam) return Math.min(s.T, Math.max(0, s.tOfLam(l)));
  let low = 0, high = s.T;
  for (let i = 0; i < 64; i++) {
    const m = (low + high) / 2;
    if (lam(s, m) > l) low = m; else high = m;
  }
  return (low + high) / 2;
}

// The noise level at t, with the linear SDE's drift f = alpha'/alpha and squared diffusion g2 = (sigma^2)' - 2 f sigma^2.
export function levelAt(s, t) {
  const alpha = s.alpha(t), sigma = s.sigma(t), dAlpha = s.dAlpha(t), dSigma2 = s.dSigma2(t), f = dAlpha / alpha;
  return { t, alpha, sigma, dAlpha, dSigma: dSigma2 / (2 * sigma), dSigma2, f, g2: dSigma2 - 2 * f * sigma ** 2 };
}

// ---------------------------------------------------------------- mixtures
// Components N(mean, Q diag(spectrum) Q^T); in two dimensions Q turns by an angle.
export function mixture(components) {
  const total = components.reduce((sum, c) => sum + c.weight, 0);
  return {
    dimension: components[0].mean.length,
    components: components.map((c) => ({ weight: c.weight / total, mean: c.mean, spectrum: c.spectrum,
      cos: Math.cos(c.angle ?? 0), sin: Math.sin(c.angle ?? 0) })),
  };
}

const into = (c, d) => (d.length === 1 ? d : [c.cos * d[0] + c.sin * d[1], -c.sin * d[0] + c.cos * d[1]]); // Q^T d
const back = (c, d) => (d.length === 1 ? d : [c.cos * d[0] - c.sin * d[1], c.sin * d[0] + c.cos * d[1]]);

// p_t at a level: {logProb(x), responsibilities(x), mean(x, kind)}; mean is E[A x0 + B eps | x] = sum r_k h_k with
// h_k = A m_k + Q a_k Q^T (x - alpha m_k), a_k = (A alpha e_k + B sigma)/v_k, v_k = alpha^2 e_k + sigma^2.
export function marginal(mix, n) {
  const parts = mix.components.map((c) => {
    const v = c.spectrum.map((e) => n.alpha ** 2 * e + n.sigma ** 2);
    const logDet = v.reduce((sum, value) => sum + Math.log(value), 0);
    return { c, v, constant: Math.log(c.weight) - (logDet + mix.dimension * Math.log(2 * Math.PI)) / 2 };
  });
  const heads = { // [A, B sigma]
    x0: [1, 0], epsilon: [0, n.sigma], score: [0, -1], v: [-n.sigma, n.alpha * n.sigma], velocity: [n.dAlpha, n.dSigma2 / 2],
  };
  const offsets = (x) => parts.map(({ c }) => into(c, x.map((value, i) => value - n.alpha * c.mean[i])));
  function joint(d) {
    return parts.map(({ v, constant }, k) => {
      let q = 0;
      for (let i = 0; i < v.length; i++) q += d[k][i] ** 2 / v[i];
      return constant - q / 2;
    });
  }
  function softmax(logs) {
    const top = Math.max(...logs), weights = logs.map((l) => Math.exp(l - top));
    const sum = weights.reduce((a, b) => a + b, 0);
    return { weights: weights.map((w) => w / sum), log: top + Math.log(sum) };
  }
  return {
    level: n,
    logProb: (x) => softmax(joint(offsets(x))).log,
    responsibilities: (x) => softmax(joint(offsets(x))).weights,
    mean(x, kind) {
      const [A, Bs] = heads[kind], d = offsets(x), r = softmax(joint(d)).weights;
      const out = x.map(() => 0);
      parts.forEach(({ c, v }, k) => {
        const turned = back(c, d[k].map((value, i) => ((A * n.alpha * c.spectrum[i] + Bs) / v[i]) * value));
        for (let i = 0; i < out.length; i++) out[i] += r[k] * (A * c.mean[i] + turned[i]);
      });
      return out;
    },
  };
}

// The density of the common scale, c^D p_t(c y) with c^2 = alpha^2 + sigma^2, on a grid: rows of ys, columns of xs (no xs in one
// dimension).  The same figures as `logProb`, without an array for each point.
export function densityGrid(mix, n, ys, xs = null) {
  const c = Math.hypot(n.alpha, n.sigma), alpha = n.alpha / c, sigma2 = (n.sigma / c) ** 2;
  const width = xs ? xs.length : 1, out = new Float64Array(ys.length * width);
  for (const k of mix.components) {
    const v0 = alpha ** 2 * k.spectrum[0] + sigma2, v1 = xs ? alpha ** 2 * k.spectrum[1] + sigma2 : 1;
    const scale = k.weight / (Math.sqrt(v0 * v1) * (xs ? 2 * Math.PI : Math.sqrt(2 * Math.PI)));
    for (let j = 0; j < ys.length; j++) {
      if (!xs) { const d = ys[j] - alpha * k.mean[0]; out[j] += scale * Math.exp((-d * d) / v0 / 2); continue; }
      const dy = ys[j] - alpha * k.mean[1];
      for (let i = 0; i < width; i++) {
        const dx = xs[i] - alpha * k.mean[0], a = k.cos * dx + k.sin * dy, b = k.cos * dy - k.sin * dx;
        out[j * width + i] += scale * Math.exp(-(a * a / v0 + b * b / v1) / 2);
      }
    }
  }
  return out;
}

// ---------------------------------------------------------------- noise: the same for the same seed, everywhere
export function randomNormal(seed) {
  let state = (seed * 0x9e3779b1) >>> 0, spare = null;
  function uniform() { // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return (((z ^ (z >>> 14)) >>> 0) + 0.5) / 4294967296;
  }
  return function normal() { // Box and Muller
    if (spare !== null) { const kept = spare; spare = null; return kept; }
    const r = Math.sqrt(-2 * Math.log(uniform())), angle = 2 * Math.PI * uniform();
    spare = r * Math.sin(angle);
    return r * Math.cos(angle);
  };
}
