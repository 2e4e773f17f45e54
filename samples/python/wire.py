"""Frames, the cipher of texts, and where to connect: docs/PROTOCOL.md, "Frame", "Message text", "Finding a msg_server"."""

import base64
import json
import re
import socket
import struct
import time
import urllib.request

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

HEADER = struct.Struct(">IHHHHHH")  # length, version, flag, service, command, seq_num, reserved
HEARTBEAT, HEARTBEAT_SECONDS = 0x0701, 30
AES = Cipher(algorithms.AES(b"12345678901234567890123456789012"), modes.ECB())  # every client has this key


def encrypt(text):
    data = text.encode()
    zeros = bytes(-(len(data) + 4) % 16)
    return base64.b64encode(AES.encryptor().update(data + zeros + len(data).to_bytes(4, "big")))


def decrypt(field):
    try:
        plain = AES.decryptor().update(base64.b64decode(field))
    except ValueError:
        return "(no text)"
    # Not every client writes the right length into the last four bytes, so the zeros say where the text ends.
    text = plain[:-4].rstrip(b"\0").decode(errors="replace")
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text)


def connect(login_url):
    """Asks login_server, and connects to the msg_server that it names."""
    url = login_url.rstrip("/") + "/msg_server"
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            answer = json.load(response)
    except OSError as error:
        raise ConnectionError(f"{url}: {error}") from error
    if answer["code"] != 0:
        raise ConnectionError(answer["msg"])
    try:
        return Connection((answer["priorIP"], int(answer["port"])))
    except OSError:
        return Connection((answer["backupIP"], int(answer["port"])))


class Connection:
    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=10)
        self.unread = b""
        self.seq = 0
        self.next_beat = time.monotonic() + HEARTBEAT_SECONDS

    def send(self, command, body=b""):
        """Sends a frame and returns its number; the reply will have the same one."""
        self.seq = self.seq % 0xFFFF + 1
        self.socket.settimeout(10)
        self.socket.sendall(HEADER.pack(16 + len(body), 1, 0, command >> 8, command, self.seq, 0) + body)
        return self.seq

    def receive(self, until):
        """The next frame as command, number and body; TimeoutError if there is none at time.monotonic() == until."""
        while True:
            if len(self.unread) >= 16:
                length, _, _, _, command, seq, _ = HEADER.unpack_from(self.unread)
                if len(self.unread) >= length:
                    body, self.unread = self.unread[16:length], self.unread[length:]
                    return command, seq, body
            now = time.monotonic()
            if now >= until:
                raise TimeoutError
            if now >= self.next_beat:
                self.send(HEARTBEAT)
                self.next_beat = now + HEARTBEAT_SECONDS
            self.socket.settimeout(min(until, self.next_beat) - now)
            try:
                chunk = self.socket.recv(65536)
            except TimeoutError:
                continue
            if not chunk:
                raise ConnectionError("the server closed the connection")
            self.unread += chunk
