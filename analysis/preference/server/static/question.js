// One question at a time: fetches it and its clips, plays the clips in step, and sends the answer.
"use strict";

const main = document.getElementById("study");
const { base } = main.dataset;
const say = JSON.parse(main.dataset.say);
const clip = Object.fromEntries(["frames", "height", "width", "rate"].map((name) => [name, Number(main.dataset[name])]));
const byId = (id) => document.getElementById(id);
const form = byId("question"), videos = byId("videos"), choices = byId("choices"), play = byId("play");
const trouble = byId("trouble"), retry = trouble.querySelector("button");
const still = window.matchMedia("(prefers-reduced-motion: reduce)");

let question = null; // as the server sent it
let sides = []; // [{context, frames}], one for each video shown
let playing = false, started = false; // started: the clips of this question have been playing
let elapsed = 0, seconds = 0; // of the loop; of looking at this question since it started
let drawn = -1, last = null;
let busy = false, again = null;

// ---- clips ----

async function load(side, position) {
  const response = await ask(`/clip/${position}/${side}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const pixels = clip.height * clip.width;
  if (bytes.length !== clip.frames * pixels * 3) throw new Error("clip");
  return Array.from({ length: clip.frames }, (_, t) => {
    const image = new ImageData(clip.width, clip.height);
    for (let i = 0, from = t * pixels * 3; i < pixels; i += 1, from += 3) {
      image.data.set([bytes[from], bytes[from + 1], bytes[from + 2], 255], i * 4);
    }
    return image;
  });
}

// One clock for all videos. Time in a hidden tab does not count: no frames are asked for there.
function advance(now) {
  const passed = last === null ? 0 : Math.min(Math.max(now - last, 0) / 1000, 0.5);
  last = now;
  if (started) seconds += passed;
  if (playing) elapsed += passed;
}

function tick(now) {
  advance(now);
  const frame = Math.floor(elapsed * clip.rate) % clip.frames;
  if (sides.length && frame !== drawn) {
    drawn = frame;
    for (const { context, frames } of sides) context.putImageData(frames[frame], 0, 0);
  }
  requestAnimationFrame(tick);
}

function setPlaying(on) {
  playing = on;
  started = started || on;
  play.textContent = on ? say.pause : say.play;
}

// Whole screen pixels for each pixel of the clip, as many as fit.
function fit() {
  const ratio = window.devicePixelRatio || 1;
  if (!question) return; // resized before the question has arrived, or after the last one
  const high = Math.max(window.innerHeight * (question.kind === "pair" ? 0.55 : 0.4), 120);
  for (const canvas of videos.querySelectorAll("canvas")) {
    const wide = canvas.parentElement.clientWidth - 8;
    const times = Math.max(1, Math.floor(Math.min((wide / clip.width) * ratio, (high / clip.height) * ratio)));
    canvas.style.width = `${(times * clip.width) / ratio}px`;
    canvas.style.height = `${(times * clip.height) / ratio}px`;
  }
}

// ---- talking to the server ----

async function ask(path, options = {}) {
  const response = await fetch(base + path, { cache: "no-store", signal: AbortSignal.timeout(60000), ...options });
  if (!response.ok) throw Object.assign(new Error("status"), { status: response.status });
  return response;
}

// Runs one step at a time; what went wrong is shown with a button that tries the same step again.
async function attempt(step) {
  if (busy) return;
  busy = true;
  try {
    await step();
  } catch (error) {
    byId("loading").hidden = true;
    if (error.status === 403 || error.status === 404) window.location.assign(base);
    else showTrouble(error.status === 503 ? say.not_saved : say.no_connection, error.step ?? step);
  } finally {
    busy = false;
  }
}

function showTrouble(text, step) {
  again = step;
  retry.hidden = !step;
  trouble.hidden = false;
  trouble.querySelector("p").textContent = text;
  if (step) retry.focus();
}

async function next(notice) {
  await show(await (await ask("/question")).json(), notice);
}

async function send() {
  const answer = form.querySelector("input:checked").value;
  advance(performance.now());
  question.seconds ??= Math.round(seconds * 1000) / 1000; // an answer that is sent again took no longer
  const body = JSON.stringify({
    position: question.position, nonce: question.nonce, answer, seconds: question.seconds,
    window_width: window.innerWidth, window_height: window.innerHeight,
  });
  let response;
  try {
    response = await ask("/answer", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  } catch (error) {
    if (error.status !== 409) throw error;
    await next(say.elsewhere);
    return;
  }
  const sent = await response.json();
  // From here on the answer is saved: trying again only loads what comes next.
  await show(sent).catch((error) => { throw Object.assign(error, { step: () => next() }); });
}

// ---- the page ----

async function show(given, notice) {
  if (given.finished) {
    window.location.assign(base);
    return;
  }
  question = given;
  form.hidden = true;
  trouble.hidden = true;
  byId("loading").hidden = false;
  sides = [];
  setPlaying(false);
  const clips = await Promise.all(question.videos.map(({ side }) => load(side, question.position)));
  byId("loading").hidden = true;
  byId("progress-text").textContent = question.progress;
  byId("progress").max = question.total;
  byId("progress").value = question.position;
  byId("training").hidden = !question.training;
  byId("prompt").textContent = question.prompt;
  byId("keys").textContent = question.keys;
  videos.className = choices.className = question.kind;
  const canvases = question.videos.map(frame);
  videos.replaceChildren(...canvases.map((canvas) => canvas.parentElement));
  choices.replaceChildren(...question.choices.map(choice));
  form.hidden = false;
  fit();
  sides = canvases.map((canvas, i) => ({ context: canvas.getContext("2d"), frames: clips[i] }));
  [elapsed, seconds, drawn, started] = [0, 0, -1, false];
  setPlaying(!still.matches);
  byId("announced").textContent = question.training ? `${question.progress}. ${say.training}` : question.progress;
  window.scrollTo(0, 0);
  byId("prompt").focus({ preventScroll: true });
  if (notice) showTrouble(notice, null);
}

function frame({ side, text }) {
  const box = document.createElement("div"), canvas = document.createElement("canvas");
  box.className = "frame";
  box.dataset.side = side;
  canvas.width = clip.width;
  canvas.height = clip.height;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", text);
  box.append(canvas);
  if (question.kind === "pair") box.addEventListener("click", () => choose(side));
  return canvas;
}

function choice({ value, text }) {
  const label = document.createElement("label"), input = document.createElement("input");
  Object.assign(input, { type: "radio", name: "answer", value });
  label.append(input, text);
  return label;
}

function choose(value) {
  const input = [...form.elements].find((element) => element.value === value && element.type === "radio");
  input.checked = true;
  input.focus({ preventScroll: true });
  mark();
}

function mark() {
  const chosen = form.querySelector("input:checked");
  for (const box of videos.children) box.classList.toggle("chosen", question.kind === "pair" && box.dataset.side === chosen?.value);
  if (!busy) trouble.hidden = true;
}

const KEYS = { ArrowLeft: "left", 1: "left", ArrowRight: "right", 2: "right" };

// Inside the page's main part only, so that speech input elsewhere is not taken for keys.
main.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || form.hidden) return;
  if (question.kind === "pair" && event.key in KEYS) {
    event.preventDefault();
    if (!busy) choose(KEYS[event.key]);
  } else if (question.kind === "naming" && event.key.startsWith("Arrow") && !event.target.closest("input")) {
    event.preventDefault(); // the first arrow chooses; from then on the browser moves between the choices
    choose((form.querySelector("input:checked") ?? form.querySelector("input")).value);
  } else if (event.key === "Enter" && !event.repeat && !event.target.closest("button, a")) {
    event.preventDefault();
    form.requestSubmit();
  }
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (busy) return;
  if (!started) showTrouble(say.play_first, null);
  else if (!form.querySelector("input:checked")) showTrouble(say.choose_first, null);
  else attempt(send);
});
choices.addEventListener("change", mark);
play.addEventListener("click", () => setPlaying(!playing));
retry.addEventListener("click", () => {
  trouble.hidden = true;
  attempt(again);
});
window.addEventListener("resize", fit);
requestAnimationFrame(tick);
attempt(() => next());
