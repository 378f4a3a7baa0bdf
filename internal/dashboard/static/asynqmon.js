// A bar at the bottom of asynqmon with links to the dashboard, and from a task to its domain
// or app. It sets text only, never HTML.
(() => {
  "use strict";

  const base = window.FLAG_ROOT_PATH.replace(/\/asynqmon$/, "");
  const task = /\/asynqmon\/queues\/[^/]+\/tasks\/([^/]+)\/?$/;
  const app = "([A-Za-z0-9_-]{1,64})";
  const domain = "([^:/]+)";
  // The ids of tasks, as package tasks makes them.
  const ids = [
    new RegExp(`^change:${app}:${domain}:\\d+$`),
    new RegExp(`^verify:${app}:${domain}:\\d+:\\d+$`),
    new RegExp(`^sync:${app}:\\d+$`),
    new RegExp(`^event:${app}:\\d+$`),
  ];

  // target returns the app and the domain of a task, or null.
  function target(path) {
    const found = path.match(task);
    if (!found) return null;
    let id;
    try {
      id = decodeURIComponent(found[1]);
    } catch {
      return null;
    }
    for (const form of ids) {
      const parts = id.match(form);
      if (parts) return { app: parts[1], domain: parts[2] };
    }
    return null;
  }

  function link(text, ...path) {
    const a = document.createElement("a");
    a.href = base + "/" + path.map(encodeURIComponent).join("/");
    a.textContent = text;
    Object.assign(a.style, { color: "inherit", padding: "0.6em 0.9em", textDecoration: "underline" });
    return a;
  }

  const bar = document.createElement("nav");
  bar.id = "pilotsync";
  bar.setAttribute("aria-label", "pilotsync");
  Object.assign(bar.style, {
    position: "fixed", right: "12px", bottom: "12px", zIndex: "2000", display: "flex", flexWrap: "wrap", maxWidth: "calc(100% - 24px)",
    font: "14px/1.3 system-ui, sans-serif", color: "#fff", background: "#1f2937", borderRadius: "8px", boxShadow: "0 2px 8px rgba(0, 0, 0, 0.4)",
    overflowWrap: "anywhere",
  });

  let shown;
  function show() {
    if (location.pathname === shown) return;
    shown = location.pathname;
    const links = [link("← pilotsync", "")];
    const found = target(shown);
    if (found && found.domain) links.push(link("Domain " + found.domain, "domains", found.app, found.domain));
    if (found) links.push(link("App " + found.app, "apps", found.app));
    bar.replaceChildren(...links);
  }

  document.body.append(bar);
  show();
  // asynqmon changes the address and its content without loading a page.
  new MutationObserver(show).observe(document.getElementById("root"), { childList: true, subtree: true });
  addEventListener("popstate", show);
})();
