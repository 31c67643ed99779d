"""What the chart promises, whatever the values; with each promise, ways to break it that it has to notice.

A promise is a function that raises AssertionError for manifests that do not keep it. A break
changes the manifests; where it changes nothing, or there is nothing of what it changes, it says
nothing about a case.
"""

from promises import access, helm_test, metadata, metrics, network, rights, server, volume  # noqa: F401, each adds its own
from promises.registry import PROMISES

__all__ = ["PROMISES"]
