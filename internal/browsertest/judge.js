// What is wrong with how the page looks: a Judgement.
(() => {
  const wide = [], pale = [], mute = [];

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = "rgba(0, 0, 0, 0)";
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const contrast = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgba(getComputedStyle(e).backgroundColor);
      if (c[3] === 255) return c;
    }
    return [255, 255, 255, 255];
  };
  const name = (e) => {
    const text = (e.innerText || e.value || e.getAttribute("aria-label") || "").trim().slice(0, 40);
    return `${e.tagName.toLowerCase()}${e.id ? "#" + e.id : ""}.${[...e.classList].join(".")} "${text}"`;
  };
  const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !e.closest(".quiet, .skip:not(:focus)");
  const check = (e, front, back, least, what) => {
    const c = contrast(front, back);
    if (c < least) pale.push(`${name(e)} ${what} ${c.toFixed(2)} of ${least}: ${front.slice(0, 3)} on ${back.slice(0, 3)}`);
  };

  for (const e of document.body.querySelectorAll("*")) {
    if (!shown(e)) continue;
    const s = getComputedStyle(e), box = e.getBoundingClientRect();
    if (box.right > innerWidth + 1 && box.width > 0) wide.push(name(e) + " reaches " + Math.round(box.right));
    const around = e.matches("table, form, p, ul, ol, dl, pre, code, input, button, svg") && e.parentElement.getBoundingClientRect();
    if (around && box.right > around.right + 1) wide.push(`${name(e)} reaches ${Math.round(box.right)}, what it is in ${Math.round(around.right)}`);
    if (e instanceof SVGElement) {
      if (e.matches("[class*=band-], .level")) check(e, rgba(s.fill), behind(e.closest("svg").parentElement), 3, "area");
      continue;
    }
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const field = e.matches("input:not([type=hidden]), select, textarea");
    if (own || field && e.value) {
      const size = parseFloat(s.fontSize), large = size >= 24 || size >= 18.66 && Number(s.fontWeight) >= 700;
      check(e, rgba(s.color), behind(e), large ? 3 : 4.5, "text");
    }
    if (field && e.type !== "checkbox") {
      check(e, rgba(s.borderTopColor), behind(e.parentElement), 3, "border");
      if (e.placeholder) check(e, rgba(getComputedStyle(e, "::placeholder").color), behind(e), 4.5, "placeholder");
    }
  }
  if (document.documentElement.scrollWidth > innerWidth) wide.push("the page is " + document.documentElement.scrollWidth + " wide");

  for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (!e.labels?.length && !e.getAttribute("aria-label")) mute.push(name(e));
  }
  for (const e of document.querySelectorAll("a, button, summary")) {
    if (!(e.textContent.trim() || e.getAttribute("aria-label"))) mute.push(name(e));
  }
  for (const e of document.querySelectorAll("svg")) {
    if (e.getAttribute("aria-hidden") !== "true" && !e.querySelector("title")) mute.push(name(e));
  }
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) mute.push("the id " + id + " is there twice");
  let level = 0;
  for (const e of document.querySelectorAll("h1, h2, h3, h4")) {
    const n = Number(e.tagName[1]);
    if (n > level + 1) mute.push(name(e) + " leaves out a level");
    level = n;
  }
  if (document.querySelectorAll("h1").length !== 1) mute.push("there are " + document.querySelectorAll("h1").length + " h1");
  return { Wide: wide, Pale: pale, Mute: mute };
})()
