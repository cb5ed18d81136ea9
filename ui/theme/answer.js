// Draws an answer from a tree of nodes, and while it is being made, what is being done for it. Nothing here ever parses
// HTML: text becomes text nodes, and only the elements named below can come to be, so whatever a document or a model
// wrote stays text.
const ELEMENTS = new Set(["p", "h4", "ul", "ol", "li", "blockquote", "pre", "code", "strong", "em", "br", "hr",
  "table", "thead", "tbody", "tr", "th", "td"]);

function element(tag, className, text = "") {
  const el = document.createElement(tag);
  el.className = className;
  el.textContent = text;
  return el;
}

function chip(n, sources, open) {
  const source = sources[String(n)];
  const el = element(source ? "button" : "span", "chip", String(n));
  if (source) {
    el.type = "button";
    el.title = source;
    el.setAttribute("aria-label", `Source ${n}: ${source}`);
    el.addEventListener("click", () => open(n));
  }
  return el;
}

function build(node, sources, open) {
  if (typeof node === "string") return document.createTextNode(node);
  if (typeof node.cite === "number") return chip(node.cite, sources, open);
  const el = document.createElement(ELEMENTS.has(node.tag) ? node.tag : "span");
  if (node.tag === "ol" && Number.isInteger(node.start)) el.start = node.start;
  for (const child of node.children ?? []) el.append(build(child, sources, open));
  return el;
}

// What is drawn already and has not changed stays: it keeps focus and selection, and a long answer costs no more to
// draw at its end than at its beginning.
function drawAnswer(root, data, open) {
  const sources = JSON.stringify(data.sources);
  const before = root.sources === sources ? (root.blocks ?? []) : [];
  const blocks = data.tree.map((node) => JSON.stringify(node));
  const same = blocks.findIndex((block, i) => block !== before[i]);
  const kept = same === -1 ? blocks.length : same;
  while (root.childNodes.length > kept) root.lastChild.remove();
  for (const node of data.tree.slice(kept)) root.append(build(node, data.sources, open));
  root.blocks = blocks;
  root.sources = sources;
  root.classList.toggle("writing", data.writing);
  root.setAttribute("aria-busy", String(data.writing));
}

function drawDoing(root, doing) {
  root.hidden = !doing;
  const drawn = JSON.stringify(doing);
  if (!doing || root.drawn === drawn) return;
  root.drawn = drawn;
  root.querySelector("summary").replaceChildren(element("span", "dot started"), doing.line);
  root.querySelector("ul").replaceChildren(...doing.steps.map((step) => {
    const row = document.createElement("li");
    row.append(element("span", `dot ${step.status}`), element("span", "what", step.name),
      element("span", "detail", step.detail), element("span", "took", step.took));
    return row;
  }));
}

export default function ({ data, parentElement, setTriggerValue }) {
  drawDoing(parentElement.querySelector(".doing"), data.doing);
  drawAnswer(parentElement.querySelector(".answer"), data, (n) => setTriggerValue("open", n));
}
