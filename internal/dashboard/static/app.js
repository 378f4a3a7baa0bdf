// Keeps a page up to date and searches while the user types. Without JavaScript, pages
// reload themselves.
"use strict";
(() => {
  const minInterval = 1000; // ms between two loads of the page
  const { base, watch, reload } = document.body.dataset;
  const statusLight = document.getElementById("live");
  document.documentElement.classList.add("js");

  // selectorOf finds the focused element again after its surroundings were replaced. One without id
  // and address is found by its place among all that can be used.
  const usable = "a[href], button, input, select, textarea, summary, [tabindex]";
  const selectorOf = (el) => el.id ? "#" + CSS.escape(el.id)
    : el.getAttribute("href") ? `a[href="${CSS.escape(el.getAttribute("href"))}"]` : "";

  // keepSelected keeps what the user selected before. "All" stays only for the same search.
  function keepSelected(now, next) {
    const search = (part) => part?.querySelector('#bulk input[name="search"]')?.value;
    for (const { id, name, checked } of now.querySelectorAll("input[type=checkbox][id]")) {
      if (name !== "all" || search(now) === search(next)) next.querySelector("#" + CSS.escape(id))?.toggleAttribute("checked", checked);
    }
  }

  // update replaces the live parts of the page that differ from doc.
  function update(doc) {
    for (const now of document.querySelectorAll("[data-live]")) {
      const next = doc.getElementById(now.id);
      for (const open of now.querySelectorAll("details[open][id]")) { // what the user opened stays open
        next?.querySelector("#" + CSS.escape(open.id))?.setAttribute("open", "");
      }
      if (!next || next.innerHTML === now.innerHTML && next.className === now.className) continue;
      if (now.querySelector("details[open] form")) continue; // the user is about to act
      keepSelected(now, next);
      const focus = now.contains(document.activeElement) ? selectorOf(document.activeElement) : "";
      const place = [...now.querySelectorAll(usable)].indexOf(document.activeElement);
      const scrolled = [...now.querySelectorAll(".scroll, .diff")].map((el) => [el.scrollLeft, el.scrollTop]);
      now.className = next.className;
      now.replaceChildren(...document.adoptNode(next).childNodes);
      now.querySelectorAll(".scroll, .diff").forEach((el, i) => scrolled[i] && el.scrollTo(...scrolled[i]));
      const again = focus && now.querySelector(focus) || now.querySelectorAll(usable)[place];
      again?.focus({ preventScroll: true });
    }
    document.title = doc.title;
    countSelected();
  }

  // showError replaces an error page by another one, so that it says what is wrong now.
  function showError(doc) {
    const now = document.querySelector(".error"), next = doc.querySelector(".error");
    if (!now || !next || next.innerHTML === now.innerHTML) return;
    now.replaceChildren(...document.adoptNode(next).childNodes);
    document.title = doc.title;
  }

  function showStatus(text, away) {
    statusLight.hidden = false;
    if (statusLight.textContent !== text) statusLight.textContent = text;
    statusLight.classList.toggle("away", away);
  }

  let last = 0, timer = 0, running = null;
  // load fetches a page and updates this one; a later call aborts an earlier one.
  async function load(url) {
    clearTimeout(timer);
    timer = 0;
    last = Date.now();
    running?.abort();
    const current = running = new AbortController();
    try {
      const response = await fetch(url, { signal: current.signal, headers: { Accept: "text/html" } });
      const doc = new DOMParser().parseFromString(await response.text(), "text/html");
      if (current.signal.aborted) return;
      if (!response.ok) {
        // The heading of a 503 page is what is wrong with Redis.
        showStatus(response.status === 503 && doc.querySelector("h1")?.textContent || `Not refreshed (${response.status})`, true);
        if (!document.querySelector("[data-live]:not([data-frame])")) showError(doc);
        scheduleLoad(5 * minInterval);
      } else if (!document.querySelector("[data-live]:not([data-frame])")) {
        location.reload(); // this is an error page, and the error is over
      } else {
        update(doc);
        showStatus("Live", false);
      }
    } catch (e) {
      if (e.name === "AbortError") return;
      showStatus("Not connected", true);
      scheduleLoad(5 * minInterval);
    }
  }

  // scheduleLoad loads the page again, at most once a second.
  function scheduleLoad(delay = 0) {
    if (timer || document.hidden) return;
    timer = setTimeout(() => load(location.href), Math.max(delay, last + minInterval - Date.now(), 0));
  }

  // A hidden tab closes its stream, since a browser opens only six connections to a host.
  let stream = null, retry = 0;
  function connect() {
    stream?.close();
    stream = null;
    clearTimeout(retry);
    if (document.hidden) return;
    stream = new EventSource(base + "/live");
    stream.onopen = () => scheduleLoad();
    stream.onerror = () => {
      if (stream.readyState !== EventSource.CLOSED) return showStatus("Connecting…", true);
      showStatus("Not live: refused", true); // a browser doesn't try again
      retry = setTimeout(connect, 30000);
    };
    stream.onmessage = ({ data }) => {
      const { all = false, apps = [], queues = false, away = false, refused = false } = JSON.parse(data);
      if (away) return showStatus(refused ? "Redis refuses this dashboard" : "Redis doesn't answer", true);
      if (all || (watch ? apps.includes(watch) : apps.length || queues)) scheduleLoad();
      else showStatus("Live", false);
    };
  }
  if (reload !== "0") {
    connect();
    document.addEventListener("visibilitychange", connect);
    addEventListener("pagehide", () => stream?.close());
    addEventListener("pageshow", (e) => { if (e.persisted) connect(); });
    setInterval(() => scheduleLoad(), 20 * minInterval); // keeps times such as "3 min ago" right
  }

  // Search while the user types. The address has the search, so that it can be shared.
  const form = document.querySelector("[data-search]");
  if (form) {
    let typing = 0;
    const search = () => {
      clearTimeout(typing);
      const fields = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
      const text = fields.toString(), path = form.getAttribute("action");
      history.replaceState(null, "", text ? path + "?" + text : path);
      const apps = fields.getAll("app").length;
      const summary = form.querySelector("summary");
      if (summary) summary.textContent = apps ? `${apps} app${apps > 1 ? "s" : ""}` : "All apps";
      load(location.href);
    };
    form.addEventListener("change", ({ target }) => (target.type === "text" || target.type === "date") && search());
    form.addEventListener("input", (e) => {
      if (e.target.type === "text" || e.target.type === "date") return; // the id of an app is no id before it is complete
      clearTimeout(typing);
      typing = setTimeout(search, e.target.type === "search" ? 150 : 0);
    });
    form.addEventListener("submit", (e) => { e.preventDefault(); search(); });
  }

  // Says how many domains an action is about. One box selects all of the page.
  let asked = false; // to select one
  function countSelected() {
    const label = document.getElementById("selected");
    if (!label) return;
    const boxes = [...document.querySelectorAll('input[name="select"]')], n = boxes.filter((box) => box.checked).length;
    const page = document.getElementById("select-page"), all = document.getElementById("select-all");
    page.checked = n > 0 && n === boxes.length;
    page.indeterminate = n > 0 && n < boxes.length;
    label.textContent = all?.checked ? "All selected" : n ? `${n} selected` : asked ? "Select a domain first" : "";
  }
  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-select-page]")) document.querySelectorAll('input[name="select"]').forEach((box) => { box.checked = target.checked; });
    countSelected();
  });
  // Without a selection there is nothing to do, and the page says so. What won't be fixed needs a note.
  document.addEventListener("submit", (e) => {
    if (!e.target.matches("#bulk, #adding") || document.querySelector('input[name="select"]:checked, #select-all:checked')) return;
    e.preventDefault();
    asked = true;
    countSelected();
  });
  document.addEventListener("change", ({ target }) => {
    if (target.name === "how") target.form.elements.note.required = target.value === "never";
  });
  // Choosing a day chooses to snooze until that day.
  document.addEventListener("input", ({ target }) => {
    if (target.name === "until") target.form.querySelector('input[name="how"][value="date"]').click();
  });
  addEventListener("pageshow", countSelected); // a browser may restore what was selected

  // A check takes some seconds, so its button says that it is under way.
  addEventListener("submit", ({ target }) => {
    const button = target.querySelector("[data-busy]");
    if (!button) return;
    const label = button.textContent;
    button.textContent = button.dataset.busy;
    addEventListener("pagehide", () => { button.textContent = label; }, { once: true }); // the page may be shown again
  });

  // Copies the element that a button names, or what is before it. Over plain HTTP a browser has no clipboard API.
  document.addEventListener("click", async ({ target }) => {
    const button = target.closest("[data-copy]");
    if (!button) return;
    const code = document.getElementById(button.dataset.copy) || button.previousElementSibling;
    let copied = true;
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      code.closest("details")?.setAttribute("open", ""); // what isn't shown can't be selected
      getSelection().selectAllChildren(code); // stays selected for Ctrl-C if copying fails
      copied = document.execCommand("copy");
    }
    const label = button.firstChild, before = label.data;
    if (button.dataset.copying) return; // the label says so already
    button.dataset.copying = "1";
    label.data = copied ? "Copied" : "Press Ctrl-C";
    setTimeout(() => { label.data = before; delete button.dataset.copying; }, 2 * minInterval);
  });

  // A slash focuses the search, and Escape closes an open menu.
  addEventListener("keydown", (e) => {
    if (e.key === "Escape") {
      const open = document.querySelector("details[open]");
      if (open) { open.open = false; open.querySelector("summary").focus(); }
    }
    if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, textarea, select")) return;
    e.preventDefault();
    const field = document.getElementById("q");
    if (field) { field.focus(); field.select(); } else location.href = base + "/domains";
  });
})();
