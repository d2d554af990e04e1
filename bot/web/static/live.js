// Shows a part of the page again when it changes on the server, and sends a phone's message without a new page.
// Without this script every page still works: reload it to see what is new.
"use strict";

for (const part of document.querySelectorAll("[data-live]")) {
  const source = new EventSource(part.dataset.live);
  source.onmessage = (event) => {
    const atEnd = window.innerHeight + window.scrollY >= document.body.scrollHeight - 200;
    part.innerHTML = JSON.parse(event.data);
    if (atEnd) window.scrollTo(0, document.body.scrollHeight);
  };
}

for (const form of document.querySelectorAll("form[data-send]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const field = form.querySelector("textarea");
    const body = new URLSearchParams(new FormData(form));
    const sent = await fetch(form.action, { method: "POST", body });
    if (sent.ok) field.value = "";
    field.focus();
  });
  form.querySelector("textarea").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  window.scrollTo(0, document.body.scrollHeight);
}
