/** What the page knows: the mosaics, and which are shown, chosen and labelled. */
const page = JSON.parse(find("data").textContent);
page.mosaics.forEach((mosaic, number) => {
  mosaic.number = number;
  mosaic.pictures ||= [];
  mosaic.words = [mosaic.name, mosaic.target, mosaic.detector, mosaic.reason, mosaic.rests]
    .join(" ")
    .toLowerCase();
});

const state = { shown: [], chosen: null, sort: "probability", down: true };

const LABELS = { a: "aligned", m: "misaligned", u: "unsure" };
/** Verdicts from the worst on; "no answer" has no rank and comes last in either order. */
const RANKS = { suspicious: 2, aligned: 1, "can't tell": 0 };
const VERDICT_CLASS = { suspicious: "bad", aligned: "good" };

/** How a verdict is shown, and what it rests on where it can't be told. */
function shownVerdict(mosaic) {
  const blind = mosaic.verdict === "can't tell";
  return { class: VERDICT_CLASS[mosaic.verdict] ?? "none", text: mosaic.verdict,
    title: blind ? `y_pred is 0, but rests on: ${mosaic.rests}` : null };
}

/** Labels, kept in the browser under this page's own address. */
const labels = {
  key: `spacekit-labels:${location.pathname}`,
  kept: new Map(),

  load() {
    try {
      const stored = JSON.parse(localStorage.getItem(this.key) || "{}");
      for (const [name, [label, time]] of Object.entries(stored)) {
        if (Object.values(LABELS).includes(label)) this.kept.set(name, [label, String(time)]);
      }
    } catch (error) {
      warn("Labels can't be kept in this browser: save labels.csv before you close the page.");
    }
  },

  of(mosaic) {
    return this.kept.get(mosaic.name)?.[0] ?? "";
  },

  /** Give a label, or take it back with "". */
  set(name, label, time = new Date().toISOString()) {
    if (label) this.kept.set(name, [label, time]);
    else this.kept.delete(name);
  },

  save() {
    try {
      localStorage.setItem(this.key, JSON.stringify(Object.fromEntries(this.kept)));
    } catch (error) {
      warn("Labels can't be kept in this browser: save labels.csv before you close the page.");
    }
  },
};

function warn(text) {
  const place = find("warning");
  place.textContent = text;
  place.hidden = !text;
}
