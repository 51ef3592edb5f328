// Before and after: a handle between two pictures, fitted to the window or pixel for pixel.
(() => {
  const stage = document.querySelector(".stage");
  if (!stage) return;
  const [result, source] = [".result", ".source"].map(name => stage.querySelector(name));
  const stack = stage.querySelector(".stack"), slider = stack.querySelector("input");
  const strips = [...document.querySelectorAll(".strip figure")];
  const bigs = [...document.querySelectorAll(".big")];
  const addresses = figure => [".result", ".source"].map(name => figure.querySelector(name)?.src || "");
  const pictures = new Map([...strips, ...bigs].map(figure => [figure.dataset.frame, figure]));
  const first = addresses(stage), firstFrame = stage.dataset.frame;
  const tour = [...new Set((bigs.length > 1 ? bigs : strips).map(figure => figure.dataset.frame))];
  const modes = [...stage.querySelectorAll("[name=zoom]")];
  let shown = firstFrame, x = 0, y = 0;

  const isFull = () => stack.classList.contains("full");
  const between = (value, most) => Math.min(Math.max(value, 0), Math.max(most, 0));
  const place = () => {
    stack.style.setProperty("--split", slider.value + "%");
    if (!isFull()) return;
    const { clientWidth, clientHeight } = stack;
    x = between(x, result.clientWidth - clientWidth);
    y = between(y, result.clientHeight - clientHeight);
    stack.style.setProperty("--split-px", clientWidth * slider.value / 100 + "px");
    stack.style.setProperty("--x", x);
    stack.style.setProperty("--y", y);
  };
  // As large as the window allows, and not more than three times the picture's own size.
  const fit = () => {
    if (!result.naturalWidth) return;
    stack.style.setProperty("--aspect", result.naturalWidth / result.naturalHeight);
    stack.style.setProperty("--natural", result.naturalWidth);
    stack.style.setProperty("--shown-width", result.naturalWidth / devicePixelRatio + "px");
    stack.style.setProperty("--shown-height", result.naturalHeight / devicePixelRatio + "px");
    place();
  };
  const zoom = full => {
    stack.classList.toggle("full", full);
    modes.forEach(mode => { mode.checked = (mode.value === "full") === full; });
    if (full) {
      x = (result.clientWidth - stack.clientWidth) / 2;
      y = (result.clientHeight - stack.clientHeight) / 2;
    }
    place();
  };
  const show = frame => {
    shown = frame;
    const [made, drawn] = frame === firstFrame ? first : addresses(pictures.get(frame));
    Object.assign(result, { src: made, alt: `${frame}, ${stage.dataset.made}` });
    Object.assign(source, { src: drawn || made, alt: `${frame}, ${stage.dataset.source}` });
    stage.querySelector(".name bdi").textContent = frame;
  };
  result.addEventListener("load", fit);
  addEventListener("resize", fit);
  slider.addEventListener("input", place);
  fit();

  for (const mode of modes) mode.addEventListener("change", () => zoom(mode.value === "full"));
  stage.querySelector(".turn").hidden = tour.length < 2;
  for (const button of stage.querySelectorAll(".turn button"))
    button.addEventListener("click", () => {
      const next = tour.indexOf(shown) + Number(button.dataset.step);
      show(tour[(next + tour.length) % tour.length]);
    });

  // Pixel for pixel: close to the handle a pull moves the handle, elsewhere the picture.
  let pull = null;
  stack.addEventListener("pointerdown", event => {
    if (!isFull() || event.button) return;
    const box = stack.getBoundingClientRect();
    const isHandle = Math.abs(event.clientX - box.left - box.width * slider.value / 100) < 26;
    pull = { isHandle, left: event.clientX + x, top: event.clientY + y, box };
    stack.setPointerCapture(event.pointerId);
    slider.focus({ preventScroll: true });
    event.preventDefault();
  });
  stack.addEventListener("pointermove", event => {
    if (!pull) return;
    if (pull.isHandle) slider.value = (event.clientX - pull.box.left) / pull.box.width * 100;
    else [x, y] = [pull.left - event.clientX, pull.top - event.clientY];
    place();
  });
  for (const end of ["pointerup", "pointercancel"]) stack.addEventListener(end, () => { pull = null; });
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  slider.addEventListener("keydown", event => {
    const way = ways[event.key];
    if (!way || !event.shiftKey || !isFull()) return;
    event.preventDefault();
    x += way[0] * stack.clientWidth / 8;
    y += way[1] * stack.clientHeight / 8;
    place();
  });

  for (const figure of strips) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `Compare ${stage.dataset.pair} of ${figure.dataset.frame}`);
    button.append(...figure.querySelectorAll("img"));
    figure.prepend(button);
    button.addEventListener("click", () => {
      zoom(false);
      show(figure.dataset.frame);
      stage.scrollIntoView({ block: "center" });
      slider.focus({ preventScroll: true });
    });
  }
})();

// The player: one for the page, moved into the shot that is played.
(() => {
  const template = document.querySelector("#player");
  if (!template) return;
  const player = template.content.firstElementChild;
  const canvas = player.querySelector("canvas"), pencil = canvas.getContext("2d");
  const said = player.querySelector("output"), toggle = player.querySelector(".toggle");
  const line = document.createElement("input");
  Object.assign(line, { type: "range", min: 0, step: 1 });
  line.setAttribute("aria-label", "Frame");
  const WORDS = { d: player.dataset.made, h: "held", f: "failed" };
  let shot = null, reel = null, at = 0, began = null, ticket = 0;

  const addresses = number => {
    const place = document.getElementById(`picture-${number}`);
    if (place.tagName === "SCRIPT") return JSON.parse(place.textContent);
    return [".source", ".result"].map(name => place.querySelector(name)?.src || "");
  };
  const side = () => Number(player.querySelector("[name=side]:checked").value);
  const rate = () => Number(player.querySelector("[name=rate]:checked").value);
  const number = () => { const shown = reel.shown[at]; return shown < 0 ? -1 - shown : shown; };

  // Pictures are decoded before they are due: nothing flickers.
  const load = async which => {
    const films = reel.images[which];
    if (films.size) return;
    const numbers = new Set(reel.shown.map(shown => (shown < 0 ? -1 - shown : shown)));
    for (const one of numbers) {
      const image = new Image();
      image.src = addresses(one)[which] || addresses(one)[1];
      films.set(one, image);
    }
    await Promise.all([...films.values()].map(image => image.decode().catch(() => {})));
  };
  const draw = () => {
    const image = reel.images[side()].get(number());
    if (image?.naturalWidth) {
      if (canvas.width !== image.naturalWidth || canvas.height !== image.naturalHeight) {
        [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
        shot.style.setProperty("--aspect", canvas.width / canvas.height);
        shot.style.setProperty("--natural", canvas.width);
      }
      pencil.drawImage(image, 0, 0);
    }
    const letter = reel.frames[at], kind = letter.toLowerCase();
    const what = [WORDS[kind], letter !== kind && "retaken", reel.shown[at] < 0 && kind !== "f" && "picture of a frame near it"];
    said.replaceChildren(`${at + 1} of ${reel.frames.length}`, document.createElement("small"));
    said.lastChild.textContent = what.filter(Boolean).join(", ");
    player.querySelector("b").hidden = kind !== "f";
    canvas.setAttribute("aria-label", said.textContent);
    line.value = at;
    line.setAttribute("aria-valuetext", `${at + 1}, ${what.filter(Boolean).join(", ")}`);
    shot.style.setProperty("--at", at);
  };
  const go = frame => {
    at = (frame + reel.frames.length) % reel.frames.length;
    draw();
  };
  const stop = () => {
    began = null;
    toggle.textContent = "Play";
  };
  const step = by => { stop(); go(at + by); };
  const play = () => {
    toggle.textContent = "Pause";
    began = { time: performance.now(), at };
    const mine = ++ticket;
    const turn = now => {
      if (!began || mine !== ticket) return;
      const frame = (began.at + Math.max(0, Math.floor((now - began.time) * rate() / 1000))) % reel.frames.length;
      if (frame !== at) go(frame);
      requestAnimationFrame(turn);
    };
    requestAnimationFrame(turn);
  };
  const close = () => {
    stop();
    player.remove();
    line.remove();
    shot?.classList.remove("playing");
    shot = reel = null;
  };
  const open = async article => {
    close();
    shot = article;
    const mine = reel = JSON.parse(shot.querySelector(".reel").textContent);
    mine.images = [new Map(), new Map()];
    line.max = mine.frames.length - 1;
    shot.querySelector(".map").append(line);
    shot.querySelector(".map").before(player);
    shot.classList.add("playing");
    at = 0;
    await load(side());
    if (reel !== mine) return;
    draw();
    play();
    toggle.focus({ preventScroll: true });
    player.scrollIntoView({ block: "nearest" });
  };

  toggle.addEventListener("click", () => (began ? stop() : play()));
  for (const button of player.querySelectorAll("[data-step]"))
    button.addEventListener("click", () => step(Number(button.dataset.step)));
  player.querySelector(".close").addEventListener("click", () => {
    const button = shot.querySelector(".open");
    close();
    button.focus();
  });
  for (const choice of player.querySelectorAll("[name=side]"))
    choice.addEventListener("change", async () => { await load(side()); draw(); });
  for (const choice of player.querySelectorAll("[name=rate]"))
    choice.addEventListener("change", () => { if (began) play(); });
  line.addEventListener("input", () => { stop(); go(Number(line.value)); });
  const keys = { ArrowLeft: -1, ArrowRight: 1 };
  const press = event => {
    if (event.key === " " && !event.target.matches("button, [type=radio]")) (began ? stop() : play());
    else if (event.key in keys && !event.target.matches("[type=radio], [type=range]")) step(keys[event.key]);
    else if (event.key === "Home") { stop(); go(0); }
    else if (event.key === "End") { stop(); go(-1); }
    else return;
    event.preventDefault();
  };
  player.addEventListener("keydown", press);
  line.addEventListener("keydown", press);

  for (const article of document.querySelectorAll(".shot")) {
    const reelOf = article.querySelector(".reel");
    if (!reelOf) continue;
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "open", textContent: "Play" });
    button.setAttribute("aria-label", `Play ${article.dataset.name}`);
    button.addEventListener("click", () => open(article));
    article.querySelector("header").append(button);
  }
})();

// The filter: shots by name and by what is in them; the address keeps it.
(() => {
  const form = document.querySelector(".filter");
  if (!form) return;
  const search = form.querySelector("[type=search]"), said = form.querySelector("output");
  const boxes = [...form.querySelectorAll("[type=checkbox]")];
  const kindsOf = element => element.dataset.kinds.split(" ");
  const shots = [...document.querySelectorAll(".shot")].map(shot => ({
    shot, name: shot.dataset.name.toLowerCase(), kinds: kindsOf(shot),
    link: document.querySelector(`.jump [href="#${shot.id}"]`)?.parentElement,
    figures: [...shot.querySelectorAll(".strip figure")].map(figure => [figure, kindsOf(figure)]),
  }));

  const filter = () => {
    const text = search.value.trim().toLowerCase();
    const asked = boxes.filter(box => box.checked).map(box => box.value);
    const fits = kinds => !asked.length || kinds.some(kind => asked.includes(kind));
    let count = 0;
    for (const { shot, name, kinds, link, figures } of shots) {
      shot.hidden = !(name.includes(text) && fits(kinds));
      if (link) link.hidden = shot.hidden;
      for (const [figure, own] of figures) figure.hidden = !fits(own);
      count += !shot.hidden;
    }
    said.textContent = count === shots.length ? "" : `${count} of ${shots.length} shots`;
  };
  const keep = () => {
    const kept = new URLSearchParams();
    if (search.value.trim()) kept.set("shot", search.value.trim());
    const asked = boxes.filter(box => box.checked).map(box => box.value);
    if (asked.length) kept.set("show", asked.join(" "));
    history.replaceState(null, "", kept.size ? `#${kept}` : "#");
  };
  const read = () => {
    if (!location.hash.includes("=")) return;
    const kept = new URLSearchParams(location.hash.slice(1));
    const asked = (kept.get("show") || "").split(" ");
    search.value = kept.get("shot") || "";
    for (const box of boxes) box.checked = asked.includes(box.value);
    filter();
  };
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("input", () => { filter(); keep(); });
  addEventListener("hashchange", read);
  read();
})();
