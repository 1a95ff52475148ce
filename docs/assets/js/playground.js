// The playground: controls, time, and the drawing of everything when one of them changes.
import { SCHEDULES, levelAt, lam } from "./oracle.js";
import { FORMULATIONS, SAMPLERS } from "./samplers.js";
import { begin } from "./plot.js";
import { TARGETS, drawLine, drawPlane, fieldName, heightOf, run } from "./stage.js";
import { drawCommon, drawOwn, four } from "./four.js";

const options = (table) => Object.entries(table).map(([value, { label }]) => `<option value="${value}">${label}</option>`).join("");
const select = (id, text, table) => `<div><label for="pg-${id}">${text}</label><select id="pg-${id}">${options(table)}</select></div>`;
const digits = (v, n = 3) => (Math.abs(v) >= 1e4 ? v.toExponential(1) : Number(v.toPrecision(n)).toString()).replace("-", "−");
const still = window.matchMedia("(prefers-reduced-motion: reduce)");

function start(root, side) {
  const state = { target: "peaks", formulation: "flow", schedule: "flow-matching", sampler: "heun", clock: "t", steps: 40, seed: 1, u: 0.6 };
  root.innerHTML = `
    <div class="play-controls">
      ${select("target", "data", TARGETS)}
      ${select("formulation", "formulation", FORMULATIONS)}
      ${select("schedule", "schedule", SCHEDULES)}
      ${select("sampler", "sampler", SAMPLERS)}
      <div><label for="pg-steps">steps: <output id="pg-count">40</output></label><input id="pg-steps" type="range" min="4" max="100" value="40"></div>
      <div><label for="pg-clock">equal steps in</label><select id="pg-clock"><option value="t">time t</option><option value="lam">λ = log(α/σ)</option></select></div>
      <div><label for="pg-noise">starting noise</label><button id="pg-noise" type="button">Draw anew</button></div>
    </div>
    <div class="play-stage"><canvas id="pg-stage" role="img"></canvas></div>
    <div class="play-time">
      <button id="pg-play" type="button" aria-pressed="false">Play</button>
      <div><label for="pg-time">from noise to data</label><input id="pg-time" type="range" min="0" max="1000" value="600"></div>
    </div>
    <p class="play-read" id="pg-read" aria-live="polite"></p>`;
  side.innerHTML = `
    <div class="play-four">${Object.keys(FORMULATIONS).map((name) => `<canvas data-own="${name}" role="img"></canvas>`).join("")}</div>
    <canvas id="pg-common" role="img"></canvas>
    <p class="play-read" id="pg-apart" aria-live="polite"></p>`;
  const get = (id) => document.getElementById(`pg-${id}`);
  let current = null, flows = null, zone = null, pending = false, timer = null;

  const fill = () => { for (const id of ["target", "formulation", "schedule", "sampler", "clock"]) get(id).value = state[id]; };

  function draw() {
    pending = false;
    current ??= run(state);
    flows ??= four(TARGETS[state.target].mix, state.seed, TARGETS[state.target].mix.dimension === 1 ? 200 : 140);
    const plane = current.mix.dimension === 2, t = current.timeAt(state.u), n = levelAt(current.s, t), lambda = lam(current.s, t);
    const stage = get("stage");
    zone = (plane ? drawPlane : drawLine)(begin(stage, heightOf(stage.clientWidth, current.mix.dimension)), current, state.u);
    stage.style.cursor = plane ? "default" : "ew-resize";
    const form = FORMULATIONS[state.formulation], words = `t = ${digits(t)}, λ = ${digits(lambda)}`;
    stage.setAttribute("aria-label",
      `${TARGETS[state.target].label}: the density at ${words}, the ${fieldName(form)} and ${current.lines} paths of ${SAMPLERS[state.sampler].label} in ${state.steps} steps, under ${form.label}.`);
    get("time").setAttribute("aria-valuetext", words);
    get("read").innerHTML = [["t", t], ["α", n.alpha], ["σ", n.sigma], ["λ", lambda], ["signal to noise α²/σ²", (n.alpha / n.sigma) ** 2]]
      .map(([name, v]) => `<span>${name} = ${digits(v)}</span>`).join("");

    for (const canvas of side.querySelectorAll("[data-own]")) {
      const name = canvas.dataset.own;
      drawOwn(begin(canvas, plane ? canvas.clientWidth + 26 : 210), flows, name, lambda);
      canvas.setAttribute("aria-label", `${FORMULATIONS[name].label}: the paths of its probability flow in its own variables.`);
    }
    const common = get("common"), width = common.clientWidth;
    drawCommon(begin(common, plane ? Math.min(width + 32, 480) : width < 560 ? 300 : 360), flows, lambda);
    common.setAttribute("aria-label", "The paths of all four at the common scale, lying on each other.");
    get("apart").innerHTML = `<span>largest distance between the four, all along: ${flows.apart.toExponential(1).replace("-", "−")}</span>`;
    root.dataset.ready = "true";
  }
  const redraw = () => { if (!pending) { pending = true; requestAnimationFrame(draw); } };

  function set(change) {
    Object.assign(state, change);
    if (Object.keys(change).some((k) => k !== "u")) current = null;
    if ("target" in change || "seed" in change) flows = null;
    redraw();
  }

  for (const id of ["target", "schedule", "sampler", "clock"]) get(id).addEventListener("change", (event) => set({ [id]: event.target.value }));
  get("formulation").addEventListener("change", (event) => { // each comes with its own schedule, which may then be changed
    const formulation = event.target.value, schedule = FORMULATIONS[formulation].schedule;
    set({ formulation, schedule, clock: schedule === "edm" ? "lam" : "t" });
    fill();
  });
  get("steps").addEventListener("input", (event) => { get("count").textContent = event.target.value; set({ steps: Number(event.target.value) }); });
  get("noise").addEventListener("click", () => set({ seed: state.seed + 1 }));

  const move = (u) => { set({ u: Math.min(1, Math.max(0, u)) }); get("time").value = Math.round(1000 * state.u); };
  get("time").addEventListener("input", (event) => { pause(); set({ u: event.target.value / 1000 }); });
  const stage = get("stage");
  const drag = (event) => { if (zone) { pause(); move(zone.fraction(event.clientX - stage.getBoundingClientRect().left)); } };
  stage.addEventListener("pointerdown", (event) => { if (zone) { stage.setPointerCapture(event.pointerId); drag(event); } });
  stage.addEventListener("pointermove", (event) => { if (event.buttons && zone) drag(event); });

  // Playing: eight seconds, smoothly; where motion is not wanted, a picture a second and a half.
  function pause() {
    if (timer === null) return;
    timer.stop();
    timer = null;
    get("play").textContent = "Play";
    get("play").setAttribute("aria-pressed", "false");
    get("read").setAttribute("aria-live", "polite");
  }
  function play() {
    if (state.u >= 0.999) move(0);
    get("play").textContent = "Pause";
    get("play").setAttribute("aria-pressed", "true");
    get("read").setAttribute("aria-live", "off");
    if (still.matches) {
      const id = setInterval(() => { move(state.u + 0.125); if (state.u >= 1) pause(); }, 1500);
      timer = { stop: () => clearInterval(id) };
      return;
    }
    let before = performance.now(), id = requestAnimationFrame(function tick(now) {
      move(state.u + (now - before) / 8000);
      before = now;
      if (state.u >= 1) pause(); else id = requestAnimationFrame(tick);
    });
    timer = { stop: () => cancelAnimationFrame(id) };
  }
  get("play").addEventListener("click", () => (timer === null ? play() : pause()));

  new ResizeObserver(redraw).observe(root);
  new MutationObserver(redraw).observe(document.body, { attributes: true, attributeFilter: ["data-md-color-scheme"] });
  fill();
  draw();
}

const root = document.getElementById("pg-root"), side = document.getElementById("pg-four");
if (root && side) start(root, side);
