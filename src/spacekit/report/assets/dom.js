"use strict";

/** Find an element of the page. */
const find = (id) => document.getElementById(id);

/** Make an element; strings among the children become text nodes, never markup. */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** Make an SVG element. */
function makeSvg(tag, attributes = {}, text = null) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== null) node.textContent = text;
  return node;
}

/** A picture of a mosaic, loaded when it is near the view; says so where it is missing. */
function picture(mosaic, kind, alt) {
  const image = make("img", { alt, loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => {
    image.replaceWith(make("span", { class: "missing", text: `missing: ${kind}.jpg` }));
  });
  image.src = pictureUrl(mosaic, kind);
  return image;
}

const pictureUrl = (mosaic, kind) =>
  [page.media, encodeURIComponent(mosaic.name), `${encodeURIComponent(kind)}.jpg`].join("/");

/** A number as people read it; a dash for none. */
function shown(value, digits = 2) {
  return value === undefined || value === null ? "-" : value.toFixed(digits);
}
