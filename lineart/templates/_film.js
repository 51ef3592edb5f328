const select = (selector, root = document) => root.querySelector(selector);
const selectAll = (selector, root = document) => [...root.querySelectorAll(selector)];

// Comparer: a handle between source and result, fitted to the window or at 1:1.
(() => {
  const stage = select(".stage");
  if (!stage) return;
  const stack = select(".stack", stage), slider = select("input", stack);
  const result = select(".result", stack), source = select(".source", stack);
  const strips = selectAll(".strip figure"), bigs = selectAll(".big");
  const addresses = figure => [".result", ".source"].map(name => select(name, figure)?.src || "");
  const figures = new Map([...strips, ...bigs].map(figure => [figure.dataset.frame, figure]));
  const notes = figure => (select(".said", figure) || select("template", figure)?.content)?.cloneNode(true).childNodes || [];
  const firstFrame = stage.dataset.frame, firstAddresses = addresses(stage), firstNotes = [...notes(stage)];
  const frames = [...new Set((bigs.length > 1 ? bigs : strips).map(figure => figure.dataset.frame))];
  const modes = selectAll("[name=zoom]", stage);
  let shown = firstFrame, x = 0, y = 0;

  const isFull = () => stack.classList.contains("full");
  const clamp = (value, most) => Math.min(Math.max(value, 0), Math.max(most, 0));
  const set = (name, value) => stack.style.setProperty(name, value);
  const place = () => {
    set("--split", slider.value + "%");
    if (!isFull()) return;
    x = clamp(x, result.clientWidth - stack.clientWidth);
    y = clamp(y, result.clientHeight - stack.clientHeight);
    set("--split-px", stack.clientWidth * slider.value / 100 + "px");
    set("--x", x);
    set("--y", y);
  };
  const resize = () => {
    const { naturalWidth: width, naturalHeight: height } = result;
    if (!width) return;
    set("--aspect", width / height);
    set("--natural", width);
    set("--shown-width", width / devicePixelRatio + "px");
    set("--shown-height", height / devicePixelRatio + "px");
    place();
  };
  const zoom = full => {
    stack.classList.toggle("full", full);
    for (const mode of modes) mode.checked = (mode.value === "full") === full;
    x = (result.clientWidth - stack.clientWidth) / 2;
    y = (result.clientHeight - stack.clientHeight) / 2;
    place();
  };
  const show = frame => {
    shown = frame;
    const [after, before] = frame === firstFrame ? firstAddresses : addresses(figures.get(frame));
    Object.assign(result, { src: after, alt: `${frame}, ${stage.dataset.made}` });
    Object.assign(source, { src: before || after, alt: `${frame}, ${stage.dataset.source}` });
    select(".name bdi", stage).textContent = frame;
    select(".said", stage).replaceChildren(...(frame === firstFrame ? firstNotes : notes(figures.get(frame))));
  };
  result.addEventListener("load", resize);
  addEventListener("resize", resize);
  slider.addEventListener("input", place);
  resize();
  for (const mode of modes) mode.addEventListener("change", () => zoom(mode.value === "full"));
  select(".turn", stage).hidden = frames.length < 2;
  for (const button of selectAll(".turn button", stage))
    button.addEventListener("click", () => {
      const next = frames.indexOf(shown) + Number(button.dataset.step);
      show(frames[(next + frames.length) % frames.length]);
    });

  // At 1:1, dragging near the handle moves the handle, elsewhere the picture.
  let drag = null;
  stack.addEventListener("pointerdown", event => {
    if (!isFull() || event.button) return;
    const box = stack.getBoundingClientRect();
    const onHandle = Math.abs(event.clientX - box.left - box.width * slider.value / 100) < 26;
    drag = { onHandle, left: event.clientX + x, top: event.clientY + y, box };
    stack.setPointerCapture(event.pointerId);
    slider.focus({ preventScroll: true });
    event.preventDefault();
  });
  stack.addEventListener("pointermove", event => {
    if (!drag) return;
    if (drag.onHandle) slider.value = (event.clientX - drag.box.left) / drag.box.width * 100;
    else [x, y] = [drag.left - event.clientX, drag.top - event.clientY];
    place();
  });
  for (const end of ["pointerup", "pointercancel"]) stack.addEventListener(end, () => { drag = null; });
  const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  slider.addEventListener("keydown", event => {
    const direction = directions[event.key];
    if (!direction || !event.shiftKey || !isFull()) return;
    event.preventDefault();
    x += direction[0] * stack.clientWidth / 8;
    y += direction[1] * stack.clientHeight / 8;
    place();
  });

  const compare = frame => {
    zoom(false);
    show(frame);
    stage.scrollIntoView({ block: "center" });
    slider.focus({ preventScroll: true });
  };
  // A doubtful region's frame opens here if it has a picture, else its shot is shown.
  for (const link of selectAll(".doubts [data-frame]"))
    if (figures.has(link.dataset.frame))
      link.addEventListener("click", event => {
        event.preventDefault();
        compare(link.dataset.frame);
      });
  for (const figure of strips) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `Compare ${stage.dataset.pair} of ${figure.dataset.frame}`);
    button.append(...selectAll("img", figure));
    figure.prepend(button);
    button.addEventListener("click", () => compare(figure.dataset.frame));
  }
})();

// Player: one for the page, moved into the shot that is played.
(() => {
  const template = select("#player");
  if (!template) return;
  const player = template.content.firstElementChild, line = select("[type=range]", player);
  const canvas = select("canvas", player), context = canvas.getContext("2d");
  const status = select("output", player), toggle = select(".toggle", player);
  const WORDS = { d: player.dataset.made, h: "held", f: "failed", a: "accepted", o: "another status", e: "no drawing", m: "a drawing that the film lacks" };
  let shot = null, reel = null, at = 0, started = null;

  const addresses = number => {
    const element = document.getElementById(`picture-${number}`);
    if (element.tagName === "SCRIPT") return JSON.parse(element.textContent);
    return [".source", ".result"].map(name => select(name, element)?.src || "");
  };
  const chosen = name => Number(select(`[name=${name}]:checked`, player).value);
  const numberOf = shown => (shown < 0 ? -1 - shown : shown);

  // All pictures of a shot are decoded before it plays, so that it does not flicker.
  const load = async () => {
    const side = chosen("side"), images = reel.images[side];
    const shown = reel.shown.filter(one => one !== null);
    for (const number of new Set(images.size ? [] : shown.map(numberOf))) {
      const image = new Image();
      image.src = addresses(number)[side] || addresses(number)[1];
      images.set(number, image);
    }
    await Promise.all([...images.values()].map(image => image.decode().catch(() => {})));
  };
  const draw = () => {
    const images = reel.images[chosen("side")], isBlank = reel.shown[at] === null;
    const image = isBlank ? images.values().next().value : images.get(numberOf(reel.shown[at]));
    if (image?.naturalWidth) {
      if (canvas.width !== image.naturalWidth || canvas.height !== image.naturalHeight) {
        [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
        shot.style.setProperty("--aspect", canvas.width / canvas.height);
        shot.style.setProperty("--natural", canvas.width);
      }
      if (isBlank) context.clearRect(0, 0, canvas.width, canvas.height);
      else context.drawImage(image, 0, 0);
    }
    const letter = reel.frames[at], kind = letter.toLowerCase();
    const facts = [WORDS[kind], letter !== kind && "retaken", reel.shown[at] < 0 && kind !== "f" && "picture of a nearby frame"];
    const place = reel.places ? reel.places[at] : at;
    const text = facts.filter(Boolean).join(", ");
    status.replaceChildren(`${at + 1} of ${reel.frames.length}`, document.createElement("small"));
    status.lastChild.textContent = text;
    select("b", player).hidden = kind !== "f" && kind !== "m";
    select("b", player).textContent = kind === "m" ? "missing" : "failed";
    canvas.setAttribute("aria-label", status.textContent);
    for (const { note, ranges } of reel.notes)
      note.classList.toggle("now", ranges.some(([first, last]) => first <= place && place <= last));
    line.value = at;
    line.setAttribute("aria-valuetext", `${at + 1}, ${text}`);
    shot.style.setProperty("--at", at);
  };
  const go = frame => {
    at = (frame + reel.frames.length) % reel.frames.length;
    draw();
  };
  const stop = () => {
    started = null;
    toggle.textContent = "Play";
  };
  const jump = frame => { stop(); go(frame); };
  const play = () => {
    toggle.textContent = "Pause";
    const run = started = { time: performance.now(), at };
    const tick = now => {
      if (started !== run) return;
      const passed = Math.max(0, Math.floor((now - run.time) * chosen("rate") / 1000));
      if ((run.at + passed) % reel.frames.length !== at) go(run.at + passed);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  };
  const switchPlay = () => (started ? stop() : play());
  const close = () => {
    stop();
    player.remove();
    line.remove();
    shot?.classList.remove("playing");
    for (const { note } of reel?.notes || []) note.classList.remove("now");
    shot = reel = null;
  };
  const open = async article => {
    close();
    shot = article;
    const opened = reel = JSON.parse(select(".reel", shot).textContent);
    reel.images = [new Map(), new Map()];
    reel.notes = selectAll(".notes [data-at]", shot).map(note => ({
      note, ranges: note.dataset.at.split(" ").map(range => range.split("-").map(Number)),
    }));
    line.max = reel.frames.length - 1;
    select(".map", shot).append(line);
    select(".map", shot).before(player);
    shot.classList.add("playing");
    at = 0;
    await load();
    if (reel !== opened) return;
    draw();
    play();
    toggle.focus({ preventScroll: true });
    player.scrollIntoView({ block: "nearest" });
  };

  toggle.addEventListener("click", switchPlay);
  for (const button of selectAll("[data-step]", player))
    button.addEventListener("click", () => jump(at + Number(button.dataset.step)));
  select(".close", player).addEventListener("click", () => {
    const button = select(".open", shot);
    close();
    button.focus();
  });
  for (const side of selectAll("[name=side]", player))
    side.addEventListener("change", async () => { await load(); draw(); });
  for (const rate of selectAll("[name=rate]", player))
    rate.addEventListener("change", () => { if (started) play(); });
  line.addEventListener("input", () => jump(Number(line.value)));
  const steps = { ArrowLeft: -1, ArrowRight: 1 };
  const press = event => {
    if (event.key === " " && !event.target.matches("button, [type=radio]")) switchPlay();
    else if (event.key in steps && !event.target.matches("[type=radio], [type=range]")) jump(at + steps[event.key]);
    else if (event.key === "Home") jump(0);
    else if (event.key === "End") jump(-1);
    else return;
    event.preventDefault();
  };
  player.addEventListener("keydown", press);
  line.addEventListener("keydown", press);
  for (const button of selectAll(".open"))
    button.addEventListener("click", () => open(button.closest(".shot")));
})();

// Filter: shots by name, status and marks; the address keeps the choice.
(() => {
  const form = select(".filter");
  if (!form) return;
  const search = select("[type=search]", form), boxes = selectAll("[type=checkbox]", form);
  const kindsOf = element => element.dataset.kinds.split(" ");
  const shots = selectAll(".shot").map(shot => ({
    shot, name: shot.dataset.name.toLowerCase(), kinds: kindsOf(shot),
    link: select(`.jump [href="#${shot.id}"]`)?.parentElement,
    figures: selectAll(".strip figure", shot).map(figure => [figure, kindsOf(figure)]),
  }));
  const checked = () => boxes.filter(box => box.checked).map(box => box.value);

  const filter = () => {
    const text = search.value.trim().toLowerCase(), wanted = checked();
    const fits = kinds => !wanted.length || kinds.some(kind => wanted.includes(kind));
    let count = 0;
    for (const { shot, name, kinds, link, figures } of shots) {
      shot.hidden = !(name.includes(text) && fits(kinds));
      if (link) link.hidden = shot.hidden;
      for (const [figure, own] of figures) figure.hidden = !fits(own);
      count += !shot.hidden;
    }
    select("output", form).textContent = count === shots.length ? "" : `${count} of ${shots.length} shots`;
  };
  const save = () => {
    const state = new URLSearchParams();
    if (search.value.trim()) state.set("shot", search.value.trim());
    if (checked().length) state.set("show", checked().join(" "));
    history.replaceState(null, "", state.size ? `#${state}` : "#");
  };
  const restore = () => {
    if (!location.hash.includes("=")) return;
    const state = new URLSearchParams(location.hash.slice(1));
    const wanted = (state.get("show") || "").split(" ");
    search.value = state.get("shot") || "";
    for (const box of boxes) box.checked = wanted.includes(box.value);
    filter();
  };
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("input", () => { filter(); save(); });
  addEventListener("hashchange", restore);
  restore();
})();
