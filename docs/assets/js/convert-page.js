// The converter's form: reads the fields, asks convert.js, writes the answers.
import { CONVENTIONS, KINDS, all, combination, ours, pair, theirs } from "./convert.js";
import { SCHEDULES, lam, levelAt, timeOf } from "./oracle.js";

const SYMBOL = { x0: "x₀", epsilon: "ε", score: "score", v: "v", velocity: "velocity" };
const NAME = { x0: "clean data x₀", epsilon: "noise ε", score: "score ∇ log p", v: "v-prediction α ε − σ x₀", velocity: "velocity α′ x₀ + σ′ ε" };

function show(value, digits = 10) { // and no minus zero
  if (value === null || !Number.isFinite(value)) return "–";
  const text = Math.abs(value) !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e7) ? value.toExponential(digits - 2) : value.toPrecision(digits);
  const tidy = text.replace(/(\.\d*?)0+(e|$)/, "$1$2").replace(/\.(e|$)/, "$1");
  return (tidy === "-0" ? "0" : tidy).replace("-", "−").replace("e-", "e−");
}

const options = (entries) => entries.map(([value, text]) => `<option value="${value}">${text}</option>`).join("");
const field = (id, label, value) =>
  `<div data-field="${id}"><label for="cv-${id}">${label}</label><input id="cv-${id}" inputmode="decimal" autocomplete="off" value="${value}"></div>`;

const root = document.getElementById("converter");
if (root) {
  root.innerHTML = `
  <form class="play-form" aria-label="Converter">
    <div class="play-controls">
      <div><label for="cv-from">I have</label><select id="cv-from">
        <optgroup label="A prediction here">${options(KINDS.map((k) => [`kind:${k}`, NAME[k]]))}</optgroup>
        <optgroup label="What a network says">${options(Object.entries(CONVENTIONS).map(([k, c]) => [`theirs:${k}`, c.label]))}</optgroup>
      </select></div>
      ${field("value", "its value", "0.5")}
      ${field("x", "at the point x", "1")}
      ${field("c", "told", "0.5")}
      <div><label for="cv-schedule">on the schedule</label><select id="cv-schedule">
        ${options(Object.entries(SCHEDULES).map(([k, s]) => [k, s.label]))}<option value="hand">α, σ by hand</option></select></div>
      ${field("t", "at time t", "0.25")}
      ${field("alpha", "α", "0.8")}${field("sigma", "σ", "0.6")}${field("dAlpha", "α′", "−1")}${field("dSigma", "σ′", "1.2")}
    </div>
    <p class="play-error" role="alert"></p>
    <div aria-live="polite">
      <dl class="play-answers" data-part="kinds"></dl>
      <p class="play-note" data-part="level"></p>
      <table class="play-table"><thead><tr><th scope="col">as a network of</th><th scope="col">told</th><th scope="col">sees x</th><th scope="col">says</th></tr></thead><tbody></tbody></table>
    </div>
  </form>`;
  const get = (id) => root.querySelector(`#cv-${id}`);
  const fieldOf = (id) => root.querySelector(`[data-field="${id}"]`);
  root.querySelector("form").addEventListener("submit", (event) => event.preventDefault());

  // A field's number; throws a sentence where there is none.
  function number(id, what, low = -Infinity, high = Infinity) {
    const input = get(id), value = Number(input.value.trim().replace("−", "-").replace(",", "."));
    const good = input.value.trim() !== "" && Number.isFinite(value) && value >= low && value <= high;
    input.setAttribute("aria-invalid", String(!good));
    if (!good) throw new Error(`${what} must be a number${Number.isFinite(low) ? `, at least ${show(low)}` : ""}${Number.isFinite(high) ? `, at most ${show(high)}` : ""}.`);
    return value;
  }

  // {n, x, pair, lambda}: the level on our side, the point there, and (x0, eps).
  function read(side, name, schedule) {
    const value = number("value", "The value"), x = number("x", "x");
    if (side === "theirs") {
      const k = CONVENTIONS[name], got = ours(name, number("c", `What the network is told (${k.told})`, ...k.span), x, value);
      if (!Number.isFinite(got.x0) || !Number.isFinite(got.eps) || !Number.isFinite(got.lam)) throw new Error("At this end of its clock the output does not fix both data and noise.");
      const s = SCHEDULES[schedule], t = timeOf(s, got.lam);
      if (Math.abs(lam(s, t) - got.lam) > 1e-6 * (1 + Math.abs(got.lam))) throw new Error("This schedule does not reach that noise level: choose another.");
      const n = levelAt(s, t);
      return { n, x: n.alpha * got.x0 + n.sigma * got.eps, x0: got.x0, eps: got.eps, lambda: got.lam };
    }
    const n = schedule === "hand"
      ? { alpha: number("alpha", "α", 0), sigma: number("sigma", "σ", 0), dAlpha: number("dAlpha", "α′"), dSigma: number("dSigma", "σ′") }
      : levelAt(SCHEDULES[schedule], number("t", "t", 0, SCHEDULES[schedule].T));
    const [x0, eps] = pair(combination(name, n), value, x, n.alpha, n.sigma);
    return { n, x, x0, eps, lambda: Math.log(n.alpha) - Math.log(n.sigma), kinds: all(name, value, x, n) };
  }

  function update() {
    const [side, name] = get("from").value.split(":"), library = side === "theirs";
    const select = get("schedule");
    if (library && select.value === "hand") select.value = "flow-matching";
    select.lastElementChild.disabled = library;
    const hand = select.value === "hand";
    fieldOf("c").hidden = !library;
    fieldOf("t").hidden = library || hand;
    for (const id of ["alpha", "sigma", "dAlpha", "dSigma"]) fieldOf(id).hidden = !hand;
    root.querySelector('label[for="cv-c"]').textContent = library ? `told ${CONVENTIONS[name].told}` : "told";
    root.querySelector('label[for="cv-x"]').textContent = library ? "and the point α x₀ + σ ε" : "at the point x";
    const error = root.querySelector(".play-error");
    try {
      const r = read(side, name, select.value);
      error.textContent = "";
      const kinds = r.kinds ?? all("x0", r.x0, r.x, r.n);
      if (library) kinds.x0 = r.x0, kinds.epsilon = r.eps;
      root.querySelector('[data-part="kinds"]').innerHTML = KINDS.map(
        (k) => `<div><dt>${SYMBOL[k]}</dt><dd data-kind="${k}" data-value="${kinds[k]}">${show(kinds[k])}</dd></div>`).join("");
      root.querySelector('[data-part="level"]').innerHTML = [["t", r.n.t], ["α", r.n.alpha], ["σ", r.n.sigma], ["α′", r.n.dAlpha], ["σ′", r.n.dSigma], ["λ", r.lambda], ["x", r.x]]
        .filter(([, v]) => v !== undefined).map(([k, v]) => `<span style="white-space:nowrap;margin-right:.8rem">${k} = ${show(v)}</span>`).join(" ");
      const known = Number.isFinite(r.x0) && Number.isFinite(r.eps) && Number.isFinite(r.lambda);
      root.querySelector("tbody").innerHTML = Object.entries(CONVENTIONS).map(([key, c]) => {
        const s = known ? theirs(key, r.x0, r.eps, r.lambda) : null;
        const told = `<small>${c.told}</small>`;
        const cells = s
          ? `<td data-c="${s.c}">${show(s.c, 7)} ${told}</td><td data-x="${s.x}">${show(s.x, 7)}</td><td data-output="${s.output}">${show(s.output, 7)}</td>`
          : `<td colspan="3">– <small>not on its clock: ${c.told}</small></td>`;
        return `<tr data-convention="${key}"><th scope="row"><a href="#${key}">${c.label}</a></th>${cells}</tr>`;
      }).join("");
      if (!known) error.textContent = "At this level the prediction does not fix both data and noise: some answers are left open.";
    } catch (problem) {
      error.textContent = problem.message;
    }
  }
  // A library's network starts from a number it may be told, so that the first answer is one.
  get("from").addEventListener("change", () => {
    const [side, name] = get("from").value.split(":");
    if (side === "theirs") get("c").value = String(Number(CONVENTIONS[name].clock(0.5).toPrecision(6)));
  });
  root.addEventListener("input", update);
  root.addEventListener("change", update);
  update();
}
