"""usage: check.py CHART HELP MANIFESTS VALUES [MANIFESTS VALUES]...

Holds each pair of rendered manifests and values file against promises/, and each promise against
its own breaks: a promise that a break does not offend, or a break that says nothing about any case,
is a failure too.
"""

import sys
import traceback
from pathlib import Path

import yaml
from promises import PROMISES
from rendered import Rendered

failed = 0


def report(name, faults):
    global failed
    failed += bool(faults)
    print("FAIL" if faults else "ok", name)
    for fault in faults:
        print("    " + fault)


def fault_of(keeps, case):
    """Why the promise is not kept, or None."""
    try:
        keeps(case)
    except Exception as error:  # Whatever it stumbles over is missing or of another form.
        line = traceback.extract_tb(error.__traceback__)[-1].line
        return f"{case.name}: {error!r} at: {line}"


def broken(breaks, case):
    """A copy of the case with the break, or None if there is nothing to break."""
    copy = case.copy()
    copy.flags = dict(case.flags)
    try:
        breaks(copy)
    except (KeyError, IndexError, ValueError, AssertionError, StopIteration):
        return None
    changed = copy.fingerprint() != case.fingerprint() or copy.flags != case.flags
    return copy if changed else None


def main(chart, help_file, *pairs):
    server_help = Path(help_file).read_text()
    cases = [Rendered.read(m, chart, v, server_help) for m, v in zip(pairs[::2], pairs[1::2])]
    for case in cases:
        case.app_version = yaml.safe_load((Path(chart) / "Chart.yaml").read_text())["appVersion"]
    breaks_tried = 0
    for text, keeps, breaks in PROMISES:
        report(text, [f for f in (fault_of(keeps, case) for case in cases) if f])
        unnoticed = []
        for name, offend in breaks.items():
            offended = [b for b in (broken(offend, case) for case in cases) if b]
            breaks_tried += 1
            if not offended:
                unnoticed.append(f"{name}: there is no case that it says anything about")
            unnoticed += [f"{name}: not noticed in {b.name}" for b in offended if not fault_of(keeps, b)]
        if not breaks:
            unnoticed.append("there is nothing that would break it")
        report(f"  and is noticed to be broken, in {len(breaks)} ways", unnoticed)
    print(f"{len(cases)} sets of values, {len(PROMISES)} promises, {breaks_tried} ways to break them")
    total = 2 * len(PROMISES)
    print(f"{total - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
