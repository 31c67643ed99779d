"""A Chromium that is driven by the DevTools protocol over two pipes, which needs neither a port nor a package."""

import fcntl
import itertools
import json
import os
import select
import subprocess
import time

LIMIT = 30  # seconds for whatever is waited for


class Browser:
    """Headless, with a profile of its own. `resolver_rules` says where host names lead (--host-resolver-rules)."""

    def __init__(self, program, profile, resolver_rules):
        from_here, self._out = os.pipe()
        self._in, from_there = os.pipe()
        # Out of the way of 3 and 4, which the browser reads from and writes to.
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (from_here, from_there)]
        os.close(from_here)
        os.close(from_there)
        command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        command += [f"--user-data-dir={profile}", f"--host-resolver-rules={resolver_rules}"]
        command += ["--remote-debugging-pipe", "about:blank"]
        shell = 'exec 3<&"$1" 4>&"$2" && shift 2 && exec "$@"'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "bash", *map(str, high), *command],
            pass_fds=high,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in high:
            os.close(end)
        self._numbers = itertools.count(1)
        self._unread = b""
        self.version = self.call("Browser.getVersion")["product"]

    def close(self):
        """Ends the browser; one that does not end by itself is killed."""
        try:
            self.call("Browser.close")
            self._process.wait(LIMIT)
        except (OSError, RuntimeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()

    def send(self, method, session=None, **parameters):
        """Sends a command and gives its number."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        return number

    def call(self, method, session=None, **parameters):
        """Sends a command and gives its result."""
        number = self.send(method, session, **parameters)
        answer = self._next(lambda message: message.get("id") == number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def wait_for(self, event, session):
        """Waits for an event of a session."""
        return self.wait_for_any({event}, session)

    def wait_for_any(self, events, session):
        """Waits for one of several events of a session."""
        return self._next(lambda message: message.get("method") in events and message.get("sessionId") == session)

    def _next(self, wanted):
        deadline = time.monotonic() + LIMIT
        while True:
            while b"\0" in self._unread:
                message, self._unread = self._unread.split(b"\0", 1)
                message = json.loads(message)
                if wanted(message):
                    return message
            if not select.select([self._in], [], [], max(0, deadline - time.monotonic()))[0]:
                raise RuntimeError("the browser does not answer")
            received = os.read(self._in, 1 << 16)
            if not received:
                raise RuntimeError("the browser has ended")
            self._unread += received

    def page(self, url):
        """A new page at this address."""
        page = Page(self)
        page.open(url)
        return page

    def page_that_asks(self, url, name, password):
        """A new page at this address, and how often it has asked for a password: what it gets is always the same."""
        page = Page(self)
        return page, page.open_with(url, name, password)


class Page:
    """A page, in which scripts are run as if they stood in it."""

    def __init__(self, browser):
        self._browser = browser
        self._target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = attached["sessionId"]
        browser.call("Page.enable", self._session)

    def open(self, url):
        answer = self._browser.call("Page.navigate", self._session, url=url)
        if "errorText" in answer:
            raise RuntimeError(f"{url}: {answer['errorText']}")
        self._browser.wait_for("Page.loadEventFired", self._session)

    def open_with(self, url, name, password):
        """Does what a visitor does in the window for a password, up to three times; without a password, closes it."""
        asked = 0
        # All requests are stopped, too, and have to be sent on.
        self._browser.call("Fetch.enable", self._session, handleAuthRequests=True)
        self._browser.send("Page.navigate", self._session, url=url)
        while True:
            events = {"Fetch.requestPaused", "Fetch.authRequired", "Page.loadEventFired"}
            event = self._browser.wait_for_any(events, self._session)
            if event["method"] == "Page.loadEventFired":
                break
            stopped = event["params"]["requestId"]
            if event["method"] == "Fetch.requestPaused":
                self._browser.send("Fetch.continueRequest", self._session, requestId=stopped)
                continue
            asked += 1
            answer = {"response": "CancelAuth"}
            if password and asked <= 3:
                answer = {"response": "ProvideCredentials", "username": name, "password": password}
            self._browser.send(
                "Fetch.continueWithAuth", self._session, requestId=stopped, authChallengeResponse=answer
            )
        self._browser.call("Fetch.disable", self._session)
        return asked

    def run(self, body):
        """Runs the body of an async function, and gives what it returns."""
        answer = self._browser.call(
            "Runtime.evaluate",
            self._session,
            expression=f"(async () => {{ {body} }})()",
            awaitPromise=True,
            returnByValue=True,
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def close(self):
        self._browser.call("Target.closeTarget", targetId=self._target)
