"""A driver as a service: makes folders. PORT, TOKEN and FOLDER come from the environment."""

import http.server, json, os, pathlib, secrets, shutil

FOLDER = pathlib.Path(os.environ["FOLDER"])


def seen(key):
    there = (FOLDER / key).is_dir()
    ready = {"type": "Ready", "status": "True" if there else "False", "reason": "Looked", "message": "The shelf is looked at"}
    outputs = {"path": str(FOLDER / key)} if there else {}
    return {"observation": {"presence": "present" if there else "absent", "conditions": [ready], "outputs": outputs}}


def answer(verb, request):
    if not FOLDER.is_dir():
        return {"failure": {"retry": True, "whose": "backend", "message": "the disk is away", "mend": "mount it"}}
    if verb == "probe":
        return {"done": True}
    key = request["key"]
    assert key.replace("-", "").isalnum()
    if verb == "plan":
        return {"plan": {"changes": [] if (FOLDER / key).is_dir() else ["make a shelf"]}}
    if verb == "apply":
        (FOLDER / key).mkdir(exist_ok=True)
    if verb == "destroy":
        shutil.rmtree(FOLDER / key, ignore_errors=True)
        shutil.rmtree(FOLDER / f"logins-{key}", ignore_errors=True)
        return {"done": True}
    if verb in ("grant", "revoke", "granted"):
        return access(verb, FOLDER / f"logins-{key}", request.get("login"))
    return seen(key)


def access(verb, folder, login):
    if verb == "granted":
        return {"credentials": sorted(file.name for file in folder.glob("*"))}
    assert login["id"].replace("-", "").isalnum()
    if verb == "revoke":
        (folder / login["id"]).unlink(missing_ok=True)
        return {"done": True}
    # Whoever asks again gets a new secret: the last one may have reached nobody.
    folder.mkdir(exist_ok=True)
    password = secrets.token_hex(16)
    (folder / login["id"]).write_text(password)
    return {"granted": {"outputs": {"user": login["id"]}, "secrets": {"password": password}}}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        allowed = self.headers["authorization"] == "Bearer " + os.environ["TOKEN"]
        body = json.dumps(answer(self.path.strip("/"), request) if allowed else {}).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
