// Shows a part of the page again when it changes on the server, and sends a message without a new page.
// Without this script every page still works: reload it to see what is new.
"use strict";

// What somebody is writing in stays, also where it is gone from the service: their words are theirs to copy.
const GONE = "This is not here any more: somebody has seen to it, or has it now. Your words stay until you leave this page.";

function stays(one) {
  if (![...one.querySelectorAll(WORDS)].some((field) => field.value !== field.defaultValue)) return false;
  if (one.firstElementChild.textContent === GONE) return true;
  one.prepend(Object.assign(document.createElement("p"), { className: "problem", textContent: GONE }));
  say(GONE);
  return true;
}

// Change only what differs, so that the keyboard stays where it is and a screen reader hears only what is new.
function merge(old, fresh) {
  if (old.open) fresh.open = true; // what somebody opened stays open
  if (old.isEqualNode(fresh)) return;
  if (!old.cloneNode(false).isEqualNode(fresh.cloneNode(false))) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeName === "TEXTAREA") return; // what somebody wrote there is theirs
  // What has a name stays the same thing, wherever it stands now: words that somebody is writing there stay with it.
  const kept = new Set([...fresh.children].map((child) => child.id).filter(Boolean));
  const gone = [...old.children].filter((child) => child.id && !kept.has(child.id));
  const left = new Set(gone.filter(stays));
  gone.filter((child) => !left.has(child)).forEach((child) => child.remove());
  const named = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const same = child.id && named.get(child.id);
    if (same) {
      // What has the keyboard is never moved, for that would take it away: the others are moved behind it.
      while (place && place !== same && (!place.id || same.contains(document.activeElement))) {
        const next = place.nextSibling;
        if (place.id) old.insertBefore(place, same.nextSibling);
        else place.remove();
        place = next;
      }
      if (same === place) place = place.nextSibling;
      else old.insertBefore(same, place);
      merge(same, child);
    } else if (place && !place.id) {
      const next = place.nextSibling;
      merge(place, child);
      place = next;
    } else old.insertBefore(child, place);
  }
  while (place) {
    const next = place.nextSibling;
    if (!left.has(place)) place.remove();
    place = next;
  }
}

// What is new is said to a screen reader, once, in a few words: messages of the participant, and tasks.
const NEW = [[".timeline > .in", "new message"], ["[data-part=tasks] .cards > li", "new task"]];

function newest(selector) {
  return Math.max(0, ...[...document.querySelectorAll(selector)].map((one) => Number(one.id.slice(1))));
}

function say(words) {
  const place = document.getElementById("news");
  if (place.textContent === words) place.textContent = "";
  setTimeout(() => (place.textContent = words), 100);
}

function show(parts) {
  const before = NEW.map(([selector]) => newest(selector));
  change(parts);
  const said = NEW.map(([selector, name], place) => {
    const many = [...document.querySelectorAll(selector)].filter((one) => Number(one.id.slice(1)) > before[place]).length;
    return many && `${many} ${name}${many > 1 ? "s" : ""}`;
  });
  if (said.some(Boolean)) say(said.filter(Boolean).join(", "));
}

function change(parts) {
  const atEnd = window.innerHeight + window.scrollY >= document.body.scrollHeight - 200;
  for (const [name, html] of Object.entries(parts)) {
    const part = document.querySelector(`[data-part="${name}"]`);
    if (!part) continue;
    const fresh = part.cloneNode(false);
    fresh.innerHTML = "\n" + html;
    merge(part, fresh);
  }
  putBack();
  if (atEnd) window.scrollTo(0, document.body.scrollHeight);
}

// The page says when it is not live, and when it is again. The server is heard from every 20 seconds at least.
const SILENT = 50000, AGAIN = 5000;

function keepLive(address) {
  const status = document.getElementById("connection");
  let source, timer, lost = false;
  const wait = (act, milliseconds) => {
    clearTimeout(timer);
    timer = setTimeout(act, milliseconds);
  };
  const lose = () => {
    lost = true;
    status.textContent = "Connection lost. What you see may be old.";
  };
  const drop = () => {
    source.close();
    lose();
    wait(begin, AGAIN);
  };
  const heard = () => wait(drop, SILENT);
  const begin = () => {
    source = new EventSource(address);
    source.onmessage = (event) => {
      show(JSON.parse(event.data));
      if (lost) status.textContent = "Connected again. What you see is up to date.";
      lost = false;
      heard();
    };
    source.addEventListener("here", heard);
    source.addEventListener("shut", (event) => {
      source.close();
      clearTimeout(timer);
      window.removeEventListener("offline", drop);
      status.textContent = event.data;
      missed = true; // until it takes words again
    });
    source.onerror = () => (source.readyState === EventSource.CLOSED ? drop() : lose());
    heard();
  };
  window.addEventListener("offline", drop);
  begin();
}

for (const page of document.querySelectorAll("[data-live]")) keepLive(page.dataset.live);

// What says that the page is not live stays at the top of the window: nothing that gets the keyboard may hide behind it.
new ResizeObserver(([bar]) => {
  document.documentElement.style.scrollPaddingTop = `${bar.target.offsetHeight}px`;
}).observe(document.getElementById("connection"));

// Words that somebody has not sent yet are kept on the server, sealed, until they are sent: neither loading the page again
// nor signing in again loses them. While the server has not got them, the browser asks before they are lost.
const page = document.body.dataset.keep, SOON = 800, LARGE = 60000;
const WORDS = "textarea[id]:not([readonly]), input[data-words]";
const unsent = new Map(), late = new Set();
let keeping, missed = false;

function written(field) {
  unsent.set(field.id, field.value);
  late.add(field.id);
  clearTimeout(keeping);
  keeping = setTimeout(keep, SOON);
}

async function keepOne(id) {
  const words = unsent.get(id);
  const body = new URLSearchParams({ page, field: id, words });
  const keepalive = body.toString().length < LARGE; // what is larger may not outlive its page (Fetch standard, 4.6)
  const kept = await fetch("/unsent", { method: "POST", body, keepalive }).catch(() => null);
  if (kept && kept.ok && unsent.get(id) === words) late.delete(id);
}

async function keep() {
  clearTimeout(keeping);
  await Promise.all([...late].map(keepOne));
  missed = late.size > 0;
  if (missed) keeping = setTimeout(keep, AGAIN);
}

function sentOff(fields) {
  for (const field of fields) {
    late.delete(field.id);
    unsent.delete(field.id);
  }
}

// A field that the server has just given back after a refusal, or that was written in again, has newer words.
const refused = document.querySelector(".problem[role=alert]");

function putBack() {
  let changed = false;
  for (const [id, words] of unsent) {
    const field = document.getElementById(id);
    if (!field || !field.matches(WORDS) || field.value === words) continue;
    if (field.value !== field.defaultValue || (refused && field.value)) continue;
    field.value = words;
    for (let around = field.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
    field.dispatchEvent(new Event("size"));
    changed = true;
  }
  return changed;
}

if (page) {
  document.addEventListener("input", (event) => {
    if (event.target.matches(WORDS)) written(event.target);
  });
  document.addEventListener("submit", (event) => event.defaultPrevented || sentOff(event.target.elements));
  document.addEventListener("visibilitychange", keep);
  for (const field of refused ? document.querySelectorAll(WORDS) : []) {
    if (field.value) written(field);
  }
  window.addEventListener("beforeunload", (event) => {
    keep();
    if (missed && late.size) event.preventDefault();
  });
  fetch(`/unsent?${new URLSearchParams({ page })}`)
    .then((answer) => (answer.ok ? answer.json() : {}))
    .then((found) => {
      for (const [id, words] of Object.entries(found)) if (!unsent.has(id)) unsent.set(id, words);
      if (putBack()) say("What you had not sent is in its field again.");
    })
    .catch(() => {});
}

// The same words under the same key are one message, however often they are sent.
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

for (const form of document.querySelectorAll("form[data-send]")) {
  form.addEventListener("submit", async (event) => {
    if (event.submitter && event.submitter.hasAttribute("formaction")) return;
    event.preventDefault();
    const field = form.elements.text;
    const body = new URLSearchParams(new FormData(form));
    const words = field.value;
    const key = form.elements.key;
    const used = key.value;
    field.value = "";
    key.value = newKey();
    sentOff([field]);
    const sent = await fetch(form.action, { method: "POST", body }).catch(() => null);
    if (!(sent && sent.ok)) {
      field.value = words + field.value;
      key.value = used;
    }
    if (sent && [401, 403, 409, 413].includes(sent.status)) {
      sentOff(form.elements);
      return form.submit(); // the server's page says why
    }
    field.setCustomValidity(sent && sent.ok ? "" : "This was not sent. Check that the program runs, then try again.");
    if (!(sent && sent.ok)) field.reportValidity();
    field.dispatchEvent(new Event("size"));
    written(field);
    field.focus();
  });
  // What was wrong with the last try is no reason against the next one: a field that is not valid would not be sent.
  const again = () => form.elements.text.setCustomValidity("");
  form.addEventListener("input", again);
  form.addEventListener("click", again);
  if (form.dataset.send !== "enter") continue;
  form.elements.text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      again();
      form.requestSubmit();
    }
  });
  window.scrollTo(0, document.body.scrollHeight);
}

// How long the words are that somebody is writing, and what they cost: the server counts.
for (const field of document.querySelectorAll("[data-count]")) {
  let timer, saying;
  const count = () => {
    clearTimeout(timer);
    clearTimeout(saying); // it is said when they pause, and not on each key
    timer = setTimeout(async () => {
      const words = new URLSearchParams({ text: field.value });
      const said = await fetch(field.dataset.count, { method: "POST", body: words }).catch(() => null);
      if (!(said && said.ok)) return;
      const size = await said.text();
      document.getElementById("size").textContent = size;
      saying = setTimeout(() => say(size), 2000);
    }, 400);
  };
  field.addEventListener("input", count);
  field.addEventListener("size", count);
}

// A probe goes to where the cursor is; without this script the server puts it below.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-insert]");
  if (!button) return;
  event.preventDefault();
  const field = button.form.elements.text;
  field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
});

// A note from the browser when something new waits, for whoever asked for it on this computer, while this page is open.
// It says nothing of anybody: others may see the screen.
const notify = document.getElementById("notify");
if (notify && "Notification" in window) {
  const WANTED = "ownpace-notify", groups = document.querySelector("[data-part=groups]");
  const todo = () => Number(groups.querySelector("[data-todo]").dataset.todo);
  const wanted = () => Notification.permission === "granted" && localStorage.getItem(WANTED) === "yes";
  const shown = () => notify.setAttribute("aria-pressed", wanted());
  let before = todo();
  notify.hidden = false;
  shown();
  notify.addEventListener("click", async () => {
    const asked = !wanted() && (await Notification.requestPermission()) === "granted";
    localStorage.setItem(WANTED, asked ? "yes" : "no");
    shown();
  });
  new MutationObserver(() => {
    if (todo() > before && wanted()) new Notification("Own Pace", { body: "Something waits for a person.", tag: WANTED });
    before = todo();
  }).observe(groups, { subtree: true, childList: true, attributes: true, characterData: true });
}
