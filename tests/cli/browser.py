"""A real browser, spoken to over a pipe by Chromium's own protocol; for the tests beside this."""

import json
import os
import shutil
import subprocess
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
WIDE, PHONE = (1200, 900), (360, 740)
_WORDS = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run"
_WORDS += " --remote-debugging-pipe --hide-scrollbars"
_KEYS = {"Tab": ("Tab", 9, ""), "Enter": ("Enter", 13, "\r"), "Space": (" ", 32, " ")}


class Browser:
    """A page of a browser.

    requests : addresses that the page has asked for, but for those that hold their content.
    said : what the browser complains of.
    """

    def __init__(self, home):
        ours, theirs = os.pipe(), os.pipe()
        self._write, self._read = os.fdopen(ours[1], "wb"), os.fdopen(theirs[0], "rb")

        def pipes():
            there, back = os.dup(ours[0]), os.dup(theirs[1])  # 3 and 4 may be among them
            os.dup2(there, 3)
            os.dup2(back, 4)

        command = [CHROMIUM, *_WORDS.split(), f"--user-data-dir={home}", "about:blank"]
        self._process = subprocess.Popen(
            command, preexec_fn=pipes, close_fds=False, stderr=subprocess.DEVNULL
        )
        os.close(ours[0])
        os.close(theirs[1])
        self._number, self._left, self._session = 0, b"", None
        self.requests, self.said, self._loaded = [], [], 0
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **params):
        """Ask for something, and wait for the answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        message |= {"sessionId": self._session} if self._session else {}
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        while (answer := self._next()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self):
        """The next message; what tells of an event is kept."""
        while b"\0" not in self._left:
            more = os.read(self._read.fileno(), 1 << 16)
            assert more, "the browser has gone"
            self._left += more
        message, _, self._left = self._left.partition(b"\0")
        found = json.loads(message)
        event, told = found.get("method"), found.get("params", {})
        if event == "Network.requestWillBeSent" and not told["request"]["url"].startswith("data:"):
            self.requests.append(told["request"]["url"])
        elif event == "Page.loadEventFired":
            self._loaded += 1
        elif event == "Log.entryAdded":
            self.said.append(told["entry"]["text"])
        elif event == "Runtime.exceptionThrown":
            self.said.append(told["exceptionDetails"]["text"])
        return found

    def open(self, file, size=WIDE, **media):
        """Open a file on a screen of a size; media : features, such as a colour scheme."""
        self.requests, self.said, self._loaded = [], [], 0
        width, height = size
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=size == PHONE,
        )
        features = [{"name": k.replace("_", "-"), "value": v} for k, v in media.items()]
        self.ask("Emulation.setEmulatedMedia", media="", features=features)
        self.ask("Page.navigate", url=Path(file).resolve().as_uri())
        while not self._loaded:
            self._next()

    def value(self, script):
        """What an expression of JavaScript is worth on the page."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, *names):
        """Press keys, as a person does."""
        for name in names:
            key, code, text = _KEYS[name]
            known = {"key": key, "code": name, "windowsVirtualKeyCode": code}
            down = known | ({"text": text} if text else {})
            self.ask("Input.dispatchKeyEvent", type="keyDown", **down)
            self.ask("Input.dispatchKeyEvent", type="keyUp", **known)

    def close(self):
        """End the browser."""
        self._session = None
        self.ask("Browser.close")
        self._process.wait()
        self._write.close()
        self._read.close()
