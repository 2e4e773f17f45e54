"""Logs in to Ferrotalk, sends a text to a user, and prints the texts that arrive."""
import argparse
import hashlib
import os
import sys
from IM import BaseDefine_pb2 as base, Buddy_pb2 as buddy, Login_pb2 as login, Message_pb2 as msg
from wire import connect, decrypt, encrypt

def log_in(server, user, password):
    answer = server.ask(base.CID_LOGIN_REQ_USERLOGIN, login.IMLoginReq(
        user_name=user, password=hashlib.md5(password.encode()).hexdigest(),
        online_status=base.USER_STATUS_ONLINE, client_type=base.CLIENT_TYPE_WINDOWS), login.IMLoginRes)
    if answer.result_code != base.REFUSE_REASON_NONE:
        sys.exit(f"login refused: {answer.result_string} (code {answer.result_code})")
    print(f"logged in as {user}, user {answer.user_info.user_id}", flush=True)
    return answer.user_info.user_id

def find(server, me, name):
    everybody = buddy.IMAllUserReq(user_id=me, latest_update_time=0)  # may have several replies
    for part in server.replies(base.CID_BUDDY_LIST_ALL_USER_REQUEST, everybody, buddy.IMAllUserRsp):
        for user in part.user_list:
            if user.user_real_name == name:
                return user.user_id
    sys.exit(f"nobody has the name {name}")

def say(server, me, to, text):
    ack = server.ask(base.CID_MSG_DATA, msg.IMMsgData(
        from_user_id=me, to_session_id=to, msg_id=0, create_time=0, msg_type=base.MSG_TYPE_SINGLE_TEXT,
        msg_data=encrypt(text), client_msg_id=os.urandom(16)), msg.IMMsgDataAck)
    if ack.msg_id == 0:
        sys.exit("the message was refused")
    print(f"✓ #{ack.msg_id} to user {to}", flush=True)

def hear(server, me):
    message = server.receive(base.CID_MSG_DATA, msg.IMMsgData)  # wire.py sends heartbeats while it waits
    if message.msg_type == base.MSG_TYPE_SINGLE_TEXT and message.from_user_id != me:
        print(f"user {message.from_user_id} #{message.msg_id}: {decrypt(message.msg_data)}", flush=True)
        server.send(base.CID_MSG_DATA_ACK, msg.IMMsgDataAck(
            user_id=me, session_id=message.from_user_id, msg_id=message.msg_id,
            session_type=base.SESSION_TYPE_SINGLE))

def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--login", default="http://127.0.0.1:8080", metavar="URL", help="of login_server")
    options.add_argument("--user", required=True, help="whose password is in FERROTALK_PASSWORD")
    options.add_argument("--to", nargs=2, metavar=("USER", "TEXT"), help="the user by name or number")
    options.add_argument("--wait", type=int, default=sys.maxsize, metavar="N", help="end after N messages")
    args = options.parse_args()
    server = connect(args.login)
    me = log_in(server, args.user, os.environ["FERROTALK_PASSWORD"])
    if args.to:
        name, text = args.to
        say(server, me, int(name) if name.isdecimal() else find(server, me, name), text)
    for _ in range(args.wait):
        hear(server, me)

try:
    main()
except (OSError, KeyError, KeyboardInterrupt) as error:
    sys.exit(f"{type(error).__name__}: {error}")
