"""Uploads a file with Python's http.client, which sends the whole body before it looks for a reply.

Run as `refused.py ADDRESS PORT HOST TARGET FILE`. Prints the status of the reply.
"""

import http.client
import sys

address, port, host, target, file = sys.argv[1:]
connection = http.client.HTTPConnection(address, int(port), timeout=60)
with open(file, "rb") as body:
    connection.request("POST", target, body.read(), {"Host": host})
print(connection.getresponse().status)
