"use strict";
// The fleet from the data in this page: totals, causes, a map, a list of nodes, one node. What the data say becomes text, never a tag.
(() => {
const main = document.querySelector("main");
const byId = id => document.getElementById(id);
let data;
try {
  data = JSON.parse(byId("data").textContent);
} catch (error) {
  main.prepend(el("p.fail", word("fail"), ` The data of this page can't be read; write it again. (${error.message})`));
  return;
}
const { findings, outcomes, patterns, groups, nodes, details, totals, drift } = data;
const LETTERS = { fail: "F", warn: "W", unknown: "?", pass: "·", skip: "–", none: "\u00a0" };
const RANK = { fail: 3, warn: 2, unknown: 1, pass: 0, skip: 0, none: 0 };
const BAD = ["fail", "warn", "unknown"];

// -- Elements, all of whose text is plain.
// As `plain` in src/text.rs: nothing that steers, and nothing that turns the direction of writing.
function plain(text) {
  return String(text).replace(/\t/g, " ").replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    c => c === "\n" ? "\\n" : `\\u{${c.charCodeAt(0).toString(16)}}`);
}
// el("li.fail", { title: "…" }, children): attributes may be left out.
function el(name, ...children) {
  const [tag, ...classes] = name.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  if (children[0] && children[0].constructor === Object) {
    for (const [key, value] of Object.entries(children.shift())) {
      if (value === true || value === "" || value && typeof value !== "boolean") made.setAttribute(key, plain(value === true ? "" : value));
    }
  }
  for (const child of children.flat(9)) if (child || child === 0) made.append(child instanceof Node ? child : plain(child));
  return made;
}
function button(text, act) {
  const made = el("button", { type: "button" }, text);
  made.onclick = act;
  return made;
}
// What is made only when somebody opens it.
function fold(title, make) {
  const made = el("details", el("summary", title));
  made.addEventListener("toggle", () => made.append(make()), { once: true });
  return made;
}
function part(id, title, ...children) {
  const head = el("h2", { id: `${id}-title`, tabindex: "-1" }, title);
  return el("section", { id, "aria-labelledby": head.id }, head, ...children);
}
const number = value => Number(value).toLocaleString("en");
const many = (count, one, more) => `${number(count)} ${count === 1 ? one : more || one + "s"}`;
function wordOf(kind) { return kind === "unknown" ? "undetermined" : kind === "none" ? "no such finding" : kind; }
function word(kind) { return el(`span.word.${kind}`, wordOf(kind)); }
const idOf = o => findings[outcomes[o].f].id;
// The rule's name, and what it is about.
function code(id) {
  const at = id.indexOf("/");
  return el("code", el("b", at < 0 ? id : id.slice(0, at)), at < 0 ? "" : id.slice(at));
}
const left = (count, step, unit) => `Show ${unit ? many(Math.min(step, count), `more ${unit}`) : `${number(Math.min(step, count))} more`}${count > step ? ` of ${number(count)}` : ""}`;
// The first of `items` in a list, and a button for more of them.
function cut(list, items, make, first = 5, step = 50) {
  let shown = 0;
  const more = count => {
    const made = items.slice(shown, shown + count).map((item, i) => make(item, shown + i));
    shown += made.length;
    list.append(...made);
    another.textContent = left(items.length - shown, step);
    another.hidden = shown >= items.length;
    return made[0];
  };
  const another = button("", () => {
    const added = more(step);
    const to = added.querySelector("a, summary") || added;
    if (to === added) to.tabIndex = -1;
    to.focus();
  });
  more(first);
  return el("div", list, another);
}
const rows = (items, make) => cut(el("ul.rows"), items, make);
const lines = commands => {
  const made = el("pre");
  // Lines are lines here, and nothing else is.
  made.textContent = commands.flatMap(one => one.split("\n")).map(plain).join("\n");
  return made;
};

// -- What is looked at. It stands in the address, so that it can be sent to somebody.
const PLACE = ["cause", "finding", "group", "kind", "list"];
const KEYS = ["q", "verdict", ...PLACE, "by", "node"];
let state = {};
function read() {
  const raw = location.hash.slice(1);
  // fleet.html#swap: a link to what is searched for.
  const parsed = new URLSearchParams(raw.includes("=") ? raw : `q=${raw}`);
  return Object.fromEntries(KEYS.map(key => [key, parsed.get(key)]).filter(pair => pair[1]));
}
function href(change) {
  const all = { ...state, ...change };
  const made = new URLSearchParams(KEYS.filter(key => all[key]).map(key => [key, all[key]]));
  // An empty one would lead to the top of the page.
  return `#${made.toString() || "q="}`;
}
// A link knows what it changes; what the rest is, is seen when somebody follows it.
const changes = new WeakMap();
let jump;
function link(change, to, ...children) {
  const made = el("a", ...children);
  made.href = href(change);
  changes.set(made, [change, to]);
  return made;
}
// Chooses nodes of the list by one thing.
const choose = change => ({ ...Object.fromEntries(PLACE.map(key => [key, ""])), node: "", ...change });
const list = (change, ...children) => link(choose(change), "nodes", ...children);
document.addEventListener("click", event => {
  const made = event.target.closest("a");
  const [change, to] = changes.get(made) || [];
  if (!change) return;
  made.href = href(change);
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  jump = to;
  if (made.hash === location.hash) land();
});
function replace(change) {
  const to = href(change);
  try {
    history.replaceState(null, "", to);
    update();
  } catch {
    location.replace(to);
  }
}
function land() {
  const target = jump && byId(jump);
  jump = null;
  if (!target) return;
  target.scrollIntoView();
  target.querySelector("h2").focus({ preventScroll: true });
}

// -- What follows from the data.
// What follows from another finding is told there, even where it could not be known either.
const kinds = outcomes.map(({ v, d, b }) => v === "fail" || v === "skip" && b >= 0 ? v : d ? v : "unknown");
const bad = patterns.map(pattern => pattern.filter(o => RANK[kinds[o]]).sort((a, b) => RANK[kinds[b]] - RANK[kinds[a]] || outcomes[a].f - outcomes[b].f));
const badText = bad.map(those => those.map(o => `${idOf(o)} ${outcomes[o].r}`).join(" ").toLowerCase());
// Nodes of one sort have the same findings that are not good. The largest comes first.
const sorts = [];
const sortOf = [];
{
  const known = new Map();
  const sizes = new Int32Array(patterns.length);
  for (const node of nodes) sizes[node.p]++;
  bad.forEach((those, p) => {
    const key = those.map(o => outcomes[o].f + kinds[o]).join();
    if (!known.has(key)) known.set(key, { patterns: [], nodes: 0, by: new Map(those.map(o => [outcomes[o].f, kinds[o]])), worst: those.length ? kinds[those[0]] : "pass" });
    known.get(key).patterns.push(p);
    known.get(key).nodes += sizes[p];
  });
  sorts.push(...[...known.values()].sort((a, b) => b.nodes - a.nodes || a.patterns[0] - b.patterns[0]));
  sorts.forEach((sort, s) => { for (const p of sort.patterns) sortOf[p] = s; });
}
const worse = { fail: 0, warn: 1, pass: 2, skip: 3 };
const order = nodes.map((_, i) => i).sort((a, b) => worse[nodes[a].v] - worse[nodes[b].v] || a - b);
const nameOf = i => nodes[i].n || "(no host name)";
// By what the address names a node: its name, with its report where several have it.
const nodeOf = new Map();
const keys = nodes.map(({ n, s }, i) => {
  const key = [n, `${n || ""} ${s}`, `${n || ""} ${s} ${i}`].find(key => key && !nodeOf.has(key));
  nodeOf.set(key, i);
  return key;
});
const causeOf = o => `${idOf(o)} ${outcomes[o].r} ${outcomes[o].v}`;
// Lists that do not follow from findings: `same 3`, `worse 0`, `new`.
function listed(name) {
  const [what, at] = name.split(" ");
  const same = what === "same" && data.duplicates[at];
  const changed = drift && /^(worse|better|unclear)$/.test(what) && drift[what][at];
  if (same) return [`${same.what} ${same.value}`, same.nodes];
  if (changed) return [`${what === "worse" ? "newly failing" : "mended"}: ${idOf(changed.o)}`, changed.nodes];
  return [name, drift && what === "new" ? drift.new : []];
}
let texts;
// The nodes that fit what is searched for, and the verdict.
function fitting() {
  const words = (state.q || "").toLowerCase().split(/\s+/).filter(Boolean);
  texts = texts || words.length && nodes.map(node => `${node.n || ""} ${node.k || ""} ${node.s} ${groups[node.g].name}`.toLowerCase());
  const inPattern = words.map(one => badText.map(text => text.includes(one)));
  const { verdict } = state;
  const unknown = verdict === "undetermined" && bad.map(those => those.some(o => !outcomes[o].d));
  return order.filter(i => {
    const node = nodes[i];
    return (!verdict || (unknown ? unknown[node.p] : node.v === verdict)) && words.every((one, w) => inPattern[w][node.p] || texts[i].includes(one));
  });
}
// Those of them that were chosen in the map or by a cause.
function chosenOf(all) {
  const tests = [];
  const pattern = fits => {
    const those = bad.map(outcome => outcome.some(fits));
    tests.push(i => those[nodes[i].p]);
  };
  if (state.cause) pattern(o => causeOf(o) === state.cause);
  if (state.finding) pattern(o => idOf(o) === state.finding);
  if (state.group) tests.push(i => groups[nodes[i].g].name === state.group);
  if (state.kind) tests.push(i => sortOf[nodes[i].p] === state.kind - 1);
  if (state.list) {
    const those = new Set(listed(state.list)[1]);
    tests.push(i => those.has(i));
  }
  return all.filter(i => tests.every(test => test(i)));
}

// -- What does not change: totals, causes, identities, drift.
const toNode = i => link({ node: keys[i] }, "", el("bdi", nameOf(i)));
const some = (name, those) => [list({ list: name }, many(those.length, "node")), ": ", those.slice(0, 3).map((i, at) => [at ? ", " : "", toNode(i)]),
  those.length > 3 ? `, and ${number(those.length - 3)} more` : ""];
function header() {
  const { fail, warn, pass } = totals;
  const all = many(totals.nodes, "node");
  const skip = totals.nodes - fail - warn - pass;
  const worst = fail ? "fail" : warn || data.broken.length || !totals.nodes ? "warn" : "pass";
  const tile = (kind, count, one, more, change, to = "nodes") => count || change.verdict === "fail" ? link(change, to, { class: `tile ${kind}`, "data-verdict": change.verdict }, el("b", number(count)), count === 1 ? one : more) : "";
  const bar = el("div.share", { "aria-hidden": "true" });
  for (const [kind, count] of Object.entries({ fail, warn, pass, skip })) {
    if (count > 0) bar.append(el(`i.${kind}`));
    if (count > 0) bar.lastChild.style.flexGrow = count;
  }
  return el(`header.${worst}`,
    el("h1", word(worst), fail ? ` ${number(fail)} of ${all} ${fail === 1 ? "fails" : "fail"}` : warn ? ` No node fails, ${number(warn)} of ${all} ${warn === 1 ? "warns" : "warn"}` : totals.nodes ? ` Nothing fails on ${all}` : " No node was read"),
    el("p.soft", `${data.tool}, ${data.generatedAt}`, totals.superseded ? `; ${many(totals.superseded, "older report of the same node is", "older reports of the same nodes are")} not counted` : ""),
    bar,
    el("nav.tiles", { "aria-label": "Totals" },
      tile("fail", fail, "node fails", "nodes fail", { verdict: "fail" }),
      tile("warn", warn, "node warns", "nodes warn", { verdict: "warn" }),
      tile("pass", pass, "node passes", "nodes pass", { verdict: "pass" }),
      tile("skip", skip, "node was not judged", "nodes were not judged", { verdict: "skip" }),
      tile("unknown", totals.undetermined, "finding is undetermined", "findings are undetermined", { verdict: "undetermined" }),
      tile("fail", data.duplicates.length, "identity is not unique", "identities are not unique", {}, "duplicates"),
      tile("fail", drift && sum(drift.worse.map(one => one.nodes.length)), "finding newly fails", "findings newly fail", {}, "drift"),
      tile("warn", data.broken.length, "document was not read", "documents were not read", {}, "broken")),
    data.dropped ? el("p", word("warn"), ` The evidence of ${many(data.dropped, "finding")} did not fit into this page. It is in the reports.`) : "");
}
function cause(one) {
  const { o } = one;
  const kind = kinds[o];
  const { m, x, c = [] } = details[one.detail] || {};
  const bar = el("i");
  bar.style.width = `${100 * one.nodes / ((kind === "fail" ? totals.fail : totals.nodes) || 1)}%`;
  const mend = x || c.length ? `To mend it: ${x || ""}` : "";
  return el(`li.cause.${kind}`,
    el("div", list({ cause: causeOf(o) }, { "aria-label": `${many(one.nodes, "node")}: ${causeOf(o)}` }, el("b", number(one.nodes)), one.nodes === 1 ? " node" : " nodes"), el("div.bar", { "aria-hidden": "true" }, bar)),
    el("div", word(kind), " ", code(idOf(o)), " ", el("small", outcomes[o].r,
      kind !== "fail" || !one.alone ? "" : one.alone === one.nodes ? " — the only cause on all of them" : ` — the only cause on ${number(one.alone)} of them`,
      one.follow ? `; ${many(one.follow, "finding follows", "findings follow")} from it` : ""),
    el("div", m),
    c.length ? fold(mend, () => lines(c)) : el("div", mend)));
}
function causes() {
  const [failures, warnings] = [true, false].map(isFail => data.causes.filter(one => (outcomes[one.o].v === "fail") === isFail));
  return part("causes", "Causes", failures.length ? cut(el("ol"), failures, cause, 5, 20) : el("p", totals.nodes ? "Nothing fails." : "Nothing is known."),
    warnings.length ? fold(`Warnings: ${many(warnings.length, "cause")}`, () => cut(el("ol"), warnings, cause, 8, 20)) : "");
}
function drifted() {
  const changed = (what, title) => drift[what].length ? [el("h3", title), rows(drift[what], (one, i) =>
    el("li", word(what === "worse" ? kinds[one.o] : "pass"), " ", code(idOf(one.o)), " on ", some(`${what} ${i}`, one.nodes)))] : [];
  const made = [...changed("worse", "Newly failing"), ...changed("better", "Mended"), ...changed("unclear", "No longer known"), drift.new.length ? el("p", "New: ", some("new", drift.new)) : "",
    drift.gone.length ? fold(`Gone: ${many(drift.gone.length, "node")}`, () => cut(el("ul.ids"), drift.gone, name => el("li", el("bdi", name)))) : ""];
  return part("drift", `Since ${drift.against}`, made.some(Boolean) ? made : el("p", "Nothing changed."));
}
function others() {
  return el("div.side",
    part("duplicates", "Identities that must be unique", data.duplicates.length
      ? rows(data.duplicates, (one, i) => el("li", `${one.what} `, el("code", one.value), " is on ", some(`same ${i}`, one.nodes)))
      : el("p", "None is there twice, as far as the reports tell them.")),
    drift ? drifted() : "",
    data.odd.length ? part("odd", "Nodes unlike their group", rows(data.odd, one =>
      el("li", toNode(one.node), ` in ${many(one.apart, "finding")}: `, one.outcomes.slice(0, 3).map((o, i) => [i ? ", " : "", code(idOf(o)), ` ${wordOf(kinds[o])}`]), one.apart > 3 ? `, and ${number(one.apart - 3)} more` : ""))) : "",
    data.broken.length ? part("broken", "Documents that were not read", rows(data.broken, one => el("li", el("code", one.source), " ", one.why))) : "");
}

// -- The map: findings that are not good everywhere, by kinds of node or by groups.
const room = { finding: 25, kind: 20, group: 12 };
const mapBox = el("div");
// How many nodes have each pattern, by group; how many are not good, by finding.
function tally(all) {
  const byPattern = new Int32Array(patterns.length);
  const byGroup = groups.map(() => new Map());
  for (const i of all) {
    const { p, g } = nodes[i];
    byPattern[p]++;
    byGroup[g].set(p, (byGroup[g].get(p) || 0) + 1);
  }
  const by = findings.map(() => ({}));
  byPattern.forEach((count, p) => {
    for (const o of count ? bad[p] : []) by[outcomes[o].f][kinds[o]] = (by[outcomes[o].f][kinds[o]] || 0) + count;
  });
  const of = (f, kind) => by[f][kind] || 0;
  const those = findings.map((_, f) => f).filter(f => BAD.some(kind => by[f][kind]));
  those.sort((a, b) => of(b, "fail") - of(a, "fail") || of(b, "warn") - of(a, "warn") || of(b, "unknown") - of(a, "unknown") || a - b);
  return { byPattern, byGroup, by, rows: those };
}
const told = (counts, those = Object.keys(RANK)) => those.filter(kind => counts[kind]).map(kind => `${number(counts[kind])} ${wordOf(kind)}`).join(", ");
const sum = numbers => numbers.reduce((a, b) => a + b, 0);
// Shows what is chosen.
function mark() {
  for (const a of mapBox.querySelectorAll("table a")) {
    const [change] = changes.get(a);
    const by = PLACE.filter(key => change[key]);
    const isChosen = by.length > (a.parentElement.tagName === "TH" ? 0 : 1) && by.every(key => change[key] === state[key]);
    a.parentElement.setAttribute("aria-selected", isChosen);
  }
}
const inMap = (change, label, ...children) => list(change, { "aria-label": label, tabindex: "-1" }, ...children);
// A cell of the table: `column` and the finding of its row lead to nodes.
function cell(f, column, kind, label, text, heat) {
  const { id } = findings[f];
  const made = el(`td.${kind}`, { title: label }, inMap({ ...column.change, finding: RANK[kind] ? id : "" }, label, text || LETTERS[kind]));
  if (heat) {
    made.classList.add("heat");
    made.style.setProperty("--heat", `${Math.round(14 + 26 * Math.cbrt(heat))}%`);
  }
  return made;
}
// A cell for nodes of several kinds.
function mixed(f, column, counts, total) {
  const worst = Object.keys(RANK).find(kind => counts[kind]) || "none";
  const text = BAD.filter(kind => counts[kind]).map(kind => `${LETTERS[kind]}\u00a0${number(counts[kind])}`).join(" ");
  return cell(f, column, worst, `${findings[f].id}, ${column.name}: ${told(counts)}`, text, RANK[worst] && counts[worst] / total);
}
// Those that are alike stand together: in the order of the first finding in which they differ.
function kindColumns(tallied) {
  const size = sorts.map(sort => sum(sort.patterns.map(p => tallied.byPattern[p])));
  const all = sorts.map((_, s) => s).filter(s => size[s]).sort((a, b) => size[b] - size[a] || a - b);
  // Those that fail come first, and leave room for the largest of the others.
  const failing = all.filter(s => sorts[s].worst === "fail"), rest = all.filter(s => sorts[s].worst !== "fail");
  const taken = failing.slice(0, Math.max(room.kind - rest.length, Math.ceil(room.kind * 0.6)));
  taken.push(...rest.slice(0, room.kind - taken.length));
  const rank = (s, f) => RANK[sorts[s].by.get(f) || "none"];
  taken.sort((a, b) => {
    const f = tallied.rows.find(f => rank(a, f) !== rank(b, f));
    return f === undefined ? a - b : rank(b, f) - rank(a, f);
  });
  const columns = taken.map(s => {
    const { by } = sorts[s];
    const kind = String(s + 1);
    const good = new Map();
    for (const p of sorts[s].patterns) {
      for (const o of tallied.byPattern[p] ? patterns[p] : []) if (kinds[o] === "pass" || !good.has(outcomes[o].f)) good.set(outcomes[o].f, kinds[o]);
    }
    const column = { change: { kind }, name: many(size[s], "node"), text: number(size[s]), width: 2 + Math.log10(size[s]) * 0.65 };
    column.title = `${column.name} of one kind: ${[...by].slice(0, 3).map(([f, is]) => `${findings[f].id} ${wordOf(is)}`).join(", ") || "all good"}${by.size > 3 ? `, and ${by.size - 3} more` : ""}`;
    column.cell = f => {
      const is = by.get(f) || good.get(f) || "none";
      return cell(f, column, is, `${wordOf(is)}: ${findings[f].id}, ${column.name}`);
    };
    return column;
  });
  const hidden = all.length - taken.length;
  const total = sum(size) - sum(taken.map(s => size[s]));
  if (hidden) {
    const name = `${many(total, "node")} of ${many(hidden, "other kind")}`;
    const column = { change: {}, name, title: name, text: `${number(total)} others`, width: 5 };
    column.cell = f => {
      const counts = { ...tallied.by[f] };
      for (const s of taken) if (sorts[s].by.has(f)) counts[sorts[s].by.get(f)] -= size[s];
      return told(counts, BAD) ? mixed(f, column, counts, total) : cell(f, column, "pass", `not bad: ${findings[f].id}, ${name}`);
    };
    columns.push(column);
  }
  return [columns, hidden, all.length];
}
function groupColumns(tallied, wanted) {
  const all = groups.map((_, g) => g).filter(g => tallied.byGroup[g].size);
  const columns = all.slice(0, room.group).map(g => {
    const by = [];
    for (const f of wanted) by[f] = {};
    let total = 0;
    tallied.byGroup[g].forEach((count, p) => {
      total += count;
      for (const o of patterns[p]) {
        const counts = by[outcomes[o].f];
        if (counts) counts[kinds[o]] = (counts[kinds[o]] || 0) + count;
      }
    });
    const { name } = groups[g];
    const column = { change: { group: name }, name, title: `${name}: ${many(total, "node")}`, text: [el("bdi", name), el("br"), el("b", number(total))], width: 9 };
    for (const f of wanted) by[f].none = total - sum(Object.values(by[f]));
    column.cell = f => mixed(f, column, by[f], total);
    return column;
  });
  return [columns, all.length - columns.length, all.length];
}
function table(columns, wanted, by) {
  const widths = [Math.min(19, Math.max(9, innerWidth / 42)), ...columns.map(column => column.width)];
  const made = el("table", { role: "grid", "aria-labelledby": "map-title" }, el("colgroup", widths.map(() => el("col"))),
    el("thead", el("tr", el("th", { scope: "col" }, "finding, and its nodes"), columns.map(column =>
      el("th", { scope: "col", title: column.title }, inMap(column.change, column.title, column.text))))),
    el("tbody", wanted.map(f => {
      const { id } = findings[f];
      const label = `${id}: ${told(by[f])}`;
      return el("tr", el("th", { scope: "row", title: label }, inMap({ finding: id }, label, code(id), el("span", number(sum(Object.values(by[f])))))), columns.map(column => column.cell(f)));
    })));
  widths.forEach((width, i) => { made.querySelectorAll("col")[i].style.width = `${width}rem`; });
  made.style.width = `${sum(widths)}rem`;
  // One stop for the Tab key; arrows move from there.
  made.querySelector("tbody a").tabIndex = 0;
  made.addEventListener("keydown", walk);
  made.addEventListener("focusin", event => {
    made.querySelector("a[tabindex='0']").tabIndex = -1;
    event.target.tabIndex = 0;
  });
  return el("div.map", made);
}
function walk(event) {
  const at = event.target.closest("td, th");
  const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -1e9], End: [0, 1e9] }[event.key];
  if (!at || !move || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  const within = (value, all) => all[Math.max(0, Math.min(all.length - 1, value))];
  const to = within(at.cellIndex + move[1], within(at.parentElement.rowIndex + move[0], event.currentTarget.rows).cells).querySelector("a");
  if (to) to.focus();
}
function drawMap(all) {
  const tallied = tally(all);
  const wanted = tallied.rows.slice(0, room.finding);
  if (!wanted.length) {
    mapBox.replaceChildren(el("p", all.length ? "Every finding of these nodes passes or is skipped." : "No node fits."));
    return;
  }
  const what = state.by === "group" ? "group" : "kind";
  const [columns, hidden, count] = what === "group" ? groupColumns(tallied, wanted) : kindColumns(tallied);
  const more = (unit, step, count) => count > 0 ? button(left(count, step, unit), () => {
    room[unit] += step;
    drawMap(all);
    mark();
    mapBox.querySelector("tbody a").focus({ preventScroll: true });
  }) : "";
  mapBox.replaceChildren(
    el("p.soft", `${many(all.length, "node")}, ${what === "group" ? many(count, "group") : `${many(count, "kind")} of node: those in one column have the same findings that are not good`}. A click lists the nodes; arrow keys move.`),
    el("ul.key", { "aria-label": "Key" }, Object.keys(LETTERS).map(kind => el(`li.${kind}`, el("i", { "aria-hidden": "true" }, LETTERS[kind]), wordOf(kind)))),
    table(columns, wanted, tallied.by),
    more("finding", 25, tallied.rows.length - wanted.length), " ", more(what, 20, hidden));
}

// -- The list of nodes, and one of them.
const listBox = el("div");
function drawList(chosen) {
  byId("nodes-title").textContent = output.textContent = `${chosen.length < nodes.length ? `${number(chosen.length)} of ` : ""}${many(nodes.length, "node")}`;
  if (!chosen.length) {
    listBox.replaceChildren(el("p", "No node fits."));
    return;
  }
  const names = fold("Their names, to copy", () => {
    const made = el("textarea", { readonly: true, "aria-label": "Names of these nodes" });
    made.value = chosen.map(i => plain(nodes[i].n || "")).filter(Boolean).join("\n");
    return made;
  });
  listBox.replaceChildren(names, cut(el("ul.nodes"), chosen, i => {
    const { v, g, k, p } = nodes[i];
    return el(`li.${v}`, word(v), toNode(i), el("bdi", groups[g].name), el("bdi", k || "kernel not known"),
      el("span", bad[p].slice(0, 3).map(o => el(`code.${kinds[o]}`, `${LETTERS[kinds[o]]}\u00a0${idOf(o)}`)), bad[p].length > 3 ? ` and ${number(bad[p].length - 3)} more` : ""));
  }, 50, 100));
}
function found(o, detail, node, isOpen) {
  const seen = details[detail];
  const made = el(`details.found.${kinds[o]}`, { open: isOpen }, el("summary", word(kinds[o]), " ", code(idOf(o)), " ", seen ? seen.m : "", " ", el("small", outcomes[o].r)));
  if (kinds[o] === "fail" && !outcomes[o].d) made.append(el("p", "It is undetermined, which its policy takes for a failure."));
  if (!seen) {
    made.append(el("p", "What was seen did not fit into this page. See the report itself: ", el("code", node.s)));
    return made;
  }
  const { n = [], e = [], x, c = [] } = seen;
  if (n.length) made.append(el("ul", n.map(note => el("li", note))));
  if (x) made.append(el("p", `To mend it: ${x}`));
  if (c.length) made.append(lines(c));
  if (e.length) made.append(el("dl", e.map(([source, said], i) => [i && e[i - 1][0] === source ? "" : el("dt", el("code", source)), el("dd", el("code", said))])));
  return made;
}
// What is known of a node beside its findings.
function beside(i) {
  const made = [];
  data.duplicates.forEach((one, at) => {
    if (one.nodes.includes(i)) made.push(el("li", word("fail"), ` Its ${one.what} `, el("code", one.value), " has to be unique, and is on ", list({ list: `same ${at}` }, many(one.nodes.length, "node"))));
  });
  for (const [what, title] of drift ? [["worse", "Newly failing"], ["better", "Mended"], ["unclear", "No longer known"]] : []) {
    for (const one of drift[what]) if (one.nodes.includes(i)) made.push(el("li", `${title} since ${drift.against}: `, code(idOf(one.o))));
  }
  if (drift && drift.new.includes(i)) made.push(el("li", `New since ${drift.against}`));
  const odd = data.odd.find(one => one.node === i);
  if (odd) made.push(el("li", `Unlike most of its group in ${many(odd.apart, "finding")}`));
  return el("ul", made);
}
const dialog = el("dialog", { "aria-labelledby": "node-title" });
function openNode(i, chosen) {
  const node = nodes[i];
  const seen = new Map(node.e);
  const at = chosen.indexOf(i);
  const to = (where, text) => at >= 0 && where in chosen ? link({ node: keys[chosen[where]] }, "", text) : "";
  const title = el("h2", { id: "node-title", tabindex: "-1", autofocus: true }, word(node.v), " ", el("bdi", nameOf(i)));
  const sort = sortOf[node.p];
  const fact = (name, value) => [el("dt", name), el("dd", el("bdi", value || "not known"))];
  const ids = (what, kind) => {
    const those = patterns[node.p].filter(o => kinds[o] === kind);
    return those.length ? fold(`${what}: ${number(those.length)}`, () => el("ul.ids", those.map(o => el("li", code(idOf(o)), " ", el("small", outcomes[o].b < 0 ? outcomes[o].r : `follows from ${findings[outcomes[o].b].id}`))))) : "";
  };
  dialog.replaceChildren(
    el("header", title, el("nav", { "aria-label": "Other nodes" }, to(at - 1, "Previous"), to(at + 1, "Next"), button("Close", () => dialog.close()))),
    el("div",
      el("dl.facts", fact("Kernel", node.k), fact("Group", groups[node.g].name), fact("Report", node.s), fact("Begun", node.t),
        fact("Kind", list({ kind: String(sort + 1) }, sorts[sort].nodes === 1 ? "the only node of its kind" : `one of ${number(sorts[sort].nodes)} nodes with these findings`))),
      beside(i),
      bad[node.p].length ? bad[node.p].map(o => found(o, seen.get(o), node, kinds[o] === "fail" || idOf(o) === state.finding || causeOf(o) === state.cause)) : el("p", "Nothing fails, warns or is undetermined."),
      ids("Passed", "pass"), ids("Skipped", "skip")));
  if (dialog.open) title.focus(); else dialog.showModal();
  dialog.scrollTop = 0;
}
dialog.addEventListener("close", () => { if (state.node) replace({ node: "" }); });
dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });

// -- All together.
const search = el("input", { type: "search", id: "search", name: "q", autocomplete: "off", spellcheck: "false", placeholder: "host, finding, reason, kernel" });
const output = el("output", { "aria-live": "polite" });
const chips = el("div.chips");
const form = el("form", { role: "search", "aria-label": "Nodes" }, el("label", { for: "search" }, "Search"), search, output, chips);
form.addEventListener("submit", event => {
  event.preventDefault();
  jump = "nodes";
  land();
});
let waiting;
search.addEventListener("input", () => {
  clearTimeout(waiting);
  // Not for each letter: the map is drawn anew.
  waiting = setTimeout(() => {
    replace({ q: search.value.trim() });
    if (byId("map").getBoundingClientRect().top > innerHeight * 0.6) byId("map").scrollIntoView();
  }, 120);
});
const by = el("fieldset", { hidden: groups.length < 2 }, el("legend", "Columns"), [["", "kinds of node"], ["group", "groups"]].map(([value, text]) => el("label", el("input", { type: "radio", name: "by", value }), ` ${text}`)));
by.addEventListener("change", event => replace({ by: event.target.value }));
function drawChips() {
  const titles = { q: "search: ", finding: "not good: ", group: "group: ", kind: "kind ", cause: "cause: ", verdict: "", list: "" };
  const made = Object.keys(titles).filter(key => state[key]).map(key => link({ [key]: "" }, "", { title: "Take this away" }, titles[key], key === "list" ? listed(state.list)[0] : state[key]));
  if (made.length > 1) made.push(link(choose({ q: "", verdict: "" }), "", "all of these"));
  chips.replaceChildren(...made);
  // What is jumped to shall not be below what stays in sight.
  document.documentElement.style.scrollPaddingTop = `${form.offsetHeight + 8}px`;
}
let drawn = {};
function update() {
  state = read();
  const { node, ...rest } = state;
  const key = JSON.stringify(rest);
  if (drawn.key !== key) {
    const map = [state.q, state.verdict, state.by].join("\n");
    if (drawn.map !== map) {
      drawn = { map, all: fitting() };
      drawMap(drawn.all);
    }
    mark();
    if (search.value.trim() !== (state.q || "")) search.value = state.q || "";
    for (const radio of by.querySelectorAll("input")) radio.checked = radio.value === (state.by || "");
    for (const tile of main.querySelectorAll("[data-verdict]")) {
      const { verdict } = tile.dataset;
      tile.setAttribute("aria-current", verdict === state.verdict);
      // Once more takes it away.
      changes.set(tile, [{ verdict: verdict === state.verdict ? "" : verdict }, "nodes"]);
    }
    drawn.key = key;
    drawn.chosen = chosenOf(drawn.all);
    drawList(drawn.chosen);
    drawChips();
  }
  if (nodeOf.has(node)) openNode(nodeOf.get(node), drawn.chosen);
  else if (dialog.open) dialog.close();
  if (node && !nodeOf.has(node)) listBox.prepend(el("p", word("warn"), ` There is no node ${node} in this page.`));
  land();
}
addEventListener("hashchange", update);
main.replaceChildren(header(), form, causes(), others(), part("map", "Map of findings", by, mapBox), part("nodes", "Nodes", listBox));
document.body.append(dialog);
update();
})();
