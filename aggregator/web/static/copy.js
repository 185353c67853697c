// Shows the buttons that copy an address, which would be of no use without this script.
"use strict";

const said = document.createElement("p");
said.className = "unseen";
said.setAttribute("role", "status");
document.body.append(said);

// Outside https and localhost browsers have no clipboard, but let a selection be copied.
function copySelected(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelected(text);
  }
}

for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const address = button.dataset.copy;
  const copied = await copy(address);
  button.focus();
  button.textContent = copied ? "Copied" : "Failed";
  said.textContent = copied ? `Copied: ${address}` : `Copy it by hand: ${address}`;
  setTimeout(() => { button.textContent = "Copy"; said.textContent = ""; }, 3000);
});
