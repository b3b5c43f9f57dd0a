"use strict";
// Asks each second for what is new, and draws it: every chart on one time axis, with one cursor.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const WINDOW_S = 600;
  const LEAST_S = 60;
  const EVERY_MS = 1000;
  const LABEL_PX = 64;
  const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300];
  const LOWEST = 0.1; // of a log axis
  const LABEL_ROWS = [11, 24];
  const MARGIN = { left: 62, right: 10, top: 30, bottom: 22 };
  const status = document.getElementById("state");
  const place = document.getElementById("charts");
  const charts = new Map();
  let run = null;
  let now = 0; // seconds since the run's start
  let gap = 5;
  let events = [];
  let pointed = null;
  let answered = Date.now();

  function grouped(text) {
    return text.replace(/\B(?=(\d{3})+(?!\d))/g, "\u2009");
  }

  function number(value) {
    if (value === 0 || Number.isInteger(value)) return grouped(String(value));
    return Math.abs(value) >= 999.5 ? grouped(value.toFixed(0)) : String(Number(value.toPrecision(3)));
  }

  function amount(value, unit) {
    if (!unit.startsWith("bytes")) return `${number(value)} ${unit}`;
    const rest = unit.slice("bytes".length);
    const scale = value >= 999.5e6 ? [1e9, "GB"] : value >= 999.5e3 ? [1e6, "MB"] : value >= 999.5 ? [1e3, "kB"] : [1, "bytes"];
    return `${number(Number((value / scale[0]).toPrecision(3)))} ${scale[1]}${rest}`;
  }

  function duration(seconds) {
    if (seconds < 60) return `${seconds} s`;
    const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    return [h && `${h} h`, m && `${m} m`, s && `${s} s`].filter(Boolean).join(" ");
  }

  function make(name, attributes, parent, text) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  }

  function range() {
    return [Math.max(0, now - WINDOW_S), Math.max(now, LEAST_S)];
  }

  function take(data) {
    if (data.run !== run) {
      run = data.run;
      now = 0;
      charts.clear();
      place.replaceChildren();
    }
    status.textContent = data.state;
    document.getElementById("readings").hidden = !(data.probes && data.probes.length);
    if (!run) return;
    ({ now_s: now, events } = data);
    gap = data.gap_s;
    const started = new Date(data.started_at * 1000).toISOString().slice(11, 19);
    status.textContent = `${data.scenarios.join(" + ")}, started at ${started} UTC, ${duration(Math.floor(now))} ago. ${data.state}`;
    for (const chart of data.charts) merge(chart, data.since);
    drawAll();
    table(data.probes);
  }

  function merge(fresh, since) {
    if (!charts.has(fresh.name)) {
      const figure = document.getElementById("chart").content.firstElementChild.cloneNode(true);
      figure.dataset.chart = fresh.name;
      figure.querySelector("h2").textContent = fresh.question;
      charts.set(fresh.name, { figure, curves: new Map() });
      place.append(figure);
      follow(figure.querySelector("svg"));
    }
    const chart = charts.get(fresh.name);
    Object.assign(chart, { unit: fresh.unit, log: fresh.log });
    const oldest = now - WINDOW_S;
    for (const curve of fresh.curves) {
      const known = chart.curves.get(curve.label);
      const kept = known ? known.points.filter(([x]) => x < since && x >= oldest) : [];
      chart.curves.set(curve.label, { colour: curve.colour, points: [...kept, ...curve.x.map((x, i) => [x, curve.y[i]])] });
    }
  }

  function ticks(low, high, count) {
    const raw = (high - low) / count || 1;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((base) => base * power).find((candidate) => candidate >= raw);
    const found = [];
    for (let at = Math.ceil(low / step) * step; at <= high * 1.0001; at += step) found.push(Number(at.toPrecision(12)));
    return found;
  }

  function decades(top) {
    const found = [];
    for (let at = LOWEST; at <= top * 1.0001; at *= 10) found.push(Number(at.toPrecision(3)));
    return found;
  }

  function scaleOf(chart) {
    const values = [...chart.curves.values()].flatMap((curve) => curve.points.map((point) => point[1])).filter((y) => y !== null);
    const most = Math.max(...values, chart.log ? LOWEST * 10 : 0);
    if (!chart.log) {
      const top = most > 0 ? most * 1.1 : 1;
      return { share: (y) => Math.max(0, y) / top, ticks: ticks(0, top, 3) };
    }
    const height = Math.log10((most * 1.3) / LOWEST);
    return { share: (y) => Math.log10(Math.max(y, LOWEST) / LOWEST) / height, ticks: decades(most * 1.3) };
  }

  function drawAll() {
    for (const chart of charts.values()) draw(chart);
  }

  function draw(chart) {
    const svg = chart.figure.querySelector("svg");
    const [width, height] = [svg.clientWidth, svg.clientHeight];
    if (!width) return;
    const [from, to] = range();
    const inner = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
    const scale = scaleOf(chart);
    const at = (x) => MARGIN.left + ((x - from) / (to - from)) * inner.width;
    const up = (y) => MARGIN.top + (1 - scale.share(y)) * inner.height;
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    for (const tick of scale.ticks) {
      make("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: up(tick), y2: up(tick) }, svg);
      make("text", { x: MARGIN.left - 7, y: up(tick) + 4, "text-anchor": "end" }, svg, amount(tick, chart.unit.startsWith("bytes") ? "bytes" : "").trim());
    }
    times(svg, from, to, at, height, inner.width);
    marks(svg, from, to, at, height);
    for (const curve of chart.curves.values()) line(svg, curve, at, up);
    if (pointed !== null) make("line", { class: "cursor", x1: at(pointed), x2: at(pointed), y1: MARGIN.top, y2: height - MARGIN.bottom }, svg);
    tell(chart, svg);
  }

  function times(svg, from, to, at, height, width) {
    const bottom = height - MARGIN.bottom;
    make("line", { class: "axis", x1: at(from), x2: at(to), y1: bottom, y2: bottom }, svg);
    const step = STEPS_S.find((candidate) => ((to - from) / candidate) * LABEL_PX <= width) || STEPS_S.at(-1);
    for (let x = Math.ceil(from / step) * step; x <= to; x += step) {
      const anchor = x === from ? "start" : at(x) > at(to) - 12 ? "end" : "middle";
      make("text", { x: at(x), y: height - 6, "text-anchor": anchor }, svg, duration(x));
    }
  }

  function marks(svg, from, to, at, height) {
    const free = LABEL_ROWS.map(() => -Infinity); // where each row is free from; a label without room is left out
    for (const { at_s: x, label } of events) {
      if (x < from || x > to) continue;
      make("line", { class: "event", x1: at(x), x2: at(x), y1: 2, y2: height - MARGIN.bottom }, svg);
      const late = at(x) > (at(from) + at(to)) / 2;
      const length = 8 + label.length * 6.5;
      const row = free.findIndex((place) => (late ? at(x) - length : at(x)) >= place);
      if (row < 0) continue;
      free[row] = late ? at(x) : at(x) + length;
      make("text", { class: "label", x: at(x) + (late ? -4 : 4), y: LABEL_ROWS[row], "text-anchor": late ? "end" : "start" }, svg, label);
    }
  }

  function line(svg, curve, at, up) {
    let path = "";
    let last = null;
    let alone = null;
    const dots = [];
    for (const [x, y] of curve.points) {
      if (y === null) continue;
      const broken = last === null || x - last > gap;
      if (broken && alone) dots.push(alone);
      path += `${broken ? "M" : "L"}${at(x).toFixed(1)} ${up(y).toFixed(1)}`;
      alone = broken ? [x, y] : null;
      last = x;
    }
    if (alone) dots.push(alone); // a point without a neighbour is no line
    make("path", { d: path || "M0 0", style: `stroke: var(${curve.colour})` }, svg);
    for (const [x, y] of dots) make("circle", { cx: at(x), cy: up(y), r: 2, style: `fill: var(${curve.colour})` }, svg);
  }

  function valueAt(curve) {
    const { points } = curve;
    if (pointed === null) return points.length && now - points.at(-1)[0] <= gap + 1 ? points.at(-1)[1] : null;
    const near = points.reduce((best, point) => (best === null || Math.abs(point[0] - pointed) < Math.abs(best[0] - pointed) ? point : best), null);
    return near && Math.abs(near[0] - pointed) <= gap ? near[1] : null;
  }

  function tell(chart, svg) {
    const list = chart.figure.querySelector(".now");
    const said = [];
    const items = [...chart.curves].map(([label, curve]) => {
      const value = valueAt(curve);
      const text = value === null ? "–" : amount(value, chart.unit);
      said.push(`${label} ${value === null ? "unknown" : text}`);
      const item = document.createElement("li");
      const swatch = document.createElement("i");
      swatch.style.background = `var(${curve.colour})`;
      const strong = document.createElement("b");
      strong.textContent = text;
      item.append(swatch, `${label} `, strong);
      return item;
    });
    list.replaceChildren(...items);
    svg.setAttribute("aria-label", `Over time, in ${chart.unit}. ${pointed === null ? "Now" : `At ${duration(Math.round(pointed))}`}: ${said.join(", ")}.`);
  }

  function follow(svg) {
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const [from, to] = range();
      const share = (event.clientX - box.left - MARGIN.left) / (box.width - MARGIN.left - MARGIN.right);
      pointed = share < 0 || share > 1 ? null : from + share * (to - from);
      drawAll();
    });
    svg.addEventListener("pointerleave", () => {
      pointed = null;
      drawAll();
    });
  }

  function table(rows) {
    const body = document.querySelector("#readings tbody");
    body.replaceChildren(...rows.map((row) => {
      const tr = document.createElement("tr");
      for (const key of ["reading", "now", "minute_ago", "trend", "unit", "state", "name"]) {
        const cell = document.createElement(key === "reading" ? "th" : "td");
        if (key === "reading") cell.scope = "row";
        else if (key !== "now" && key !== "minute_ago") cell.className = "text";
        if (key === "state" && row.state !== "ok") cell.classList.add("trouble");
        cell.textContent = row[key];
        tr.append(cell);
      }
      return tr;
    }));
  }

  async function newest() {
    try {
      const answer = await fetch(`${location.pathname}/series?since=${Math.floor(now)}`, { cache: "no-store", credentials: "same-origin" });
      if (answer.redirected) location.reload(); // to the login
      return answer.ok ? await answer.json() : null;
    } catch {
      return null; // nobody there: said below, and asked again in a second
    }
  }

  async function ask() {
    if (document.hidden) return;
    const data = await newest();
    status.classList.toggle("lost", data === null);
    if (data === null) {
      const silent = duration(Math.round((Date.now() - answered) / 1000));
      status.textContent = `Locust has not answered for ${silent}. What stands here is the last that was known.`;
      return;
    }
    answered = Date.now();
    take(data);
  }

  async function live() {
    try {
      await ask();
    } finally {
      setTimeout(live, EVERY_MS);
    }
  }

  addEventListener("resize", drawAll);
  live();
})();
