"""{{ name }}: a small service."""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        known = {"/": b"{{ name }}\n", "/healthz": b"ok\n"}
        body = known.get(self.path)
        self.send_response(200 if body else 404)
        self.end_headers()
        self.wfile.write(body or b"not here\n")


if __name__ == "__main__":
    HTTPServer(("", int(os.environ.get("PORT", "{{ inputs.port }}"))), Handler).serve_forever()
