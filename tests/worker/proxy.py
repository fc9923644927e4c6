"""A small TCP proxy before Redis whose connections can be made to go silent, as a router does.

A frozen connection stays open on both sides and carries nothing, for ever: what NAT that forgot it,
or an address that moved, look like to a program. Connections made later work.
"""

import contextlib
import socket
import threading


class Proxy:
    """Listens on a port of its own and hands bytes on to `target` on this machine."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._open: list[_Line] = []
        self._is_cut = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def turn_to(self, target: int) -> None:
        """Hands connections made from now on to another port, as a moved address does; those that
        are open go silent."""
        self._target = target
        self.freeze()

    def freeze(self) -> int:
        """Silences every connection that is open now; how many they are."""
        with self._lock:
            frozen, self._open = self._open, []
        for line in frozen:
            line.is_frozen.set()
        return len(frozen)

    def cut(self) -> None:
        """Ends every connection, and refuses new ones until `mend`."""
        self._is_cut = True
        with self._lock:
            ended, self._open = self._open, []
        for line in ended:
            line.end()

    def mend(self) -> None:
        """See `cut`."""
        self._is_cut = False

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            if self._is_cut:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()  # Redis is away: this connection is refused, the next one may not be
                continue
            line = _Line(client, server)
            with self._lock:
                self._open.append(line)
            line.start()


class _Line:
    """Two sockets and the threads that carry bytes from one to the other."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._ends = (client, server)
        self.is_frozen = threading.Event()

    def start(self) -> None:
        for source, sink in (self._ends, self._ends[::-1]):
            threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def end(self) -> None:
        """Both ends hear that the connection is over."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.is_frozen.is_set():
                    return  # both sockets stay open; nobody reads them any more
                sink.sendall(data)
        if not self.is_frozen.is_set():
            for end in self._ends:
                end.close()
