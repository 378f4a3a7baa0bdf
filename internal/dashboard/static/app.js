// Keeps a page up to date, and searches while one types. The pages work without
// it, by reloading.
"use strict";
(() => {
  const pause = 1000; // ms between two loads of the page
  const { watch, reload } = document.body.dataset;
  const light = document.getElementById("live");
  document.documentElement.classList.add("js");

  // What the element with the focus is found by once its surroundings were replaced.
  const mark = (el) => el.id ? "#" + CSS.escape(el.id)
    : el.getAttribute("href") ? `a[href="${CSS.escape(el.getAttribute("href"))}"]` : "";

  // swap puts what is new in place of what is there, piece by piece; what is the
  // same stays untouched.
  function swap(doc) {
    for (const now of document.querySelectorAll("[data-live]")) {
      const next = doc.getElementById(now.id);
      if (!next || next.innerHTML === now.innerHTML && next.className === now.className) continue;
      if (now.querySelector("details[open] form")) continue; // somebody is about to act
      const focus = now.contains(document.activeElement) ? mark(document.activeElement) : "";
      const tops = [...now.querySelectorAll(".scroll, .diff")].map((el) => [el.scrollLeft, el.scrollTop]);
      now.className = next.className;
      now.replaceChildren(...document.adoptNode(next).childNodes);
      now.querySelectorAll(".scroll, .diff").forEach((el, i) => tops[i] && el.scrollTo(...tops[i]));
      if (focus) now.querySelector(focus)?.focus({ preventScroll: true });
    }
    document.title = doc.title;
  }

  function show(text, away) {
    light.hidden = false;
    if (light.textContent !== text) light.textContent = text;
    light.classList.toggle("away", away);
  }

  let last = 0, timer = 0, running = null;
  // load fetches a page; a later call ends an earlier one.
  async function load(url) {
    clearTimeout(timer);
    timer = 0;
    last = Date.now();
    running?.abort();
    const mine = running = new AbortController();
    try {
      const answer = await fetch(url, { signal: mine.signal, headers: { Accept: "text/html" } });
      const doc = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (mine.signal.aborted) return;
      if (!answer.ok) {
        // Of a 503 the page's heading says what is wrong with Redis.
        show(answer.status === 503 && doc.querySelector("h1")?.textContent || `Not refreshed (${answer.status})`, true);
        soon(5 * pause);
      } else if (!document.querySelector("[data-live]:not([data-frame])")) {
        location.reload(); // what is shown is an error that is over
      } else {
        swap(doc);
        show("Live", false);
      }
    } catch (e) {
      if (e.name === "AbortError") return;
      show("Not connected", true);
      soon(5 * pause);
    }
  }

  // soon loads the page again, though not more than once a second.
  function soon(delay = 0) {
    if (timer || document.hidden) return;
    timer = setTimeout(() => load(location.href), Math.max(delay, last + pause - Date.now(), 0));
  }

  // A hidden tab holds no stream: a browser opens only six connections to a host.
  let stream = null;
  function connect() {
    stream?.close();
    stream = null;
    if (document.hidden) return;
    stream = new EventSource("/live");
    stream.onopen = () => soon();
    stream.onerror = () => show("Connecting…", true);
    stream.onmessage = ({ data }) => {
      const { apps = [], queues = false, away = false, refused = false } = JSON.parse(data);
      if (away) return show(refused ? "Redis refuses this dashboard" : "Redis doesn't answer", true);
      if (watch ? apps.includes(watch) : apps.length || queues) soon();
      else show("Live", false);
    };
  }
  if (reload !== "0") {
    connect();
    document.addEventListener("visibilitychange", connect);
    addEventListener("pagehide", () => stream?.close());
    addEventListener("pageshow", (e) => { if (e.persisted) connect(); });
    setInterval(() => soon(), 20 * pause); // "3 min ago" goes on
  }

  // Search as one types. The address follows, so that it can be kept and sent.
  const form = document.querySelector("[data-search]");
  if (form) {
    let typing = 0;
    const search = () => {
      clearTimeout(typing);
      const fields = new URLSearchParams(new FormData(form));
      if (!fields.get("q")) fields.delete("q");
      const text = fields.toString();
      history.replaceState(null, "", text ? "/domains?" + text : "/domains");
      const apps = fields.getAll("app").length;
      const summary = form.querySelector("summary");
      if (summary) summary.textContent = apps ? `${apps} app${apps > 1 ? "s" : ""}` : "All apps";
      load(location.href);
    };
    form.addEventListener("input", (e) => {
      clearTimeout(typing);
      typing = setTimeout(search, e.target.type === "search" ? 150 : 0);
    });
    form.addEventListener("submit", (e) => { e.preventDefault(); search(); });
  }

  // A slash goes to the search, as in many places; Escape closes what is open.
  addEventListener("keydown", (e) => {
    if (e.key === "Escape") {
      const open = document.querySelector("details[open]");
      if (open) { open.open = false; open.querySelector("summary").focus(); }
    }
    if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, textarea, select")) return;
    e.preventDefault();
    const field = document.getElementById("q");
    if (field) { field.focus(); field.select(); } else location.href = "/domains";
  });
})();
