// Two cards, one for each model: its verdict, and a bar for each of the likeliest classes; the others open below them.

const byId = (id) => document.getElementById(id);

export const cards = {
  "run": { card: byId("run-card"), bars: byId("run-bars"), verdict: byId("run-verdict"), more: byId("run-more") },
  "zero-shot": {
    card: byId("zero-card"), bars: byId("zero-bars"), verdict: byId("zero-verdict"), more: byId("zero-more"),
  },
};

const shownAtFirst = 8;
let areAllShown = false;  // in both cards, so that they stay beside each other

function showRows() {
  for (const { bars, more } of Object.values(cards)) {
    const rows = [...bars.children];
    rows.forEach((row, index) => { row.hidden = !areAllShown && index >= shownAtFirst; });
    const hidden = rows.length - shownAtFirst;
    more.hidden = hidden <= 0;
    more.textContent = areAllShown ? "Show fewer" : `${hidden} more`;
    more.setAttribute("aria-expanded", String(areAllShown));
  }
}

for (const { more } of Object.values(cards)) {
  more.addEventListener("click", () => {
    areAllShown = !areAllShown;
    showRows();
  });
}

export function showAnswer(model, answer) {
  const { card, bars, verdict } = cards[model];
  card.classList.remove("waiting");
  const top = answer?.results?.[0]?.top ?? [];
  verdict.textContent = top[0]?.class ?? "No photo yet";
  verdict.classList.toggle("empty", !top.length);
  // Rows are kept, so that bars move from one answer to the next.
  while (bars.children.length > top.length) bars.lastChild.remove();
  while (bars.children.length < top.length) bars.append(newRow());
  top.forEach((candidate, index) => {
    const row = bars.children[index];
    const percent = 100 * candidate.probability;
    row.querySelector(".name").textContent = candidate.class;
    row.querySelector(".name").title = candidate.class;
    row.querySelector(".share").textContent = `${percent.toFixed(1)} %`;
    row.querySelector(".fill").style.setProperty("--share", `${percent}%`);
  });
  showRows();
}

function newRow() {
  const row = document.createElement("li");
  for (const name of ["name", "share"]) {
    const span = document.createElement("span");
    span.className = name;
    row.append(span);
  }
  const trough = document.createElement("div");
  trough.className = "trough";
  const fill = document.createElement("div");
  fill.className = "fill";
  trough.append(fill);
  row.append(trough);
  return row;
}
