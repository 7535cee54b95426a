// Keeps the page in step with the daemon: the state comes by server-sent events, the plan and the
// history are fetched when they have changed. `?live=off` shows one reading and stops.

import { timeAxis } from "./axis.js";
import { el } from "./dom.js";
import { clock, setZone } from "./format.js";
import { ganttChart, ganttLegend } from "./gantt.js";
import { powerChart } from "./power.js";
import { attention, attentionItems, figures } from "./summary.js";
import { limitTable, stationTable, vehicleTable } from "./tables.js";

const RETRY_MS = 5000;
const REDRAW_MS = 20000;
const HISTORY_MS = 60000;

const data = { state: null, plan: null, snapshot: null, history: [] };
let offset = 0; // the depot's clock minus ours
let planKey = null;
let historyAt = -Infinity;
const drawn = new Map();

const node = (id) => document.getElementById(id);
const now = () => Date.now() + offset;

/** Redraws a part of the page only when what it shows has changed: a selection survives. */
function show(id, key, draw) {
  const text = JSON.stringify(key);
  if (drawn.get(id) === text) return;
  drawn.set(id, text);
  node(id).replaceChildren(...[draw()].flat().filter(Boolean));
}

function render() {
  const { state, plan, snapshot } = data;
  if (!state) return;
  const minute = Math.floor(now() / REDRAW_MS);
  const { now: _, ...site } = state.site;
  document.title = `${site.id} · depotd`;
  show("site", site.id, () => el("span", {}, site.id));
  show("figures", [site, state.plan, state.planner, minute], () => figures(state, now()));
  show("attention", [plan?.unserved, plan?.shortfalls, plan?.notes, state.stations.map((s) => [s.id, s.online]),
    state.alerts], () => attention(attentionItems(data, now())));
  renderTimeline(minute);
  show("stations", state.stations, () => stationTable(state.stations));
  show("vehicles", [state.vehicles, minute], () => vehicleTable(state.vehicles, now()));
  show("limits", state.limits, () => limitTable(state.limits));
  document.documentElement.dataset.revision = plan ? plan.revision : "none";
}

function renderTimeline(minute) {
  const { state, plan } = data;
  const width = Math.floor(node("power").clientWidth);
  const axis = timeAxis(width, now(), plan);
  const { site } = state;
  show("power", [width, minute, planKey, data.history.at(-1), site.import_kw, site.import_limit_kw],
    () => powerChart(data, axis, now()));
  const vehicles = state.vehicles.map((v) => [v.id, v.in_service]);
  show("gantt", [width, minute, planKey, vehicles], () =>
    plan ? ganttChart(data, axis, now()) : el("p", { class: "calm" }, "There is no plan yet."));
  show("legend", planKey, () => (plan ? ganttLegend(plan) : []));
}

async function fetchJson(path) {
  const response = await fetch(path, { cache: "no-store" });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

/** Everything is fetched before any of it is shown: a redraw may come at every await, and would
 * show the new state without its plan. */
async function take(state) {
  const key = state.plan && `${state.plan.revision} ${state.plan.made_at}`;
  let { plan, snapshot, history } = data;
  if (key !== planKey) {
    [plan, snapshot] = key
      ? await Promise.all([fetchJson("/api/v1/plan"), fetchJson("/api/v1/snapshot")])
      : [null, null];
  }
  if (performance.now() - historyAt > HISTORY_MS) {
    history = await fetchJson("/api/v1/history");
    historyAt = performance.now();
  }
  Object.assign(data, { state, plan, snapshot, history });
  planKey = key;
  offset = Date.parse(state.site.now) - Date.now();
  setZone(state.site.timezone);
  render();
}

function tell(text, className) {
  const pill = node("link");
  pill.textContent = text;
  pill.className = `pill ${className}`;
}

function listen() {
  let taking = Promise.resolve();
  const source = new EventSource("/events");
  const lost = () => tell(`no connection since ${clock(now())}`, "bad");
  source.addEventListener("open", () => tell("live", "good"));
  source.addEventListener("state", (event) => {
    taking = taking.then(() => take(JSON.parse(event.data))).catch((error) => {
      console.error(error);
      tell("the daemon's answer could not be shown", "bad");
    });
  });
  source.addEventListener("error", () => {
    lost();
    // The browser tries again by itself unless the server answered with an error.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
  });
}

async function once() {
  await take(await fetchJson("/api/v1/state"));
  tell(`as of ${clock(now())}`, "");
}

new ResizeObserver(() => requestAnimationFrame(render)).observe(node("power"));
if (new URLSearchParams(location.search).get("live") === "off") {
  once().catch((error) => {
    console.error(error);
    tell("the daemon's answer could not be shown", "bad");
  });
} else {
  setInterval(render, REDRAW_MS);
  listen();
}
