// The little that the page does by itself: it refreshes the overview, and it
// copies records and secrets. Everything works without it.

const every = 3000; // milliseconds between two questions

// put writes a text where it differs, so that nothing moves for nothing.
function put(node, text) {
  if (node && node.textContent !== String(text)) node.textContent = text;
}

function putBadge(place, badge) {
  const node = place.firstElementChild;
  put(node, badge.text);
  node.className = "badge " + badge.tone;
}

function refresh(answer) {
  for (const node of document.querySelectorAll("[data-text]")) put(node, answer.live[node.dataset.text]);
  for (const node of document.querySelectorAll("[data-badge]")) putBadge(node, answer.live[node.dataset.badge]);
  for (const node of document.querySelectorAll("[data-chart]")) put(node, answer.chart[node.dataset.chart]);
  for (const band of answer.chart.bands ?? []) {
    const name = CSS.escape(band.protocol);
    document.querySelector(`[data-band="${name}"]`)?.setAttribute("d", band.path);
    const row = document.querySelector(`[data-rate="${name}"]`);
    for (const part of ["now", "minute", "peak", "open"]) put(row?.querySelector(`[data-${part}]`), band[part]);
  }
}

// follow asks again and again while somebody looks, until told to pause.
function follow(rates) {
  const lost = rates.querySelector("[data-lost]");
  const button = document.createElement("button");
  let paused = false;
  button.type = "button";
  button.textContent = "Pause";
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Go on" : "Pause";
  });
  rates.querySelector("[data-controls]").append(button);

  async function once() {
    if (paused || document.hidden) return;
    try {
      const response = await fetch("/live.json", { signal: AbortSignal.timeout(10000) });
      if (response.status === 401) return location.reload(); // the session has ended
      if (!response.ok) throw new Error(response.statusText);
      refresh(await response.json());
      put(lost, "");
    } catch {
      put(lost, "vmapd does not answer: what is shown is old.");
    }
  }
  (async () => {
    for (;;) {
      await new Promise((done) => setTimeout(done, every));
      await once();
    }
  })();
}

function offerCopy(place) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    const code = place.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch { // not over plain http: have it marked, so that a key copies it
      getSelection().selectAllChildren(code);
      button.textContent = "Marked";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  place.append(button);
}

const rates = document.getElementById("rates");
if (rates) follow(rates);
document.querySelectorAll(".copy").forEach(offerCopy);
document.querySelector('[aria-invalid="true"]')?.focus();
