/** Pictures of one sky in two products and more, shown in turn. */
const BLINK_MS = 500;
const blink = { products: [], shown: [], place: 0, field: false, timer: null };

/** The blink block of a mosaic, null where there is nothing to blink. */
function drawBlink(mosaic) {
  const starting = (kind) => mosaic.pictures.filter((k) => k.startsWith(`${kind}_`))
    .map((k) => k.slice(kind.length + 1));
  blink.products = starting("blink");
  blink.place = 0;
  if (blink.products.length < 2) return null;
  const stage = make("button", { type: "button", class: "stage", id: "stage",
    "aria-label": "blink: show the next product" });
  stage.addEventListener("click", () => blinkOn());
  const turn = make("button", { type: "button", text: "by itself ( B )", id: "blink-by-itself" });
  turn.addEventListener("click", blinkByItself);
  const field = make("button", { type: "button", text: "cut-out or whole field ( f )" });
  field.addEventListener("click", blinkField);
  return make("section", { class: "block" }, make("h3", { text: "Blink ( b )" }), stage,
    make("div", { class: "marks" }, turn, field));
}

/** Put the pictures on the stage: all are loaded, one is to be seen. */
function fillStage() {
  const stage = find("stage");
  if (!stage) return;
  const kind = blink.field ? "blinkfield" : "blink";
  blink.shown = blink.products.filter((p) => state.chosen.pictures.includes(`${kind}_${p}`));
  const images = blink.shown.map((p) => {
    const image = picture(state.chosen, `${kind}_${p}`, "");
    image.loading = "eager";
    return image;
  });
  stage.replaceChildren(...images, make("span", { class: "name", id: "stage-name" }));
  showStage();
}

function showStage() {
  const stage = find("stage");
  const place = blink.place % Math.max(1, blink.shown.length);
  const shownThere = [...stage.children].slice(0, -1);
  shownThere.forEach((image, number) => image.classList.toggle("on", number === place));
  find("stage-name").textContent = blink.shown[place]?.toUpperCase().replace("_", " ") ?? "";
}

/** Show the next product. */
function blinkOn() {
  if (!find("stage")) return;
  blink.place = (blink.place + 1) % Math.max(1, blink.shown.length);
  showStage();
}

/** Start or stop blinking without keys. */
function blinkByItself() {
  if (!find("stage")) return;
  if (blink.timer === null) blink.timer = setInterval(blinkOn, BLINK_MS);
  else stopBlink();
  find("blink-by-itself").setAttribute("aria-pressed", blink.timer !== null);
}

function stopBlink() {
  clearInterval(blink.timer);
  blink.timer = null;
}

function blinkField() {
  blink.field = !blink.field;
  fillStage();
}
