/** Labels: giving them, saving them as a file, loading them again. */
const LARGEST_FILE = 20_000_000;

/** Label the chosen mosaic; the label it has already is taken back. */
function giveLabel(label) {
  const mosaic = state.chosen;
  if (!mosaic) return;
  labels.set(mosaic.name, labels.of(mosaic) === label ? "" : label);
  labels.save();
  const go = find("go-on").checked && labels.of(mosaic) !== "";
  drawLabels();
  if (go) step(1);
}

/** Bring everything that shows labels up to date. */
function drawLabels() {
  for (const button of find("detail").querySelectorAll("[data-label]")) {
    button.setAttribute("aria-pressed", button.dataset.label === labels.of(state.chosen));
  }
  const count = page.mosaics.filter((mosaic) => labels.of(mosaic)).length;
  find("labelled").textContent = `${count} labelled`;
  drawRows();
}

/** A CSV cell (RFC 4180); what a spreadsheet would take for a formula is kept from it. */
function cell(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function labelsCsv() {
  const rows = page.mosaics
    .filter((mosaic) => labels.of(mosaic))
    .map((mosaic) => [mosaic.name, ...labels.kept.get(mosaic.name)].map(cell).join(","));
  return ["index,label,time", ...rows, ""].join("\n");
}

function exportLabels() {
  const url = URL.createObjectURL(new Blob([labelsCsv()], { type: "text/csv" }));
  make("a", { href: url, download: "labels.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Take a labels.csv; labels in it replace those given here. */
async function importLabels(file) {
  if (!file) return;
  if (file.size > LARGEST_FILE) {
    warn("This file is too large for labels.csv.");
    return;
  }
  const names = new Set(page.mosaics.map((mosaic) => mosaic.name));
  const known = new Set(Object.values(LABELS));
  let taken = 0;
  let passed = 0;
  for (const [name, label, time] of readCsv(await file.text()).slice(1)) {
    if (names.has(name) && known.has(label)) {
      labels.set(name, label, time);
      taken += 1;
    } else passed += 1;
  }
  labels.save();
  refresh();
  drawLabels();
  warn(passed ? `${taken} labels loaded; ${passed} rows name no mosaic of this page or no label.` : "");
}

/** Rows of a CSV text, quoted cells too. */
function readCsv(text) {
  const rows = [];
  let row = [];
  for (const [, quoted, bare, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    row.push(quoted === undefined ? bare : quoted.replaceAll('""', '"'));
    if (end === ",") continue;
    if (row.some((value) => value)) rows.push(row);
    row = [];
  }
  return rows;
}
