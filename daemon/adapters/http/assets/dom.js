// The only way anything gets into the page. Text goes in as text, never as markup, so whatever a
// station or a vehicle calls itself stays a name.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/** A table: `columns` are {title, number?}; `rows` hold cells, text or nodes, the first one heads. */
export function table(caption, columns, rows) {
  const head = columns.map((c) => el("th", { scope: "col", class: c.number && "number" }, c.title));
  const body = rows.map((row) =>
    el("tr", { class: row.className },
      row.cells.map((cell, i) =>
        el(i === 0 ? "th" : "td",
          { scope: i === 0 && "row", class: columns[i].number && "number" }, cell))));
  return el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, head)),
    el("tbody", {}, body));
}
