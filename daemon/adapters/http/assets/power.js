// The site's power against its limit: what was metered, then what is planned.

import { hourLines, nowLine } from "./axis.js";
import { svg } from "./dom.js";
import { clock, number } from "./format.js";

const TOP = 26;
const HEIGHT = 190;
const BOTTOM = TOP + HEIGHT;

/** A series of the snapshot as [[ms, value]]; a bare number holds for ever. */
function points(series) {
  if (typeof series === "number") return [[-Infinity, series]];
  return (series ?? []).map((p, i) => [i === 0 ? -Infinity : Date.parse(p.from), p.value]);
}

function valueAt(steps, ms) {
  let value = null;
  for (const [from, v] of steps) {
    if (from > ms) break;
    value = v;
  }
  return value;
}

/** Round levels from 0 (or below it) to above `high`, about four of them. */
function roundLevels(low, high) {
  const size = 10 ** Math.floor(Math.log10(high / 4));
  const step = [1, 2, 2.5, 5, 10].map((f) => f * size).find((v) => v * 4.5 >= high);
  const first = Math.floor(low / step);
  const count = Math.ceil(high / step) - first;
  return Array.from({ length: count + 1 }, (_, i) => (first + i) * step);
}

/** What is drawn: metered and limit up to now, planned import and limit after it, as steps. */
export function powerData({ state, plan, snapshot, history }, axis, now) {
  const metered = history
    .map(([at, kw]) => [Date.parse(at), kw])
    .filter(([ms]) => ms >= axis.start && ms < now);
  metered.push([now, state.site.import_kw]);
  const limit = history
    .map(([at, , kw]) => [Date.parse(at), kw])
    .filter(([ms]) => ms >= axis.start && ms < now);
  if (limit.length) limit[0][0] = axis.start;
  limit.push([limit.length ? now : axis.start, state.site.import_limit_kw]);
  // The ceiling of the settings also bounds what the snapshot was given.
  limit.push(...points(snapshot?.site.import_limit_kw).filter(([ms]) => ms > now));
  const planned = (plan?.site ?? [])
    .map((s) => [Date.parse(s.from), Date.parse(s.to), s.import_kw])
    .filter(([, to]) => to > now)
    .map(([from, to, kw]) => [Math.max(from, now), to, kw]);
  return { metered, limit, planned };
}

function stepPath(steps, end, x, y) {
  let path = "";
  steps.forEach(([ms, value], i) => {
    const until = i + 1 < steps.length ? steps[i + 1][0] : end;
    path += `${i ? "L" : "M"}${x(ms)} ${y(value)}H${x(until)}`;
  });
  return path;
}

function linePath(line, x, y) {
  let pen = "M";
  let path = "";
  for (const [ms, value] of line) {
    if (value === null) {
      pen = "M";
      continue;
    }
    path += `${pen}${x(ms)} ${y(value)}`;
    pen = "L";
  }
  return path;
}

export function powerChart(data, axis, now) {
  const { metered, limit, planned } = powerData(data, axis, now);
  const values = [...metered.map((p) => p[1]), ...limit.map((p) => p[1]), ...planned.map((p) => p[2])]
    .filter((v) => v !== null);
  const levels = roundLevels(Math.min(0, ...values), Math.max(...values, 1) * 1.06);
  const [low, top] = [levels[0], levels[levels.length - 1]];
  const y = (kw) => BOTTOM - ((kw - low) / (top - low)) * HEIGHT;
  const steps = planned.map(([from, , kw]) => [from, kw]);
  const end = planned.length ? planned[planned.length - 1][1] : now;
  const peak = planned.reduce((a, b) => (b[2] > (a?.[2] ?? -Infinity) ? b : a), null);
  const said = `Import now ${number(data.state.site.import_kw)} kW, limit ` +
    `${number(data.state.site.import_limit_kw)} kW` +
    (peak ? `, planned to rise to ${number(peak[2])} kW at ${clock(peak[0])}` : "");
  const chart = svg("svg",
    { class: "power", role: "img", "aria-label": `Site power. ${said}.`,
      width: axis.width, height: BOTTOM + 34, viewBox: `0 0 ${axis.width} ${BOTTOM + 34}` },
    svg("text", { class: "unit", x: axis.left - 8, y: TOP - 10, "text-anchor": "end" }, "kW"),
    levelLines(axis, levels, y),
    hourLines(axis, TOP, BOTTOM),
    area(metered, axis, y, low),
    svg("path", { class: "metered", d: linePath(metered, axis.x, y) }),
    steps.length > 0 && svg("path", { class: "planned", d: stepPath(steps, end, axis.x, y) }),
    svg("path", { class: "limit", d: stepPath(limit, axis.end, axis.x, y) }),
    nowLine(axis, now, TOP - 14, BOTTOM, `now ${clock(now)}`),
    labels(data, axis, now, y, peak),
  );
  follow(chart, axis, now, { metered, limit, planned });
  return chart;
}

function levelLines(axis, levels, y) {
  return levels.map((kw) => [
    svg("line", { class: kw === 0 ? "base" : "grid", x1: axis.left, x2: axis.right, y1: y(kw), y2: y(kw) }),
    svg("text", { class: "tick", x: axis.left - 8, y: y(kw) + 4, "text-anchor": "end" },
      Math.round(kw * 10) / 10),
  ]);
}

function area(metered, axis, y, low) {
  const known = metered.filter((p) => p[1] !== null);
  if (known.length < 2) return null;
  const base = y(Math.max(low, 0));
  const d = `${linePath(known, axis.x, y)}V${base}H${axis.x(known[0][0])}Z`;
  return svg("path", { class: "metered-area", d });
}

function labels({ state }, axis, now, y, peak) {
  const limit = state.site.import_limit_kw;
  const drawn = state.site.import_kw;
  const x = axis.x(now);
  const metered = x - axis.left > 90 ? `metered ${number(drawn)}` : number(drawn);
  return [
    svg("text", { class: "label limit-label", x: axis.left + 6, y: y(limit) - 6 },
      `limit ${number(limit)} kW`),
    drawn !== null && svg("text",
      { class: "label metered-label", x: x - 7, y: y(drawn) - 9, "text-anchor": "end" }, metered),
    peak && peakLabel(peak, axis, y),
  ];
}

/** Beside the highest step, where the line has fallen again. */
function peakLabel([from, to, kw], axis, y) {
  const right = axis.x(to) + 130 < axis.right;
  const x = right ? axis.x(to) + 5 : axis.x(from) - 5;
  return svg("text", { class: "label planned-label", x, y: y(kw) + 4,
    "text-anchor": right ? "start" : "end" }, `planned, up to ${number(kw)}`);
}

/** A reading line under the pointer. */
function follow(chart, axis, now, { metered, limit, planned }) {
  const line = svg("line", { class: "reading", y1: TOP, y2: BOTTOM, visibility: "hidden" });
  const text = svg("text", { class: "reading-text", x: axis.right, y: TOP - 12, "text-anchor": "end" });
  chart.append(line, text);
  const hide = () => {
    line.setAttribute("visibility", "hidden");
    text.textContent = "";
  };
  chart.addEventListener("pointerleave", hide);
  chart.addEventListener("pointermove", (event) => {
    const x = event.clientX - chart.getBoundingClientRect().left;
    if (x < axis.left || x > axis.right) return hide();
    const ms = axis.at(x);
    const kw = ms < now ? valueAt(metered, ms) : valueAt(planned.map((p) => [p[0], p[2]]), ms);
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
    line.setAttribute("visibility", "visible");
    text.textContent = `${clock(ms)}  ${ms < now ? "metered" : "planned"} ${number(kw)} kW, ` +
      `limit ${number(valueAt(limit, ms))} kW`;
    return undefined;
  });
}
