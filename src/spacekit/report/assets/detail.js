/** Everything about the chosen mosaic. */
function drawDetail() {
  stopBlink();
  const mosaic = state.chosen;
  const detail = find("detail");
  if (!mosaic) {
    detail.replaceChildren(make("p", { text: "No mosaic to show." }));
    return;
  }
  const blocks = [drawBlink(mosaic), mosaic.offsets ? drawOffsets(mosaic.offsets) : null];
  detail.replaceChildren(
    ...headline(mosaic),
    make("div", { class: "marks" }, ...labelButtons(mosaic), ...links(mosaic)),
    make("div", { class: "pair" }, ...blocks.filter(Boolean)),
    ...[stamps(mosaic), frames(mosaic), values(mosaic), missing(mosaic)].filter(Boolean),
  );
  detail.scrollTop = 0;
  fillStage();
}

function headline(mosaic) {
  const target = mosaic.target ? `target ${mosaic.target}` : "";
  return [
    make("h2", { text: mosaic.name || "(no name)" }),
    make("p", { class: "verdict" },
      make("span", shownVerdict(mosaic)),
      make("span", { text: `probability ${shown(mosaic.probability, 3)}` }),
      make("span", { class: "of", text: mosaic.detector }),
      make("span", { class: "of", text: target })),
    make("p", { class: "reason", text: mosaic.reason ?? "No reason is given." }),
    make("p", { class: "small", text: mosaic.rests ? `Rests on: ${mosaic.rests}` : "" }),
    ...(mosaic.unfamiliar ? [make("p", { class: "small unfamiliar",
      text: `Unlike the model's training: ${mosaic.unfamiliar}; the evidence counts half.` })] : []),
  ];
}

function labelButtons(mosaic) {
  return Object.entries(LABELS).map(([key, label]) => {
    const pressed = labels.of(mosaic) === label;
    const button = make("button", { type: "button", "aria-pressed": pressed, "data-label": label,
      text: `${label} ( ${key} )` });
    button.addEventListener("click", () => giveLabel(label));
    return button;
  });
}

/** Links to the archive's search and display; opened only by a click. */
function links(mosaic) {
  const mast = "https://mast.stsci.edu";
  const proposal = /^hst_0*(\d{1,6})_/.exec(mosaic.name)?.[1];
  const made = [];
  if (proposal) {
    made.push([`${mast}/search/ui/#/hst/results?proposal_id=${proposal}`, "Proposal in MAST"]);
  }
  if (mosaic.ra !== undefined && mosaic.dec !== undefined) {
    const place = encodeURIComponent(`${mosaic.ra.toFixed(5)} ${mosaic.dec.toFixed(5)}`);
    const portal = "portal/Mashup/Clients/Mast/Portal.html";
    made.push([`${mast}/${portal}?searchQuery=${place}`, "Place in MAST"]);
  }
  return made.map(([href, text]) =>
    make("a", { href, text, target: "_blank", rel: "noopener noreferrer" }));
}

function stamps(mosaic) {
  if (!mosaic.pictures.includes("stamps")) return null;
  return make("section", { class: "block" }, make("h3", { text: "Stars at native pixels" }),
    make("figure", { class: "sheet" }, linked(mosaic, "stamps", "stamps of stars"),
      make("figcaption", { text: "In pairs: a star, and the weight of its pixels. Stars drawn out " +
        "alike, or doubled, and weights with a hole at the star speak of misalignment." })));
}

function frames(mosaic) {
  const titles = { plain: "the mosaic", source: "catalog sources: red point, blue segment, green fair",
    gaia: "Gaia stars: cyan" };
  const there = Object.entries(titles).filter(([kind]) => mosaic.pictures.includes(kind));
  if (!there.length) return null;
  const figures = there.map(([kind, title]) =>
    make("figure", {}, linked(mosaic, kind, title), make("figcaption", { text: title })));
  return make("section", { class: "block" }, make("h3", { text: "Frames" }),
    make("div", { class: "frames" }, ...figures));
}

function linked(mosaic, kind, alt) {
  const url = pictureUrl(mosaic, kind);
  return make("a", { href: url, target: "_blank", rel: "noopener" }, picture(mosaic, kind, alt));
}

function values(mosaic) {
  const names = Object.keys(mosaic.values ?? {});
  if (!names.length) return null;
  const items = names.map((name) => {
    const [meaning, unit] = page.columns[name] ?? ["", ""];
    return make("li", { title: meaning }, make("b", { text: name }),
      ` ${page.classes[name]?.[mosaic.values[name]] ?? mosaic.values[name]}`,
      unit ? ` ${unit}` : "");
  });
  return make("section", { class: "block" }, make("h3", { text: "Measured" }),
    make("ul", { class: "values" }, ...items));
}

function missing(mosaic) {
  const told = [...(mosaic.notes ?? []), ...(mosaic.problems ?? [])];
  if (!mosaic.offsets) told.push("not there: offsets of single products");
  if (!told.length) return null;
  return make("section", { class: "block" }, make("h3", { text: "Missing, and problems" }),
    make("ul", {}, ...told.map((text) => make("li", { text }))));
}
