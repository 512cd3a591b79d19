// Follows what happens: the server says that something did, and the page is asked for again. All
// of it is there without this.
"use strict";

const live = document.getElementById("live");
/// The reading of the program's clock when the page was made, and of ours.
let made = { theirs: 0, ours: Date.now() };
let asked = false;
let again = false;

const span = (seconds) => {
  const [m, h, d] = [60, 3600, 86400].map((unit) => Math.floor(seconds / unit));
  const two = (number) => String(number).padStart(2, "0");
  if (d) return `${d}d${two(h % 24)}h`;
  if (h) return `${h}h${two(m % 60)}m`;
  if (m) return `${m}m${two(seconds % 60)}s`;
  return `${seconds}s`;
};

const count = () => {
  const passed = Math.floor((Date.now() - made.ours) / 1000);
  for (const time of document.querySelectorAll("time[data-since]")) {
    const seconds = made.theirs + passed - Number(time.dataset.since);
    time.textContent = span(Math.max(0, seconds));
  }
};

const read = (page) => {
  made = { theirs: Number(page.querySelector("footer").dataset.at), ours: Date.now() };
};

const show = async () => {
  if (asked) {
    again = true;
    return;
  }
  asked = true;
  try {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.title = page.title;
      for (const part of ["header > p:first-of-type", "main", "footer"]) {
        const [old, fresh] = [document.querySelector(part), page.querySelector(part)];
        old.replaceWith(document.adoptNode(fresh));
      }
      read(document);
    }
  } catch {
    // The news say when the program is there again.
  }
  asked = false;
  if (again) {
    again = false;
    show();
  }
};

const follow = () => {
  const news = new EventSource("latest");
  let lost;
  news.onopen = () => {
    clearTimeout(lost);
    live.hidden = false;
    live.className = "";
    live.textContent = "live";
    show();
  };
  news.onmessage = show;
  // A connection ends after a while, and the browser makes another one.
  news.onerror = () => {
    clearTimeout(lost);
    lost = setTimeout(() => {
      live.className = "lost";
      live.textContent = "not connected";
    }, 3000);
  };
};

read(document);
setInterval(count, 1000);
// What no news tell of: how many routes there are.
setInterval(() => document.hidden || show(), 10000);
follow();
