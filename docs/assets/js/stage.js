// The main picture: the density, the paths of a sampler through it, and the field that a network would predict.
import { densityGrid, lam, levelAt, mixture, randomNormal, timeOf, twin, SCHEDULES } from "./oracle.js";
import { FORMULATIONS, SAMPLERS, lawOf } from "./samplers.js";
import { BLUE, GREEN, ORANGE, arrow, clip, dot, frame, heat, line } from "./plot.js";

const ring = (n, radius, variance) => Array.from({ length: n }, (_, i) => {
  const angle = (2 * Math.PI * i) / n + 0.3;
  return { weight: 1, mean: [radius * Math.cos(angle), radius * Math.sin(angle)], spectrum: [variance, variance] };
});
export const TARGETS = {
  peaks: { label: "three peaks, 1-D", mix: mixture([
    { weight: 0.35, mean: [-2.2], spectrum: [0.05] }, { weight: 0.4, mean: [0.2], spectrum: [0.12] }, { weight: 0.25, mean: [2.0], spectrum: [0.03] }]) },
  uneven: { label: "wide and narrow, 1-D", mix: mixture([
    { weight: 0.7, mean: [-0.6], spectrum: [0.9] }, { weight: 0.3, mean: [1.7], spectrum: [0.01] }]) },
  ring: { label: "ring, 2-D", mix: mixture(ring(8, 2.1, 0.03)) },
  blades: { label: "blades, 2-D", mix: mixture([
    { weight: 0.5, mean: [-0.9, 0.4], spectrum: [1.1, 0.012], angle: 0.7 },
    { weight: 0.3, mean: [1.3, 0.8], spectrum: [0.4, 0.03], angle: -1.1 },
    { weight: 0.2, mean: [0.4, -1.6], spectrum: [0.02, 0.5], angle: 1.2 }]) },
};

export const NOISIEST = -4, CLEANEST = 4; // the λ between which everything is shown, where the schedule reaches them
const LIMIT = 3.4; // half the picture, at the common scale

// All that a choice of controls fixes: the grid of times and the states of every particle, at the common scale.
export function run({ target, schedule, formulation, sampler, clock, steps, seed }) {
  const mix = TARGETS[target].mix, form = FORMULATIONS[formulation], s = twin(SCHEDULES[schedule], form.scale), law = lawOf(mix, s);
  const from = Math.max(NOISIEST, lam(s, s.T)), first = timeOf(s, from), last = timeOf(s, CLEANEST);
  const timeAt = (u) => (u <= 0 ? first : u >= 1 ? last : clock === "t" ? first + u * (last - first) : timeOf(s, from + u * (CLEANEST - from)));
  const times = Array.from({ length: steps + 1 }, (_, i) => timeAt(i / steps));
  const sizes = times.map((t) => Math.hypot(s.alpha(t), s.sigma(t)));
  const count = mix.dimension === 1 ? 300 : 200, normal = randomNormal(seed);
  const draw = () => Array.from({ length: mix.dimension }, normal);
  let x = Array.from({ length: count }, () => draw().map((z) => z * s.sigma(first)));
  const states = [x.map((p) => p.map((v) => v / sizes[0]))];
  for (let i = 1; i <= steps; i++) {
    x = x.map((p) => SAMPLERS[sampler].step(law, p, times[i - 1], times[i], SAMPLERS[sampler].noisy ? draw() : null));
    states.push(x.map((p) => p.map((v) => v / sizes[i])));
  }
  const axis = clock === "t" ? [first, last] : [from, CLEANEST];
  const noisy = SAMPLERS[sampler].noisy; // ragged paths: fewer of them
  return { mix, s, law, form, clock, lines: mix.dimension === 1 ? (noisy ? 14 : 26) : noisy ? 10 : 60, times, states, steps, timeAt, axis, along: (t) => (clock === "t" ? t : lam(s, t)), pictures: {} };
}

const grid = (n, limit = LIMIT) => Array.from({ length: n }, (_, i) => limit - (2 * limit * (i + 0.5)) / n); // from the top

// Where the samples are at u: between two steps, on the straight line from one to the next, as the paths are drawn.
function samplesAt(r, u) {
  const i = Math.min(r.steps - 1, Math.floor(u * r.steps)), f = u * r.steps - i;
  return r.states[i].map((x, k) => x.map((v, d) => v + f * (r.states[i + 1][k][d] - v)));
}

// ---------------------------------------------------------------- one dimension
export function heightOf(width, dimension) {
  if (dimension === 1) return width < 560 ? 340 : 440;
  return width < 560 ? 2 * planeSide(width) + 102 : planeSide(width) + 52;
}
const planeSide = (width) => (width < 560 ? width - 34 : Math.min(490, (width - 106) / 2));

function spaceTime(r) { // the density over the whole way, made once
  if (!r.pictures.heat) {
    const columns = 240, rows = 200, ys = grid(rows), values = new Float64Array(columns * rows);
    for (let i = 0; i < columns; i++) {
      const d = densityGrid(r.mix, levelAt(r.s, r.timeAt((i + 0.5) / columns)), ys);
      for (let j = 0; j < rows; j++) values[j * columns + i] = 1 - Math.exp(-1.5 * d[j]);
    }
    r.pictures.heat = heat(values, columns, rows);
  }
  return r.pictures.heat;
}

export function drawLine(p, r, u) {
  const { ctx, width, height, theme: t } = p, small = width < 560;
  const left = 34, top = 26, bottom = 46, gap = small ? 12 : 22, strip = Math.round((width - left) * (small ? 0.17 : 0.15));
  const room = width - left - 2 * (strip + gap) - 2, tall = height - top - bottom, y = { lim: [-LIMIT, LIMIT], ticks: 6 };
  const time = r.timeAt(u), step = Math.floor(u * r.steps), now = samplesAt(r, u), n = levelAt(r.s, time), size = Math.hypot(n.alpha, n.sigma);

  const main = [left, top, room, tall];
  const f = frame(p, main, { x: { lim: r.axis, ticks: small ? 4 : 8, label: `noise  ←  ${r.clock === "t" ? "time t" : "λ = log(α/σ)"}  →  data` },
    y: { ...y, label: small ? "" : "x/√(α² + σ²)" }, title: small ? "x/√(α² + σ²)" : "" });
  const at = f.toX(r.along(time));
  clip(ctx, main, () => {
    ctx.drawImage(spaceTime(r), left, top, room, tall);
    const cross = r.times.map((v) => f.toX(r.along(v)));
    ctx.globalAlpha = 0.25;
    for (let k = 0; k < r.lines; k++) line(ctx, r.states.map((state, i) => [cross[i], f.toY(state[k][0])]), t.ink, 0.8);
    ctx.globalAlpha = 0.65;
    for (let k = 0; k < r.lines; k++) line(ctx, [...r.states.slice(0, step + 1).map((state, i) => [cross[i], f.toY(state[k][0])]), [at, f.toY(now[k][0])]], t.ink, 1);
    ctx.globalAlpha = 1;
    line(ctx, [[at, top], [at, top + tall]], ORANGE, 1.6);
    for (let k = 0; k < r.lines; k++) dot(ctx, at, f.toY(now[k][0]), 2.6, GREEN, t.paper);
  });
  dot(ctx, at, top - 5, 4.5, ORANGE);

  // the density and the particles' histogram
  const ys = grid(200), d = densityGrid(r.mix, n, ys), bins = new Float64Array(34);
  for (const [v] of now) {
    const b = Math.floor(((LIMIT - v) / (2 * LIMIT)) * bins.length);
    if (b >= 0 && b < bins.length) bins[b] += bins.length / (2 * LIMIT * now.length);
  }
  const most = Math.max(...d, ...bins) * 1.04;
  const box = [left + room + gap, top, strip, tall];
  const g = frame(p, box, { x: { lim: [0, most], ticks: small ? 0 : 3 }, y: { lim: y.lim }, title: "density", titleColour: BLUE });
  clip(ctx, box, () => {
    ctx.fillStyle = GREEN;
    ctx.globalAlpha = 0.35;
    bins.forEach((v, b) => ctx.fillRect(box[0] + 1, top + (b * tall) / bins.length + 0.5, g.toX(v) - box[0], tall / bins.length - 1));
    ctx.globalAlpha = 1;
    line(ctx, ys.map((v, j) => [g.toX(d[j]), g.toY(v)]), BLUE, 2);
  });
  ctx.textAlign = "left";
  ctx.fillStyle = GREEN;
  ctx.fillText("samples", box[0], top + tall + 8 + 2 * t.size);

  // the field
  const inside = grid(120, LIMIT), values = inside.map((v) => r.law(time).mean([v * size], r.form.kind)[0]);
  const edge = Math.max(...values.map(Math.abs)) * 1.05;
  const third = [left + room + gap + strip + gap, top, strip, tall];
  const h = frame(p, third, { x: { lim: [-edge, edge], ticks: small ? 0 : 4 }, y: { lim: y.lim }, title: fieldName(r.form), titleColour: ORANGE });
  line(ctx, [[h.toX(0), top], [h.toX(0), top + tall]], t.faint, 1);
  clip(ctx, third, () => line(ctx, inside.map((v, j) => [h.toX(values[j]), h.toY(v)]), ORANGE, 2));
  return { left, right: left + room, fraction: (px) => (px - left) / room };
}

export const fieldName = (form) => ({ epsilon: "noise ε*", score: "score", velocity: "velocity" })[form.kind];

// ---------------------------------------------------------------- two dimensions
export function drawPlane(p, r, u) {
  const { ctx, width, theme: t } = p, small = width < 560, left = 30, top = 26, bottom = 24, gap = small ? 0 : 46;
  const side = planeSide(width), step = Math.floor(u * r.steps), now = samplesAt(r, u);
  const time = r.timeAt(u), n = levelAt(r.s, time), size = Math.hypot(n.alpha, n.sigma);
  const axes = { x: { lim: [-LIMIT, LIMIT], ticks: 6 }, y: { lim: [-LIMIT, LIMIT], ticks: 6 } };

  const one = [left, top, side, side];
  const f = frame(p, one, { ...axes, title: "density", titleColour: BLUE });
  const mark = (text, colour, ahead) => {
    ctx.textAlign = "left";
    ctx.fillStyle = colour;
    ctx.fillText(text, left + ahead, top - 7);
  };
  const gapText = ctx.measureText("density").width + 12;
  mark(fieldName(r.form), ORANGE, gapText);
  mark("samples", GREEN, gapText + ctx.measureText(fieldName(r.form)).width + 12);
  clip(ctx, one, () => {
    const cells = 120, ys = grid(cells), d = densityGrid(r.mix, n, ys, ys.map((v) => -v)), top2 = Math.max(...d);
    ctx.drawImage(heat(Array.from(d, (v) => Math.pow(v / top2, 0.6)), cells, cells), left, top, side, side);
    const places = 13, cell = side / places, at = grid(places), found = [];
    for (const b of at) for (const a of at) found.push([a, b, ...r.law(time).mean([a * size, b * size], r.form.kind)]);
    const lengths = found.map((v) => Math.hypot(v[2], v[3])).sort((a, b) => a - b), unit = (0.85 * cell) / (lengths[Math.floor(lengths.length * 0.85)] || 1);
    for (const [a, b, va, vb] of found) {
      const cut = Math.min(1, (0.95 * cell) / (unit * Math.hypot(va, vb) || 1));
      arrow(ctx, f.toX(a), f.toY(b), va * unit * cut, -vb * unit * cut, ORANGE);
    }
    for (const [x, y] of now) dot(ctx, f.toX(x), f.toY(y), 2, GREEN, t.paper);
  });

  const two = small ? [left, top + side + bottom + 26, side, side] : [left + side + gap, top, side, side];
  const g = frame(p, two, { ...axes, title: "paths from noise to data" });
  clip(ctx, two, () => {
    ctx.globalAlpha = 0.16;
    for (let k = 0; k < r.lines; k++) line(ctx, r.states.map((state) => [g.toX(state[k][0]), g.toY(state[k][1])]), t.ink, 0.8);
    ctx.globalAlpha = 0.7;
    for (let k = 0; k < r.lines; k++) line(ctx, [...r.states.slice(0, step + 1), now].map((state) => [g.toX(state[k][0]), g.toY(state[k][1])]), t.ink, 0.9);
    ctx.globalAlpha = 1;
    for (let k = 0; k < r.lines; k++) dot(ctx, g.toX(now[k][0]), g.toY(now[k][1]), 2.8, GREEN, t.paper);
  });
  return null;
}
