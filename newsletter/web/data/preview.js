// The page: it keeps what the person chose (in the address too), asks for the panel, and tells the stage what to show.
"use strict";

const mail = document.body.dataset.mail;
const mailOrigin = new URL(mail).origin;
const stage = document.getElementById("stage");
const WIDTHS = ["320", "375", "600", "800", "free"];
const SCHEMES = ["light", "dark", "forced"];
const TEXT_WIDTH = "720"; // the 76 characters of a line
const FIRST = { issue: document.body.dataset.issue, view: "one", part: "email", width: innerWidth < 700 ? "free" : "600", scheme: "light", images: "on", lens: "", against: "build", reader: "", attributes: "", segments: "" };
const state = { ...FIRST };
for (const [name, value] of new URLSearchParams(location.search)) if (name in state) state[name] = value;
let generation = Number(document.body.dataset.generation);
let ready = false;
let finding = null;
let events = null;
let later = 0;

const $ = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const checked = (id) => all(`#${id} input:checked`).map((box) => box.value);

function query(extra = {}) {
  const words = new URLSearchParams();
  for (const name of ["lens", "scheme", "images", "part", "reader", "attributes", "segments"]) {
    const value = name in extra ? extra[name] : state[name];
    if (value && value !== FIRST[name]) words.set(name, value);
  }
  for (const name of ["against", "side"]) if (extra[name]) words.set(name, extra[name]);
  if (finding !== null) words.set("places", "on"); // only then: they take the checks
  words.set("v", generation);
  return words;
}

const source = (extra = {}, issue = state.issue) => `${mail}/email/${encodeURIComponent(issue)}?${query(extra)}`;

function wanted() {
  const { width, view, against } = state;
  if (!state.issue) return [];
  if (view === "compare") {
    const part = state.part === "web" ? "web" : "email";
    const name = against === "build" ? "Last build" : against;
    const wide = width === "free" ? "600" : width;
    return [
      { key: "old", title: name, src: source({ against, side: "old", part }), width: wide, scale: "pair" },
      { key: "new", title: "Now", src: source({ against, side: "new", part }), width: wide, scale: "pair" },
    ];
  }
  if (view === "sheet") {
    const names = Object.fromEntries([...$("#lens").options].map((option) => [option.value, option.text]));
    return checked("sheet-lenses").flatMap((lens) => checked("sheet-widths").map((wide) => ({
      key: `${lens} ${wide}`, title: `${names[lens]}, ${wide}`, src: source({ lens, part: "email" }), width: wide, scale: 0.5,
    })));
  }
  const isText = state.part === "raw" || state.part === "text";
  const title = state.lens && !isText ? $("#lens").selectedOptions[0].text : "";
  return [{ key: "one", title, src: source(), width: isText && width !== "free" ? TEXT_WIDTH : width, scale: 1 }];
}

function send(reveals = false) {
  if (!ready) return;
  const layout = { one: "one", sheet: "many", compare: "pair" }[state.view];
  const keeps = state.view !== "compare";
  stage.contentWindow.postMessage({ wanted: wanted(), generation, layout, keeps, finding: finding === null ? "" : String(finding), reveals }, mailOrigin);
}

function reflect() {
  for (const button of all("[data-set]")) {
    const [name, value] = button.dataset.set.split("=");
    button.setAttribute("aria-pressed", String(state[name] === value));
  }
  $("#images").setAttribute("aria-pressed", String(state.images === "on"));
  $("#images").textContent = `Images ${state.images}`;
  $("#lens").value = state.lens;
  $("#against").value = state.against;
  $(".lens").hidden = state.view === "sheet";
  $(".against").hidden = state.view !== "compare";
  $("details.sheet").hidden = state.view !== "sheet";
  $("#parts").hidden = state.view !== "one";
  $("#widths").hidden = state.view === "sheet" || (state.view === "one" && ["raw", "text"].includes(state.part));
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) if (name === "issue" || value !== FIRST[name]) words.set(name, value);
  history.replaceState(null, "", `?${words}`);
}

function set(changes) {
  const before = { ...state };
  Object.assign(state, changes);
  reflect();
  send();
  if (before.issue !== state.issue) listen();
  if (["issue", "reader", "attributes", "segments"].some((name) => before[name] !== state[name])) refresh();
}

const words = (button) => button.textContent + button.parentElement.querySelector(".where").textContent;

function put(html) {
  const chosen = finding === null ? null : words($(`#findings [data-finding="${finding}"]`));
  const page = document.createElement("template");
  page.innerHTML = html;
  for (const region of page.content.querySelectorAll("[data-region]")) {
    const place = document.getElementById(region.dataset.region);
    const kept = place.contains(document.activeElement) ? document.activeElement.dataset : null;
    place.replaceChildren(...region.childNodes);
    if (kept && kept.finding) place.querySelector(`[data-finding="${kept.finding}"]`)?.focus();
    if (kept && kept.issue) place.querySelector(`[data-issue="${CSS.escape(kept.issue)}"]`)?.focus();
  }
  if (chosen === null) return;
  const still = all("#findings [data-finding]").findIndex((button) => words(button) === chosen);
  choose(still, still === -1); // one that was mended has no outline any more
}

let asked = 0;
async function refresh() {
  clearTimeout(later);
  later = 0;
  const turn = ++asked;
  const words = query();
  words.set("issue", state.issue);
  try {
    const html = await (await fetch(`panel?${words}`)).text();
    if (turn !== asked) return;
    put(html);
    if ($("#issues").textContent.includes("· sending")) later = setTimeout(refresh, 2000); // its counts move
  } catch {
    // The preview has ended: the stream of events says so.
  }
}

function listen() {
  if (events) events.close();
  events = new EventSource(`events?issue=${encodeURIComponent(state.issue)}`);
  events.addEventListener("hello", (event) => {
    $("#live").textContent = "Live";
    document.body.dataset.live = "yes";
    const now = JSON.parse(event.data).generation;
    if (now === generation) return;
    generation = now; // files changed while nobody listened
    send();
    refresh();
  });
  events.addEventListener("error", () => { $("#live").textContent = "Not connected"; document.body.dataset.live = "no"; });
  events.addEventListener("change", (event) => {
    const told = JSON.parse(event.data);
    generation = told.generation;
    if (told.problem || !ready) return refresh();
    send();
    clearTimeout(later);
    later = setTimeout(refresh, 1000); // the email first; the panel when it is painted
  });
}

function choose(number, scroll = true) {
  const buttons = all("#findings [data-finding]");
  const button = buttons[number];
  finding = button ? number : null;
  for (const one of buttons) {
    const open = one === button;
    one.setAttribute("aria-expanded", String(open));
    one.parentElement.querySelector(".more").hidden = !open;
  }
  if (!scroll) return;
  if (button && (state.view === "compare" || state.part !== "email")) Object.assign(state, { view: "one", part: "email" });
  button?.scrollIntoView({ block: "nearest" });
  reflect();
  send(true);
}

addEventListener("message", (event) => {
  if (event.source !== stage.contentWindow || event.origin !== mailOrigin) return;
  if (event.data.ready && !ready) { ready = true; send(); }
  if ("painted" in event.data) {
    document.body.dataset.painted = event.data.painted;
    document.body.dataset.paintedAt = Date.now();
    if (later) refresh();
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-set]");
  if (button) set(Object.fromEntries([button.dataset.set.split("=")]));
  const found = event.target.closest("[data-finding]");
  if (found) choose(Number(found.dataset.finding) === finding ? null : Number(found.dataset.finding));
  const link = event.target.closest("a[data-issue]");
  if (link && !event.metaKey && !event.ctrlKey) { event.preventDefault(); finding = null; set({ issue: link.dataset.issue }); }
});
$("#images").addEventListener("click", () => set({ images: state.images === "on" ? "off" : "on" }));
$("#lens").addEventListener("change", (event) => set({ lens: event.target.value }));
$("#against").addEventListener("change", (event) => set({ against: event.target.value }));
$("details.sheet").addEventListener("change", () => send());
$("#help").addEventListener("click", () => $("#keys").showModal());

$("#reader").addEventListener("submit", (event) => {
  event.preventDefault();
  set(Object.fromEntries(new FormData(event.target)));
});
for (const name of ["reader", "attributes", "segments"]) $(`#reader [name="${name}"]`).value = state[name];

$("#test").addEventListener("submit", async (event) => {
  event.preventDefault();
  const told = $("#test-told");
  told.textContent = "Sending";
  const words = new URLSearchParams(new FormData(event.target));
  for (const name of ["issue", "reader", "attributes", "segments"]) words.set(name, state[name]);
  try {
    const answer = await (await fetch("test", { method: "POST", body: words })).json();
    const problem = answer.problem;
    told.textContent = problem ? [problem.where, problem.message, problem.hint].filter(Boolean).join(": ") : `Sent: ${answer.sent.join(", ")}`;
    told.className = problem ? "bad" : "";
  } catch {
    told.textContent = "The preview does not answer. Is it still running?";
    told.className = "bad";
  }
});

function step(list, current, by) {
  return list[(list.indexOf(current) + by + list.length) % list.length];
}
const KEYS = {
  ...Object.fromEntries(WIDTHS.map((width, index) => [String(index + 1), () => set({ width })])),
  d: () => set({ scheme: step(SCHEMES, state.scheme, 1) }),
  i: () => $("#images").click(),
  l: () => set({ lens: step([...$("#lens").options].map((one) => one.value), state.lens, 1) }),
  L: () => set({ lens: step([...$("#lens").options].map((one) => one.value), state.lens, -1) }),
  h: () => set({ part: "email" }), t: () => set({ part: "text" }), r: () => set({ part: "raw" }), w: () => set({ part: "web" }),
  e: () => set({ view: "one" }), s: () => set({ view: "sheet" }), c: () => set({ view: "compare" }),
  n: () => move(1), p: () => move(-1),
  j: () => walk(1), k: () => walk(-1),
  "?": () => $("#keys").showModal(),
};
function move(by) {
  const count = all("#findings [data-finding]").length;
  if (count) choose(finding === null ? (by > 0 ? 0 : count - 1) : (finding + by + count) % count);
}
function walk(by) {
  const ids = all("a[data-issue]").map((link) => link.dataset.issue);
  const at = ids.indexOf(state.issue) + by;
  if (ids[at]) { finding = null; set({ issue: ids[at] }); }
}
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("#keys").open) return;
  if (event.target.closest("input, textarea, select")) return;
  const act = KEYS[event.key];
  if (act) { event.preventDefault(); act(); }
});

reflect();
stage.contentWindow.postMessage({ hello: true }, "*"); // it may have been ready before this script
later = setTimeout(refresh, 1000);
listen();
