// The stage: emails in frames without scripts.  It is of the mail's origin, so it can measure them and outline places in
// them; the app's page, which is of another origin, tells it what to show.
"use strict";

const app = document.body.dataset.app;
const cards = document.getElementById("cards");
const shown = new Map(); // key -> {figure, paper, frame, next, ...what was asked}
let outlined = ""; // the number of a finding

function tell(message) {
  parent.postMessage(message, app);
}

function metas(page, name) {
  return [...page.querySelectorAll(`meta[name="preview-${name}"]`)].map((meta) => meta.content);
}

function made(key) {
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  const paper = document.createElement("div");
  paper.className = "paper";
  figure.append(caption, paper);
  return { key, figure, caption, paper, frame: null, next: null };
}

function write(card, page) {
  const changes = metas(page, "change");
  const limits = metas(page, "limit");
  card.caption.replaceChildren();
  card.caption.hidden = !card.title && !changes.length && !limits.length;
  if (card.title) {
    const title = document.createElement("strong");
    title.textContent = card.title;
    card.caption.append(title);
  }
  if (card.scale === "pair") {
    card.caption.append(changes[0] || "");
  } else if (changes.length || limits.length) {
    const details = document.createElement("details");
    const summary = document.createElement("summary");
    summary.textContent = `${changes.length} ${changes.length === 1 ? "change" : "changes"}`;
    const list = document.createElement("ul");
    for (const line of [...changes, ...limits.map((limit) => `Not shown: ${limit}`)]) {
      const item = document.createElement("li");
      item.textContent = line;
      list.append(item);
    }
    details.append(summary, list);
    card.caption.append(details);
  }
}

function room() {
  return cards.clientWidth - 2 * parseFloat(getComputedStyle(cards).paddingLeft);
}

function scaleOf(card) {
  return card.scale === "pair" ? Math.min(1, (room() - 28) / 2 / card.width) : card.scale;
}

function size(card) {
  const page = card.frame.contentDocument;
  const scale = scaleOf(card);
  const width = card.width === "free" ? room() : Number(card.width);
  card.frame.style.width = `${width}px`;
  card.frame.style.transform = scale === 1 ? "" : `scale(${scale})`;
  card.figure.style.width = `${width * scale}px`;
  if (card.frame.style.height) card.frame.style.height = "0"; // it may become shorter than it is
  const height = Math.max(page.documentElement.scrollHeight, page.body ? page.body.scrollHeight : 0, 80);
  card.frame.style.height = `${height}px`;
  card.paper.style.height = `${height * scale}px`;
  card.paper.style.width = `${Math.floor(width * scale)}px`;
}

// A picture far away may keep an email from being loaded: after this many milliseconds it is shown as far as it is.
const PATIENCE = 1500;

function open(card, generation) {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-same-origin"); // the mail's origin, and no scripts
  frame.title = card.title || "The email";
  frame.className = "next";
  if (card.next) card.next.remove();
  card.next = frame;
  frame.addEventListener("load", () => swap(card, frame, generation));
  setTimeout(() => frame.contentDocument?.readyState === "interactive" && swap(card, frame, generation), PATIENCE);
  frame.style.width = card.width === "free" ? `${room()}px` : `${card.width}px`;
  frame.src = card.src;
  card.paper.append(frame);
}

function swap(card, frame, generation) {
  if (card.next !== frame) return;
  const page = frame.contentDocument;
  card.next = null;
  if (!page || (page.documentElement.hasAttribute("data-problem") && card.frame && card.keeps)) {
    frame.remove(); // the last good one stays, and the app says what is wrong
    tell({ painted: generation, key: card.key });
    return;
  }
  const old = card.frame;
  card.frame = frame;
  write(card, page);
  size(card);
  frame.classList.remove("next");
  if (old) old.remove();
  for (const image of page.images) if (!image.complete) image.addEventListener("load", () => card.frame === frame && size(card));
  if (outlined) outline(outlined, card.reveals);
  card.reveals = false;
  if (!old && card.scale === "pair") reveal(card, page.querySelector("[data-changed]"));
  requestAnimationFrame(() => requestAnimationFrame(() => tell({ painted: generation, key: card.key })));
}

function show({ wanted, generation, layout, keeps, finding, reveals }) {
  outlined = finding;
  const keys = new Set(wanted.map((one) => one.key));
  for (const [key, card] of shown) {
    if (!keys.has(key)) {
      card.figure.remove();
      shown.delete(key);
    }
  }
  cards.className = layout;
  wanted.forEach((one, index) => {
    let card = shown.get(one.key);
    if (!card) shown.set(one.key, (card = made(one.key)));
    if (cards.children[index] !== card.figure) cards.insertBefore(card.figure, cards.children[index] || null);
    const same = card.frame && card.src === one.src && card.generation === generation;
    Object.assign(card, one, { generation, keeps, reveals });
    if (same) {
      size(card);
      write(card, card.frame.contentDocument);
      outline(outlined, reveals);
      requestAnimationFrame(() => requestAnimationFrame(() => tell({ painted: generation, key: card.key })));
    } else {
      open(card, generation);
    }
  });
}

function outline(number, scroll) {
  for (const card of shown.values()) {
    const page = card.frame && card.frame.contentDocument;
    if (!page) continue;
    for (const element of page.querySelectorAll("[data-outlined]")) element.removeAttribute("data-outlined");
    if (!number) continue;
    const place = page.querySelector(`[data-places~="${number}"]`);
    if (!place) continue;
    place.setAttribute("data-outlined", "");
    if (scroll) reveal(card, place);
    scroll = false;
  }
}

function reveal(card, place) {
  if (!place) return;
  const top = card.paper.getBoundingClientRect().top + scrollY + place.getBoundingClientRect().top * scaleOf(card);
  scrollTo({ top: Math.max(0, top - innerHeight / 3), behavior: "instant" });
}

addEventListener("message", (event) => {
  if (event.source !== parent || event.origin !== app) return;
  if (event.data.hello) tell({ ready: true });
  if (event.data.wanted) show(event.data);
});
let waiting = 0;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => shown.forEach((card) => card.frame && size(card)), 60);
});
tell({ ready: true });
