"""A reverse proxy for tests, which serves the studio below a path, WebSockets included."""

import re
import socket
import threading
from contextlib import suppress


class ReverseProxy:
    """Forwards connections to a server in threads.

    Arguments:
        port: The port of the server.
        prefix: The path below which the proxy serves it, such as "/lab/studio".
        strips: Whether the proxy removes the path from the requests that it forwards.
        host: The Host header of forwarded requests; "" for the one that the client sent.
    """

    def __init__(self, port: int, prefix: str, *, strips: bool, host: str = "") -> None:
        self.target, self.prefix, self.strips, self.host = port, prefix, strips, host
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}{prefix}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self.listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            head = b""
            while b"\r\n\r\n" not in head:
                part = client.recv(65536)
                if not part:
                    return
                head += part
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                server.sendall(self._rewritten(head))
                back = threading.Thread(target=copy, args=(server, client), daemon=True)
                back.start()
                copy(client, server)
                back.join()

    def _rewritten(self, head: bytes) -> bytes:
        """Return the request line and the headers that are forwarded."""
        method, target, rest = head.split(b" ", 2)
        if self.strips:
            target = b"/" + target.removeprefix(self.prefix.encode()).lstrip(b"/")
        if b"upgrade: websocket" not in rest.lower():  # the next request has its own connection
            rest = re.sub(rb"(?i)connection: [^\r]*\r\n", b"", rest)
            rest = rest.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        if self.host:
            rest = re.sub(
                rb"(?i)\r\nhost: [^\r]*", f"\r\nHost: {self.host}".encode(), rest, count=1
            )
        return b" ".join([method, target, rest])


def copy(source: socket.socket, target: socket.socket) -> None:
    """Copy bytes until a connection is closed."""
    with suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)
