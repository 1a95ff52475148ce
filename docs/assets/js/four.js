// Four formulations side by side: each carries the same noise in its own variables on its own clock; at the common scale
// their paths lie on each other.
import { densityGrid, randomNormal } from "./oracle.js";
import { FORMULATIONS, flowOf } from "./samplers.js";
import { BLUE, GREEN, ORANGE, PURPLE, clip, dot, frame, heat, line } from "./plot.js";

export const COLOUR = { ddpm: BLUE, ncsn: ORANGE, sde: GREEN, flow: PURPLE };
const DASH = { ddpm: [], ncsn: [7, 4], sde: [4, 5], flow: [1.5, 4] };
export const FROM = -3, TO = 3.5;

// The same starts, at the common scale, through every formulation's own flow.
export function four(mix, seed, steps = 200) {
  const lams = Array.from({ length: steps + 1 }, (_, i) => FROM + ((TO - FROM) * i) / steps), normal = randomNormal(seed);
  const starts = mix.dimension === 1
    ? Array.from({ length: 9 }, (_, i) => [-1.8 + (3.6 * i) / 8 + 0.06 * normal()])
    : Array.from({ length: 14 }, () => [normal(), normal()]);
  const flows = {};
  for (const name of Object.keys(FORMULATIONS)) {
    const paths = starts.map((start) => flowOf(name, mix, start, lams));
    const { times, levels } = paths[0], sizes = levels.map((n) => Math.hypot(n.alpha, n.sigma));
    flows[name] = { times, levels, sizes, own: paths.map((q) => q.states), common: paths.map((q) => q.states.map((x, i) => x.map((v) => v / sizes[i]))) };
  }
  let apart = 0;
  for (const other of Object.values(flows)) {
    other.common.forEach((q, k) => q.forEach((x, i) => x.forEach((v, d) => { apart = Math.max(apart, Math.abs(v - flows.ddpm.common[k][i][d])); })));
  }
  return { mix, lams, flows, apart };
}

// The step nearest to a λ, which the whole page shares.
const stepOf = (data, l) => Math.round(Math.min(1, Math.max(0, (l - FROM) / (TO - FROM))) * (data.lams.length - 1));

// One formulation in its own variables.
export function drawOwn(p, data, name, l) {
  const { ctx, width, height, theme: t } = p, q = data.flows[name], colour = COLOUR[name], i = stepOf(data, l);
  const box = [32, 24, width - 38, height - 24 - 40], title = FORMULATIONS[name].label;
  if (data.mix.dimension === 1) {
    const limit = Math.max(...q.own.flat(2).map(Math.abs)) * 1.08;
    const f = frame(p, box, { x: { lim: [q.times[0], q.times.at(-1)], ticks: 3, label: "t" }, y: { lim: [-limit, limit], ticks: 4 }, title, titleColour: colour });
    clip(ctx, box, () => q.own.forEach((states) => {
      ctx.globalAlpha = 0.35;
      line(ctx, states.map((x, j) => [f.toX(q.times[j]), f.toY(x[0])]), colour, 1);
      ctx.globalAlpha = 1;
      line(ctx, states.slice(0, i + 1).map((x, j) => [f.toX(q.times[j]), f.toY(x[0])]), colour, 1.5);
      dot(ctx, f.toX(q.times[i]), f.toY(states[i][0]), 3, colour, t.paper);
    }));
    return;
  }
  const limit = 3.4 * q.sizes[i]; // the window grows and shrinks with the scale: only its numbers tell the four apart
  const f = frame(p, box, { x: { lim: [-limit, limit], ticks: 3, label: `t = ${Number(q.times[i].toPrecision(3))}` }, y: { lim: [-limit, limit], ticks: 4 }, title, titleColour: colour });
  clip(ctx, box, () => q.own.forEach((states) => {
    ctx.globalAlpha = 0.45;
    line(ctx, states.slice(0, i + 1).map((x, j) => [f.toX((x[0] * q.sizes[i]) / q.sizes[j]), f.toY((x[1] * q.sizes[i]) / q.sizes[j])]), colour, 1);
    ctx.globalAlpha = 1;
    dot(ctx, f.toX(states[i][0]), f.toY(states[i][1]), 3, colour, t.paper);
  }));
}

// All four at the common scale.
export function drawCommon(p, data, l) {
  const { ctx, width, height, theme: t } = p, i = stepOf(data, l), plane = data.mix.dimension === 2;
  const side = Math.min(width - 38, height - 70), box = [plane ? Math.max(34, (width - side) / 2) : 34, 26, plane ? side : width - 40, plane ? side : height - 26 - 46];
  const x = plane ? { lim: [-3.4, 3.4], ticks: 6 } : { lim: [FROM, TO], ticks: 7, label: "noise  ←  λ = log(α/σ)  →  data" };
  const f = frame(p, box, { x, y: { lim: [-3.4, 3.4], ticks: 6 }, title: "all four at x/√(α² + σ²)" });
  const at = (q, state, j) => (plane ? [f.toX(state[0]), f.toY(state[1])] : [f.toX(data.lams[j]), f.toY(state[0])]);
  clip(ctx, box, () => {
    if (plane) {
      const cells = 100, ys = Array.from({ length: cells }, (_, k) => 3.4 - (6.8 * (k + 0.5)) / cells);
      const d = densityGrid(data.mix, data.flows.ddpm.levels[i], ys, ys.map((v) => -v)), top = Math.max(...d);
      ctx.globalAlpha = 0.35;
      ctx.drawImage(heat(Array.from(d, (v) => Math.pow(v / top, 0.6)), cells, cells), ...box);
      ctx.globalAlpha = 1;
    }
    for (const [name, q] of Object.entries(data.flows)) q.common.forEach((states) => line(ctx, states.map((s, j) => at(q, s, j)), COLOUR[name], 1.9, DASH[name]));
    let radius = 6.5;
    for (const [name, q] of Object.entries(data.flows)) {
      q.common.forEach((states) => dot(ctx, ...at(q, states[i], i), radius, COLOUR[name]));
      radius -= 1.6;
    }
    if (!plane) line(ctx, [[f.toX(data.lams[i]), box[1]], [f.toX(data.lams[i]), box[1] + box[3]]], t.soft, 1);
  });
}
