"""Verifies messages with dkimpy, on standard input as lines of JSON:
{"name": ..., "message": base64, "signatures": how many on top, "keys": {name: record}}.
Answers with a line of JSON for each: {"name": ..., "results": ["pass", "fail", ...]}."""
import base64
import json
import sys

import dkim

for line in sys.stdin:
    case = json.loads(line)
    message = base64.b64decode(case["message"])
    keys = {k.encode(): v.encode() for k, v in case["keys"].items()}
    results = []
    for i in range(case["signatures"]):
        try:
            good = dkim.DKIM(message).verify(i, dnsfunc=lambda name, timeout=5: keys.get(name.rstrip(b".")))
            results.append("pass" if good else "fail")
        except Exception as e:  # dkimpy has errors of its own and Python's
            results.append("error: " + type(e).__name__ + ": " + str(e))
    print(json.dumps({"name": case["name"], "results": results}))
