"""A proxy that ends TLS and serves a server in a folder, as nginx or Caddy would."""

import contextlib
import http.client
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade"}


@contextlib.contextmanager
def listening(folder: Path):
    """A proxy that listens by TLS but passes nothing on yet: give it to `pass_on`."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-days",
            "2",
            "-keyout",
            key,
            "-out",
            certificate,
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    proxy.socket = context.wrap_socket(proxy.socket, server_side=True)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()


def pass_on(proxy: ThreadingHTTPServer, port: int, folder: str, *, takes_off: bool) -> None:
    """Passes what begins with `folder` on to a port; `takes_off` the folder, or leaves it."""

    class Passing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"  # each answer ends with its connection

        def answer(self) -> None:
            if not self.path.startswith(f"{folder}/"):
                self.send_error(404)
                return
            path = self.path.removeprefix(folder) if takes_off else self.path
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            backend = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in _HOP
            }
            backend.request(self.command, path, body, headers | {"X-Forwarded-For": "192.0.2.7"})
            coming = backend.getresponse()
            self.send_response_only(coming.status)
            for name, value in coming.getheaders():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):  # the browser may leave
                while piece := coming.read1(65536):
                    self.wfile.write(piece)
            backend.close()

        do_GET = do_POST = do_HEAD = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    proxy.RequestHandlerClass = Passing
