#!/usr/bin/env python3
"""Opens pages of invented fleets in Chromium, and uses them as people do: by mouse, by keyboard, by links, with and without script.

usage: test.py [--axe AXE.MIN.JS] [--page PAGE.HTML] [--pictures DIRECTORY] [--only WORD]
--page also opens a page that the program wrote. PREFLIGHT_BLESS=1 writes the hashes of style and script into the template.
Exit status: 0 all is well, 1 something is wrong, 77 it could not be run (never a success). It needs Python 3.9 and its standard
library, and Chromium.
"""

import argparse
import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True

import mock
from browser import Browser, Failed

BUDGET = 40 * 1024
# No run may take longer, whatever the page does.
PATIENCE = 300
# What the page may have of elements, however many nodes there are.
ELEMENTS = 4000
NODES = "document.getElementById('nodes-title').textContent"
LONG = (
    "window.slow = []; new PerformanceObserver(list => { for (const one of list.getEntries()) slow.push([Math.round(one.startTime), one.duration]); })"
    ".observe({ type: 'longtask', buffered: true });"
)


def check(what, *told):
    if not what:
        raise Failed(" ".join(map(str, told)) or "it does not hold")


def same(found, expected, what=""):
    check(found == expected, f"{what}: found {found!r}, expected {expected!r}")


class Pages:
    """The pages, and the browser that shows them."""

    def __init__(self, browser, work, axe, given):
        self.browser, self.work, self.axe, self.given = browser, work, axe, given
        self.fleets = {}
        if given:
            text = given.read_text(encoding="utf-8")
            (work / "given.html").write_text(text, encoding="utf-8")
            self.fleets["given"] = json.loads(
                re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1]
            )

    def data(self, name):
        if name not in self.fleets:
            self.fleets[name] = mock.FLEETS[name]()
            (self.work / f"{name}.html").write_text(mock.page(self.fleets[name]), encoding="utf-8")
        return self.fleets[name]

    def open(self, name, fragment="", **more):
        self.data(name)
        self.browser.open(f"file://{self.work / name}.html{fragment}", **more)
        return self.browser

    def quiet(self):
        """Nothing complained, and nothing but the page itself was asked for."""
        self.browser.receive(0.05)
        same(self.browser.complaints, [], "complaints")
        asked = [one.split("#")[0] for one in self.browser.requests]
        same([one for one in asked if not re.fullmatch(rf"file://{re.escape(str(self.work))}/\w+\.html", one)], [], "requests")


def hash_of(name):
    return "sha256-" + base64.b64encode(hashlib.sha256((mock.SOURCE / name).read_bytes()).digest()).decode()


def test_template_names_the_hashes_of_what_it_carries(_):
    file = mock.SOURCE / "page.html"
    text = file.read_text()
    right = re.sub(r"(style-src ')[^']*", lambda at: at[1] + hash_of("page.css"), text)
    right = re.sub(r"(script-src ')[^']*", lambda at: at[1] + hash_of("page.js"), right)
    if os.environ.get("PREFLIGHT_BLESS") == "1":
        file.write_text(right)
    else:
        check(text == right, "src/fleet/page.html has hashes of other files: run this with PREFLIGHT_BLESS=1")
    same(re.findall(r"\{\{(\w+)\}\}", text), ["title", "style", "summary", "data", "script"], "places in the template")
    style, script = ((mock.SOURCE / name).read_text() for name in ("page.css", "page.js"))
    check(len(style.encode()) + len(script.encode()) <= BUDGET, "style and script are too large")
    for stop in ("</style", "</script", "<!--", "\r", "src=", "url(", "innerHTML", "insertAdjacentHTML", "eval(", "http"):
        check(stop not in style and stop not in script, f"{stop} is in style or script")


def test_ten_thousand_nodes_are_quick_and_quiet(pages):
    for name in ("many", "kinds"):
        browser = pages.open(name)
        pages.quiet()
        ready = browser.run("performance.timing.domContentLoadedEventEnd - performance.timing.navigationStart")
        elements = browser.run("document.querySelectorAll('*').length")
        same(browser.run(NODES), "10,000 nodes")
        browser.run("slow.length = 0")
        started = time.monotonic()
        for text in ("swap", " 6.1", " worker-00"):
            browser.run("document.getElementById('search').focus()")
            browser.type(text)
            browser.receive(0.3)
        for move in (
            "#kind=2",
            "#by=group",
            "#verdict=fail",
            "#finding=swap%2Factive&by=group",
            f"#node={pages.data(name)['nodes'][5]['n']}",
        ):
            browser.run(f"location.hash = '{move}'")
            browser.receive(0.1)
        used = time.monotonic() - started
        longest = max([one[1] for one in browser.run("slow")], default=0)
        size = (pages.work / f"{name}.html").stat().st_size
        print(
            f"  {name}: {size / 1e6:.1f} MB, ready after {ready} ms, {elements} elements, longest task of nine uses {longest} ms ({used:.1f} s)"
        )
        check(elements < ELEMENTS, f"{elements} elements")
        check(ready < 5000 and longest < 1000, "far too slow, even for a busy machine")
        pages.quiet()


def test_search_finds_hosts_findings_reasons_and_kernels(pages):
    data = pages.data("many")
    browser = pages.open("many")

    def has(node, reason):
        return any(data["outcomes"][o]["r"] == reason for o, _ in node["e"])

    expected = {
        "worker-00003": 1,
        "WORKER-00003.example": 1,
        "swap-on": sum(has(node, "swap-on") for node in data["nodes"]),
        "swap-on 6.12": sum(has(node, "swap-on") and "6.12" in node["k"] for node in data["nodes"]),
        "disk-space//var/lib/containerd": sum(has(node, "too-little") for node in data["nodes"]),
        "no-such-thing": 0,
    }
    for text, count in expected.items():
        browser.run("document.getElementById('search').focus(); document.getElementById('search').select()")
        browser.type(text)
        title = f"{count:,} of 10,000 nodes"
        browser.until(
            f"new URLSearchParams(location.hash.slice(1)).get('q') === {json.dumps(text)} && {NODES} === {json.dumps(title)}"
        )
        same(browser.run("document.querySelector('output').textContent"), title)
    check(browser.run("document.getElementById('nodes').innerText.includes('No node fits')"))
    browser.click(".chips a")
    browser.until(f"{NODES} === '10,000 nodes'")
    same(browser.run("document.getElementById('search').value"), "")
    # What is searched for is a link, as in the page of one report.
    pages.open("many", "#swap-on")
    same(browser.run(NODES), f"{expected['swap-on']} of 10,000 nodes")
    pages.quiet()


def test_a_cause_and_a_total_lead_to_their_nodes(pages):
    data = pages.data("many")
    browser = pages.open("many")
    cause = data["causes"][0]
    shown = browser.run("document.querySelector('.cause').innerText")
    check(f"{cause['nodes']} node" in shown and data["details"][cause["detail"]]["m"] in shown and "To mend it" in shown, shown)
    browser.click(".cause a")
    browser.until(f"{NODES} === '{cause['nodes']} of 10,000 nodes'")
    same(browser.run("document.activeElement.id"), "nodes-title", "focus")
    check(
        browser.run(
            "document.activeElement.getBoundingClientRect().top >= document.querySelector('form').getBoundingClientRect().bottom"
        ),
        "the title is covered",
    )
    check(browser.run("[...document.querySelectorAll('.nodes li')].every(li => li.innerText.includes('swap/active'))"))
    browser.run("history.back()")
    browser.until(f"{NODES} === '10,000 nodes'")
    browser.click("[data-verdict=fail]")
    browser.until(f"{NODES} === '{data['totals']['fail']} of 10,000 nodes'")
    browser.click("[data-verdict=fail]")
    browser.until(f"{NODES} === '10,000 nodes'")
    browser.click("[data-verdict=undetermined]")
    unknown = sum(any(not data["outcomes"][o]["d"] for o, _ in node["e"]) for node in data["nodes"])
    browser.until(f"{NODES} === '{unknown} of 10,000 nodes'")
    pages.quiet()


def test_identities_drift_and_broken_documents_are_told(pages):
    data = pages.data("many")
    browser = pages.open("many")
    text = browser.run("document.querySelector('.side').innerText")
    for one in (
        data["duplicates"][0]["value"],
        "last-week/",
        "Newly failing",
        "Mended",
        "Gone: 30 nodes",
        data["broken"][0]["why"],
        data["broken"][1]["source"],
    ):
        check(one in text, one, "is not in", text)
    browser.click("#duplicates li a")
    browser.until(f"{NODES} === '2 of 10,000 nodes'")
    names = sorted(data["nodes"][i]["n"] for i in data["duplicates"][0]["nodes"])
    same(browser.run("[...document.querySelectorAll('.nodes a')].map(a => a.textContent).sort()"), names)
    browser.click("#drift li a")
    browser.until(f"{NODES} === '{len(data['drift']['worse'][0]['nodes'])} of 10,000 nodes'")
    browser.click("#nodes details summary")
    browser.until("document.querySelector('textarea')?.value.split('\\n').length === 40")
    pages.quiet()


def test_the_map_is_walked_with_keys_and_clicked(pages):
    data = pages.data("many")
    browser = pages.open("many")
    first = data["findings"][data["outcomes"][data["causes"][0]["o"]]["f"]]["id"]
    # One stop for Tab: after the choice of columns.
    browser.run("document.querySelector('fieldset input').focus()")
    browser.press("Tab")
    check(browser.run("document.activeElement.closest('th[scope=row]') !== null"), "Tab does not lead into the map")
    check(browser.run("document.activeElement.getAttribute('aria-label')").startswith(first))
    browser.press("ArrowRight")
    label = browser.run("document.activeElement.getAttribute('aria-label')")
    check(label.startswith(f"fail: {first}, "), label)
    same(browser.run("document.activeElement.parentElement.cellIndex"), 1, "one step to the right")
    count = re.search(r"([\d,]+) node", label)[1]
    browser.press("ArrowDown")
    check(not browser.run("document.activeElement.getAttribute('aria-label')").startswith(f"fail: {first}"))
    browser.press("ArrowUp")
    browser.press("End")
    browser.press("Home")
    browser.press("ArrowRight")
    browser.press("Enter")
    browser.until(f"{NODES} === '{count} of 10,000 nodes'")
    same(browser.run("document.querySelectorAll('td[aria-selected=true]').length"), 1, "chosen cells")
    # Another Tab leaves the map.
    browser.run("document.querySelector('td a').focus()")
    browser.press("Tab")
    check(browser.run("document.activeElement.closest('table') === null"), "Tab does not leave the map")
    browser.click("input[value=group]")
    browser.until("document.querySelectorAll('thead th').length === 4")
    check("by=group" in browser.run("location.hash"))
    browser.click("tbody tr:first-child td:nth-child(3) a")
    gpu = sum(node["g"] == 1 and any(data["outcomes"][o]["f"] == 0 for o, _ in node["e"]) for node in data["nodes"])
    browser.until(f"{NODES} === '{gpu} of 10,000 nodes'")
    rows = browser.run("document.querySelectorAll('tbody tr').length")
    browser.click("#map button")
    browser.until(f"document.querySelectorAll('tbody tr').length > {rows}")
    # Numbers of a row add up: to those of the groups, and of the kinds with the others.
    sums = "[...document.querySelectorAll('tbody tr')].map(row => [row, Number(row.querySelector('th span').textContent.replace(',', ''))])"
    check(
        browser.run(
            f"{sums}.every(([row, all]) => all === [...row.querySelectorAll('td')].reduce((sum, td) => sum + (td.textContent.match(/[\\d,]+/g) || [])"
            ".reduce((a, b) => a + Number(b.replace(',', '')), 0), 0))"
        ),
        "groups do not add up",
    )
    browser.run("location.hash = '#q='")
    browser.until("document.querySelectorAll('thead th').length > 9")
    check(
        browser.run(
            f"{sums}.every(([row, all]) => all === [...row.querySelectorAll('td')].reduce((sum, td, i) => sum + (td.classList.contains('heat') ? Number(td.textContent.match(/[\\d,]+/)[0].replace(',', ''))"
            " : ['fail', 'warn', 'unknown'].includes(td.className) ? Number(row.closest('table').querySelectorAll('thead th')[i + 1].textContent.replace(',', '')) : 0), 0))"
        ),
        "kinds do not add up",
    )
    pages.quiet()


def test_a_node_shows_its_own_evidence(pages):
    data = pages.data("many")
    browser = pages.open("many", "#verdict=fail")
    at = next(
        i
        for i, node in enumerate(data["nodes"])
        if any("disk-space" in data["findings"][data["outcomes"][o]["f"]]["id"] for o, _ in node["e"])
    )
    node = data["nodes"][at]
    browser.run("document.getElementById('search').focus()")
    browser.type(node["n"])
    browser.until(f"{NODES} === '1 of 10,000 nodes'")
    browser.run("document.querySelector('.nodes a').focus()")
    browser.press("Enter")
    browser.until("document.querySelector('dialog').open")
    text = browser.run("document.querySelector('dialog').textContent")
    for o, told in node["e"]:
        detail = data["details"][told]
        for one in [detail["m"], detail["x"], *detail["n"], *detail["c"], *(part for pair in detail["e"] for part in pair)]:
            check(one in text, one, "is not in", text)
    for one in (node["n"], node["k"], node["s"], node["t"], data["groups"][node["g"]]["name"]):
        check(one in text, one, "is not in", text)
    check(not browser.run("document.querySelector('dialog .found.fail').open === false"), "a failure is closed")
    others = {data["details"][told]["m"] for other in data["nodes"] for _, told in other["e"]} - {
        data["details"][told]["m"] for _, told in node["e"]
    }
    check(not any(one in text for one in others), "it tells of another node")
    passes = sum(data["outcomes"][o]["v"] == "pass" for o in data["patterns"][node["p"]])
    check(f"Passed: {passes}" in text, text)
    browser.click("dialog > div > details:not(.found) summary")
    browser.until(f"document.querySelectorAll('dialog .ids li').length === {passes}")
    browser.press("Escape")
    browser.until("!document.querySelector('dialog').open && !location.hash.includes('node=')")
    same(browser.run("document.activeElement.textContent"), node["n"], "focus")
    # From one node of the list to the next.
    browser.run("location.hash = '#verdict=fail'")
    browser.until(f"{NODES} === '{data['totals']['fail']} of 10,000 nodes'")
    names = browser.run("[...document.querySelectorAll('.nodes a')].map(a => a.textContent).slice(0, 2)")
    browser.click(".nodes a")
    for name, button in zip(names + names[:1], ("next", "prev", "")):
        browser.until(f"document.querySelector('#node-title bdi')?.textContent === '{name}'")
        if button:
            browser.run(
                f"[...document.querySelectorAll('dialog nav a')].find(a => a.textContent.toLowerCase().startsWith('{button}')).click()"
            )
    # What follows from a finding says from which.
    blocked = next(node for node in data["nodes"] if any(data["outcomes"][o]["b"] >= 0 for o in data["patterns"][node["p"]]))
    pages.open("many", f"#node={blocked['n']}")
    browser.run("document.querySelectorAll('dialog details').forEach(one => { one.open = true; })")
    browser.until("document.querySelector('dialog').textContent.includes('follows from ')")
    pages.quiet()


def test_a_link_restores_what_was_looked_at(pages):
    data = pages.data("many")
    node = next(node for node in data["nodes"] if node["v"] == "fail" and node["g"] == 1)
    browser = pages.open("many", f"#q=gpu&verdict=fail&by=group&node={node['n']}")
    count = sum(node["v"] == "fail" and "gpu" in node["n"] for node in data["nodes"])
    same(browser.run(NODES), f"{count} of 10,000 nodes")
    same(
        browser.run(
            "[document.getElementById('search').value, document.querySelector('input[value=group]').checked, document.querySelector('dialog').open,"
            "document.querySelector('#node-title bdi').textContent, document.querySelector('[aria-current=true]').dataset.verdict]"
        ),
        ["gpu", True, True, node["n"], "fail"],
    )
    for strange in (
        "#node=nobody",
        "#kind=999&group=x&cause=y&list=same%2077&finding=z",
        "#list=worse",
        "#%E0%A4%A",
        "#kind=-1&verdict=what",
        "#list=__proto__%200",
    ):
        pages.open("many", strange)
        check(browser.run("document.getElementById('nodes').innerText.length > 10"), strange)
        pages.quiet()
    check("no node nobody" in pages.open("many", "#node=nobody").run("document.getElementById('nodes').innerText"))


def test_nothing_of_a_node_becomes_a_tag_or_a_script(pages):
    for fragment in ("", "#by=group", "#node=" + "x"):
        browser = pages.open("hostile", fragment)
        title = browser.run("document.title")
        if "node" in fragment:
            browser.run("document.querySelector('.nodes a').click()")
            browser.until("document.querySelector('dialog').open")
        else:
            browser.run("document.getElementById('search').focus()")
            browser.type("<img src=x")
            browser.until(f"{NODES} === '200 nodes' && document.querySelector('.chips').textContent.includes('<img')")
        browser.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        browser.receive(0.3)
        same(
            browser.run(
                "[document.title, document.images.length, document.scripts.length, document.querySelectorAll('[onerror], iframe, object, embed, base').length]"
            ),
            [title, 0, 2, 0],
        )
        same(
            browser.run("[...document.querySelectorAll('a')].filter(a => !a.getAttribute('href').startsWith('#')).length"),
            0,
            "links to elsewhere",
        )
        # Neither marks that turn the direction of writing, nor controls.
        check(browser.run(r"!/[\u0000-\u0008\u000b-\u001f\u202a-\u202e]/.test(document.body.innerText)"), "it has controls")
        check("<img src=x onerror=" in browser.run("document.querySelector('main').innerText"), "the test is not hostile")
        pages.quiet()


def test_what_is_broken_is_noticed(pages):
    browser = pages.browser
    text = mock.page(mock.FLEETS["one"]())
    bad = {
        "script": text.replace("</body>", "<script>document.title = 'taken'</script></body>"),
        "style": text.replace("main {", "x {").replace("</style>", "x { color: red }</style>"),
        "image": text.replace("<noscript>", "<img src='https://127.0.0.1:9/x' onerror=\"document.title = 'taken'\"><noscript>"),
        "changed": text.replace('"use strict";', '"use strict"; document.title = "taken";'),
    }
    for what, page in bad.items():
        (pages.work / "broken.html").write_text(page, encoding="utf-8")
        browser.open(f"file://{pages.work}/broken.html")
        browser.receive(0.3)
        check(
            any("Content Security Policy" in one for one in browser.complaints),
            f"{what}: it is not noticed",
            browser.complaints,
        )
        check(browser.run("document.title") != "taken", f"{what}: it is run")
    # Data that end too early leave the lines that are there without script, and say so.
    (pages.work / "broken.html").write_text(text.replace('"generatedAt"', '"generatedAt'), encoding="utf-8")
    browser.open(f"file://{pages.work}/broken.html")
    shown = browser.run("document.body.innerText")
    check("can't be read" in shown and "1 of 1 nodes fail" in shown, shown)


def test_without_script_totals_and_causes_are_there(pages):
    browser = pages.open("many", is_scripted=False)
    root = browser.send("DOM.getDocument", depth=-1)["root"]
    texts = []

    def walk(node):
        if node["nodeName"] not in ("SCRIPT", "STYLE"):
            texts.append(node.get("nodeValue", ""))
            for child in node.get("children", []):
                walk(child)

    walk(root)
    shown = " ".join(texts)
    check("nodes fail" in shown and "swap/active" in shown and "need JavaScript" in shown, shown[:2000])
    pages.quiet()


def test_small_fleets_have_words_for_what_is_not_there(pages):
    for name, said in {
        "good": ["Nothing fails on 300 nodes", "Every finding of these nodes passes or is skipped", "None is there twice"],
        "one": ["1 of 1 node fails", "the only cause on all of them"],
        "empty": ["No node was read", "ends in the middle"],
    }.items():
        text = pages.open(name).run("document.body.innerText")
        for one in said:
            check(one in text, one, "is not in", text)
        pages.quiet()


def test_nothing_is_wider_than_a_telephone(pages):
    for name in ("many", "hostile", "one"):
        for fragment in ("", "#by=group", "#kind=1&verdict=fail"):
            browser = pages.open(name, fragment, wide=420)
            wide = browser.run("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
            check(wide[0] <= wide[1], name, fragment, wide)
        browser.run("document.querySelector('.nodes a')?.click()")
        browser.receive(0.2)
        check(
            browser.run(
                "(dialog => !dialog.open || dialog.scrollWidth <= dialog.clientWidth)(document.querySelector('dialog'))"
            ),
            f"{name}: the node is wider",
        )


def test_axe_finds_nothing_to_mend(pages):
    if not pages.axe.exists():
        raise NotRun(f"axe-core is not in {pages.axe}: .ci/run fetches it")
    axe = pages.axe.read_text(encoding="utf-8")
    data = pages.data("many")
    node = next(node for node in data["nodes"] if node["v"] == "fail")
    looks = [
        ("many", "", False),
        ("good", "#q=nothing-fits", False),
        *(
            ("many", f"#{at}", is_dark)
            for at in ("by=group&finding=swap%2Factive", f"node={node['n']}")
            for is_dark in (False, True)
        ),
        *(("all", "#by=group", is_dark) for is_dark in (False, True)),
    ]
    if pages.given:
        looks += [("given", "", False), ("given", "", True)]
    for name, fragment, is_dark in looks:
        browser = pages.open(name, fragment, is_dark=is_dark)
        browser.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        browser.receive(0.1)
        browser.run(axe + "; 0")
        # Several hundred nodes of the list and cells of the map are alike: some of each do.
        browser.run(
            "document.querySelectorAll('.nodes li:nth-child(n+9), tbody tr:nth-child(n+11)').forEach(one => one.remove())"
        )
        found = browser.run(
            "axe.run(document).then(found => [found.violations.map(v => `${v.id}: ${v.nodes.length} ${v.nodes[0].html} ${v.nodes[0].failureSummary}`), found.passes.length])"
        )
        same(found[0], [], f"{name}{fragment}, {'dark' if is_dark else 'light'}")
        check(found[1] > 15, "axe looked at nothing")


def test_the_page_of_the_program(pages):
    if not pages.given:
        return
    data = pages.data("given")
    browser = pages.open("given")
    pages.quiet()
    count = len(data["nodes"])
    same(browser.run(NODES), f"{count:,} node{'s' if count != 1 else ''}")
    for cause in data["causes"][:3]:
        outcome = data["outcomes"][cause["o"]]
        key = f"{data['findings'][outcome['f']]['id']} {outcome['r']} {outcome['v']}"
        browser.run(f"location.hash = '#' + new URLSearchParams({{ cause: {json.dumps(key)} }})")
        browser.until(f"{NODES}.startsWith('{cause['nodes']:,} ')")
    browser.run("location.hash = '#q='")
    browser.until(f"{NODES}.startsWith('{count:,} ')")
    for at in range(min(count, 5)):
        browser.click(f".nodes li:nth-child({at + 1}) a")
        browser.until("document.querySelector('dialog').open")
        browser.press("Escape")
        browser.until("!document.querySelector('dialog').open && !location.hash.includes('node=')")
    pages.quiet()


class NotRun(Exception):
    """Something that a test needs is not there."""


def pictures(pages, directory):
    """What somebody has to look at."""
    directory.mkdir(parents=True, exist_ok=True)
    node = next(node for node in pages.data("many")["nodes"] if len(node["e"]) > 1)["n"]
    for wide in (1400, 420):
        for is_dark in (False, True):
            for name, fragment in {"many": "", "good": "", "one": "", "hostile": ""}.items() | {
                ("many", "#by=group"),
                ("many", f"#node={node}"),
            }:
                browser = pages.open(name, fragment, wide=wide, is_dark=is_dark)
                kind = fragment.split("=")[0].strip("#") or "all"
                browser.picture(
                    directory / f"{name}-{kind}-{wide}-{'dark' if is_dark else 'light'}.png", is_whole=kind != "node"
                )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--axe", type=pathlib.Path, default=mock.HERE.parents[1] / "target/axe/package/axe.min.js")
    parser.add_argument("--page", type=pathlib.Path)
    parser.add_argument("--pictures", type=pathlib.Path)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    program = shutil.which("chromium")
    if not program:
        print("fleet_page: NOT RUN: chromium is not installed", file=sys.stderr)
        return 77
    failures, missing = [], []

    def end(number, _):
        # Not a Failed: it ends all tests, and what was started is ended below.
        raise SystemExit(f"fleet_page: WRONG: ended by {signal.Signals(number).name}")

    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, end)
    signal.alarm(PATIENCE)
    work = pathlib.Path(tempfile.mkdtemp(prefix="fleet-page-"))
    browser = Browser(program)
    try:
        browser.send("Page.addScriptToEvaluateOnNewDocument", source=LONG)
        pages = Pages(browser, work, asked.axe, asked.page)
        tests = {name[5:]: one for name, one in globals().items() if name.startswith("test_") and asked.only in name}
        for name in tests:
            started = time.monotonic()
            try:
                tests[name](pages)
                print(f"{name}: well, {time.monotonic() - started:.1f} s", flush=True)
            except NotRun as why:
                missing.append(name)
                print(f"{name}: NOT RUN: {why}", file=sys.stderr)
            except (Failed, KeyError, IndexError, StopIteration, TypeError) as why:
                failures.append(name)
                print(
                    f"{name}: WRONG: {why if isinstance(why, Failed) else traceback.format_exc()}", file=sys.stderr, flush=True
                )
        if asked.pictures:
            pictures(pages, asked.pictures)
    finally:
        browser.close()
        shutil.rmtree(work, ignore_errors=True)
    return 1 if failures else 77 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
