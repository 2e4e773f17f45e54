#!/usr/bin/env python3
"""Logs in to Ferrotalk, sends a message, and prints what arrives."""

import argparse
import getpass
import hashlib
import math
import os
import sys
import time

from IM import BaseDefine_pb2 as base, Buddy_pb2 as buddy, Login_pb2 as login, Message_pb2 as msg
from wire import connect, decrypt, encrypt

REPLY_SECONDS = 10
FIND_SECONDS = 3


class Chat:
    def __init__(self, connection):
        self.connection, self.me, self.names, self.received = connection, 0, {}, 0

    def send(self, command, message):
        return self.connection.send(command, message.SerializeToString())

    def ask(self, command, request, reply_type):
        """Sends a request and waits for the reply, which has the same number."""
        seq, until = self.send(command, request), time.monotonic() + REPLY_SECONDS
        while True:
            got, number, body = self.connection.receive(until)
            if number == seq:
                return reply_type.FromString(body)
            self.take(got, body)

    def take(self, command, body):
        """Does what is to be done with a frame that nobody waits for."""
        if command == base.CID_MSG_DATA:
            self.show(msg.IMMsgData.FromString(body))
        elif command == base.CID_BUDDY_LIST_ALL_USER_RESPONSE:  # what came behind the first part of the address book
            self.learn(buddy.IMAllUserRsp.FromString(body))
        elif command == base.CID_LOGIN_KICK_USER:
            raise ConnectionError("logged in elsewhere")

    def learn(self, address_book):
        self.names |= {user.user_id: user.user_real_name for user in address_book.user_list}

    def show(self, message):
        sender = self.names.get(message.from_user_id, f"user {message.from_user_id}")
        text = decrypt(message.msg_data) if message.msg_type == base.MSG_TYPE_SINGLE_TEXT else "(no text)"
        print(f"{sender} #{message.msg_id}: {text}", flush=True)
        if message.from_user_id != self.me:  # one's own come from one's other devices
            self.received += 1
            self.send(base.CID_MSG_DATA_ACK, msg.IMMsgDataAck(
                user_id=self.me, session_id=message.from_user_id, msg_id=message.msg_id,
                session_type=base.SESSION_TYPE_SINGLE))

    def login(self, user, password):
        answer = self.ask(base.CID_LOGIN_REQ_USERLOGIN, login.IMLoginReq(
            user_name=user, password=hashlib.md5(password.encode()).hexdigest(),
            online_status=base.USER_STATUS_ONLINE, client_type=base.CLIENT_TYPE_WINDOWS), login.IMLoginRes)
        if answer.result_code != base.REFUSE_REASON_NONE:
            raise ConnectionError(f"login refused: {answer.result_string} (code {answer.result_code})")
        self.me = answer.user_info.user_id
        self.learn(self.ask(base.CID_BUDDY_LIST_ALL_USER_REQUEST, buddy.IMAllUserReq(
            user_id=self.me, latest_update_time=0), buddy.IMAllUserRsp))
        print(f"logged in as {user}, user {self.me}", flush=True)

    def find(self, name):
        """The id of a user, from the address book or written as a number."""
        until = time.monotonic() + FIND_SECONDS
        while not name.isdecimal() and name not in self.names.values():
            try:
                command, _, body = self.connection.receive(until)
            except TimeoutError:
                raise LookupError(f"nobody has the name {name}") from None
            self.take(command, body)
        return next((user_id for user_id, known in self.names.items() if known == name), None) or int(name)

    def say(self, to, text):
        ack = self.ask(base.CID_MSG_DATA, msg.IMMsgData(
            from_user_id=self.me, to_session_id=to, msg_id=0, create_time=0, msg_type=base.MSG_TYPE_SINGLE_TEXT,
            msg_data=encrypt(text), client_msg_id=os.urandom(16)), msg.IMMsgDataAck)
        if ack.msg_id == 0:
            raise ConnectionError("the message was refused")
        print(f"✓ #{ack.msg_id} to {self.names.get(to, f'user {to}')}", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--login", default="http://127.0.0.1:8080", metavar="URL", help="where login_server is (%(default)s)")
    options.add_argument("--user", required=True, metavar="NAME")
    options.add_argument("--password-env", default="FERROTALK_PASSWORD", metavar="VARIABLE",
                         help="the environment variable with the password (%(default)s); if it is not set, the password is asked for")
    options.add_argument("--to", metavar="NAME_OR_ID", help="whom the message is for")
    options.add_argument("--wait", type=int, default=math.inf, metavar="N", help="end after N messages of others; otherwise Ctrl-C ends")
    options.add_argument("--deadline", type=float, default=math.inf, metavar="SECONDS", help="fail if it has not ended by then")
    options.add_argument("message", nargs="?")
    args = options.parse_args()
    if args.message is not None and args.to is None:
        options.error("whom is the message for? --to")
    deadline = time.monotonic() + args.deadline
    password = os.environ.get(args.password_env)
    if password is None:
        password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    chat = Chat(connect(args.login))
    chat.login(args.user, password)
    if args.message is not None:
        chat.say(chat.find(args.to), args.message)
    while chat.received < args.wait:
        command, _, body = chat.connection.receive(deadline)
        chat.take(command, body)


if __name__ == "__main__":
    try:
        main()
    except TimeoutError:
        sys.exit("chat.py: nothing came in time")
    except (OSError, LookupError) as error:
        sys.exit(f"chat.py: {error}")
    except KeyboardInterrupt:
        pass
