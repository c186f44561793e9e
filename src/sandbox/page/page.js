"use strict";

// The whole page is a function of /sandbox/state, except for what the reader opened and typed.

const POLL_MS = 1000;
const byId = (id) => document.getElementById(id);

const PRIVACY = [
  ["ok", "can be added"],
  ["refuses_403", "refuses adds (403)"],
  ["not_on_whatsapp_404", "no account (404)"],
  ["recently_left_408", "just left (408)"],
  ["blocked_401", "blocked bot (401)"],
  ["group_invite_only_417", "link only (417)"],
  ["full_419", "group full (419)"],
  ["silently_absent", "silently absent"],
  ["appears_late", "appears late"],
];
const LID = [
  ["known_mapping", "number visible"],
  ["lookup_only", "number by lookup"],
  ["lid_only", "number hidden"],
];
const SESSION = ["WORKING", "STARTING", "SCAN_QR_CODE", "FAILED", "STOPPED", "UNLINKED", "BANNED"];
const KINDS = [
  ["a reset connection", "reset"],
  ["no answer for 40 s", { hang: { wait: "40s" } }],
  ["an answer cut in the middle", "cut_short"],
  ["an answer dripping for 10 s", { slow_drip: { wait: "10s" } }],
  ["500 internal error", "internal_error"],
  ["500 upstream error", "upstream_error"],
  ["500 rate-overlimit", "rate_overlimit"],
  ["the number is banned", "ban"],
  ["502 HTML page", "bad_gateway"],
  ["503, retry after 10 s", { unavailable: { retry_after: 10 } }],
  ["504 HTML page", "gateway_timeout"],
  ["429, retry after 10 s", { too_many_requests: { retry_after: 10 } }],
  ["429", { too_many_requests: {} }],
  ["422 session down", { session_down: { status: "STARTING" } }],
  ["200 with an error inside", "error_inside_200"],
  ["200 with success: false", "success_false"],
  ["200 with a queue ticket", "queue_ticket"],
  ["200 with an error line", "engine_error_line"],
  ["200 with half the JSON", "truncated_json"],
  ["200 with nothing", "empty_body"],
  ["200 with the word false", "bare_false"],
  ["400 as XML", "bad_request_xml"],
  ["400 as plain text", "bad_request_text"],
  ["the true answer", "nothing"],
];

const phones = new Map();
let lastState = "";

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const child of children) {
    if (child !== null && child !== undefined) element.append(child);
  }
  return element;
}

function button(className, label, onClick) {
  const element = make("button", className, label);
  element.type = "button";
  element.addEventListener("click", onClick);
  return element;
}

function choice(pairs, chosen, onChange) {
  const select = make("select");
  for (const [value, label] of pairs) {
    const option = make("option", "", label);
    option.value = value;
    select.append(option);
  }
  select.value = chosen;
  if (onChange) select.addEventListener("change", () => onChange(select.value));
  return select;
}

function color(text) {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return "c" + (sum % 6);
}

function avatar(name, isGroup) {
  const parts = name.replace(/^\+/, "").split(/[\s-]+/).filter(Boolean);
  const initials = isGroup ? "#" : parts.slice(0, 2).map((part) => Array.from(part)[0]).join("").toUpperCase();
  const element = make("span", "avatar " + (isGroup ? "group" : color(name)), initials);
  element.setAttribute("aria-hidden", "true");
  return element;
}

function clock(at, withSeconds) {
  const options = { hour: "2-digit", minute: "2-digit", hour12: false };
  if (withSeconds) options.second = "2-digit";
  return new Date(at).toLocaleTimeString("en-GB", options);
}

function toast(text) {
  const element = byId("toast");
  element.textContent = text;
  element.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { element.hidden = true; }, 4000);
}

async function ask(method, path, body) {
  const options = { method, headers: { "content-type": "application/json" } };
  if (body !== undefined) options.body = JSON.stringify(body);
  try {
    const answer = await fetch(path, options);
    if (!answer.ok) {
      const text = await answer.text();
      let reason = text;
      try { reason = JSON.parse(text).error || text; } catch { /* plain text is the reason */ }
      toast(reason);
    }
  } catch {
    toast("The sandbox does not answer.");
  }
  await poll();
}

// One phone

function privacyKey(privacy) {
  return typeof privacy === "string" ? privacy : Object.keys(privacy)[0];
}

function changePerson(data, change) {
  return ask("PUT", "/sandbox/people/" + data.digits, { ...data.settings, ...change });
}

function openPhone(digits) {
  const phone = { open: null, chosen: false, info: false, shown: "", data: null };
  phone.owner = make("div", "owner");
  phone.settings = make("div", "settings");
  phone.bar = make("div", "bar");
  phone.screen = make("div", "screen");
  phone.input = make("input");
  phone.input.setAttribute("aria-label", "Message");
  phone.composer = make("form", "composer", phone.input, make("button", "", "Send"));
  phone.composer.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = phone.input.value.trim();
    if (!text || !phone.open) return;
    phone.input.value = "";
    ask("POST", "/sandbox/say", { digits, chat_id: phone.open, text });
  });
  phone.root = make("article", "phone", phone.owner, phone.settings, phone.bar, phone.screen, phone.composer);
  return phone;
}

function showPhone(phone, data) {
  phone.data = data;
  phone.root.setAttribute("aria-label", "Phone of " + data.name);
  const privacy = choice(PRIVACY, privacyKey(data.settings.privacy), (value) =>
    changePerson(data, { privacy: value === "appears_late" ? { appears_late: "20s" } : value }));
  const lid = choice(LID, data.settings.lid, (value) => changePerson(data, { lid: value }));
  privacy.setAttribute("aria-label", "Privacy of " + data.name);
  lid.setAttribute("aria-label", "Visibility of the number of " + data.name);
  privacy.classList.toggle("odd", privacy.value !== "ok");
  lid.classList.toggle("odd", lid.value !== "known_mapping");
  const isNamed = data.name !== "+" + data.digits;
  phone.owner.replaceChildren(
    avatar(data.name, false),
    make("div", "who", make("div", "name", data.name), make("div", "number", isNamed ? "+" + data.digits : "no name")));
  phone.settings.replaceChildren(privacy, lid);

  if (!phone.chosen && data.chats.length > 0) phone.open = data.chats[0].id;
  const chat = data.chats.find((one) => one.id === phone.open);
  if (!chat) phone.open = null;
  phone.composer.hidden = !chat || phone.info;
  if (!chat) showChats(phone, data);
  else if (phone.info && chat.group) showInfo(phone, data, chat);
  else showTalk(phone, data, chat);
}

function turn(phone, change) {
  Object.assign(phone, { chosen: true, info: false }, change);
  showPhone(phone, phone.data);
  if (!phone.screen.classList.contains("talk")) phone.screen.scrollTop = 0;
}

function showChats(phone, data) {
  phone.bar.replaceChildren(make("div", "title", make("b", "", "Chats"), make("span", "", data.chats.length === 1 ? "1 chat" : data.chats.length + " chats")));
  phone.screen.className = "screen";
  const lines = data.chats.map((chat) => {
    const last = chat.messages[chat.messages.length - 1];
    const head = make("div", "head", make("b", "", chat.title), make("time", "", last ? clock(last.at) : ""));
    const text = make("div", "text", head, make("div", "last", last ? plain(last) : ""));
    const line = button("line", "", () => turn(phone, { open: chat.id }));
    line.append(avatar(chat.title, chat.id.endsWith("@g.us")), text);
    return line;
  });
  phone.screen.replaceChildren(...(lines.length ? lines : [make("p", "none", "Nothing here yet.")]));
}

function plain(message) {
  return message.runs.map((run) => run.text).join("").replace(/\s+/g, " ");
}

function showTalk(phone, data, chat) {
  const back = button("back", "‹", () => turn(phone, { open: null }));
  back.setAttribute("aria-label", "All chats");
  const members = chat.group ? chat.group.members.map((member) => (member.digits === data.digits ? "You" : member.name)) : [];
  const isGroup = chat.id.endsWith("@g.us");
  const under = chat.group ? members.join(", ") : isGroup ? "you are no longer in this group" : "private chat";
  const title = button("title", "", () => { if (chat.group) turn(phone, { info: true }); });
  title.append(make("b", "", chat.title), make("span", "", under));
  phone.bar.replaceChildren(back, avatar(chat.title, isGroup), title);

  const screen = phone.screen;
  const wasTalk = screen.classList.contains("talk") && screen.dataset.chat === chat.id;
  const atEnd = !wasTalk || screen.scrollHeight - screen.scrollTop - screen.clientHeight < 40;
  screen.className = "screen talk";
  screen.dataset.chat = chat.id;
  screen.replaceChildren(...chat.messages.map((message) => showMessage(data, isGroup, message)));
  if (atEnd) screen.scrollTop = screen.scrollHeight;

  phone.input.disabled = !chat.can_write;
  phone.composer.classList.toggle("closed", !chat.can_write);
  phone.input.placeholder = chat.can_write ? "Message" : chat.group ? "Only admins can send messages" : "You left this group";
}

function showMessage(data, isGroup, message) {
  if (message.kind === "system") return make("div", "system", message.text);
  const isMine = message.from === data.digits;
  const bubble = make("div", isMine ? "bubble mine" : "bubble");
  if (isGroup && !isMine) bubble.append(make("div", "author " + color(message.from_name), message.from_name));
  const said = make("div", "said");
  for (const run of message.runs) said.append(showRun(run));
  bubble.append(said);
  bubble.append(make("div", "meta", (message.edited ? "edited " : "") + clock(message.at)));
  if (message.link && !isMine) {
    bubble.append(button("join", "Join as " + data.name, () => ask("POST", "/sandbox/join", { digits: data.digits, link: message.link })));
  }
  return bubble;
}

function showRun(run) {
  if (run.styles.length === 0) return document.createTextNode(run.text);
  if (!run.styles.includes("link")) return make("span", run.styles.join(" "), run.text);
  const anchor = make("a", run.styles.join(" "), run.text);
  // Group links of the simulation exist nowhere else, so they are not followed.
  if (/^https?:\/\//.test(run.text) && !run.text.startsWith("https://chat.whatsapp.com/")) {
    anchor.href = run.text;
    anchor.target = "_blank";
    anchor.rel = "noopener noreferrer";
  }
  return anchor;
}

function showInfo(phone, data, chat) {
  const back = button("back", "‹", () => turn(phone, { open: chat.id }));
  back.setAttribute("aria-label", "Back to the chat");
  phone.bar.replaceChildren(back, make("div", "title", make("b", "", "Group info"), make("span", "", chat.title)));
  const group = chat.group;
  const members = group.members.map((member) => {
    const name = member.digits === data.digits ? "You" : member.name;
    const badge = member.rank === "superadmin" ? "Creator" : member.admin ? "Admin" : "";
    return make("div", "member", avatar(member.name, false),
      make("div", "who", name, make("small", "", "+" + member.digits)),
      badge ? make("span", "badge", badge) : null);
  });
  const rules = [
    group.announce ? "Only admins can send messages." : "Everyone can send messages.",
    group.locked ? "Only admins can edit the group's info." : "Everyone can edit the group's info.",
  ];
  phone.screen.className = "screen";
  phone.screen.replaceChildren(make("div", "info",
    make("div", "", make("h3", "", "Subject"), make("div", "description", chat.title)),
    make("div", "", make("h3", "", "Description"), make("div", "description", group.description || "none")),
    make("div", "", make("h3", "", group.members.length + " members"), ...members),
    make("div", "", make("h3", "", "Rules"), ...rules.map((rule) => make("div", "", rule))),
    button("leave", "Leave group", () => {
      turn(phone, { open: chat.id });
      ask("POST", "/sandbox/leave", { digits: data.digits, group_id: chat.id });
    })));
}

// The side

function showSide(state) {
  const count = (number, word) => number + " " + word + (number === 1 ? "" : "s");
  byId("facts").replaceChildren(
    make("li", "", "engine " + state.engine),
    make("li", "", count(state.phones.length, "phone")),
    make("li", "", count(state.groups.length, "group")),
    make("li", "", count(state.creations.length, "creation")));
  byId("sessions").replaceChildren(...state.instances.map((instance) => {
    const states = SESSION.includes(instance.status) ? SESSION : [instance.status, ...SESSION];
    const select = choice(states.map((one) => [one, one]), instance.status, (status) =>
      ask("PUT", "/sandbox/session/" + encodeURIComponent(instance.instance_id), { status }));
    select.setAttribute("aria-label", "State of " + instance.instance_id);
    return make("div", "session", make("div", "", instance.name, make("small", "", "+" + instance.digits)), select);
  }));
  byId("faults").replaceChildren(...state.faults.map((entry) => {
    const fault = entry.fault;
    const label = KINDS.find(([, kind]) => sameKind(kind, fault.kind));
    const effect = typeof fault.effect === "string" ? fault.effect : Object.entries(fault.effect)[0].join(" ");
    const times = fault.times === null ? "every call" : entry.struck + " of " + fault.times;
    const isSpent = fault.times !== null && entry.struck >= fault.times;
    return make("li", isSpent ? "spent" : "", make("b", "", fault.call),
      (label ? label[0] : JSON.stringify(fault.kind)) + " · work: " + effect + " · struck " + times + (fault.only ? " · only " + fault.only : ""));
  }));
  byId("calls").replaceChildren(...state.calls.slice(0, 18).map((call) => {
    const isBad = call.status === null || call.status >= 400;
    const row = make("tr", (isBad ? "bad" : "") + (call.faulted ? " struck" : ""),
      make("td", "when", clock(call.at, true)),
      make("td", "name", call.operation || call.method + " " + call.route),
      make("td", "status", call.status === null ? "cut" : String(call.status)));
    row.title = call.method + " " + call.route;
    return row;
  }));
}

function sameKind(one, other) {
  const name = (kind) => (typeof kind === "string" ? kind : Object.keys(kind)[0]);
  return name(one) === name(other);
}

function show(state) {
  const grid = byId("phones");
  for (const data of state.phones) {
    let phone = phones.get(data.digits);
    if (!phone) {
      phone = openPhone(data.digits);
      phones.set(data.digits, phone);
      grid.append(phone.root);
    }
    const shape = JSON.stringify(data);
    if (shape !== phone.shown) {
      phone.shown = shape;
      showPhone(phone, data);
    }
  }
  byId("empty").hidden = state.phones.length > 0;
  if (!document.activeElement || !document.activeElement.closest(".session")) showSide(state);
  const operations = byId("fault-call");
  if (operations.options.length === 0) {
    for (const name of ["*", ...state.operations]) {
      const option = make("option", "", name === "*" ? "every call" : name);
      option.value = name;
      operations.append(option);
    }
    operations.value = "create_group";
  }
}

async function poll() {
  const sign = byId("link-state");
  try {
    const answer = await fetch("/sandbox/state", { cache: "no-store" });
    const state = await answer.json();
    const { now, ...rest } = state;
    const text = JSON.stringify(rest);
    sign.textContent = "live " + clock(now, true);
    if (text !== lastState) {
      lastState = text;
      show(state);
    }
  } catch {
    sign.textContent = "not connected";
  }
}

async function keepPolling() {
  await poll();
  setTimeout(keepPolling, POLL_MS);
}

for (const [place, [label]] of KINDS.entries()) {
  const option = make("option", "", label);
  option.value = String(place);
  byId("fault-kind").append(option);
}
byId("fault-form").addEventListener("submit", (event) => {
  event.preventDefault();
  ask("POST", "/sandbox/faults", {
    call: byId("fault-call").value,
    kind: KINDS[Number(byId("fault-kind").value)][1],
    effect: JSON.parse(byId("fault-effect").value),
    times: JSON.parse(byId("fault-times").value),
  });
});
byId("fault-clear").addEventListener("click", () => ask("DELETE", "/sandbox/faults"));
byId("lag").addEventListener("change", () => ask("PUT", "/sandbox/list-lag", { by: byId("lag").value }));
byId("person-form").addEventListener("submit", (event) => {
  event.preventDefault();
  ask("PUT", "/sandbox/people/" + byId("person-digits").value, { name: byId("person-name").value });
  event.target.reset();
});
keepPolling();
