/** The table: only the rows in view exist, so that thousands of mosaics cost nothing. */
const ROW_PX = 44;
const SPARE_ROWS = 6;

const COLUMNS = [
  { key: "picture", title: "", value: null },
  { key: "name", title: "mosaic", value: (m) => m.name },
  { key: "detector", title: "detector", value: (m) => m.detector },
  { key: "verdict", title: "verdict", value: (m) => RANKS[m.verdict] },
  { key: "probability", title: "prob.", value: (m) => m.probability },
  { key: "offset", title: "offset px", value: (m) => m.offset },
  { key: "label", title: "label", value: (m) => labels.of(m) || undefined },
];

function drawHead() {
  const cells = COLUMNS.map((column) => {
    const cell = make("th", { scope: "col", class: `column-${column.key}` });
    if (!column.value) return cell;
    const button = make("button", { type: "button", text: column.title });
    button.addEventListener("click", () => sortBy(column.key));
    cell.append(button);
    if (state.sort === column.key) {
      cell.setAttribute("aria-sort", state.down ? "descending" : "ascending");
    }
    return cell;
  });
  find("head").replaceChildren(...cells);
}

/** Sort by a column; the same column again turns the order round. */
function sortBy(key) {
  const numeric = ["verdict", "probability", "offset"].includes(key);
  state.down = state.sort === key ? !state.down : numeric;
  state.sort = key;
  drawHead();
  refresh();
  find("list").scrollTop = 0;
  drawRows();
}

/** Compare two values; what is unknown comes last in either direction. */
function compare(first, second, down) {
  const gone = (first === undefined) - (second === undefined);
  if (gone || first === undefined) return gone;
  const order = first < second ? -1 : first > second ? 1 : 0;
  return down ? -order : order;
}

/** Apply filter and order. */
function refresh() {
  const words = find("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const verdict = find("by-verdict").value;
  const detector = find("by-detector").value;
  const label = find("by-label").value;
  const passes = (m) =>
    words.every((word) => m.words.includes(word)) &&
    (!verdict || verdict === m.verdict) &&
    (!detector || detector === m.detector) &&
    (!label || label === (labels.of(m) || "none"));
  const { value } = COLUMNS.find((column) => column.key === state.sort);
  state.shown = page.mosaics.filter(passes);
  state.shown.sort((a, b) => compare(value(a), value(b), state.down) || a.number - b.number);
  find("shown").textContent = `${state.shown.length} of ${page.mosaics.length}`;
  find("nothing").hidden = state.shown.length > 0;
  drawRows();
}

/** Make the rows in view, with room for the others above and below. */
function drawRows() {
  const list = find("list");
  const count = Math.ceil(list.clientHeight / ROW_PX) + 2 * SPARE_ROWS;
  const most = Math.max(0, state.shown.length - count);
  const start = Math.min(most, Math.max(0, Math.floor(list.scrollTop / ROW_PX) - SPARE_ROWS));
  const rows = state.shown.slice(start, start + count);
  find("above").firstElementChild.style.height = `${start * ROW_PX}px`;
  const below = state.shown.length - start - rows.length;
  find("below").firstElementChild.style.height = `${below * ROW_PX}px`;
  const old = new Map([...find("rows").children].map((row) => [row.dataset.number, row]));
  find("rows").replaceChildren(...rows.map((m) => drawRow(m, old.get(String(m.number)))));
  find("table").setAttribute("aria-rowcount", state.shown.length + 1);
}

/** A row, made anew or brought up to date: its picture is kept. */
function drawRow(mosaic, old) {
  const row = old ?? make("tr", { "data-number": mosaic.number }, thumbnail(mosaic), ...cells(mosaic));
  row.setAttribute("aria-selected", mosaic === state.chosen);
  row.setAttribute("aria-rowindex", state.shown.indexOf(mosaic) + 2);
  row.lastElementChild.textContent = labels.of(mosaic);
  return row;
}

function thumbnail(mosaic) {
  const cell = make("td");
  if (mosaic.pictures.includes("plain")) cell.append(picture(mosaic, "plain", ""));
  return cell;
}

const HAP_NAME = /^hst_([^_]+)_[^_]+_[^_]+_[^_]+_total_([^_]+)(?:_(.+))?$/;

/** A mosaic's name in two short lines: visit and what was done to it, proposal and target. */
function nameCell(mosaic) {
  const [, proposal, visit, suffix] = HAP_NAME.exec(mosaic.name) ?? [];
  const first = visit ? [visit, suffix] : [mosaic.name];
  const second = [proposal, mosaic.target];
  const line = (parts) => parts.filter(Boolean).join(" ");
  return make("td", { title: mosaic.name }, line(first),
    make("span", { class: "small", text: line(second) }));
}

function cells(mosaic) {
  const verdict = make("td", {}, make("span", shownVerdict(mosaic)));
  return [
    nameCell(mosaic),
    make("td", { text: mosaic.detector }),
    verdict,
    make("td", { text: shown(mosaic.probability, 3) }),
    make("td", { text: shown(mosaic.offset) }),
    make("td", { class: "label" }),
  ];
}

/** Choose a mosaic and bring its row into view. */
function choose(mosaic) {
  if (!mosaic) return;
  state.chosen = mosaic;
  const place = state.shown.indexOf(mosaic);
  const list = find("list");
  const head = find("table").tHead.offsetHeight;
  if (place >= 0) {
    const top = place * ROW_PX;
    if (top < list.scrollTop) list.scrollTop = top;
    const bottom = top + ROW_PX + head - list.clientHeight;
    if (bottom > list.scrollTop) list.scrollTop = bottom;
  }
  drawRows();
  drawDetail();
}

/** Choose the mosaic so many rows further. */
function step(by) {
  const place = state.shown.indexOf(state.chosen);
  const next = place < 0 ? 0 : Math.min(state.shown.length - 1, Math.max(0, place + by));
  choose(state.shown[next]);
}
