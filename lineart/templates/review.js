"use strict";
// Page of `lineart review`: lists, a frame with its regions, answers, marks. The server decides what
// an answer becomes and which frames it changes; all text is set as text.

const select = (query, root = document) => root.querySelector(query);
const selectAll = (query, root = document) => [...root.querySelectorAll(query)];
const make = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};
const query = values => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== ""));
const picture = (kind, values) => `./picture/${kind}?${query(values)}`;
const many = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
const PAGE = 60;

// Requests.

class Refused extends Error {
  constructor(status, answer) {
    super(answer.error || `the server answers ${status}`);
    Object.assign(this, { status, answer });
  }
}
const ask = async (path, values, { method = "GET", body, tag } = {}) => {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  if (tag) headers["if-match"] = `"${tag}"`;
  const request = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
  let response;
  try {
    response = await fetch(`./api/${path}?${query(values)}`, request);
  } catch {
    throw new Refused(0, { error: "the server does not answer; is `lineart review` still running?" });
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
};
let toastTimer = 0;
const say = (text, isBad = false) => {
  const toast = select(".toast");
  toast.textContent = text;
  toast.classList.toggle("bad", isBad);
  toast.hidden = !text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { toast.hidden = true; }, isBad ? 9000 : 4000);
};
const trying = work => async (...given) => {
  try {
    return await work(...given);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    say(error.message, true);
  }
};

// State: the frame that is shown, and the answers to each frame that are not saved.

const state = { list: "doubts", frame: null, labels: null, line: null, region: 0, isEyedropper: false, linesOnly: false, whole: false };
// Answers: region, colour, box of its doubt, and a pixel of it.
const drafts = new Map(), savedDoubts = new Set();
const answersOf = name => drafts.get(name) || [];
const answers = () => (state.frame ? answersOf(state.frame.frame) : []);
const setAnswers = (name, given) => {
  if (given.length) drafts.set(name, given);
  else drafts.delete(name);
};
const colorOf = region => {
  const given = answers().findLast(([one]) => one === region);
  return given ? given[1] : ownColor(region);
};
const ownColor = region => state.frame.regions[region]?.[5] || doubtOf(region)?.color || null;
const swatch = color => {
  const mark = make("i", { className: color ? "" : "none" });
  if (color) mark.style.background = color;
  return mark;
};

// Lists, page by page as they are scrolled.

const entriesList = select(".entries"), filter = select(".filter"), none = select(".none"), order = select("[name=order]");
const emptyList = () => ({ entries: [], total: 0, isLoading: false, number: 0 });
let lists = emptyList();
const sentinel = make("li", { ariaHidden: "true" });
const observer = new IntersectionObserver(seen => seen.some(one => one.isIntersecting) && loadMore(), { root: null, rootMargin: "400px" });
const loadMore = trying(async () => {
  if (lists.isLoading || (lists.number && lists.entries.length >= lists.total)) return;
  lists.isLoading = true;
  const { list } = state, filled = lists;
  try {
    const values = { first: lists.entries.length, most: PAGE };
    if (list === "shots") Object.assign(values, { text: filter.text.value.trim(), kind: filter.kind.value });
    else values.order = order.value;
    const page = await ask(list, values);
    if (filled !== lists) return;
    lists.number += 1;
    lists.total = page.total;
    lists.entries.push(...page.entries);
    sentinel.before(...page.entries.map(list === "shots" ? showShot : showDoubt));
    none.hidden = lists.total > 0;
    none.textContent = list === "shots" ? "No shot is like this." : "No doubt is left.";
    select(`[data-list=${list}] b`).textContent = page.total.toLocaleString("en");
    markCurrent();
  } finally {
    filled.isLoading = false;
  }
  if (sentinel.getBoundingClientRect().top < innerHeight) await loadMore();
});
const openList = async name => {
  state.list = name;
  lists = emptyList();
  for (const tab of selectAll("[data-list]")) tab.setAttribute("aria-selected", tab.dataset.list === name);
  filter.hidden = name !== "shots";
  order.parentElement.hidden = name !== "doubts";
  entriesList.replaceChildren(sentinel);
  observer.observe(sentinel);
  await loadMore();
};
const showDoubt = entry => {
  const image = make("img", { loading: "lazy", alt: "", width: 64, height: 64, src: picture("crop", { frame: entry.frame, doubt: entry.doubt, v: document.body.dataset.stamp }) });
  const swatches = make("div", { className: "swatches" }, swatch(entry.color));
  if (entry.second) swatches.append("or ", swatch(entry.second));
  swatches.append(` ${entry.sure} % sure`);
  const also = entry.alike ? `also in ${many(entry.alike, "frame")}` : "";
  const parts = entry.frame.split("/").flatMap((part, number) => (number ? ["/", make("wbr"), part] : [part]));
  const text = make("div", {}, make("b", {}, make("bdi", {}, ...parts)), swatches, make("small", { textContent: also }));
  const button = make("button", { type: "button", className: "doubt", title: entry.why }, image, text);
  button.addEventListener("click", () => openDoubt(entry));
  return make("li", {}, button);
};
const showShot = entry => {
  const facts = make("small", {}, many(entry.frames, "frame"));
  for (const [kind, words] of [["doubts", many(entry.doubts, "doubt")], ["failed", `${entry.failed} failed`], ["accepted", `${entry.accepted} accepted`], ["redo", `${entry.redo} to redo`]])
    if (entry[kind]) facts.append(", ", make("span", { className: kind, textContent: words }));
  const button = make("button", { type: "button", className: "shot" }, make("b", {}, make("bdi", { textContent: entry.name })), facts);
  button.addEventListener("click", () => openShot(entry.shot));
  return make("li", {}, button);
};
const isCurrent = entry => state.frame && (state.list === "shots"
  ? entry.shot === state.frame.shot
  : entry.frame === state.frame.frame && regionOf(entry) === state.region);
const markCurrent = () => {
  for (const [place, entry] of lists.entries.entries()) {
    const button = entriesList.children[place].firstChild;
    const is = Boolean(isCurrent(entry));
    if (is && button.ariaCurrent !== "true") button.scrollIntoView({ block: "nearest", inline: "nearest" });
    button.ariaCurrent = String(is);
    if (state.list === "doubts") button.classList.toggle("saved", savedDoubts.has(`${entry.frame} ${entry.box}`));
    if (state.list === "doubts") button.classList.toggle("drafted", answersOf(entry.frame).some(([, , box]) => box === String(entry.box)));
  }
};
// The frame that was asked for last counts, which may not be there yet.
const isWanted = entry => (opening && !opening.isHere
  ? entry.frame === opening.name && String(entry.box) === String(opening.box)
  : isCurrent(entry));
const regionOf = entry => state.frame.doubts.find(one => String(one.box) === String(entry.box))?.region;
const stepDoubt = trying(async step => {
  if (state.list !== "doubts") await openList("doubts");
  const at = lists.entries.findIndex(isWanted);
  const next = at < 0 ? 0 : at + step;
  if (next >= lists.entries.length) await loadMore();
  if (lists.entries[next]) await openDoubt(lists.entries[next]);
  else say(next < 0 ? "This is the worst doubt." : "No doubt is left.");
});

// The frames of the shot, below the picture.

const strip = select(".strip");
let stripShot = -1, stripFirst = 0, stripTurn = null;
const showFrames = async (shot, at) => {
  const turn = (stripTurn = {}), first = Math.max(0, Math.floor(at / PAGE) * PAGE);
  if (shot !== stripShot || first !== stripFirst || !strip.children.length) {
    const page = await ask("frames", { shot, first, most: PAGE });
    if (turn !== stripTurn) return;
    [stripShot, stripFirst] = [shot, first];
    fillStrip(page.entries);
  }
  markStrip();
};
const fillStrip = entries => {
  // Pictures that come later move nothing.
  if (state.frame) strip.style.setProperty("--aspect", state.frame.size[0] / state.frame.size[1]);
  // A button stays, because a click on one that is replaced meanwhile would be lost.
  const buttons = selectAll("button", strip);
  const isSame = buttons.length === entries.length && entries.every((one, place) => one.frame === buttons[place].dataset.frame);
  if (!isSame) strip.replaceChildren(...entries.map(entry => make("li", {}, makeFrameButton(entry))));
  for (const [place, button] of selectAll("button", strip).entries()) showFrameButton(button, entries[place]);
};
const makeFrameButton = entry => {
  const image = make("img", { loading: "lazy", alt: "" });
  const button = make("button", { type: "button", title: entry.frame }, image, make("span", {}, make("bdi", { textContent: entry.label })), make("em"));
  button.dataset.frame = entry.frame;
  button.addEventListener("click", () => openFrame(entry.frame));
  return button;
};
const showFrameButton = (button, entry) => {
  const marks = [], image = select("img", button);
  const add = (className, text, title) => marks.push(make("u", { className, textContent: text, title }));
  if (entry.key) add("key", "key", "has a key");
  if (entry.doubts) add("doubts", entry.doubts, many(entry.doubts, "doubt"));
  if (entry.mark) add(entry.mark, entry.mark === "accepted" ? "✓" : "redo", entry.mark);
  if (entry.status === "failed") add("failed", "failed", entry.message);
  select("em", button).replaceChildren(...marks);
  button.className = entry.held ? "held" : "";
  const source = entry.status === "failed" ? "data:," : picture("thumbnail", { frame: entry.frame, v: document.body.dataset.stamp });
  if (image.getAttribute("src") !== source) image.src = source;
};
const markStrip = () => {
  for (const button of selectAll("button", strip)) {
    const is = button.dataset.frame === state.frame?.frame;
    button.ariaCurrent = String(is);
    if (is) button.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
};
const openShot = trying(async shot => {
  const turn = (opening = { name: state.frame?.frame, box: null, isHere: true });
  const page = await ask("frames", { shot, first: 0, most: 1 });
  if (turn === opening) await openFrame(page.entries[0].frame);
});

// A frame: its picture, its drawing and the numbers of its regions.

const stage = select(".stage"), sheet = select(".sheet"), message = select(".message");
const shown = select(".shown"), marks = select(".marks"), side = select("aside");
const loadPixels = async (kind, frame) => {
  const image = new Image();
  image.src = picture(kind, { frame: frame.frame, v: frame.shown });
  await image.decode();
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return { canvas, data: context.getImageData(0, 0, canvas.width, canvas.height).data };
};
const loadFrame = async name => {
  const frame = await ask("frame", { frame: name });
  return [frame, await Promise.all(["frame", "line", "regions"].map(kind => loadPixels(kind, frame)))];
};
// The frame of the next doubt, loaded while this one is looked at.
let ahead = { name: null, loading: null, at: 0 };
const lookAhead = () => {
  const next = lists.entries.slice(lists.entries.findIndex(isCurrent) + 1).find(one => one.frame !== state.frame?.frame);
  if (state.list !== "doubts" || !next || next.frame === ahead.name) return;
  ahead = { name: next.frame, loading: loadFrame(next.frame), at: Date.now() };
  ahead.loading.catch(() => {});
};
const load = name => {
  const isFresh = ahead.name === name && Date.now() - ahead.at < 60000;
  const loading = isFresh ? ahead.loading.catch(() => loadFrame(name)) : loadFrame(name);
  ahead = { name: null };
  return loading;
};
// The frame that was asked for last, and whether it is here; until then the one before is shown.
let opening = null;
const openFrame = trying(async (name, box = null, isAnew = false) => {
  const turn = (opening = { name, box, isHere: false });
  if (isAnew || state.frame?.frame !== name) {
    message.textContent = "Opening …";
    let frame, pixels;
    try {
      [frame, pixels] = await load(name);
    } catch (error) {
      if (turn !== opening) return;
      showNothing(error.message || "a picture of it cannot be read");
      return;
    }
    if (turn !== opening) return;
    enter(frame, pixels);
  }
  turn.isHere = true;
  message.textContent = "";
  const asked = box && state.frame.doubts.find(one => String(one.box) === String(box));
  choose(asked ? asked.region : 0);
  await showFrames(state.frame.shot, state.frame.at);
  setTimeout(lookAhead, 300);
});
const openDoubt = entry => openFrame(entry.frame, entry.box);
const showNothing = text => {
  Object.assign(state, { frame: null, labels: null, region: 0 });
  sheet.hidden = side.hidden = true;
  message.textContent = text;
};
const enter = (frame, [colors, line, regions]) => {
  const [width, height] = frame.size;
  const labels = new Uint32Array(width * height);
  for (let place = 0, at = 0; place < labels.length; place += 1, at += 4)
    labels[place] = regions.data[at] | regions.data[at + 1] << 8 | regions.data[at + 2] << 16;
  Object.assign(state, { frame, labels, line, colors, region: 0, whole: false });
  for (const canvas of [shown, marks]) [canvas.width, canvas.height] = [width, height];
  sheet.hidden = side.hidden = false;
  followAnswers();
  select(".where b").textContent = frame.label;
  select(".where span").textContent = `${frame.shotName}, ${frame.at + 1} of ${frame.count}`;
  select(".bar .said").textContent = frame.heldBy ? `repeats ${frame.heldBy}` : "";
  select("[name=whole]").checked = false;
  select(".conflict").hidden = true;
  showPalette();
  showMark();
  showFile();
  fit();
  paint();
  preview();
};

// A frame that was made again may have other regions: an answer is for the one at its pixel.
const followAnswers = () => {
  const { frame, labels } = state, [width, height] = frame.size;
  for (const one of answers()) one[0] = one[3] < width && one[4] < height ? labels[one[4] * width + one[3]] : 0;
  setAnswers(frame.frame, answers().filter(([region]) => region));
  showDrafts();
};

// Drawing.

const hexToLevels = color => [1, 3, 5].map(at => parseInt(color.slice(at, at + 2), 16));
const paintRegion = (context, region, color) => {
  const [left, top, right, bottom] = state.frame.regions[region];
  const patch = context.getImageData(left, top, right - left, bottom - top);
  const [red, green, blue] = hexToLevels(color), width = state.frame.size[0];
  for (let y = top, at = 0; y < bottom; y += 1)
    for (let x = left; x < right; x += 1, at += 4) {
      const place = y * width + x;
      if (state.labels[place] !== region) continue;
      const level = state.line.data[4 * place] / 255;
      patch.data.set([red * level, green * level, blue * level, 255], at);
    }
  context.putImageData(patch, left, top);
};
const paint = () => {
  const context = shown.getContext("2d", { willReadFrequently: true });
  context.clearRect(0, 0, shown.width, shown.height);
  context.drawImage((state.linesOnly ? state.line : state.colors).canvas, 0, 0);
  if (!state.linesOnly) for (const [region, color] of answers()) paintRegion(context, region, color);
  outline();
};
// The outline of a region lies around it, so that the smallest one can be seen.
const halo = (context, thick) => {
  const { region, labels, frame } = state, [width, height] = frame.size;
  const [left, top, right, bottom] = frame.regions[region];
  const edges = [], inside = [];
  for (let y = top; y < bottom; y += 1) {
    let start = -1;
    for (let x = left; x <= right; x += 1) {
      const place = y * width + x, is = x < right && labels[place] === region;
      if (is && start < 0) start = x;
      if (!is && start >= 0) {
        inside.push(start, y, x - start);
        start = -1;
      }
      if (is && (x === 0 || y === 0 || x === width - 1 || y === height - 1 || labels[place - 1] !== region || labels[place + 1] !== region || labels[place - width] !== region || labels[place + width] !== region)) edges.push(x, y);
    }
  }
  for (const [color, reach] of [["#000", 2 * thick], ["#fff", thick]]) {
    context.fillStyle = color;
    for (let at = 0; at < edges.length; at += 2) context.fillRect(edges[at] - reach, edges[at + 1] - reach, 1 + 2 * reach, 1 + 2 * reach);
  }
  for (let at = 0; at < inside.length; at += 3) context.clearRect(inside[at], inside[at + 1], inside[at + 2], 1);
};
const outline = () => {
  const context = marks.getContext("2d"), { region, frame } = state;
  context.clearRect(0, 0, marks.width, marks.height);
  if (region) {
    const [left, top, right, bottom] = frame.regions[region];
    halo(context, Math.max(1, Math.round(1.4 / view.scale)));
    // A small region is hard to find without a frame around it.
    if (Math.max(right - left, bottom - top) * view.scale < 60) {
      const gap = 16 / view.scale;
      for (const [color, size] of [["#000", 4], ["#fff", 2]]) {
        context.strokeStyle = color;
        context.lineWidth = size / view.scale;
        context.strokeRect(left - gap, top - gap, right - left + 2 * gap, bottom - top + 2 * gap);
      }
    }
  }
  magnify();
};
const magnify = () => {
  const canvas = select(".magnified"), context = canvas.getContext("2d");
  const [left, top, right, bottom] = state.region ? state.frame.regions[state.region] : [0, 0, ...state.frame.size];
  const wide = Math.max((right - left) * 1.5, (bottom - top) * 3, 60), high = wide / 2;
  const x = (left + right - wide) / 2, y = (top + bottom - high) / 2;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = wide > canvas.width;
  context.drawImage(shown, x, y, wide, high, 0, 0, canvas.width, canvas.height);
  if (!state.region) return;
  const size = Math.ceil(wide), around = new OffscreenCanvas(size, Math.ceil(high)), lens = around.getContext("2d");
  lens.translate(-Math.floor(x), -Math.floor(y));
  halo(lens, Math.max(.5, wide / canvas.width));
  context.drawImage(around, 0, 0, wide, high, (Math.floor(x) - x) / wide * canvas.width, (Math.floor(y) - y) / high * canvas.height, canvas.width, canvas.height);
};

// View: scale, and place of the picture's corner on the stage.

const view = { scale: 1, x: 0, y: 0 };
const place = () => {
  sheet.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  sheet.classList.toggle("near", view.scale > 1.5);
};
const fit = () => {
  if (!state.frame) return;
  const [width, height] = state.frame.size;
  view.scale = Math.min(stage.clientWidth / width, stage.clientHeight / height, 8);
  Object.assign(view, { x: (stage.clientWidth - width * view.scale) / 2, y: (stage.clientHeight - height * view.scale) / 2 });
  place();
};
const zoom = (factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) => {
  const scale = Math.min(16, Math.max(.05, view.scale * factor)), change = scale / view.scale;
  Object.assign(view, { scale, x: x - (x - view.x) * change, y: y - (y - view.y) * change });
  place();
  if (state.frame) outline();
};
const zoomToRegion = () => {
  const [left, top, right, bottom] = state.frame.regions[state.region];
  view.scale = Math.min(8, .5 * Math.min(stage.clientWidth / (right - left), stage.clientHeight / (bottom - top)));
  Object.assign(view, { x: stage.clientWidth / 2 - (left + right) / 2 * view.scale, y: stage.clientHeight / 2 - (top + bottom) / 2 * view.scale });
  place();
  outline();
};
const pointed = event => {
  const box = stage.getBoundingClientRect();
  const x = Math.floor((event.clientX - box.left - view.x) / view.scale);
  const y = Math.floor((event.clientY - box.top - view.y) / view.scale);
  const [width, height] = state.frame.size;
  return x >= 0 && y >= 0 && x < width && y < height ? [x, y] : null;
};
let drag = null;
stage.addEventListener("pointerdown", event => {
  if (!state.frame || event.button > 1) return;
  drag = { x: event.clientX, y: event.clientY, left: view.x, top: view.y, isMoved: false };
  if (event.pointerType === "mouse") stage.setPointerCapture(event.pointerId);
});
stage.addEventListener("pointermove", event => {
  if (!drag || event.pointerType !== "mouse") return;
  const [right, down] = [event.clientX - drag.x, event.clientY - drag.y];
  if (!drag.isMoved && Math.hypot(right, down) < 5) return;
  drag.isMoved = true;
  stage.classList.add("panning");
  Object.assign(view, { x: drag.left + right, y: drag.top + down });
  place();
});
for (const end of ["pointerup", "pointercancel"])
  stage.addEventListener(end, event => {
    const was = drag;
    drag = null;
    stage.classList.remove("panning");
    if (!was || was.isMoved || end === "pointercancel" || !state.frame || event.button) return;
    const at = pointed(event);
    if (at && (state.isEyedropper || event.altKey)) takeColor(...at);
    else choose(at ? state.labels[at[1] * state.frame.size[0] + at[0]] : 0);
  });
stage.addEventListener("wheel", event => {
  if (!state.frame) return;
  event.preventDefault();
  const box = stage.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });
addEventListener("resize", () => { fit(); if (state.frame) outline(); });

// Regions and answers.

const doubtOf = region => state.frame?.doubts.find(one => one.region === region);
const choose = region => {
  state.region = region;
  outline();
  showRegion();
  markCurrent();
};
const showRegion = () => {
  const said = select(".region .said"), { region } = state;
  const doubt = region ? doubtOf(region) : null, color = region ? colorOf(region) : null;
  const lines = [];
  if (!region) lines.push(make("span", { className: "quiet", textContent: "Click a region, or step with → and ←." }));
  else {
    const [left, top, right, bottom, area] = state.frame.regions[region];
    lines.push(make("b", { textContent: color || "no single colour" }), make("span", { className: "quiet", textContent: `  ${right - left} × ${bottom - top} px, area ${area.toLocaleString("en")}` }));
    if (doubt) lines.push(make("div", { textContent: doubt.answered ? "answered; waits for the next run" : `${doubt.sure} % sure: ${doubt.why}` }));
  }
  said.replaceChildren(...lines);
  const own = region ? ownColor(region) : null;
  for (const [name, offered] of [["first", own], ["second", doubt?.second]]) {
    const button = select(`[data-do=${name}]`);
    button.disabled = !offered;
    button.firstElementChild.replaceWith(swatch(offered));
    button.setAttribute("aria-pressed", String(Boolean(offered) && answers().some(([one, given]) => one === region && given === offered)));
  }
  for (const button of selectAll(".palette button")) button.setAttribute("aria-pressed", String(button.dataset.color === color));
};
const stepRegion = step => {
  if (!state.frame) return;
  const order = [...state.frame.regions.keys()].slice(1).sort((one, other) => {
    const [a, b] = [state.frame.regions[one], state.frame.regions[other]];
    return a[1] - b[1] || a[0] - b[0];
  });
  if (!order.length) return;
  const at = order.indexOf(state.region);
  choose(order[(at < 0 ? (step > 0 ? 0 : order.length - 1) : at + step + order.length) % order.length]);
};
const answer = color => {
  if (!state.frame || !color) return;
  if (!state.region) return say("Choose a region first.");
  if (state.frame.key.refusal) return say(state.frame.key.refusal, true);
  const { region } = state;
  const given = answers().filter(([one]) => one !== region);
  given.push([region, color, String(doubtOf(region)?.box), ...pixelOf(region)]);
  setAnswers(state.frame.frame, given);
  changed();
};
const pixelOf = region => {
  const [left, top, right, bottom] = state.frame.regions[region], [width] = state.frame.size;
  for (let n = 0, high = bottom - top; n < high; n += 1) {
    const y = top + (n + (high >> 1)) % high;
    const inside = state.labels.subarray(y * width + left, y * width + right).indexOf(region);
    if (inside >= 0) return [left + inside, y];
  }
  return [left, top];
};
const undo = () => {
  if (!answers().length) return say("There is no answer to undo.");
  setAnswers(state.frame.frame, answers().slice(0, -1));
  changed();
};
const changed = () => {
  paint();
  showRegion();
  markCurrent();
  showDrafts();
  preview();
};
const showDrafts = () => {
  const text = select(".drafts");
  text.hidden = !drafts.size;
  text.textContent = drafts.size === 1 ? "1 frame is not saved" : `${drafts.size} frames are not saved`;
};
const takeColor = (x, y) => {
  const [red, green, blue] = shown.getContext("2d").getImageData(x, y, 1, 1).data;
  setEyedropper(false);
  answer(`#${[red, green, blue].map(level => level.toString(16).padStart(2, "0")).join("")}`);
};
const setEyedropper = is => {
  state.isEyedropper = is;
  stage.classList.toggle("picking", is);
  select("[data-do=eyedropper]").setAttribute("aria-pressed", String(is));
};
const showPalette = () => {
  select(".palette").replaceChildren(...state.frame.palette.map((color, number) => {
    const button = make("button", { type: "button", title: color, ariaLabel: color });
    button.style.background = color;
    button.dataset.color = color;
    if (number < 10) {
      button.dataset.number = (number + 1) % 10;
      button.className = "numbered";
    }
    button.addEventListener("click", () => answer(color));
    return make("li", {}, button);
  }));
};

// Saving.

// Changes go one after another, because each says over what it is laid.
let writing = Promise.resolve();
const inTurn = work => {
  const done = writing.then(work);
  writing = done.catch(() => {});
  return done;
};
// The frame may have been opened anew since.
const update = (frame, fields) => {
  for (const one of [frame, state.frame]) if (one?.frame === frame.frame) Object.assign(one, fields);
};
const body = (frame, whole) => ({ shown: frame.shown, answers: answersOf(frame.frame).map(([region, color]) => [region, color]), whole });
let previewTimer = 0;
const showTouched = (text, isBad = false) => {
  const line = select(".touched");
  line.textContent = text;
  line.classList.toggle("bad", isBad);
};
const preview = () => {
  clearTimeout(previewTimer);
  previewTimer = 0;
  const { frame } = state, count = answers().length;
  select("[data-do=save]").disabled = !count;
  if (!count) return showTouched("");
  showTouched("…");
  const timer = (previewTimer = setTimeout(async () => {
    const isAsked = () => timer === previewTimer && state.frame === frame;
    try {
      const answer = await ask("preview", { frame: frame.frame }, { method: "POST", body: body(frame, state.whole) });
      if (isAsked()) showTouched(`${many(count, "answer")}: ${answer.words}`);
    } catch (error) {
      if (isAsked()) showTouched(error.message, true);
    }
  }, 250));
};
const showFile = () => {
  const { key } = state.frame;
  select(".file").textContent = key.refusal || (key.exists ? `over the key ${key.name}` : `as the new key ${key.name}`);
};
const save = () => {
  const { frame, whole } = state;
  if (!frame || !answers().length) return say("There is nothing to save.");
  return inTurn(() => saveFrame(frame, whole));
};
const saveFrame = async (frame, whole) => {
  const sent = answersOf(frame.frame), count = sent.length, saving = body(frame, whole);
  if (!count) return true;
  select("[data-do=save]").disabled = true;
  try {
    const done = await ask("key", { frame: frame.frame }, { method: "PUT", body: saving, tag: frame.key.tag });
    // What was answered meanwhile stays.
    setAnswers(frame.frame, answersOf(frame.frame).filter(one => !sent.includes(one)));
    update(frame, { key: done.key, mark: done.mark });
    // What was answered is the frame's colour from now on, until the next run shows it.
    for (const [region, color] of saving.answers) {
      const doubt = frame.doubts.find(one => one.region === region);
      if (doubt) doubt.answered = true;
      if (frame === state.frame) paintRegion(state.colors.canvas.getContext("2d"), region, color);
      frame.regions[region][5] = color;
    }
    if (saving.whole) for (const doubt of frame.doubts) doubt.answered = true;
    for (const doubt of frame.doubts) if (doubt.answered) savedDoubts.add(`${frame.frame} ${doubt.box}`);
    const then = done.touched.length ? `The next run ${done.words.replace(/^changes/, "makes again")}.` : "The key said so already.";
    say(`Saved ${many(count, "answer")}. ${then}`);
    stripShot = -1;
    showDrafts();
    if (frame === state.frame) {
      select(".conflict").hidden = true;
      showFile();
      showMark();
      changed();
      showFrames(frame.shot, frame.at).catch(() => {});
    }
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.answer.key && frame === state.frame) showConflict(error);
    else say(error.message, true);
    if (error.answer.anew) refresh();
    return false;
  } finally {
    select("[data-do=save]").disabled = !answers().length;
  }
};
const showConflict = error => {
  const box = select(".conflict"), { key } = error.answer;
  state.frame.otherKey = key;
  select("p", box).textContent = `${error.message}. This is the key now:`;
  select("img", box).hidden = !key.exists || Boolean(key.refusal);
  select("img", box).src = key.exists ? picture("key", { frame: state.frame.frame, t: key.tag }) : "data:,";
  box.hidden = false;
  box.scrollIntoView({ block: "nearest" });
};
const saveAndGo = async () => {
  const before = opening, at = lists.entries.findIndex(isCurrent);
  const next = lists.entries.slice(at + 1).find(one => one.frame !== state.frame?.frame || !saved(one));
  if (answers().length && !(await save())) return;
  if (before !== opening) return;
  if (state.list === "doubts" && next) await openDoubt(next);
  else await stepDoubt(1);
};
const saved = entry => answers().some(([, , box]) => box === String(entry.box));

// Marks.

const showMark = () => {
  const { mark } = state.frame;
  select("[data-do=accept]").setAttribute("aria-pressed", String(mark.mark === "accepted"));
  select("[data-do=redo]").setAttribute("aria-pressed", String(mark.mark === "redo"));
  select("[name=note]").value = mark.note;
  const when = mark.mark ? `${mark.by}, ${mark.at} UTC` : "";
  select(".mark p").textContent = when + (mark.stale ? "; the frame was made again since" : mark.mark === "redo" ? "; the next run makes it again" : "");
};
const setMark = trying(async (frame, change) => {
  try {
    const { mark, note } = frame.mark, body = { mark, note, ...change(frame.mark) };
    const done = await ask("mark", { frame: frame.frame }, { method: "PUT", body, tag: frame.mark.tag });
    update(frame, { mark: done.mark });
  } catch (error) {
    if (error.answer?.mark) update(frame, { mark: error.answer.mark });
    throw error;
  } finally {
    if (state.frame) showMark();
    stripShot = -1;
    if (state.frame) showFrames(state.frame.shot, state.frame.at).catch(() => {});
  }
});
const changeMark = change => {
  const { frame } = state;
  return frame && inTurn(() => setMark(frame, change));
};
const toggleMark = verdict => changeMark(({ mark }) => ({ mark: mark === verdict ? null : verdict }));
select("[name=note]").addEventListener("change", event => {
  const note = event.target.value.trim();
  changeMark(() => ({ note }));
});

// What buttons and keys do.

const setWhole = is => {
  state.whole = select("[name=whole]").checked = is;
  preview();
};
const actions = {
  previousFrame: () => state.frame?.previous && openFrame(state.frame.previous),
  nextFrame: () => state.frame?.next && openFrame(state.frame.next),
  lines: () => {
    state.linesOnly = !state.linesOnly;
    select("[data-do=lines]").setAttribute("aria-pressed", String(state.linesOnly));
    if (state.frame) paint();
  },
  fit: () => { fit(); if (state.frame) outline(); },
  closer: () => zoom(1.5),
  farther: () => zoom(1 / 1.5),
  toRegion: () => (state.region ? zoomToRegion() : say("Choose a region first.")),
  first: () => state.frame && answer(ownColor(state.region)),
  second: () => state.frame && answer(doubtOf(state.region)?.second),
  eyedropper: () => setEyedropper(!state.isEyedropper),
  undo,
  save,
  saveAndGo,
  whole: () => setWhole(!state.whole),
  accept: () => toggleMark("accepted"),
  redo: () => toggleMark("redo"),
  over: () => {
    state.frame.key = state.frame.otherKey;
    select(".conflict").hidden = true;
    showFile();
    save();
  },
  theirs: async () => {
    drafts.delete(state.frame.frame);
    showDrafts();
    await openFrame(state.frame.frame, null, true);
  },
  nextDoubt: () => stepDoubt(1),
  previousDoubt: () => stepDoubt(-1),
  nextRegion: () => stepRegion(1),
  previousRegion: () => stepRegion(-1),
  leave: () => { setEyedropper(false); if (state.frame) choose(0); },
  help: () => select("dialog").showModal(),
};
const KEYS = {
  j: "nextDoubt", k: "previousDoubt", ArrowRight: "nextRegion", ArrowLeft: "previousRegion", ".": "nextFrame", ",": "previousFrame",
  a: "first", b: "second", i: "eyedropper", u: "undo", s: "save", Enter: "saveAndGo", w: "whole", y: "accept", r: "redo",
  l: "lines", f: "fit", "+": "closer", "=": "closer", "-": "farther", z: "toRegion", Escape: "leave", "?": "help",
};
for (const button of selectAll("[data-do]")) button.addEventListener("click", () => actions[button.dataset.do]());
for (const tab of selectAll("[data-list]")) tab.addEventListener("click", () => openList(tab.dataset.list));
select(".help").addEventListener("click", actions.help);
select("[name=whole]").addEventListener("change", event => setWhole(event.target.checked));
select("[type=color]").addEventListener("change", event => answer(event.target.value));
order.addEventListener("change", () => openList("doubts"));
filter.addEventListener("submit", event => event.preventDefault());
let filterTimer = 0;
filter.addEventListener("input", () => {
  clearTimeout(filterTimer);
  filterTimer = setTimeout(() => openList("shots"), 200);
});
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    if (event.key !== "s" && event.key !== "z") return;
    if (event.altKey) return;
    event.preventDefault();
    if (event.key === "s") save();
    else undo();
    return;
  }
  if (select("dialog").open) return;
  if (event.target.matches("input:not([type=checkbox], [type=color]), select")) {
    if (event.key === "Escape" || (event.key === "Enter" && event.target.name === "note")) event.target.blur();
    return;
  }
  if (event.key === "Enter" && event.target.matches("button")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (/^[0-9]$/.test(key)) answer(state.frame?.palette[(Number(key) + 9) % 10]);
  else if (key in KEYS) actions[KEYS[key]]();
  else return;
  event.preventDefault();
});
addEventListener("beforeunload", event => { if (drafts.size) event.preventDefault(); });

// After a run everything is new, but for answers that are not saved.
let isRefreshing = false;
const refresh = async () => {
  if (isRefreshing) return;
  isRefreshing = true;
  try {
    const film = await ask("film", {});
    if (film.stamp !== document.body.dataset.stamp) await takeUp(film);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  } finally {
    isRefreshing = false;
  }
};
const takeUp = async film => {
  document.body.dataset.stamp = film.stamp;
  say("The film was coloured again.");
  stripShot = -1;
  ahead = { name: null };
  savedDoubts.clear();
  await openList(state.list);
  // A frame that is on its way may be that of before the run.
  if (opening?.name) await openFrame(opening.name, opening.isHere ? null : opening.box, true);
};
addEventListener("focus", refresh);
setInterval(refresh, 20000);

openList("doubts").then(() => {
  if (opening) return;
  if (lists.entries.length) openDoubt(lists.entries[0]);
  else openList("shots");
});
