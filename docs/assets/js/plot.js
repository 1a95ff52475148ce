// A canvas that is sharp on any screen and follows the page's colours, and axes for it.

// The colours of docs/figures/style.py: they keep contrast with white and with dark grey.
export const BLUE = "#3b7dd8", ORANGE = "#e0712c", GREEN = "#2a9d63", PURPLE = "#b455c8";

// The page's ink, from Material's variables.
export function theme(element) {
  const style = getComputedStyle(element), of = (name, other) => style.getPropertyValue(name).trim() || other;
  return {
    ink: of("--md-default-fg-color", "#222"), soft: of("--md-default-fg-color--light", "#777"),
    faint: of("--md-default-fg-color--lightest", "#ddd"), paper: of("--md-default-bg-color", "#fff"),
    font: style.fontFamily || "sans-serif", size: Math.max(11, parseFloat(style.fontSize) * 0.75),
  };
}

// A context in CSS pixels for a canvas of the given height, cleared.
export function begin(canvas, height) {
  const width = Math.max(1, Math.round(canvas.clientWidth)), ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const ctx = canvas.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  const t = theme(canvas);
  ctx.font = `${t.size}px ${t.font}`;
  ctx.lineJoin = ctx.lineCap = "round";
  return { ctx, width, height, theme: t };
}

// Round numbers between two ends, about n of them.
export function ticks(low, high, n) {
  const raw = Math.abs(high - low) / n, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const first = Math.ceil(Math.min(low, high) / step - 1e-9), last = Math.floor(Math.max(low, high) / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => (first + i) * step);
}

export const label = (v) => String(Number(v.toPrecision(6))).replace("-", "−");

// A frame with axes; gives the maps from values to pixels.  x and y: {lim: [at the left or bottom, at the right or top],
// label, ticks (how many, 0 for none)}.
export function frame(p, box, { x, y, title, titleColour }) {
  const { ctx, theme: t } = p, [left, top, width, height] = box;
  const toX = (v) => left + ((v - x.lim[0]) / (x.lim[1] - x.lim[0])) * width;
  const toY = (v) => top + height - ((v - y.lim[0]) / (y.lim[1] - y.lim[0])) * height;
  ctx.strokeStyle = t.soft;
  ctx.fillStyle = t.soft;
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(left + 0.5, top);
  ctx.lineTo(left + 0.5, top + height + 0.5);
  ctx.lineTo(left + width, top + height + 0.5);
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  for (const v of ticks(...x.lim, x.ticks || 1)) {
    if (!x.ticks) break;
    const at = Math.round(toX(v)) + 0.5;
    ctx.moveTo(at, top + height);
    ctx.lineTo(at, top + height + 4);
    ctx.fillText(label(v), at, top + height + 6);
  }
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  for (const v of ticks(...y.lim, y.ticks || 1)) {
    if (!y.ticks) break;
    const at = Math.round(toY(v)) + 0.5;
    ctx.moveTo(left - 4, at);
    ctx.lineTo(left, at);
    ctx.fillText(label(v), left - 6, at);
  }
  ctx.stroke();
  ctx.textBaseline = "alphabetic";
  if (x.label) { ctx.textAlign = "center"; ctx.fillText(x.label, left + width / 2, top + height + 8 + 2 * t.size); }
  if (y.label) { ctx.textAlign = "left"; ctx.fillText(y.label, left - 30, top - 7); }
  if (title) {
    ctx.textAlign = "left";
    ctx.fillStyle = titleColour ?? t.ink;
    ctx.fillText(title, left + (y.label ? ctx.measureText(y.label).width - 18 : 0), top - 7);
  }
  return { toX, toY, fromX: (px) => x.lim[0] + ((px - left) / width) * (x.lim[1] - x.lim[0]), box };
}

export function clip(ctx, [left, top, width, height], draw) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  draw();
  ctx.restore();
}

export function line(ctx, points, colour, width, dash = []) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.setLineDash(dash);
  ctx.beginPath();
  points.forEach(([px, py], i) => (i ? ctx.lineTo(px, py) : ctx.moveTo(px, py)));
  ctx.stroke();
  ctx.setLineDash([]);
}

export function dot(ctx, px, py, radius, colour, ring) {
  ctx.beginPath();
  ctx.arc(px, py, radius, 0, 2 * Math.PI);
  ctx.fillStyle = colour;
  ctx.fill();
  if (ring) { ctx.strokeStyle = ring; ctx.lineWidth = 1; ctx.stroke(); }
}

export function arrow(ctx, px, py, dx, dy, colour) {
  const length = Math.hypot(dx, dy);
  if (length < 1.5) return;
  const head = Math.min(5, length * 0.5), ux = dx / length, uy = dy / length;
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = 1.3;
  ctx.beginPath();
  ctx.moveTo(px - dx / 2, py - dy / 2);
  ctx.lineTo(px + dx / 2, py + dy / 2);
  ctx.stroke();
  ctx.beginPath();
  ctx.moveTo(px + dx / 2, py + dy / 2);
  ctx.lineTo(px + dx / 2 - head * (ux + uy * 0.55), py + dy / 2 - head * (uy - ux * 0.55));
  ctx.lineTo(px + dx / 2 - head * (ux - uy * 0.55), py + dy / 2 - head * (uy + ux * 0.55));
  ctx.fill();
}

// A picture of a density: rows from the top, one value from 0 to 1 a cell, in blue that deepens.
export function heat(values, columns, rows) {
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  const image = canvas.getContext("2d").createImageData(columns, rows);
  for (let i = 0; i < values.length; i++) {
    image.data.set([59, 125, 216, Math.round(205 * values[i])], 4 * i);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
