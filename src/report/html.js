"use strict";
const form = document.querySelector("form");
const items = [...document.querySelectorAll("main details")];
const texts = items.map(item => item.textContent.toLowerCase());
function show() {
  const words = form.search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = new Set([...form.querySelectorAll("input[name=verdict]:checked")].map(box => box.value));
  let shown = 0;
  items.forEach((item, i) => {
    const fits = wanted.has(item.className) && words.every(word => texts[i].includes(word));
    item.hidden = !fits;
    shown += fits;
  });
  document.querySelector("output").textContent = `${shown} of ${items.length} findings`;
}
form.hidden = false;
// report.html#kubelet: a link to what is searched for.
form.search.value = decodeURIComponent(location.hash.slice(1));
form.addEventListener("input", show);
form.addEventListener("submit", event => event.preventDefault());
addEventListener("beforeprint", () => items.forEach(item => { item.open = !["pass", "skip"].includes(item.className); }));
show();
