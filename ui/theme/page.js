// Shows one page of a document: its picture, or its text with the cited span marked; scrolls the span into view.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".page");
  const drawn = data.id;
  if (root.drawn === drawn) return;
  root.drawn = drawn;
  root.setAttribute("aria-label", data.label);
  if (data.picture) {
    const img = document.createElement("img");
    img.alt = data.label;
    img.onload = () => {
      const top = data.top === null ? 0 : data.top * img.clientHeight - root.clientHeight / 3;
      root.scrollTop = Math.max(0, top);
      root.dataset.ready = "picture";
    };
    img.src = `data:image/png;base64,${data.picture}`;
    root.replaceChildren(img);
    return;
  }
  const text = document.createElement("div");
  text.className = "text";
  text.append(data.before);
  if (data.marked) {
    const mark = document.createElement("mark");
    mark.textContent = data.marked;
    text.append(mark, data.after);
    root.replaceChildren(text);
    root.scrollTop = Math.max(0, mark.offsetTop - root.clientHeight / 3);
  } else {
    root.replaceChildren(text);
    root.scrollTop = 0;
  }
  root.dataset.ready = "text";
}
