"""Chromium without a window, steered by its DevTools protocol over pipes: no port, no library.

Facts about the protocol: https://chromedevtools.github.io/devtools-protocol/; messages are JSON with a NUL byte behind each, on the
descriptors 3 and 4 (`--remote-debugging-pipe`).
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

KEYS = {
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    "Tab": (9, ""),
    "ArrowLeft": (37, ""),
    "ArrowUp": (38, ""),
    "ArrowRight": (39, ""),
    "ArrowDown": (40, ""),
    "End": (35, ""),
    "Home": (36, ""),
}


class Failed(Exception):
    """The page or the browser did what it should not."""


class Browser:
    """One Chromium with one tab. What it complains about is in `complaints`, what it asked for in `requests`."""

    def __init__(self, program):
        self.complaints, self.requests = [], []
        self.number, self.rest, self.events = 0, b"", []
        self.profile = tempfile.mkdtemp(prefix="fleet-page-")
        ours_in, theirs_out = os.pipe()
        theirs_in, self.out = os.pipe()
        # High numbers, so that none of them is overwritten while they become 3 and 4.
        high = [fcntl.fcntl(one, fcntl.F_DUPFD, 20) for one in (theirs_in, theirs_out)]

        def wire():
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-extensions",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
            f"--user-data-dir={self.profile}",
        ]
        self.process = subprocess.Popen(
            [program, *arguments, "about:blank"],
            preexec_fn=wire,
            close_fds=True,
            pass_fds=(3, 4),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for one in (theirs_in, theirs_out, *high):
            os.close(one)
        self.into = ours_in
        targets = self.send("Target.getTargets")["targetInfos"]
        target = next(one for one in targets if one["type"] == "page")["targetId"]
        self.session = None
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method, **params):
        """Asks for something, and gives the answer."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if getattr(self, "session", None):
            message["sessionId"] = self.session
        told = json.dumps(message).encode() + b"\0"
        while told:
            told = told[os.write(self.out, told) :]
        end = time.monotonic() + 60
        while time.monotonic() < end:
            answer = self.receive(end - time.monotonic())
            if answer and answer.get("id") == self.number:
                if "error" in answer:
                    raise Failed(f"{method}: {answer['error']}")
                return answer["result"]
        raise Failed(f"{method}: no answer in a minute")

    def receive(self, seconds):
        """The next message, or nothing in that time. Events are taken note of."""
        end = time.monotonic() + seconds
        while b"\0" not in self.rest:
            if not select.select([self.into], [], [], max(0, end - time.monotonic()))[0]:
                return None
            read = os.read(self.into, 1 << 16)
            if not read:
                raise Failed("chromium is gone")
            self.rest += read
        line, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(line)
        if "method" in message:
            self.note(message["method"], message["params"])
        return message

    def note(self, method, params):
        if method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"])[:600])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(json.dumps(params["args"])[:600])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(f"a dialog: {params['message']}")
        self.events.append(method)

    def open(self, address, wide=1400, high=900, is_dark=False, is_scripted=True):
        """Loads a page, as if for the first time."""
        self.send("Emulation.setDeviceMetricsOverride", width=wide, height=high, deviceScaleFactor=1, mobile=False)
        self.send(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]
        )
        self.send("Emulation.setScriptExecutionDisabled", value=not is_scripted)
        self.send("Page.navigate", url="about:blank")
        self.wait("Page.loadEventFired")
        self.complaints.clear()
        self.requests.clear()
        self.events.clear()
        self.send("Page.navigate", url=address)
        self.wait("Page.loadEventFired")

    def wait(self, event, seconds=60):
        end = time.monotonic() + seconds
        while event not in self.events:
            if time.monotonic() > end:
                raise Failed(f"no {event} in {seconds} s")
            self.receive(0.2)
        self.events.remove(event)

    def run(self, script):
        """The value of an expression in the page; promises are waited for."""
        answer = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise Failed(f"{script[:200]}: {json.dumps(answer['exceptionDetails'])[:600]}")
        return answer["result"].get("value")

    def until(self, script, seconds=10):
        """Waits until an expression holds."""
        end = time.monotonic() + seconds
        while True:
            value = self.run(script)
            if value:
                return value
            if time.monotonic() > end:
                raise Failed(f"does not become true: {script}")
            self.receive(0.02)

    def press(self, key, times=1):
        code, text = KEYS[key]
        for _ in range(times):
            more = {"text": text} if text else {}
            self.send("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, **more)
            self.send("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def type(self, text):
        for letter in text:
            self.send("Input.dispatchKeyEvent", type="char", text=letter)

    def click(self, selector):
        """Clicks with the mouse what a selector names first."""
        at = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null; e.scrollIntoView({{block: 'center'}});"
            "const r = e.getClientRects()[0]; return [r.x + Math.min(r.width / 2, 20), r.y + r.height / 2]; })()"
        )
        if not at:
            raise Failed(f"there is no {selector}")
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="left", clickCount=1)

    def picture(self, file, is_whole=False):
        """Writes what is seen, or the whole page, as PNG."""
        more = {}
        if is_whole:
            size = self.send("Page.getLayoutMetrics")["cssContentSize"]
            more = {
                "captureBeyondViewport": True,
                "clip": {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 8000), "scale": 1},
            }
        file.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png", **more)["data"]))

    def close(self):
        try:
            self.session = None
            self.send("Browser.close")
            self.process.wait(10)
        except (Failed, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.out)
        os.close(self.into)
        shutil.rmtree(self.profile, ignore_errors=True)
