// Stations, vehicles and limits as tables.

import { el, svg, table } from "./dom.js";
import { byId, moment, number, span } from "./format.js";

/** A slim bar: `value` of `full`, with a tick at `mark`; the numbers stand beside it as text. */
export function bar(value, full, mark, className = "") {
  const width = 96;
  const x = (v) => Math.max(0, Math.min(1, v / full)) * width;
  return svg("svg",
    { class: `bar ${className}`, width, height: 10, viewBox: `0 0 ${width} 10`,
      preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "bar-back", width, height: 10, rx: 2 }),
    value !== null && full > 0 && svg("rect", { class: "bar-fill", width: x(value), height: 10, rx: 2 }),
    mark !== null && full > 0 &&
      svg("line", { class: "bar-mark", x1: x(mark), x2: x(mark), y1: 0, y2: 10 }));
}

export function stationTable(stations) {
  const rows = [...stations].sort(byId).flatMap((station) => {
    const connectors = station.connectors.length ? station.connectors : [null];
    return connectors.map((c, i) => ({
      className: [i > 0 && "more", !station.online && "offline"].filter(Boolean).join(" ") || null,
      cells: [
        i > 0 ? el("span", { class: "visually-hidden" }, station.id) : stationName(station),
        i > 0 ? "" : link(station),
        c ? c.connector : "–",
        c ? c.status : "–",
        c?.vehicle ?? "–",
        number(c?.planned_kw), number(c?.limit_kw), number(c?.power_kw), number(c?.energy_kwh),
        c?.fixed ? el("span", { class: "fixed" }, c.fixed) : "",
      ],
    }));
  });
  return table("Charging stations and their connectors, powers in kW", [
    { title: "Station" }, { title: "Link" }, { title: "Connector" }, { title: "Status" },
    { title: "Vehicle" }, { title: "Planned kW", number: true }, { title: "Limit kW", number: true },
    { title: "Power kW", number: true }, { title: "Energy kWh", number: true },
    { title: "Not steered because" },
  ], rows);
}

function stationName(station) {
  const make = [station.vendor, station.model].filter(Boolean).join(" ");
  return [station.id, make && el("small", {}, make)];
}

function link(station) {
  const state = station.online ? "online" : "offline";
  return [el("span", { class: `dot ${state}` }, state),
    station.version && el("small", {}, station.version)];
}

export function vehicleTable(vehicles, now) {
  const rows = [...vehicles].sort(byId).map((v) => ({
    className: v.in_service ? null : "offline",
    cells: [
      v.id,
      v.type,
      energy(v),
      v.plugged ? `${v.plugged.station}/${v.plugged.connector}` : "–",
      v.next_route ?? "–",
      departure(v, now),
      v.in_service ? "in service" : "out of service",
    ],
  }));
  return table("Vehicles, their energy and next departure", [
    { title: "Vehicle" }, { title: "Type" }, { title: "Energy" }, { title: "Plugged in at" },
    { title: "Next route" }, { title: "Leaves" }, { title: "Service" },
  ], rows);
}

function energy(v) {
  const text = `${number(v.energy_kwh)} of ${number(v.battery_kwh)} kWh`;
  const owed = v.target_kwh === null ? "" : `wanted ${number(v.target_kwh)}`;
  return el("span", { class: "energy" }, bar(v.energy_kwh, v.battery_kwh, v.target_kwh),
    el("span", {}, text, owed && el("small", {}, owed)));
}

function departure(v, now) {
  if (!v.next_departure) return "–";
  const ms = Date.parse(v.next_departure);
  return [moment(ms, now), el("small", {}, ms > now ? `in ${span(ms - now)}` : "due")];
}

export function limitTable(limits) {
  const rows = limits.map((l) => ({
    cells: [
      l.name,
      bar(l.power_kw, l.limit_kw, l.booked_kw, l.power_kw > l.limit_kw ? "over" : ""),
      number(l.power_kw), number(l.booked_kw), number(l.limit_kw),
    ],
  }));
  return table("Limits in force: metered, booked at worst, and allowed", [
    { title: "Limit" }, { title: "Used" }, { title: "Metered kW", number: true },
    { title: "Booked kW", number: true }, { title: "Allowed kW", number: true },
  ], rows);
}
