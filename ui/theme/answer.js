// Draws an answer from a tree of nodes. Nothing here ever parses HTML: text becomes text nodes, and only the
// elements named below can come to be, so whatever a document or a model wrote stays text.
const ELEMENTS = new Set(["p", "h4", "ul", "ol", "li", "blockquote", "pre", "code", "strong", "em", "br", "hr",
  "table", "thead", "tbody", "tr", "th", "td"]);

function chip(n, data, open) {
  const source = data.sources[String(n)];
  const el = document.createElement(source ? "button" : "span");
  el.className = "chip";
  el.textContent = String(n);
  if (source) {
    el.type = "button";
    el.title = source;
    el.setAttribute("aria-label", `Source ${n}: ${source}`);
    el.addEventListener("click", () => open(n));
  }
  return el;
}

function build(node, data, open) {
  if (typeof node === "string") return document.createTextNode(node);
  if (typeof node.cite === "number") return chip(node.cite, data, open);
  const el = ELEMENTS.has(node.tag) ? document.createElement(node.tag) : document.createElement("span");
  if (node.tag === "ol" && Number.isInteger(node.start)) el.start = node.start;
  for (const child of node.children ?? []) el.append(build(child, data, open));
  return el;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".answer");
  const drawn = JSON.stringify(data);
  if (root.drawn === drawn) return; // keeps focus and selection when the page runs again
  root.drawn = drawn;
  root.classList.toggle("writing", Boolean(data.writing));
  root.setAttribute("aria-busy", data.writing ? "true" : "false");
  const open = (n) => setTriggerValue("open", n);
  root.replaceChildren(...data.tree.map((node) => build(node, data, open)));
}
