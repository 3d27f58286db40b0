// The page of `cocoop serve`: one photo, one list of classes, and what two models make of them.

import { cards, showAnswer } from "./answers.js";
import { classify, request, useToken } from "./server.js";

const byId = (id) => document.getElementById(id);
const view = Object.fromEntries(
  ["run", "stage", "shown", "invitation", "pick", "remove", "file", "own", "examples", "pictures", "answers", "problem",
    "token", "classes", "count", "reset", "announcement", "veil"].map((id) => [id, byId(id)]));
const tokenForm = byId("token-form");
const classesProblem = byId("classes-problem");
const modes = byId("modes");
const fastNote = byId("fast-note");
const leftOut = byId("left-out");

const mostPhotos = 24;
const typingPause = 180;  // ms: longer than between two keys, shorter than a person waits

let photos = [];      // { blob, url, name, button }
let current = null;
let ownClasses = [];
let examples = [];    // test photos of the run, of the same form
let limits = { bodyBytes: 20e6, classes: 1000 };
let asking = null;    // the AbortController of the newest question: older answers are dropped

const mode = () => modes.querySelector(":checked").value;

// --- Asking and showing ---

// As prompts read a name.
const words = (name) => name.trim().replace(/[\s_]+/g, " ");

function classNames() {
  const names = view.classes.value.split(/[\n,]/).map(words).filter(Boolean);
  return [...new Set(names)];
}

function show(element, text) {
  element.textContent = text ?? "";
  element.hidden = !text;
}

function showCount(names) {
  view.count.textContent = names.length === 1 ? "1 class" : `${names.length} classes`;
  view.reset.disabled = names.length === ownClasses.length && names.every((name, index) => name === words(ownClasses[index]));
}

async function ask() {
  asking?.abort();
  const names = classNames();
  showCount(names);
  show(classesProblem, null);
  show(view.problem, null);
  if (!current || !names.length) {
    for (const model in cards) showAnswer(model, null);
    if (current && !names.length) show(classesProblem, "Name at least one class.");
    return;
  }
  if (names.length > limits.classes) {
    return show(classesProblem, `At most ${limits.classes} classes can be compared at once.`);
  }
  if (current.blob.size + 100_000 > limits.bodyBytes) {
    return show(view.problem, `This photo is larger than the ${Math.floor(limits.bodyBytes / 1e6)} MB that the server takes.`);
  }
  const question = new AbortController();
  asking = question;
  for (const model in cards) cards[model].card.classList.add("waiting");
  try {
    const models = Object.keys(cards);
    const answers = await Promise.all(models.map((model) => classify(
      current.blob, { classes: names, model, mode: mode(), top: limits.classes, signal: question.signal })));
    if (question !== asking) return;
    models.forEach((model, index) => showAnswer(model, answers[index]));
    const [run, zeroShot] = answers.map((answer) => answer.results[0].top[0].class);
    view.announcement.textContent = `This run: ${run}. Zero-shot CLIP: ${zeroShot}.`;
    tokenForm.hidden = true;
  } catch (error) {
    if (error.name === "AbortError" || question !== asking) return;
    for (const model in cards) showAnswer(model, null);
    tokenForm.hidden &&= !error.asksForToken;
    show(error.code === "invalid_classes" ? classesProblem : view.problem, error.message);
    if (error.retryAfter) setTimeout(() => { if (question === asking) ask(); }, 1000 * error.retryAfter);
  }
}

let pause = 0;
function askSoon() {
  clearTimeout(pause);
  showCount(classNames());
  pause = setTimeout(ask, typingPause);
}

// --- Photos ---

function choose(photo) {
  current = photo;
  view.shown.hidden = !photo;
  view.invitation.hidden = !!photo;
  view.stage.classList.toggle("filled", !!photo);
  view.remove.hidden = !photo || !photos.includes(photo);
  if (photo) {
    view.shown.src = photo.url;
    view.shown.alt = photo.name;
  } else {
    view.shown.removeAttribute("src");
  }
  for (const button of document.querySelectorAll(".strip button")) {
    button.setAttribute("aria-pressed", String(button === photo?.button));
  }
  if (photo) bringIntoView();
  ask();
}

/** On a phone a photo may be chosen below the answers, which then are out of sight. */
function bringIntoView() {
  const { top } = view.stage.getBoundingClientRect();
  const lowest = view.answers.querySelector(".bars").getBoundingClientRect().top;
  if (top >= 0 && lowest <= innerHeight) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  view.stage.scrollIntoView({ block: "start", behavior: calm ? "instant" : "smooth" });
}

function showStrips() {
  byId("own-part").hidden = !photos.length;
  byId("example-part").hidden = !examples.length;
  view.pictures.hidden = !photos.length && !examples.length;
}

function thumbnail(list, url, name, press) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-label", name);
  const image = document.createElement("img");
  image.src = url;
  image.alt = "";
  button.append(image);
  button.addEventListener("click", press);
  item.append(button);
  list.append(item);
  return button;
}

function add(files) {
  const images = [...files].filter((file) => file.type.startsWith("image/") || !file.type);
  if (!images.length) return show(view.problem, "These are no photos.");
  let first = null;
  for (const blob of images) {
    if (photos.length >= mostPhotos) forget(photos[0]);
    const photo = { blob, url: URL.createObjectURL(blob), name: blob.name || "Pasted photo" };
    photo.button = thumbnail(view.own, photo.url, photo.name, () => choose(photo));
    photos.push(photo);
    first ??= photo;
  }
  showStrips();
  choose(first);
}

function forget(photo) {
  photo.button.parentElement.remove();
  URL.revokeObjectURL(photo.url);
  photos = photos.filter((other) => other !== photo);
  showStrips();
}

/** Test photos of the run; a run whose data are not at hand has none, and the page does without. */
async function offerExamples() {
  const answer = await request("/v1/examples");
  if (examples.length) return;
  examples = answer.examples.map(({ class: name, image }) => {
    const blob = new Blob([Uint8Array.from(atob(image), (letter) => letter.charCodeAt(0))], { type: "image/jpeg" });
    const example = { blob, url: URL.createObjectURL(blob), name: `Test photo: ${name}` };
    example.button = thumbnail(view.examples, example.url, example.name, () => choose(example));
    return example;
  });
  showStrips();
}

// --- What a person does ---

view.pick.addEventListener("click", () => view.file.click());
view.file.addEventListener("change", () => {
  if (view.file.files.length) add(view.file.files);
  view.file.value = "";
});
view.remove.addEventListener("click", () => {
  const index = photos.indexOf(current);
  if (index < 0) return;
  forget(current);
  choose(photos[Math.min(index, photos.length - 1)] ?? null);
  view.pick.focus();
});
view.classes.addEventListener("input", askSoon);
modes.addEventListener("change", () => {
  showMode();
  ask();
});
view.reset.addEventListener("click", () => {
  view.classes.value = ownClasses.join("\n");
  ask();
});
document.addEventListener("paste", (event) => {
  if (!event.clipboardData?.files.length) return;
  event.preventDefault();
  add(event.clipboardData.files);
});

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
document.addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  view.veil.hidden = false;
});
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) view.veil.hidden = true; });
document.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  view.veil.hidden = true;
  add(event.dataTransfer.files);
});
tokenForm.addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(view.token.value.trim());
  start();
});

function showMode() {
  fastNote.hidden = modes.hidden || mode() !== "fast";
  byId("run-title").textContent = fastNote.hidden ? "This run" : "This run, fast";
}

/** The switch is there where the run has fast answers, and says how near they come. */
function offerModes(fast) {
  modes.hidden = !fast.available;
  if (!fast.available) return;
  const { images, top1, meanDifference } = fast.agreement;
  fastNote.textContent = `Approximate: on ${images} photos held out of the training the same class came first in ${top1.toFixed(1)}\u00a0%, `
    + `and no probability was off by more than ${(100 * meanDifference).toFixed(1)} points, on average.`;
}

async function start() {
  try {
    const [model, known] = await Promise.all([request("/v1/model"), request("/v1/classes")]);
    tokenForm.hidden = true;
    show(view.problem, null);
    limits = model.limits;
    offerModes(model.fast);
    showMode();
    view.run.textContent = `${model.run.name} · ${model.run.method} on ${model.run.checkpoint}`;
    if (model.otherClasses.length > 0) {
      const shown = model.otherClasses.slice(0, 8).join(", ");
      leftOut.textContent = `This run was not taught all classes of its data. Left out: ${shown}`
        + (model.otherClasses.length > 8 ? `, … (${model.otherClasses.length} classes)` : "");
      leftOut.hidden = false;
    }
    document.title = `${model.run.name} · cocoop`;
    ownClasses = known.classes;
    view.classes.value ||= ownClasses.join("\n");
    ask();
    offerExamples().catch(() => {});
  } catch (error) {
    tokenForm.hidden &&= !error.asksForToken;
    show(view.problem, error.message);
  }
}

for (const model in cards) showAnswer(model, null);
start();
