"""{{ name }}: a small service. Replace `answer` with what yours does; keep the rest."""

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "{{ name }}"
TEAM = "{{ team }}"
PURPOSE = {{ inputs.purpose | tojson }}


def answer(path):
    """Status and body for a path; None when there is nothing."""
    if path == "/":
        return 200, {"name": NAME, "team": TEAM, "purpose": PURPOSE}
    if path == "/healthz":
        return 200, {"status": "ok"}
    return None


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        found = answer(self.path.split("?")[0])
        status, body = found or (404, {"error": "There is nothing at this address."})
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format, *args):
        line = {"service": NAME, "request": self.requestline, "status": args[1] if len(args) > 1 else None}
        print(json.dumps(line), file=sys.stderr, flush=True)


def main():
    port = int(os.environ.get("PORT", "{{ inputs.port }}"))
    server = ThreadingHTTPServer(("", port), Handler)
    # `shutdown` waits for the loop that runs in this thread, so it must be called from another.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(json.dumps({"service": NAME, "listening": port}), file=sys.stderr, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
