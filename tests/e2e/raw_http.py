"""HTTP as bytes: a client that sends what it likes and reads replies one by one."""

import socket
import time

from harness import SLOW, free_port


def serve(daemon, points, **keys):
    """Start refreshd over these points with HTTP on; its port is daemon.port."""
    daemon.port = free_port()
    daemon.load(points)
    daemon.configure(http__listen=f"127.0.0.1:{daemon.port}", **keys)
    return daemon.start()


class Reply:
    def __init__(self, head, body):
        first, *lines = head.decode("latin-1").split("\r\n")
        self.version, status, _ = first.split(" ", 2)
        self.status = int(status)
        self.lines = lines
        self.headers = {name.lower(): value.strip() for name, value in
                        (line.split(":", 1) for line in lines)}
        self.body = body


class Raw:
    """One connection. Replies that don't come within 20 s fail the test."""

    def __init__(self, port, receive_bytes=None):
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(20 * SLOW)
        self.socket.connect(("127.0.0.1", port))
        self.have = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def get(self, path, *headers, method="GET", version="1.1"):
        lines = [f"{method} {path} HTTP/{version}", "Host: x", *headers, "", ""]
        return self.send("\r\n".join(lines))

    def more(self):
        """More bytes, or False at the end of the connection."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self.have += data
        return bool(data)

    def reply(self, head_only=False):
        """The next reply, None when the connection ends before it."""
        while b"\r\n\r\n" not in self.have:
            if not self.more():
                return None
        head, self.have = self.have.split(b"\r\n\r\n", 1)
        reply = Reply(head, b"")
        length = 0 if head_only else int(reply.headers.get("content-length", 0))
        while len(self.have) < length:
            assert self.more(), "the connection ended within a body"
        reply.body, self.have = self.have[:length], self.have[length:]
        return reply

    def ended(self, seconds=20):
        """Whether the server closes the connection in that time, whatever it says before."""
        deadline = time.monotonic() + seconds * SLOW
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                if not self.socket.recv(65536):
                    return True
            except TimeoutError:
                return False
            except ConnectionResetError:
                return True
        return False


def ask(port, path, *headers, **options):
    """One request on a connection of its own."""
    with Raw(port) as raw:
        return raw.get(path, *headers, **options).reply(options.get("method") == "HEAD")
