// Shows each chart once it comes near, the others in turn while nobody waits for them, and lets one of several sections be chosen. Charts themselves are Vega-Lite.
// vl-convert puts `vegaEmbed` before it.
const options = JSON.parse(document.getElementById("options").textContent);

function draw(place) {
  if (place.dataset.drawn) return;
  place.dataset.drawn = "started";
  const specification = JSON.parse(place.nextElementSibling.textContent);
  vegaEmbed(place, specification, options).then(
    () => (place.dataset.drawn = "done"),
    (error) => {
      place.dataset.drawn = "failed";
      console.error(place.id, error);
    },
  );
}

const places = [...document.querySelectorAll(".chart")];
const seen = new IntersectionObserver(
  (entries) => entries.filter((each) => each.isIntersecting).forEach((each) => draw(each.target)),
  { rootMargin: "400px" },
);
places.forEach((place) => seen.observe(place));

function drawNext() {
  const next = places.find((place) => !place.dataset.drawn && place.offsetParent);
  if (!next) return;
  draw(next);
  setTimeout(drawNext, 50);
}

addEventListener("load", () => setTimeout(drawNext, 300));
addEventListener("beforeprint", () => places.filter((place) => place.offsetParent).forEach(draw));

for (const select of document.querySelectorAll("select")) {
  const sections = [...document.querySelectorAll(`section[data-by="${select.name}"]`)];
  const show = () => sections.forEach((each) => (each.hidden = each.dataset.value !== select.value));
  const wanted = sections.find((each) => `#${each.id}` === location.hash);
  if (wanted) select.value = wanted.dataset.value;
  select.addEventListener("change", show);
  select.closest("[hidden]").hidden = false;
  show();
}
