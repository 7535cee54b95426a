// The time axis that the power chart and the plan share: one glance goes straight down.

import { svg } from "./dom.js";
import { clock, day } from "./format.js";

const HOUR = 3600000;
const BEFORE = 3 * HOUR;

/** From a little before now to the end of the plan; `x(ms)` in pixels. */
export function timeAxis(width, now, plan) {
  const steps = plan?.site ?? [];
  const planned = steps.length ? Date.parse(steps[steps.length - 1].to) : 0;
  const left = width < 560 ? 52 : 76;
  const right = 12;
  const start = now - BEFORE;
  const end = Math.max(planned, now + 6 * HOUR);
  const scale = (width - left - right) / (end - start);
  return {
    left, start, end, width,
    right: width - right,
    x: (ms) => left + (Math.min(Math.max(ms, start), end) - start) * scale,
    at: (x) => start + (x - left) / scale,
  };
}

/** Whole hours of the site's clock, as many as there is room for. */
export function ticks(axis) {
  const hours = (axis.end - axis.start) / HOUR;
  const every = [1, 2, 3, 6, 12, 24].find((h) => (hours / h) * 46 < axis.right - axis.left) ?? 24;
  const found = [];
  const half = HOUR / 2;
  for (let ms = Math.ceil(axis.start / half) * half; ms <= axis.end; ms += half) {
    const [hour, minute] = clock(ms).split(":").map(Number);
    if (minute === 0 && hour % every === 0) found.push({ ms, midnight: hour === 0 });
  }
  return found;
}

/** Vertical hour lines from `top` to `bottom`, with their hours below. */
export function hourLines(axis, top, bottom) {
  return ticks(axis).map(({ ms, midnight }) => {
    const x = axis.x(ms);
    const fits = x > axis.left + 14 && x < axis.right - 10;
    return [
      svg("line", { class: midnight ? "grid midnight" : "grid", x1: x, x2: x, y1: top, y2: bottom }),
      fits && svg("text", { class: "tick", x, y: bottom + 15, "text-anchor": "middle" }, clock(ms)),
      fits && midnight && axis.right - x > 60 &&
        svg("text", { class: "tick day", x, y: bottom + 28, "text-anchor": "middle" }, day(ms)),
    ];
  });
}

export function nowLine(axis, now, top, bottom, label) {
  const x = axis.x(now);
  return [
    svg("line", { class: "now", x1: x, x2: x, y1: top, y2: bottom }),
    label && svg("text", { class: "now-label", x: x + 4, y: top + 10 }, label),
  ];
}
