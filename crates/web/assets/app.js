// What browsers cannot do alone: fragments after a form or an event, the palette, copying, relative times.
// Everything works without this file; it only saves steps.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

document.documentElement.classList.add("js");

/** An address of this server by its path without the first slash, wherever the server lies on its host. */
const own = (path) => new URL(`../${path}`, import.meta.url).href;

// --- Telling people who hear the page --------------------------------------------------------------------------------

const speaker = document.createElement("div");
speaker.className = "sr";
speaker.setAttribute("role", "status");
document.body.append(speaker);

const say = (text) => {
  speaker.textContent = "";
  setTimeout(() => { speaker.textContent = text; }, 50);
};

// --- Fragments -------------------------------------------------------------------------------------------------------

/** The page behind a request, and its address after redirects; null when there is no page to read. */
async function page(address, options = {}) {
  const answer = await fetch(address, { credentials: "same-origin", ...options });
  if (!(answer.headers.get("content-type") ?? "").startsWith("text/html")) return null;
  const text = await answer.text();
  return { url: answer.url, html: new DOMParser().parseFromString(text, "text/html") };
}

/** Puts the element of the same id from a fetched page into this one; keeps focus and opened details. */
function replace(id, html) {
  const old = document.getElementById(id);
  const fresh = html.getElementById(id);
  if (!old || !fresh) return false;
  const focus = old.contains(document.activeElement) ? document.activeElement.id : "";
  const open = $$("details", old).map((details) => details.open);
  const taken = document.adoptNode(fresh);
  // The stream of the old element goes on; only its content is new.
  old.replaceChildren(...taken.childNodes);
  if (!taken.hasAttribute("data-live")) old.removeAttribute("data-live");
  $$("details", old).forEach((details, at) => { details.open ||= open[at] ?? false; });
  if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  prepare(old);
  return true;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const id = form.dataset?.fragment;
  if (!id || event.defaultPrevented) return;
  event.preventDefault();
  const button = event.submitter;
  const body = new URLSearchParams(new FormData(form, button));
  const get = form.method === "get";
  const action = button?.hasAttribute("formaction") ? button.formAction : form.action;
  const address = get ? `${action.split("?")[0]}?${body}` : action;
  button?.setAttribute("aria-busy", "true");
  try {
    const answer = await page(address, get ? {} : { method: "POST", body });
    const elsewhere = answer && new URL(answer.url).pathname !== location.pathname;
    if (!answer || (elsewhere && !answer.html.getElementById(id))) location.assign(answer?.url ?? address);
    else if (!replace(id, answer.html)) location.assign(answer.url);
    else {
      if (get) history.replaceState(null, "", address);
      $(`#${CSS.escape(id)} [role=alert]`)?.focus();
    }
  } catch {
    say("The server does not answer. Nothing was sent; please try again.");
  } finally {
    button?.removeAttribute("aria-busy");
  }
});

// --- Live: what happens on the server ------------------------------------------------------------------------------

const streams = new Map();

function follow(element) {
  const { id } = element;
  const address = element.dataset.live;
  if (!id || !address || streams.has(id)) return;
  const source = new EventSource(address);
  streams.set(id, source);
  let reading = false;
  let again = false;
  const renew = async () => {
    // Many events at once are one look.
    if (reading) { again = true; return; }
    reading = true;
    try {
      const answer = await page(location.href);
      if (answer) replace(id, answer.html);
    } catch {
      // The stream reconnects by itself and brings the next event.
    }
    reading = false;
    if (again) { again = false; renew(); }
  };
  source.addEventListener("changed", renew);
  source.addEventListener("end", async () => {
    source.close();
    await renew();
    say($(`#${CSS.escape(id)} [data-say]`)?.textContent.trim() ?? "Done.");
  });
}

addEventListener("pagehide", () => {
  streams.forEach((source) => source.close());
  streams.clear();
});
addEventListener("pageshow", (event) => { if (event.persisted) $$("[data-live]").forEach(follow); });

// --- Relative times --------------------------------------------------------------------------------------------------

const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always" });
const units = [["year", 31557600], ["month", 2629800], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];

function ago(element) {
  const seconds = (Date.parse(element.dateTime) - Date.now()) / 1000;
  if (Number.isNaN(seconds)) return;
  const [unit, size] = units.find(([, length]) => Math.abs(seconds) >= length) ?? ["minute", 60];
  element.textContent = Math.abs(seconds) < 60 ? "just now" : words.format(Math.trunc(seconds / size), unit);
}

setInterval(() => $$("time[data-ago]").forEach(ago), 30000);

// --- Copying ---------------------------------------------------------------------------------------------------------

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
    say("Copied");
  } catch {
    // Without the right to the clipboard the text is marked, so that one key copies it.
    const code = button.parentElement.querySelector("code");
    if (code) getSelection().selectAllChildren(code);
    button.textContent = "Marked";
  }
  setTimeout(() => { button.textContent = before; }, 1500);
});

// --- Menus, dialogs, theme -------------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  $$("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  const opener = event.target.closest("[data-dialog]");
  if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
  if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
  if (event.target.closest("[data-palette]")) openPalette();
  const theme = event.target.closest(".theme button");
  if (theme) choose(theme, event);
});

/** Shows the theme at once; the form's own request keeps it. */
function choose(button, event) {
  event.preventDefault();
  const form = button.form;
  const body = new URLSearchParams(new FormData(form, button));
  if (button.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = button.value;
  $$("button", form).forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
  fetch(form.action, { method: "POST", body, credentials: "same-origin", redirect: "manual" }).catch(() => {});
}

// --- Palette ---------------------------------------------------------------------------------------------------------

let palette;
let found = [];
let chosen = 0;
let asked = 0;

/** Links of this page that name a place or an action; what is typed picks among them before the server is asked. */
function here() {
  const links = [".head .actions a", ".places a", ".tabs a", ".menu-links a"].flatMap((part) => $$(part));
  return links.map((a) => ({ title: a.textContent.trim(), kind: "on this page", href: a.href }));
}

function draw() {
  const list = $("ul", palette);
  list.replaceChildren(...found.map((item, at) => {
    const line = document.createElement("li");
    line.id = `palette-${at}`;
    line.setAttribute("role", "option");
    line.setAttribute("aria-selected", String(at === chosen));
    const kind = document.createElement("span");
    kind.textContent = item.offer ? `${item.kind} · ${item.offer.promise}` : item.kind;
    line.append(item.title, kind);
    line.addEventListener("click", () => go(at));
    return line;
  }));
  const input = $("input", palette);
  if (found.length) input.setAttribute("aria-activedescendant", `palette-${chosen}`);
  else input.removeAttribute("aria-activedescendant");
  list.children[chosen]?.scrollIntoView({ block: "nearest" });
}

async function ask(text) {
  const mine = (asked += 1);
  const low = text.toLowerCase();
  const near = here().filter((item) => item.title.toLowerCase().includes(low));
  [found, chosen] = [near, 0];
  draw();
  if (!text.trim()) return;
  const answer = await fetch(own(`search.json?q=${encodeURIComponent(text)}`), { credentials: "same-origin" }).catch(() => null);
  if (!answer?.ok || mine !== asked) return;
  const { items = [] } = await answer.json();
  const ours = items.map((item) => ({ ...item, href: own(item.href.replace(/^\//, "")) }));
  found = [...near, ...ours, { title: `Search for “${text}”`, kind: "all results", href: own(`search?q=${encodeURIComponent(text)}`) }];
  draw();
}

function go(at) {
  const item = found[at];
  if (!item) return;
  palette.close();
  location.assign(item.href);
}

function makePalette() {
  palette = document.createElement("dialog");
  palette.className = "palette";
  palette.setAttribute("aria-label", "Go to");
  palette.innerHTML = `<input type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-label="Where to?"
    placeholder="Where to?" autocomplete="off" spellcheck="false"><ul id="palette-list" role="listbox" aria-label="Places"></ul>
    <p><kbd>↑</kbd> <kbd>↓</kbd> choose · <kbd>Enter</kbd> go · <kbd>/</kbd> search · <kbd>?</kbd> or <kbd>Ctrl</kbd> <kbd>K</kbd> this list · <kbd>Esc</kbd> close</p>`;
  document.body.append(palette);
  let timer;
  $("input", palette).addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => ask(event.target.value), 80);
  });
  palette.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) {
      event.preventDefault();
      chosen = (chosen + step + found.length) % found.length;
      draw();
    }
    if (event.key === "Enter") { event.preventDefault(); go(chosen); }
  });
  palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });
}

function openPalette() {
  if (!palette) makePalette();
  if (palette.open) return;
  $("input", palette).value = "";
  ask("");
  palette.showModal();
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
  } else if (event.key === "Escape") {
    const menu = $("details.menu[open]");
    if (menu) { menu.open = false; $("summary", menu).focus(); }
  } else if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    if (event.key === "/") { event.preventDefault(); $("#search")?.select(); $("#search")?.focus(); }
    if (event.key === "?") { event.preventDefault(); openPalette(); }
  }
});

// --- Start -----------------------------------------------------------------------------------------------------------

/** Makes ready what came new onto the page. */
function prepare(root) {
  $$("time[data-ago]", root).forEach(ago);
  $$("[data-live]", root).forEach(follow);
  $$(".lines", root).forEach((lines) => { lines.scrollTop = lines.scrollHeight; });
}

prepare(document);
