/** Keys and clicks. */
const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  a: () => giveLabel(LABELS.a),
  m: () => giveLabel(LABELS.m),
  u: () => giveLabel(LABELS.u),
  b: blinkOn,
  B: blinkByItself,
  f: blinkField,
  "/": () => {
    find("filter").focus();
    find("filter").select();
  },
  "?": () => find("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || find("help").open) return;
  const typing = event.target.matches("input[type=search], select");
  if (typing) {
    if (event.key === "Escape" || event.key === "Enter") event.target.blur();
    return;
  }
  const act = Object.hasOwn(KEYS, event.key) ? KEYS[event.key] : null;
  if (!act) return;
  event.preventDefault();
  act();
});

find("filter").addEventListener("input", refresh);
for (const id of ["by-verdict", "by-detector", "by-label"]) find(id).addEventListener("change", refresh);
find("list").addEventListener("scroll", drawRows, { passive: true });
find("rows").addEventListener("click", (event) => {
  const row = event.target.closest("tr");
  if (row) choose(page.mosaics[Number(row.dataset.number)]);
});
find("export").addEventListener("click", exportLabels);
find("import").addEventListener("change", async (event) => {
  await importLabels(event.target.files[0]);
  event.target.value = "";
});
find("show-help").addEventListener("click", () => find("help").showModal());
find("summary").addEventListener("toggle", drawRows);
window.addEventListener("resize", drawRows);

labels.load();
drawHead();
refresh();
choose(state.shown[0]);
if (!state.chosen) drawDetail();
drawLabels();
performance.mark("ready");
document.documentElement.dataset.ready = "yes";
