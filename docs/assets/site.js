// Light help on top of pages that are whole without it: copy buttons, and the map's search and zoom.
(() => {
  "use strict";

  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    const label = button.textContent;
    button.addEventListener("click", async () => {
      let said = "Copied";
      try {
        const from = button.dataset.copyFrom;
        const text = from ? await (await fetch(from)).text() : button.dataset.copy;
        await navigator.clipboard.writeText(text);
      } catch {
        said = "Can't copy here";
      }
      button.textContent = said;
      setTimeout(() => { button.textContent = label; }, 1500);
    });
  }

  // what scrolls sideways must be reachable by keyboard
  const reach = () => {
    for (const one of document.querySelectorAll(".equation, .scroll, .long, figure > p")) {
      if (one.scrollWidth > one.clientWidth) one.tabIndex = 0;
      else one.removeAttribute("tabindex");
    }
  };
  addEventListener("resize", reach);
  addEventListener("load", reach);
  document.addEventListener("toggle", reach, true);
  reach();

  const map = document.querySelector(".map");
  if (!map) return;
  const view = map.querySelector(".map-view");
  const svg = view.querySelector("svg");
  const tools = map.querySelector(".map-tools");
  const said = tools.querySelector("output");
  const nodes = [...svg.querySelectorAll("a.node")];
  const edges = [...svg.querySelectorAll(".edge")];
  const width = svg.viewBox.baseVal.width;
  let scale = 1;
  tools.hidden = false;

  const zoom = (to) => {
    const middle = (view.scrollLeft + view.clientWidth / 2) / scale;
    const centre = (view.scrollTop + view.clientHeight / 2) / scale;
    scale = Math.min(3, Math.max(0.08, to));
    svg.style.width = `${width * scale}px`;
    svg.classList.toggle("far", scale < 0.4); // boxes as dots in the colour of their status
    view.scrollLeft = middle * scale - view.clientWidth / 2;
    view.scrollTop = centre * scale - view.clientHeight / 2;
  };
  const show = (node) => {
    const box = node.getBBox();
    view.scrollTo((box.x + box.width / 2) * scale - view.clientWidth / 2, (box.y + box.height / 2) * scale - view.clientHeight / 2);
  };
  const light = (tag) => {
    for (const edge of edges) edge.classList.toggle("lit", edge.dataset.from === tag || edge.dataset.to === tag);
  };
  tools.addEventListener("click", (event) => {
    const how = event.target.dataset.zoom;
    if (how === "fit") {
      zoom(Math.min(view.clientWidth / width, (0.8 * innerHeight) / svg.viewBox.baseVal.height));
      view.scrollTo(0, 0);
    }
    else if (how) zoom(scale * (how === "in" ? 1.25 : 0.8));
  });
  view.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(scale * Math.exp(-event.deltaY / 300));
  }, { passive: false });

  const field = tools.querySelector("input");
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = nodes.filter((n) => words.every((w) => n.querySelector("title").textContent.toLowerCase().includes(w)));
    for (const node of nodes) node.classList.toggle("dim", words.length > 0 && !found.includes(node));
    said.textContent = words.length ? `${found.length} found` : "";
    if (words.length && found.length) show(found[0]);
  });
  field.addEventListener("keydown", (event) => {
    const first = nodes.find((n) => !n.classList.contains("dim"));
    if (event.key === "Enter" && field.value && first) location.href = first.getAttribute("href");
  });
  for (const node of nodes) {
    for (const kind of ["pointerenter", "focus"]) node.addEventListener(kind, () => light(node.dataset.tag));
    for (const kind of ["pointerleave", "blur"]) node.addEventListener(kind, () => light(null));
  }
  const arrived = nodes.find((n) => `#${n.dataset.tag}` === location.hash);
  if (arrived) {
    arrived.classList.add("lit");
    show(arrived);
    light(arrived.dataset.tag);
  }
})();
