// Keeps the page fresh and sends what an operator asks. Everything the page says is put in as text or
// taken, parsed, from our own server, which has escaped it.
"use strict";

const EVERY = 5000;
const fresh = document.getElementById("fresh");
const said = document.getElementById("said");
let busy = false;
let hush = 0;

function say(text, bad) {
  said.textContent = text;
  said.classList.toggle("bad", Boolean(bad));
  said.hidden = false;
  clearTimeout(hush);
  hush = setTimeout(() => { said.hidden = true; }, 8000);
}

// Somebody who types or marks text must not have the page taken away below their hands.
function isInUse() {
  const field = document.querySelector("main input:focus, main input:not(:placeholder-shown)");
  const marked = document.getSelection();
  return Boolean(field) || Boolean(marked && !marked.isCollapsed);
}

async function refresh() {
  if (busy || document.hidden || isInUse()) return;
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.querySelector("main");
    const moment = page.getElementById("fresh");
    if (!next || !moment) throw new Error(String(answer.status));
    if (isInUse()) return;
    for (const open of document.querySelectorAll("main details[open][id]")) {
      const same = next.querySelector(`#${CSS.escape(open.id)}`);
      if (same) same.open = true;
    }
    const focused = document.activeElement && document.activeElement.dataset
      ? { room: document.activeElement.dataset.room, action: document.activeElement.dataset.action } : {};
    document.querySelector("main").replaceWith(document.adoptNode(next));
    if (focused.action) {
      const again = document.querySelector(
        `button[data-room="${CSS.escape(focused.room)}"][data-action="${CSS.escape(focused.action)}"]`);
      if (again) again.focus();
    }
    document.title = page.title;
    fresh.textContent = moment.textContent;
    fresh.classList.remove("stale");
  } catch (_unreachable) {
    fresh.classList.add("stale");
    if (!fresh.textContent.endsWith("no answer since")) fresh.textContent += ", no answer since";
  } finally {
    busy = false;
  }
}

async function ask(room, action, group) {
  const path = `/api/rooms/${encodeURIComponent(room)}/${encodeURIComponent(action)}`;
  const request = { method: "POST" };
  if (group) {
    request.headers = { "content-type": "application/json" };
    request.body = JSON.stringify({ group });
  }
  try {
    const answer = await fetch(path, request);
    const told = await answer.json().catch(() => ({}));
    if (answer.ok) {
      say(told.message || "Taken.");
      for (const field of document.querySelectorAll("main input")) field.value = "";
      setTimeout(refresh, 1000);
    } else {
      say([told.title, told.detail].filter(Boolean).join(": ") || `Not taken (${answer.status}).`, true);
    }
  } catch (_unreachable) {
    say("The bridge does not answer.", true);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (!button) return;
  const { room, action, group, ask: question } = button.dataset;
  if (!question || window.confirm(question)) ask(room, action, group);
});

document.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  const group = form.elements.namedItem("group").value.trim();
  if (group && window.confirm(`Take ${group} as the room of ${form.dataset.room}?`)) {
    ask(form.dataset.room, form.dataset.action, group);
  }
});

document.addEventListener("visibilitychange", refresh);
setInterval(refresh, EVERY);
