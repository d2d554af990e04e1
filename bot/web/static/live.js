// Shows a part of the page again when it changes on the server, and sends a phone's message without a new page.
// Without this script every page still works: reload it to see what is new.
"use strict";

// Change only what differs, so that the keyboard stays where it is and a screen reader hears only what is new.
function merge(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (!old.cloneNode(false).isEqualNode(fresh.cloneNode(false))) {
    old.replaceWith(fresh);
    return;
  }
  const before = [...old.childNodes];
  [...fresh.childNodes].forEach((child, place) => {
    if (place < before.length) merge(before[place], child);
    else old.append(child);
  });
  before.slice(fresh.childNodes.length).forEach((child) => child.remove());
}

for (const part of document.querySelectorAll("[data-live]")) {
  const source = new EventSource(part.dataset.live);
  source.onmessage = (event) => {
    const atEnd = window.innerHeight + window.scrollY >= document.body.scrollHeight - 200;
    const fresh = part.cloneNode(false);
    fresh.innerHTML = "\n" + JSON.parse(event.data);
    merge(part, fresh);
    if (atEnd) window.scrollTo(0, document.body.scrollHeight);
  };
}

// The same words under the same key are one message, however often they are sent.
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

for (const form of document.querySelectorAll("form[data-send]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const field = form.querySelector("textarea");
    const body = new URLSearchParams(new FormData(form));
    const words = field.value;
    const key = form.elements.key;
    const used = key.value;
    field.value = "";
    key.value = newKey();
    const sent = await fetch(form.action, { method: "POST", body }).catch(() => null);
    if (!(sent && sent.ok)) {
      field.value = words + field.value;
      key.value = used;
    }
    field.setCustomValidity(sent && sent.ok ? "" : "This was not sent. Check that the program runs, then try again.");
    field.reportValidity();
    field.focus();
  });
  form.querySelector("textarea").addEventListener("input", (event) => event.target.setCustomValidity(""));
  form.querySelector("textarea").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  window.scrollTo(0, document.body.scrollHeight);
}
