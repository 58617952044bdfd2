"use strict";

const SIZE = 48;
const SAID = { yes: "✓ yes", no: "✗ no", skip: "– skipped" };
const CELL = { "1": "catalogue: yes", "0": "catalogue: no", "-1": "catalogue: unknown" };

/* Lists that a product leaves when it is decided. */
const OPEN = new Set(["unknown", "contradicting"]);

const $ = (id) => document.getElementById(id);
const count = new Intl.NumberFormat("en");
const percent = (share) => (share === null ? "–" : `${Math.round(100 * share)} %`);

const state = {
  labels: [], version: "", label: "", curve: null, products: [], total: 0, before: 0, next: null,
  starts: [], start: 0, at: 0, left: 0, history: [], asked: 0, busy: new Set(),
};

/* Everything that comes from a catalogue is put into the page as text. */
function make(tag, settings = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(settings)) {
    if (name === "text") element.textContent = value;
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function say(text, wrong = false) {
  $("said").textContent = text;
  $("said").classList.toggle("wrong", wrong);
}

async function ask(path, body) {
  let answer;
  try {
    answer = await fetch(`/review/api/${path}`, body === undefined ? {} : {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    });
  } catch {
    throw new Error("The server does not answer. Is it running?");
  }
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(String(content.detail ?? `the server answered ${answer.status}`));
  return content;
}

function guarded(work) {
  return async (...given) => {
    try {
      await work(...given);
    } catch (error) {
      say(error.message, true);
    }
  };
}

/* ---- labels and threshold ---- */

function describeLabel(one) {
  const done = one.yes + one.no + one.skip;
  return `${one.label} – ${count.format(one.train_positive)} in train`
    + (one.unknown ? `, ${count.format(one.unknown)} unknown` : "") + (done ? `, ${count.format(done)} decided` : "");
}

function fillLabels() {
  const groups = new Map();
  for (const one of state.labels) {
    const attribute = one.label.split(":")[0];
    if (!groups.has(attribute)) groups.set(attribute, make("optgroup", { label: attribute }));
    groups.get(attribute).append(make("option", { value: one.label, text: describeLabel(one) }));
  }
  $("label").replaceChildren(...groups.values());
}

const current = () => state.labels.find((one) => one.label === state.label);
const point = () => state.curve.points[Number($("threshold").value)];

function setThreshold(value) {
  const { points } = state.curve;
  let nearest = 0;
  points.forEach((one, at) => {
    if (Math.abs(one.threshold - value) < Math.abs(points[nearest].threshold - value)) nearest = at;
  });
  $("threshold").max = points.length - 1;
  $("threshold").value = nearest;
  showThreshold();
}

function showThreshold() {
  const { threshold, products, precision, recall } = point();
  const { positives, negatives, held_out: where } = state.curve;
  const shown = threshold < 0.01 ? threshold.toPrecision(2) : threshold.toFixed(3);
  $("cut").textContent = shown;
  $("threshold").setAttribute("aria-valuetext", shown);
  const measured = positives
    ? `precision ${percent(precision)}, recall ${percent(recall)} `
    : "precision and recall cannot be told ";
  const basis = `(known in ${where}: ${count.format(positives)} with the label, ${count.format(negatives)} without${
    positives && positives < 10 ? "; too few to rely on" : ""})`;
  $("figures").replaceChildren(
    make("strong", { text: `${count.format(products)} products above` }), ` · ${measured}`,
    make("span", { class: "soft", text: basis }),
  );
  $("reset").disabled = threshold === state.curve.threshold;
  document.querySelectorAll(".card").forEach((card, at) => markAbove(card, state.products[at]));
}

function markAbove(card, product) {
  card.querySelector(".side").textContent = product.score >= point().threshold ? "above" : "below";
}

function showProgress() {
  const one = current();
  const done = one.yes + one.no + one.skip;
  $("progress").textContent = `${count.format(done)} decided: ${count.format(one.yes)} yes, ${count.format(one.no)} no, `
    + `${count.format(one.skip)} skipped · ${count.format(state.left)} ${OPEN.has($("shown").value) ? "left in" : "in"} this list`;
  const option = [...$("label").options].find((each) => each.value === state.label);
  if (option) option.textContent = describeLabel(one);
  $("undo").disabled = !state.history.length;
}

async function chooseLabel(label) {
  const asked = ++state.asked;
  // A key pressed before the new list is there must not decide on the old one's products.
  Object.assign(state, { label, products: [], at: 0, next: null, starts: [] });
  $("grid").replaceChildren();
  const curve = await ask(`curve?${new URLSearchParams({ label })}`);
  if (asked !== state.asked) return;
  state.curve = curve;
  setThreshold(curve.threshold);
  $("shown").value = current().unknown ? "unknown" : "contradicting";
  $("order").value = "doubtful";
  await open();
  if (state.label === label) document.title = `${label} – review – longtailor`;
}

/* ---- the list ---- */

async function open(start = 0, starts = [], focus = "first") {
  const asked = ++state.asked;
  const page = await ask(`products?${new URLSearchParams({
    label: state.label, threshold: point().threshold, shown: $("shown").value, order: $("order").value,
    start, size: SIZE,
  })}`);
  if (asked !== state.asked) return;
  Object.assign(state, { products: page.products, total: page.total, left: page.total, before: page.before, next: page.next, start, starts });
  state.at = focus === "last" ? page.products.length - 1 : 0;
  draw();
  if (focus !== "none") focusCard();
}

function draw() {
  $("grid").replaceChildren(...state.products.map(drawCard));
  const last = state.before + state.products.length;
  $("place").textContent = state.products.length
    ? `${count.format(state.before + 1)} – ${count.format(last)} of ${count.format(state.total)}` : "";
  $("previous").disabled = !state.starts.length;
  $("next").disabled = state.next === null;
  $("empty").hidden = state.products.length > 0;
  $("empty").textContent = {
    unknown: "Every product's label is known or decided. Show another list above, or choose another label.",
    contradicting: "The catalogue agrees with the detector at this threshold, or all was decided.",
    decided: "Nothing is decided yet.", skipped: "Nothing was skipped.",
  }[$("shown").value] ?? "No product is in this list.";
  showProgress();
}

function drawCard(product, at) {
  const photo = make("div", { class: "photo" });
  if (product.image) {
    const address = (side) => `/review/thumbnails/${product.product}/${side}?v=${state.version}`;
    const image = make("img", {
      src: address(240), srcset: `${address(240)} 1x, ${address(480)} 2x`, loading: "lazy", decoding: "async", alt: "",
    });
    image.addEventListener("error", () => image.replaceWith(make("p", { text: "The photo cannot be read." })));
    photo.append(image);
  } else {
    photo.append(make("p", { text: product.text ?? "" }));
  }
  photo.addEventListener("click", () => { state.at = at; enlarge(); });
  const choices = make("div", { class: "choices", role: "group", "aria-label": "Decision" });
  for (const decision of ["yes", "no", "skip"]) {
    // They are for pointers: by keyboard the card takes the letters.
    const button = make("button", { type: "button", tabindex: "-1", "data-choice": decision, text: decision });
    button.addEventListener("click", () => decide(at, decision));
    choices.append(button);
  }
  const card = make("li", { class: "card", tabindex: at === state.at ? "0" : "-1" },
    photo,
    make("div", { class: "facts" },
      make("div", { class: "score" }, make("strong", { text: product.score.toFixed(3) }), make("span", { class: "side" })),
      make("div", { class: "state" }),
      make("div", { class: "id", text: product.id + (product.split ? ` · ${product.split}` : ""), title: product.id })),
    choices);
  card.addEventListener("focus", () => { if (state.at !== at) moveTabStop(at); });
  showDecision(card, product);
  markAbove(card, product);
  return card;
}

function showDecision(card, product) {
  const { decision } = product;
  if (decision) card.dataset.decision = decision;
  else delete card.dataset.decision;
  const line = card.querySelector(".state");
  line.className = `state ${decision ?? "was"}`;
  line.textContent = decision ? SAID[decision] : CELL[product.cell];
  markChoice(card, decision);
  card.setAttribute("aria-label",
    `${product.id}, score ${product.score.toFixed(3)}, ${decision ? `decided ${decision}` : CELL[product.cell]}`);
}

function markChoice(within, decision) {
  within.querySelectorAll("[data-choice]").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.dataset.choice === decision));
  });
}

const cards = () => $("grid").children;

function moveTabStop(at) {
  cards()[state.at]?.setAttribute("tabindex", "-1");
  state.at = at;
  cards()[at]?.setAttribute("tabindex", "0");
}

function focusCard() {
  (cards()[state.at] ?? $("grid")).focus();
}

function columns() {
  const first = cards()[0]?.offsetTop;
  const second = [...cards()].findIndex((card) => card.offsetTop > first);
  return second > 0 ? second : cards().length || 1;
}

const nextPage = guarded(async (focus = "first") => {
  if (state.next !== null) await open(state.next, [...state.starts, state.start], focus);
});
const previousPage = guarded(async (focus = "first") => {
  if (state.starts.length) await open(state.starts.at(-1), state.starts.slice(0, -1), focus);
});

function move(by) {
  const to = state.at + by;
  if (to < 0) {
    if (by === -1) previousPage("last");
  } else if (to >= state.products.length) {
    if (state.at === state.products.length - 1 || by === 1) nextPage();
    else { moveTabStop(state.products.length - 1); focusCard(); }
  } else {
    moveTabStop(to);
    focusCard();
  }
}

/* ---- decisions ---- */

// One at a time, in the order of the keys: else an older answer's counts could come last, and
// undo would not take back the last decision.
let sent = Promise.resolve();
function send(decision) {
  const answer = sent.then(() => ask("decisions", decision));
  sent = answer.catch(() => {});
  return answer;
}

function take(label, product, before, answer) {
  const one = state.labels.find((each) => each.label === label);
  Object.assign(one, answer.counts);
  if (label === state.label && OPEN.has($("shown").value)) state.left += Number(!answer.decision) - Number(!before);
  const at = state.products.findIndex((each) => each.product === product);
  if (label === state.label && at >= 0) {
    state.products[at].decision = answer.decision;
    showDecision(cards()[at], state.products[at]);
  }
  showProgress();
}

const decide = guarded(async (at, decision) => {
  const shown = state.products[at];
  if (!shown || state.busy.has(shown.product)) return;
  const { label } = state;
  const card = cards()[at];
  const before = shown.decision;
  if (before === decision) { if (!$("large").open) advance(at); return; }
  state.busy.add(shown.product);
  card.classList.add("busy");
  const large = $("large").open;
  if (!large) advance(at);
  try {
    const answer = await send({ label, product: shown.product, decision });
    state.history.push({ label, product: shown.product, id: shown.id, decision, before });
    take(label, shown.product, before, answer);
    say(`${shown.id}: ${decision}`);
    if (large && $("large").open) { advance(at); enlarge(); }
  } catch (error) {
    throw new Error(`${shown.id} was not kept as ${decision}: ${error.message}`);
  } finally {
    state.busy.delete(shown.product);
    card.classList.remove("busy");
  }
});

function advance(at) {
  if (at + 1 < state.products.length) { moveTabStop(at + 1); if (!$("large").open) focusCard(); }
  else if (state.next === null) { say("That was the last one of this list."); }
  else if (!$("large").open) nextPage();
}

const undo = guarded(async () => {
  const last = state.history.at(-1);
  if (!last || state.busy.size) return;
  state.history.pop();
  const answer = await send({
    label: last.label, product: last.product, decision: "undo", expected: last.decision, before: last.before,
  });
  take(last.label, last.product, last.decision, answer);
  const at = state.products.findIndex((each) => each.product === last.product);
  if (last.label === state.label && at >= 0) { moveTabStop(at); focusCard(); }
  say(`undone: ${last.id}, ${last.decision}${last.label === state.label ? "" : ` of ${last.label}`}`);
});

/* ---- dialogues and keys ---- */

function enlarge() {
  const product = state.products[state.at];
  if (!product) return;
  $("large-title").textContent = `${product.id} · ${product.score.toFixed(3)}${product.decision ? ` · ${product.decision}` : ""}`;
  $("large-photo").hidden = !product.image;
  if (product.image) $("large-photo").src = `/review/thumbnails/${product.product}/960?v=${state.version}`;
  $("large-text").textContent = product.text ?? "";
  markChoice($("large-choices"), product.decision);
  if (!$("large").open) $("large").showModal();
}

const KEYS = {
  ArrowLeft: () => move(-1), ArrowRight: () => move(1), ArrowUp: () => move(-columns()), ArrowDown: () => move(columns()),
  Home: () => { moveTabStop(0); focusCard(); },
  End: () => { moveTabStop(state.products.length - 1); focusCard(); },
  PageDown: () => nextPage(), PageUp: () => previousPage(),
  Enter: enlarge,
};
const ANYWHERE = {
  y: () => decide(state.at, "yes"), n: () => decide(state.at, "no"), s: () => decide(state.at, "skip"),
  u: undo, "?": () => $("keys").showModal(), l: () => $("label").focus(), t: () => $("threshold").focus(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !state.curve) return;
  if ($("keys").open) return;
  if (event.target.matches("select, input")) {
    if (event.key === "Escape") { event.preventDefault(); focusCard(); }
    return;
  }
  const inGrid = event.target === document.body || $("grid").contains(event.target);
  const large = $("large").open;
  const action = (large ? null : inGrid && KEYS[event.key]) || (large && !"yns".includes(event.key) ? null : ANYWHERE[event.key]);
  if (!action || event.repeat && "ynsu".includes(event.key)) return;
  if (event.key === "Enter" && event.target.matches("button")) return;
  event.preventDefault();
  action();
});

$("label").addEventListener("change", guarded(() => chooseLabel($("label").value)));
$("shown").addEventListener("change", guarded(() => open(0, [], "none")));
$("order").addEventListener("change", guarded(() => open(0, [], "none")));
$("threshold").addEventListener("input", showThreshold);
$("threshold").addEventListener("change", guarded(async () => {
  if ($("order").value === "doubtful" || $("shown").value === "contradicting") await open(0, [], "none");
}));
$("reset").addEventListener("click", guarded(async () => { setThreshold(state.curve.threshold); await open(0, [], "none"); }));
$("undo").addEventListener("click", undo);
$("help").addEventListener("click", () => $("keys").showModal());
$("previous").addEventListener("click", () => previousPage());
$("next").addEventListener("click", () => nextPage());
$("large-choices").addEventListener("click", (event) => {
  const button = event.target.closest("[data-choice]");
  if (button) decide(state.at, button.dataset.choice);
});
// The event comes after the dialogue is gone: the next key may have moved the focus by then.
const backToGrid = () => { if (!document.activeElement.matches("select, input")) focusCard(); };
$("large").addEventListener("close", backToGrid);
$("keys").addEventListener("close", backToGrid);

guarded(async () => {
  const all = await ask("labels");
  state.labels = all.labels;
  state.version = all.version;
  $("notes").replaceChildren(
    make("p", { text: `${all.catalog}: ${count.format(all.products)} products. Decisions are appended to ${all.file}.` }),
    ...all.notes.map((note) => make("p", { text: note })),
  );
  fillLabels();
  const rare = state.labels.filter((one) => one.unknown).sort((a, b) => a.train_positive - b.train_positive)[0];
  $("label").value = (rare ?? state.labels[0]).label;
  await chooseLabel($("label").value);
})();
