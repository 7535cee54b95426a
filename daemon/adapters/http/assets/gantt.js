// The plan: a row for each vehicle, its stays shaded by power, its routes as blocks.

import { hourLines, nowLine } from "./axis.js";
import { el, svg } from "./dom.js";
import { byId, clock, number } from "./format.js";

const TOP = 10;
const SHADES = 5;
const CHARACTER = 6.3;

/** Rows of {id, note, out, items}; an item is a stay or a route with its span in ms. */
export function ganttRows({ state, plan, snapshot }) {
  const rows = new Map();
  const row = (id) => {
    if (!rows.has(id)) rows.set(id, { id, items: [] });
    return rows.get(id);
  };
  for (const vehicle of state.vehicles) row(vehicle.id).out = !vehicle.in_service;
  for (const stay of plan.stays) {
    row(stay.vehicle).items.push(
      { kind: "stay", from: Date.parse(stay.from), to: Date.parse(stay.to), stay });
  }
  const routes = new Map((snapshot?.routes ?? state.routes).map((route) => [route.id, route]));
  const span = (id) => {
    const route = routes.get(id);
    return route && { route: id, from: Date.parse(route.depart), to: Date.parse(route.return) };
  };
  for (const { route, vehicle } of plan.allocations) {
    const block = span(route);
    if (block) row(vehicle).items.push({ kind: "route", ...block });
  }
  const vehicles = [...rows.values()].sort(byId);
  const unserved = plan.unserved
    .map(({ route, reason }) => ({ block: span(route), route, reason }))
    .filter(({ block }) => block)
    .map(({ block, route, reason }) =>
      ({ id: route, unserved: true, items: [{ kind: "unserved", reason, ...block }] }))
    .sort(byId);
  for (const { items } of vehicles) items.sort((a, b) => a.from - b.from);
  return [...vehicles, ...unserved];
}

/** The power that the darkest shade stands for. */
export function highestKw(plan) {
  const powers = plan.stays.flatMap((stay) => stay.periods.map((p) => p.kw));
  return Math.max(1, ...powers);
}

export function ganttChart(data, axis, now) {
  const rows = ganttRows(data);
  const top = highestKw(data.plan);
  const compact = rows.length > 40;
  const height = compact ? 20 : 34;
  const bottom = TOP + rows.length * height + 4;
  const counts = `${data.plan.stays.length} charging stays, ${data.plan.allocations.length} routes ` +
    `served, ${data.plan.unserved.length} not served`;
  return svg("svg",
    { class: "gantt", role: "img", "aria-label": `Plan ${data.plan.revision}: ${counts}.`,
      width: axis.width, height: bottom + 34, viewBox: `0 0 ${axis.width} ${bottom + 34}` },
    hourLines(axis, TOP, bottom),
    rows.map((row, i) => drawRow(row, axis, TOP + i * height, height, compact, top)),
    nowLine(axis, now, TOP - 4, bottom, null),
  );
}

function drawRow(row, axis, y, height, compact, top) {
  const bar = compact ? { y: y + 3, height: 14 } : { y: y + 17, height: 12 };
  const visible = row.items.filter((item) => item.to > axis.start && item.from < axis.end);
  const name = row.id.length > 10 ? `${row.id.slice(0, 9)}…` : row.id;
  return svg("g", { class: "row", "data-row": row.id },
    svg("line", { class: "row-line", x1: 0, x2: axis.right, y1: y + height, y2: y + height }),
    svg("text", { class: `row-label${row.out ? " out" : ""}${row.unserved ? " bad" : ""}`,
      x: axis.left - 8, y: bar.y + 10, "text-anchor": "end" }, name,
    svg("title", {}, row.out ? `${row.id}, out of service` : row.id)),
    visible.map((item, i) => {
      const until = i + 1 < visible.length ? axis.x(visible[i + 1].from) : axis.right + 8;
      const room = compact ? 0 : until - axis.x(item.from) - 4;
      return item.kind === "stay"
        ? drawStay(item, axis, bar, y, room, top)
        : drawRoute(item, axis, bar, y, room);
    }),
  );
}

/** The longest of the texts that fits. */
function label(texts, x, y, room, className) {
  const text = texts.find((t) => t.length * CHARACTER <= room);
  return text && svg("text", { class: className, x, y: y + 13 }, text);
}

function drawStay({ stay, from, to }, axis, bar, y, room, top) {
  const place = `${stay.station}/${stay.connector}`;
  const energy = `${number(stay.energy_kwh)} kWh`;
  const spoken = `${stay.vehicle} at ${place}, ${clock(from)} to ${clock(to)}, ${energy}` +
    (stay.why ? `: ${stay.why}` : "");
  const x = axis.x(from);
  return svg("g", { class: "stay", "data-vehicle": stay.vehicle, "data-station": stay.station },
    svg("title", {}, spoken),
    svg("rect", { class: "stay-span", x, y: bar.y, width: Math.max(axis.x(to) - x, 1), height: bar.height }),
    stay.periods.filter((p) => p.kw > 0).map((p) => {
      const left = axis.x(Date.parse(p.from));
      const shade = Math.min(SHADES, Math.max(1, Math.ceil((p.kw / top) * SHADES)));
      return svg("rect", { class: `charge kw${shade}`, x: left, y: bar.y, height: bar.height,
        width: Math.max(axis.x(Date.parse(p.to)) - left, 1) },
      svg("title", {}, `${spoken}\n${number(p.kw)} kW from ${clock(Date.parse(p.from))} to ` +
        clock(Date.parse(p.to))));
    }),
    label([`${place} · ${energy}`, place, energy], x, y, room, "stay-label"),
  );
}

function drawRoute({ kind, route, from, to, reason }, axis, bar, y, room) {
  const x = axis.x(from);
  const spoken = `Route ${route}, leaves ${clock(from)}, back ${clock(to)}` +
    (reason ? `, not served: ${reason}` : "");
  return svg("g", { class: kind, "data-route": route },
    svg("title", {}, spoken),
    svg("rect", { class: `${kind}-block`, x, y: bar.y, height: bar.height,
      width: Math.max(axis.x(to) - x, 2) }),
    svg("line", { class: "departure", x1: x, x2: x, y1: bar.y - 4, y2: bar.y + bar.height }),
    label([`${route} leaves ${clock(from)}`, `${route} ${clock(from)}`, route, clock(from)],
      x + 3, y, room, "route-label"),
  );
}

/** The legend's entries: what shades and blocks mean. */
export function ganttLegend(plan) {
  const top = highestKw(plan);
  const swatch = (className) =>
    svg("svg", { width: 18, height: 12, "aria-hidden": "true" },
      svg("rect", { class: className, width: 18, height: 12 }));
  const shades = Array.from({ length: SHADES }, (_, i) => swatch(`charge kw${i + 1}`));
  return [
    el("li", {}, swatch("stay-span"), "plugged, waiting"),
    el("li", {}, shades, `charging, up to ${number(top)} kW`),
    el("li", {}, swatch("route-block"), "on a route"),
    plan.unserved.length > 0 && el("li", {}, swatch("unserved-block"), "route nobody drives"),
  ];
}
