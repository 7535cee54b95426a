// The figures on top, and what needs a human.

import { el } from "./dom.js";
import { clock, moment, number, span } from "./format.js";
import { bar } from "./tables.js";

function figure(name, value, unit, ...details) {
  return el("div", { class: "figure" }, el("dt", {}, name),
    el("dd", {}, el("span", { class: "value" }, value, unit && el("span", { class: "unit" }, unit)),
      details.filter(Boolean).map((detail) => el("span", { class: "detail" }, detail))));
}

export function figures(state, now) {
  const { site, plan } = state;
  const over = site.import_kw !== null && site.import_kw > site.import_limit_kw;
  return [
    figure("Import now", number(site.import_kw), `of ${number(site.import_limit_kw)} kW`,
      bar(site.import_kw, site.import_limit_kw, null, over ? "wide over" : "wide"),
      `limit: ${site.limit_source}`),
    figure("Charging", number(site.charging_kw), "kW", `base load ${number(site.base_load_kw)} kW`),
    figure("Peak", number(site.peak_kw), "kW", "of this billing period"),
    plan
      ? figure("Plan", plan.revision, plan.status,
        `${plan.algorithm}, made ${moment(Date.parse(plan.made_at), now)}`, planner(state.planner, now))
      : figure("Plan", "none yet", "", planner(state.planner, now)),
  ];
}

function planner({ state, revision, since, reason }, now) {
  if (state === "planning") {
    const started = since ? ` since ${span(now - Date.parse(since))}` : "";
    return `planning ${revision ?? ""}${started}`;
  }
  if (state === "waiting") return "about to plan again";
  if (state === "failed") return `planner failed: ${reason ?? "no reason given"}`;
  return null;
}

/** Everything that wants a human: [{severity, text, detail}], the worst first. */
export function attentionItems({ state, plan }, now) {
  const items = [];
  for (const { route, reason } of plan?.unserved ?? []) {
    items.push({ severity: "critical", text: `Nobody drives route ${route}`, detail: reason });
  }
  for (const { vehicle, at, route, kwh } of plan?.shortfalls ?? []) {
    const when = moment(Date.parse(at), now);
    items.push({
      severity: "warning",
      text: `${vehicle} will lack ${number(kwh)} kWh`,
      detail: route ? `for route ${route} at ${when}` : `of its target at ${when}`,
    });
  }
  for (const note of plan?.notes ?? []) items.push({ severity: "info", text: note, detail: "" });
  for (const station of state.stations.filter((s) => !s.online)) {
    items.push({ severity: "warning", text: `Station ${station.id} is offline`, detail: "" });
  }
  for (const { at, severity, station, text } of state.alerts) {
    items.push({ severity, text: station ? `${station}: ${text}` : text, detail: clock(Date.parse(at)) });
  }
  const order = { critical: 0, warning: 1 };
  return items.sort((a, b) => (order[a.severity] ?? 2) - (order[b.severity] ?? 2));
}

const SHOWN = 6;

export function attention(items) {
  if (!items.length) return el("p", { class: "calm" }, "Nothing needs attention.");
  const line = ({ severity, text, detail }) =>
    el("li", { class: `item ${severity === "critical" ? "critical" : severity === "warning" ? "warning" : ""}` },
      el("span", { class: "severity" }, severity), el("strong", {}, text),
      detail && el("span", { class: "detail" }, detail));
  const rest = items.slice(SHOWN);
  return el("div", {}, el("ul", { class: "items" }, items.slice(0, SHOWN).map(line)),
    rest.length > 0 && el("details", {}, el("summary", {}, `${rest.length} more`),
      el("ul", { class: "items" }, rest.map(line))));
}
