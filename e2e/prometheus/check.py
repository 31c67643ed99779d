"""Asks a Prometheus that scrapes the server, and checks the dashboard's and the alerts' queries.

usage: check.py PROMETHEUS_URL DASHBOARD

It prints a line for each check and the counts at the end, as the shell scripts do.
"""

import json
import sys
import time
import urllib.parse
import urllib.request

LIMIT = 60


def query(url, expression):
    """The result of an instant query; an error of Prometheus is an exception."""
    parameters = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(f"{url}/api/v1/query?{parameters}", timeout=10) as reply:
        answer = json.load(reply)
    assert answer["status"] == "success", answer
    return answer["data"]["result"]


def eventually(condition):
    """Asks until there is something, for a minute at most."""
    deadline = time.monotonic() + LIMIT
    while True:
        found = condition()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def expressions(dashboard):
    """Each query of the dashboard, with its variable filled in."""
    with open(dashboard, encoding="utf-8") as text:
        panels = json.load(text)["panels"]
    for panel in panels:
        for target in panel["targets"]:
            # The time range is shortened: the server has been scraped for seconds.
            expression = target["expr"].replace("$job", "http-nas").replace("[5m]", "[10s]")
            yield f"{panel['title']}: {target['legendFormat']}", expression


def main(url, dashboard):
    counts = {"ok": 0, "FAIL": 0}

    def check(name, passed):
        word = "ok" if passed else "FAIL"
        counts[word] += 1
        print(f"{word} {name}")

    up = eventually(lambda: [s for s in query(url, 'up{job="http-nas"}') if s["value"][1] == "1"])
    check("the server is scraped", bool(up))
    appends = eventually(lambda: query(url, 'http_nas_appends_total{job="http-nas"} >= 20'))
    check("the appends are counted", bool(appends))
    for name, expression in expressions(dashboard):
        check(f"dashboard, {name}", bool(eventually(lambda it=expression: query(url, it))))
    with urllib.request.urlopen(f"{url}/api/v1/rules", timeout=10) as reply:
        groups = json.load(reply)["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    check("four alerts are loaded", len(rules) == 4)
    check("each can be evaluated", all(rule["health"] == "ok" for rule in rules))
    check("none fires", not any(rule["state"] == "firing" for rule in rules))
    print(f"{counts['ok']} passed, {counts['FAIL']} failed")
    return 1 if counts["FAIL"] else 0


sys.exit(main(*sys.argv[1:]))
