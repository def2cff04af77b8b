/** Offset vectors, drawn to scale about the reference: +x right and +y up, as in the mosaic. */
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
const LIMIT_PX = 0.5;
const HALF = 100;

/** Blocks of the groups of products: filters, exposures. */
function drawOffsets(offsets) {
  const blocks = offsets.groups.map(drawGroup);
  if (offsets.absolute) {
    const [dx, dy] = offsets.absolute.map((value) => value.toFixed(0));
    blocks.push(make("p", { class: "small", text: "As a whole the mosaic lies " +
      `(${dx}, ${dy}) mas from the reference catalog, ${offsets.sources} sources: ` +
      "no sign of misalignment." }));
  }
  return make("div", {}, ...blocks);
}

function drawGroup(group) {
  const known = group.products.filter((p) => p.dx_px !== undefined && p.dy_px !== undefined);
  const [band, exposure] = group.reference.split(" ");
  const reference = productName({ filter: band ?? "", exposure }) || "the reference";
  const block = make("section", { class: "block" },
    make("h3", { text: `Offsets from ${reference}` }));
  if (known.length) {
    block.append(vectors(group.products), make("p", { class: "small", text:
      `Product minus reference. Dashed circle: ${LIMIT_PX} px, misaligned from there on.` }));
  }
  block.append(numbers(group.products));
  return block;
}

function vectors(products) {
  const lengths = products.map((p) => Math.hypot(p.dx_px, p.dy_px)).filter(Number.isFinite);
  const farthest = Math.max(LIMIT_PX, ...lengths);
  const scale = (HALF - 12) / (farthest * 1.05);
  const svg = makeSvg("svg", { class: "vectors", role: "img", "aria-label": "offset vectors",
    viewBox: `${-HALF - 20} ${-HALF - 8} ${2 * HALF + 40} ${2 * HALF + 16}` });
  svg.append(makeSvg("path", { class: "axis", d: `M${-HALF} 0H${HALF}M0 ${-HALF}V${HALF}` }));
  svg.append(makeSvg("text", { x: HALF + 2, y: 3 }, "+x"), makeSvg("text", { x: 3, y: -HALF }, "+y"));
  const round = roundest(farthest);
  const labels = [];
  for (const radius of new Set([LIMIT_PX, round, round / 2])) {
    if (radius > farthest * 1.2 || (radius < farthest / 12 && radius !== LIMIT_PX)) continue;
    const kind = radius === LIMIT_PX ? "ring limit" : "ring";
    svg.append(makeSvg("circle", { class: kind, r: radius * scale }));
    labels.push(radius);
  }
  svg.append(...labelled(labels, products, scale));
  products.forEach((product, number) => {
    if (product.dx_px !== undefined && product.dy_px !== undefined) {
      svg.append(...arrow(product, number, scale));
    }
  });
  return svg;
}

/** Radii written on their rings, away from the arrows and from each other. */
function labelled(radii, products, scale) {
  const side = products.reduce((sum, p) => sum + (p.dx_px ?? 0), 0) > 0 ? -1 : 1;
  const rise = products.reduce((sum, p) => sum + (p.dy_px ?? 0), 0) > 0 ? 1 : -1;
  let nearest = 0;
  return radii.sort((a, b) => a - b).flatMap((radius) => {
    const at = radius * scale * Math.SQRT1_2;
    if (at < nearest + 12) return [];
    nearest = at;
    const anchor = side > 0 ? "start" : "end";
    return [makeSvg("text", { x: side * at, y: rise * at, "text-anchor": anchor }, `${radius} px`)];
  });
}

/** The largest of 1, 2, 5 times a power of ten that is not above. */
function roundest(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [5, 2, 1].find((f) => f * power <= value) ?? 1;
  return Number((factor * power).toPrecision(1));
}

function arrow(product, number, scale) {
  const colour = COLOURS[number % COLOURS.length];
  const [x, y] = [product.dx_px * scale, -product.dy_px * scale];
  const angle = (Math.atan2(y, x) * 180) / Math.PI;
  const dashes = product.exposure ? { "stroke-dasharray": "5 3" } : {};
  const line = makeSvg("line", { x2: x, y2: y, stroke: colour, "stroke-width": 2, ...dashes });
  line.append(makeSvg("title", {}, productName(product)));
  const size = Math.min(1, Math.hypot(x, y) / 10);
  const head = makeSvg("path", { d: "M0 0L-8 -3.5V3.5Z", fill: colour,
    transform: `translate(${x} ${y}) rotate(${angle}) scale(${size})` });
  const error = makeSvg("circle", { cx: x, cy: y, r: Math.max(0, (product.sigma_px ?? 0) * scale),
    fill: "none", stroke: colour });
  return [line, head, error];
}

const productName = (product) =>
  [product.filter.toUpperCase(), product.exposure].filter(Boolean).join(" ");

function numbers(products) {
  const titles = ["product", "dx px", "dy px", "± px", "mas", "roll °", "sources"];
  const head = make("tr", {}, ...titles.map((text) => make("th", { text })));
  const rows = products.map((p, number) => {
    const name = make("td", { title: p.method }, swatch(number), productName(p));
    const far = p.dx_mas === undefined || p.dy_mas === undefined
      ? undefined : Math.hypot(p.dx_mas, p.dy_mas);
    if (p.method === "no match") {
      const told = make("td", { colspan: titles.length - 1, text: "matches the reference nowhere" });
      return make("tr", {}, name, told);
    }
    const values = [shown(p.dx_px), shown(p.dy_px), shown(p.sigma_px, 3), shown(far, 0),
      shown(p.roll_deg, 4), shown(p.n_sources, 0)];
    return make("tr", {}, name, ...values.map((text) => make("td", { text })));
  });
  const table = make("table", { class: "plain" }, make("thead", {}, head), make("tbody", {}, ...rows));
  return make("div", { class: "numbers" }, table);
}

function swatch(number) {
  const mark = make("span", { class: "swatch" });
  mark.style.background = COLOURS[number % COLOURS.length];
  return mark;
}
