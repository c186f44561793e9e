// Keeps the page fresh and sends what an operator asks. Everything the page says is put in as text or
// taken, parsed, from our own server, which has escaped it.
"use strict";

const EVERY = 5000;
const EVERY_HIDDEN = 30000;
// Without an answer for this long, the page says that it is old.
const OLD = 15000;
const fresh = document.getElementById("fresh");
const said = document.getElementById("said");
const phones = new Map();
let busy = false;
let silence = 0;
let askedAt = Date.now();
let answeredAt = Date.now();
let clock = fresh.textContent;

function say(text, bad) {
  said.textContent = text;
  said.classList.toggle("bad", Boolean(bad));
  said.hidden = false;
  clearTimeout(silence);
  silence = setTimeout(() => { said.hidden = true; }, 8000);
}

function isMarked() {
  const marked = document.getSelection();
  return Boolean(marked && !marked.isCollapsed && !document.activeElement.matches("input"));
}

function showFreshness() {
  const isOld = Date.now() - answeredAt > (document.hidden ? EVERY_HIDDEN : 0) + OLD;
  const why = isMarked() ? "waits while text is selected" : "no answer since";
  fresh.textContent = isOld ? `${clock}, ${why}` : clock;
  fresh.classList.toggle("stale", isOld);
}

// The same control before and after the page is replaced: what it does, and which of those it is.
function places(root) {
  const seen = new Map();
  const found = new Map();
  for (const one of root.querySelectorAll("a, button, input, summary")) {
    const form = one.closest("form");
    const does = [one.tagName, one.name, one.getAttribute("href"), one.parentElement.id,
      ...Object.values(one.dataset), ...Object.values(form ? form.dataset : {})].join(" ");
    const nth = seen.get(does) || 0;
    seen.set(does, nth + 1);
    found.set(`${does} ${nth}`, one);
  }
  return found;
}

// What somebody has typed, opened or reached by keyboard stays as it is.
function carryOver(before, after) {
  for (const open of before.querySelectorAll("details[open][id]")) {
    const same = after.querySelector(`#${CSS.escape(open.id)}`);
    if (same) same.open = true;
  }
  const now = places(after);
  let focused = null;
  for (const [place, one] of places(before)) {
    const same = now.get(place);
    if (same && one.tagName === "INPUT") same.value = one.value;
    if (same && one === document.activeElement) focused = [same, one.selectionStart, one.selectionEnd];
  }
  return focused;
}

function showPhones() {
  const people = phones.get(location.pathname) || [];
  for (const place of document.querySelectorAll("[data-phone]")) {
    const person = people.find((one) => one.person === place.dataset.phone);
    if (!person) continue;
    const link = document.createElement("a");
    link.href = `tel:${person.phone}`;
    link.textContent = person.phone;
    place.replaceChildren(link);
  }
}

async function refresh() {
  if (busy) return;
  busy = true;
  askedAt = Date.now();
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.querySelector("main");
    const moment = page.getElementById("fresh");
    if (!next || !moment) throw new Error(String(answer.status));
    document.title = page.title;
    if (isMarked()) return;
    const before = document.querySelector("main");
    const after = document.adoptNode(next);
    const focused = carryOver(before, after);
    before.replaceWith(after);
    showPhones();
    if (focused) {
      const [control, start, end] = focused;
      control.focus({ preventScroll: true });
      if (control.tagName === "INPUT") control.setSelectionRange(start, end);
    }
    clock = moment.textContent;
    answeredAt = Date.now();
  } catch (_unreachable) {
    // Said by showFreshness once it has lasted.
  } finally {
    busy = false;
    showFreshness();
  }
}

async function post(path, body) {
  const request = { method: "POST" };
  if (body) {
    request.headers = { "content-type": "application/json" };
    request.body = JSON.stringify(body);
  }
  try {
    const answer = await fetch(path, request);
    const told = await answer.json().catch(() => ({}));
    if (answer.ok) return told;
    say([told.title, told.detail].filter(Boolean).join(": ") || `Not taken (${answer.status}).`, true);
  } catch (_unreachable) {
    say("The bridge does not answer.", true);
  }
  return null;
}

async function ask(room, action, group) {
  const told = await post(
    `/api/rooms/${encodeURIComponent(room)}/${encodeURIComponent(action)}`, group ? { group } : null);
  if (!told) return;
  say(told.message || "Taken.");
  for (const field of document.querySelectorAll("main input")) field.value = "";
  setTimeout(refresh, 1000);
}

async function reveal(incident) {
  const told = await post(`/api/incidents/${encodeURIComponent(incident)}/phones`);
  if (!told) return;
  phones.set(location.pathname, told.people);
  showPhones();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action], button[data-phones]");
  if (!button) return;
  const { room, action, group, ask: question, phones: incident } = button.dataset;
  if (question && !window.confirm(question)) return;
  if (incident) reveal(incident);
  else ask(room, action, group);
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
setInterval(() => {
  if (Date.now() - askedAt >= (document.hidden ? EVERY_HIDDEN : EVERY)) refresh();
  showFreshness();
}, 1000);
