// A button that copies a text. navigator.clipboard wants a secure page; localhost is one, a LAN address is not.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button");
  const label = button.querySelector("span");
  label.textContent = data.label;
  button.title = data.help;
  button.setAttribute("aria-label", data.help);
  button.onclick = async () => {
    await copy(data.text);
    label.textContent = "Copied";
    clearTimeout(button.timer);
    button.timer = setTimeout(() => (label.textContent = data.label), 1600);
  };
  return () => clearTimeout(button.timer);
}
