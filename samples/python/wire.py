"""What chat.py stands on: finding a server, frames, requests and replies, heartbeats, the cipher of texts.

See docs/PROTOCOL.md, "Finding a msg_server", "Frame", "Sequence numbers", "Heartbeats", "Message text".
"""

import base64
import json
import math
import re
import socket
import struct
import time
import urllib.request

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

HEADER = struct.Struct(">IHHHHHH")  # length, version, flag, service, command, seq_num, reserved
HEARTBEAT, KICK = 0x0701, 0x0107
HEARTBEAT_SECONDS = 30
REPLY_SECONDS = 10  # until a request has its reply
NEXT_REPLY_SECONDS = 3  # until it has the next one; only the address book and groups come in several
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
        self.pushed = []  # frames that came while a reply was waited for
        self.seq = 0
        self.next_beat = time.monotonic() + HEARTBEAT_SECONDS

    def send(self, command, message=None):
        """Sends a frame and returns its number; the reply will have the same one."""
        body = b"" if message is None else message.SerializeToString()
        self.seq = self.seq % 0xFFFF + 1
        self.socket.settimeout(10)
        self.socket.sendall(HEADER.pack(16 + len(body), 1, 0, command >> 8, command, self.seq, 0) + body)
        return self.seq

    def ask(self, command, request, reply_type):
        """The reply to a request."""
        for reply in self.replies(command, request, reply_type):
            return reply
        raise TimeoutError("no answer in time")

    def replies(self, command, request, reply_type):
        """All replies to a request. None is marked as the last one, so they end when no more come."""
        seq = self.send(command, request)
        until = time.monotonic() + REPLY_SECONDS
        while frame := self.next_frame(until):
            _, number, body = frame
            if number == seq:
                yield reply_type.FromString(body)
                until = time.monotonic() + NEXT_REPLY_SECONDS
            else:
                self.pushed.append(frame)

    def receive(self, command, message_type):
        """The next message that the server sends by itself under a command. Other commands are skipped."""
        while True:
            got, _, body = self.pushed.pop(0) if self.pushed else self.next_frame(math.inf)
            if got == command:
                return message_type.FromString(body)

    def next_frame(self, until):
        """The next frame as command, number and body; None if there is none at time.monotonic() == until."""
        while True:
            if len(self.unread) >= 16:
                length, _, _, _, command, seq, _ = HEADER.unpack_from(self.unread)
                if len(self.unread) >= length:
                    body, self.unread = self.unread[16:length], self.unread[length:]
                    if command == KICK:  # one is to hang up now, and not to log in again by oneself
                        raise ConnectionError("logged in elsewhere")
                    return command, seq, body
            now = time.monotonic()
            if now >= until:
                return None
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
