// Logs in to Ferrotalk, sends a text to a user, and prints the texts that arrive.
import { createHash, randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import * as base from "./bindings/IM.BaseDefine_pb.js";
import { IMAllUserReqSchema, IMAllUserRspSchema } from "./bindings/IM.Buddy_pb.js";
import { IMLoginReqSchema, IMLoginResSchema } from "./bindings/IM.Login_pb.js";
import { IMMsgDataAckSchema, IMMsgDataSchema } from "./bindings/IM.Message_pb.js";
import { connect, decrypt, encrypt, fail, type Connection } from "./wire.js";

async function logIn(server: Connection, userName: string, password: string): Promise<number> {
  const answer = await server.ask(base.LoginCmdID.CID_LOGIN_REQ_USERLOGIN, IMLoginReqSchema, {
    userName, password: createHash("md5").update(password).digest("hex"),
    onlineStatus: base.UserStatType.USER_STATUS_ONLINE, clientType: base.ClientType.WINDOWS,
  }, IMLoginResSchema);
  if (!answer.userInfo) throw new Error(`login refused: ${answer.resultString} (code ${answer.resultCode})`);
  console.log(`logged in as ${userName}, user ${answer.userInfo.userId}`);
  return answer.userInfo.userId;
}

async function find(server: Connection, userId: number, name: string): Promise<number> {
  const command = base.BuddyListCmdID.CID_BUDDY_LIST_ALL_USER_REQUEST; // may have several replies
  const everybody = { userId, latestUpdateTime: 0 };
  for await (const part of server.replies(command, IMAllUserReqSchema, everybody, IMAllUserRspSchema)) {
    for (const user of part.userList) if (user.userRealName === name) return user.userId;
  }
  throw new Error(`nobody has the name ${name}`);
}

async function say(server: Connection, fromUserId: number, toSessionId: number, text: string): Promise<void> {
  const ack = await server.ask(base.MessageCmdID.CID_MSG_DATA, IMMsgDataSchema, {
    fromUserId, toSessionId, msgId: 0, createTime: 0, msgType: base.MsgType.SINGLE_TEXT,
    msgData: encrypt(text), clientMsgId: randomBytes(16),
  }, IMMsgDataAckSchema);
  if (ack.msgId === 0) throw new Error("the message was refused");
  console.log(`✓ #${ack.msgId} to user ${toSessionId}`);
}

async function hear(server: Connection, userId: number): Promise<void> {
  const message = await server.receive(base.MessageCmdID.CID_MSG_DATA, IMMsgDataSchema);
  const { fromUserId, msgId, msgType, msgData } = message; // wire.ts sends heartbeats meanwhile
  if (msgType !== base.MsgType.SINGLE_TEXT || fromUserId === userId) return;
  console.log(`user ${fromUserId} #${msgId}: ${decrypt(msgData)}`);
  const ack = { userId, sessionId: fromUserId, msgId, sessionType: base.SessionType.SINGLE };
  server.send(base.MessageCmdID.CID_MSG_DATA_ACK, IMMsgDataAckSchema, ack);
}

async function main(): Promise<void> {
  const string = { type: "string" } as const;
  const options = { login: string, user: string, to: string, wait: string };
  const { values, positionals: [text] } = parseArgs({ options, allowPositionals: true });
  const { login, user, to, wait } = values;
  if (!user || (text && !to)) throw new Error("--user NAME [--to USER TEXT] [--login URL] [--wait N]");
  const server = await connect(login ?? "http://127.0.0.1:8080");
  const me = await logIn(server, user, process.env.FERROTALK_PASSWORD ?? "");
  if (to && text) await say(server, me, /^\d+$/.test(to) ? Number(to) : await find(server, me, to), text);
  for (let left = Number(wait ?? Infinity); left > 0; left--) await hear(server, me);
  server.close();
}

main().catch(fail);
