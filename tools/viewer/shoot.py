#!/usr/bin/env python3
"""shoot.py PAGE[#WISHES] OUT.png [--drop FILE...]... [--size WxH] [--browser PROGRAM]

Opens a page of the viewer in headless Chromium, without a GPU, waits until it shows its file or
says why not, and writes a picture of it; then gives it the FILEs of each --drop as its file picker
would and does so again. {} in OUT stands for how often that was done. Prints as JSON what the page
said each time, what the browser complained of and every address that was asked for over a network.
Exits with 3 where there is no Chromium, or none that starts. Needs but Python and Chromium, which
it drives by a pipe."""
import argparse
import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu-sandbox", "--use-angle=swiftshader",
         "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--hide-scrollbars",
         "--force-color-profile=srgb", "--no-first-run",
         "--disable-extensions", "--disable-background-networking", "--disable-component-update",
         "--disable-dev-shm-usage", "--remote-debugging-pipe"]
READ = """(() => {
  const text = (id) => document.getElementById(id)?.textContent ?? '';
  return { state: document.documentElement.dataset.state, title: document.title,
    name: text('name'), count: text('count'), error: text('error') };
})()"""


class Browser:
    """Chromium behind a pipe that speaks its DevTools protocol: JSON messages, zero at the end."""

    def __init__(self, program, folder, patience):
        here_in, self.out = os.pipe()
        self.into, here_out = os.pipe()

        def pass_pipe():   # it reads from 3 and writes to 4, which may be ends of ours
            ends = os.dup(here_in), os.dup(here_out)
            for end, number in zip(ends, (3, 4)):
                os.dup2(end, number)

        self.log = open(os.path.join(folder, "log"), "w+b")
        self.process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={folder}/profile", "about:blank"],
            preexec_fn=pass_pipe, close_fds=False, stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log)
        os.close(here_in), os.close(here_out)
        self.deadline, self.rest, self.number, self.events = time.time() + patience, b"", 0, []

    def receive(self):
        while b"\0" not in self.rest:
            left = self.deadline - time.time()
            ready = left > 0 and select.select([self.into], [], [], left)[0]
            more = os.read(self.into, 1 << 16) if ready else b""
            if not more:
                self.log.seek(0)
                tail = self.log.read()[-1500:].decode(errors="replace")
                reason = "the browser closed" if ready else "it took too long"
                raise RuntimeError(f"{reason}\n{tail}")
            self.rest += more
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") != self.number:
                self.events.append(answer)
            elif "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']['message']}")
            else:
                return answer["result"]

    def close(self):
        os.close(self.out), os.close(self.into)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def complaints(events):
    for event in events:
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            yield details.get("exception", {}).get("description", details["text"])
        if event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            yield params["entry"]["text"]


def asked(events):
    for event in events:
        if event.get("method") == "Network.requestWillBeSent":
            url = event["params"]["request"]["url"]
            if not url.startswith(("file:", "blob:", "data:", "about:")):
                yield url


def settled(browser, session):
    while True:
        read = browser.call("Runtime.evaluate", session, expression=READ, returnByValue=True)
        value = read["result"].get("value", {})   # none between two pages
        if value.get("state") in ("ready", "error", "empty"):
            return value
        time.sleep(0.05)


def drop(browser, session, paths):
    forget = "document.documentElement.dataset.state = 'waiting'"
    browser.call("Runtime.evaluate", session, expression=forget)
    root = browser.call("DOM.getDocument", session)["root"]["nodeId"]
    node = browser.call("DOM.querySelector", session, nodeId=root, selector="#file-input")["nodeId"]
    files = [os.path.abspath(path) for path in paths]
    browser.call("DOM.setFileInputFiles", session, nodeId=node, files=files)


def capture(browser, session, out):
    picture = browser.call("Page.captureScreenshot", session, format="png")["data"]
    pathlib.Path(out).write_bytes(base64.b64decode(picture))


def shoot(browser, page, out, size, drops):
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    browser.call("Emulation.setDeviceMetricsOverride", session, width=size[0], height=size[1],
                 deviceScaleFactor=1, mobile=False)
    for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
        browser.call(f"{domain}.enable", session)
    address, hash_mark, wishes = page.partition("#")
    if "://" not in address:
        address = pathlib.Path(address).resolve().as_uri()
    browser.call("Page.navigate", session, url=address + hash_mark + wishes)
    shown = [settled(browser, session)]
    capture(browser, session, out.format(0))
    for number, paths in enumerate(drops, 1):
        drop(browser, session, paths)
        shown.append(settled(browser, session))
        capture(browser, session, out.format(number))
    return {"shown": shown, "complaints": list(complaints(browser.events)),
            "asked": list(asked(browser.events))}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("page")
    parser.add_argument("out")
    parser.add_argument("--size", default="1024x768")
    parser.add_argument("--drop", action="append", nargs="+", default=[])
    parser.add_argument("--browser", default=next(filter(None, map(shutil.which, BROWSERS)), None))
    parser.add_argument("--patience", type=float, default=240, help="seconds")
    given = parser.parse_args()
    if not given.browser:
        print("there is no Chromium", file=sys.stderr)
        sys.exit(3)
    size = [int(n) for n in given.size.split("x")]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(given.browser, folder, given.patience)
        try:
            browser.call("Browser.getVersion")
        except (RuntimeError, OSError) as error:
            browser.close()
            print(f"Chromium does not start: {error}", file=sys.stderr)
            sys.exit(3)
        try:
            print(json.dumps(shoot(browser, given.page, given.out, size, given.drop)))
        except RuntimeError as error:
            sys.exit(str(error))
        finally:
            browser.close()


main()
