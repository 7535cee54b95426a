// The interface's own description, read from openapi.json.

import { el, table } from "./dom.js";

const nameOf = (ref) => ref.slice(ref.lastIndexOf("/") + 1);

/** A schema in a few words: "array of StationState", "number or null". */
function words(schema) {
  if (!schema) return "";
  if (schema.$ref) return nameOf(schema.$ref);
  const any = schema.anyOf ?? schema.oneOf;
  if (any) return any.map(words).join(" or ");
  if (schema.prefixItems) return `[${schema.prefixItems.map(words).join(", ")}]`;
  if (schema.type === "array") return `array of ${words(schema.items) || "anything"}`;
  if (schema.enum) return schema.enum.join(", ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  return [schema.type ?? "anything", schema.format].filter(Boolean).join(" ");
}

function operation(path, method, about) {
  const parameters = (about.parameters ?? []).map((p) => ({
    cells: [p.name, words(p.schema), p.schema.default ?? "–"],
  }));
  const answers = Object.entries(about.responses).map(([status, response]) => ({
    cells: [status, response.description,
      Object.entries(response.content ?? {}).map(([type, c]) => `${type} ${words(c.schema)}`).join(", ")],
  }));
  return el("section", {}, el("h2", {}, `${method.toUpperCase()} ${path}`),
    el("p", {}, about.description ?? about.summary),
    parameters.length > 0 && el("div", { class: "scroll" },
      table("Parameters", [{ title: "Parameter" }, { title: "Type" }, { title: "Default" }], parameters)),
    el("div", { class: "scroll" },
      table("Answers", [{ title: "Status" }, { title: "Meaning" }, { title: "Content" }], answers)));
}

function shape(name, schema) {
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties ?? {}).map(([key, value]) => ({
    cells: [key, words(value), required.has(key) ? "always" : "optional"],
  }));
  return el("section", {}, el("h2", {}, name), el("p", {}, schema.description ?? ""),
    rows.length > 0 && el("div", { class: "scroll" },
      table(`Members of ${name}`, [{ title: "Member" }, { title: "Type" }, { title: "Present" }], rows)));
}

const api = await (await fetch("/openapi.json")).json();
document.getElementById("about").textContent = api.info.description;
document.getElementById("paths").append(
  ...Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, about]) => operation(path, method, about))),
  ...Object.entries(api.components?.schemas ?? {}).map(([name, schema]) => shape(name, schema)));
