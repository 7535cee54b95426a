// Numbers and times as an operator reads them. Times are shown in the site's own zone.

let zone = "UTC";
const formats = new Map();

export function setZone(name) {
  try {
    new Intl.DateTimeFormat("en-GB", { timeZone: name });
  } catch {
    name = "UTC";
  }
  if (name !== zone) formats.clear();
  zone = name;
}

function format(key, options) {
  if (!formats.has(key)) {
    formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }));
  }
  return formats.get(key);
}

/** "04:52" */
export const clock = (ms) =>
  format("clock", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(ms);

/** "Sat 21 Nov" */
export const day = (ms) =>
  format("day", { weekday: "short", day: "numeric", month: "short" }).format(ms);

/** "04:52" today, "Sat 21 Nov, 04:52" on another day */
export const moment = (ms, now) => (day(ms) === day(now) ? clock(ms) : `${day(ms)}, ${clock(ms)}`);

/** "2 h 10 min" */
export function span(ms) {
  const minutes = Math.max(0, Math.round(ms / 60000));
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.round(hours / 24)} days`;
  return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
}

/** One decimal below 100, none above; a dash for what is not known. */
export function number(value) {
  if (value === null || value === undefined) return "–";
  return Math.abs(value) >= 99.95 ? value.toFixed(0) : value.toFixed(1);
}

const collator = new Intl.Collator("en", { numeric: true });
export const byId = (a, b) => collator.compare(a.id, b.id);
