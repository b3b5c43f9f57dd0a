"use strict";
// Draws each picture when it comes into view, in the colours of the theme; all pictures over time share range and cursor.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const main = document.querySelector("main");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const NARROW_PX = 640;
  const LABEL_PX = 78;
  const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
  const OPTIONS = { displayModeBar: false, doubleClick: "reset", showTips: false };
  const drawn = new Set();
  let zoomed = null;
  let following = false;

  function colour(token) {
    const [name, alpha] = token.split("/");
    const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    return alpha ? hex + Math.round(alpha * 255).toString(16).padStart(2, "0") : hex;
  }

  function coloured(value) {
    if (typeof value === "string") return value.startsWith("--") ? colour(value) : value;
    if (Array.isArray(value)) return typeof value[0] === "object" && value[0] ? value.map(coloured) : value;
    if (value && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, coloured(inner)]));
    return value;
  }

  function duration(seconds) {
    if (seconds < 60) return `${+seconds.toFixed(2)} s`;
    const whole = Math.round(seconds);
    const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    return [h && `${h} h`, m && `${m} m`, s && `${s} s`].filter(Boolean).join(" ");
  }

  function ticks([low, high], width) {
    const step = STEPS_S.find((candidate) => ((high - low) / candidate) * LABEL_PX <= width) || STEPS_S.at(-1);
    const values = [];
    for (let at = Math.ceil(low / step) * step; at <= high; at += step) values.push(at);
    return { tickmode: "array", tickvals: values, ticktext: values.map(duration) };
  }

  function fitted(plot) {
    const { data, layout } = coloured(figures[plot.id]);
    layout.width = plot.clientWidth;
    if (layout.width < NARROW_PX) {
      layout.annotations = layout.annotations.filter((annotation) => annotation.name !== "label");
      Object.assign(layout.margin, { l: 58, r: layout.yaxis2 && layout.yaxis2.overlaying ? 58 : 16 });
      layout.dragmode = false; // a finger scrolls the page
    }
    if (layout.meta) {
      const { l, r, t, b } = layout.margin; // a map keeps its shape
      layout.height = Math.round((layout.width - l - r) * layout.meta.height_by_width) + t + b;
      plot.style.minHeight = `${layout.height}px`;
      const smaller = Math.min(1, layout.width / layout.meta.width);
      for (const { marker, line } of data) {
        if (marker && marker.sizeref) marker.sizeref /= smaller ** 2; // of an area
        else if (marker) marker.size = Math.max(2, marker.size * smaller);
        else line.width = Math.max(0.5, line.width * smaller);
      }
    }
    if (plot.classList.contains("timed")) {
      if (zoomed) layout.xaxis.range = zoomed;
      Object.assign(layout.xaxis, ticks(layout.xaxis.range, layout.width - layout.margin.l - layout.margin.r));
    }
    return [data, layout];
  }

  function draw(plot) {
    const first = !drawn.has(plot);
    drawn.add(plot);
    Plotly.react(plot, ...fitted(plot), OPTIONS);
    if (first && plot.classList.contains("timed")) share(plot);
    plot.dataset.drawn = "yes";
  }

  function share(plot) {
    plot.on("plotly_relayout", (change) => {
      if (following || !Object.keys(change).some((key) => key.startsWith("xaxis."))) return;
      const range = plot.layout.xaxis.range;
      zoomed = "xaxis.range[0]" in change || "xaxis.range" in change ? [...range] : null;
      following = true;
      for (const other of drawn) if (other.classList.contains("timed")) draw(other);
      following = false;
    });
    plot.addEventListener("mousemove", (event) => {
      const x = event.clientX - plot.getBoundingClientRect().left;
      const { margin, width } = plot.layout;
      main.classList.toggle("pointing", x >= margin.l && x <= width - margin.r);
      main.style.setProperty("--cursor", `${x}px`);
    });
    plot.addEventListener("mouseleave", () => main.classList.remove("pointing"));
  }

  function redraw() {
    for (const plot of drawn) draw(plot);
  }

  const plots = document.querySelectorAll(".plot");
  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        seen.unobserve(entry.target);
        draw(entry.target);
      }
    },
    { rootMargin: "200px" },
  );
  for (const plot of plots) seen.observe(plot);

  let width = innerWidth;
  addEventListener("resize", () => {
    if (width === innerWidth) return;
    width = innerWidth;
    redraw();
  });
  dark.addEventListener("change", redraw);
  addEventListener("beforeprint", () => plots.forEach(draw));
})();
