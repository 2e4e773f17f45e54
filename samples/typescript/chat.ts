// Logs in to Ferrotalk, sends a message, and prints what arrives.

import { createHash, randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { create, fromBinary, toBinary, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { BuddyListCmdID, ClientType, LoginCmdID, MessageCmdID, MsgType, ResultType, SessionType, UserStatType } from "./bindings/IM.BaseDefine_pb.js";
import { IMAllUserReqSchema, IMAllUserRspSchema, type IMAllUserRsp } from "./bindings/IM.Buddy_pb.js";
import { IMLoginReqSchema, IMLoginResSchema } from "./bindings/IM.Login_pb.js";
import { IMMsgDataAckSchema, IMMsgDataSchema, type IMMsgData } from "./bindings/IM.Message_pb.js";
import { connect, decrypt, encrypt, type Connection, type Frame } from "./wire.js";

const REPLY_SECONDS = 10;
const FIND_SECONDS = 3;

const USAGE = `node dist/chat.js --user NAME [OPTION...] [MESSAGE]

  --login URL              where login_server is (http://127.0.0.1:8080), or the WebSocket of a
                           msg_server (ws://127.0.0.1:9090)
  --password-env VARIABLE  the environment variable with the password (FERROTALK_PASSWORD); if it is not set,
                           the password is the first line of the standard input
  --to NAME_OR_ID          whom the message is for
  --wait N                 end after N messages of others; otherwise Ctrl-C ends
  --deadline SECONDS       fail if it has not ended by then`;

/** Emits "news" after every frame that was not the reply to a request. */
class Chat extends EventEmitter {
  received = 0;
  private me = 0;
  private names = new Map<number, string>();
  private waiting = new Map<number, (body: Uint8Array) => void>();

  constructor(private readonly connection: Connection) {
    super();
  }

  async read(): Promise<never> {
    for await (const frame of this.connection.frames()) {
      const waiting = this.waiting.get(frame.seq);
      this.waiting.delete(frame.seq);
      if (waiting) waiting(frame.body);
      else this.take(frame);
    }
    throw new Error("the server closed the connection");
  }

  private send<T extends DescMessage>(command: number, schema: T, message: MessageInitShape<T>): number {
    return this.connection.send(command, toBinary(schema, create(schema, message)));
  }

  /** Sends a request and waits for the reply, which has the same number. */
  private async ask<Q extends DescMessage, A extends DescMessage>(
    command: number, question: Q, request: MessageInitShape<Q>, answer: A,
  ): Promise<MessageShape<A>> {
    const seq = this.send(command, question, request);
    const body = new Promise<Uint8Array>((resolve) => this.waiting.set(seq, resolve));
    return fromBinary(answer, await within(REPLY_SECONDS, "no answer in time", body));
  }

  /** Does what is to be done with a frame that nobody waits for. */
  private take({ command, body }: Frame): void {
    if (command === MessageCmdID.CID_MSG_DATA) {
      this.show(fromBinary(IMMsgDataSchema, body));
    } else if (command === BuddyListCmdID.CID_BUDDY_LIST_ALL_USER_RESPONSE) {
      this.learn(fromBinary(IMAllUserRspSchema, body)); // what came behind the first part of the address book
    } else if (command === LoginCmdID.CID_LOGIN_KICK_USER) {
      throw new Error("logged in elsewhere");
    }
    this.emit("news");
  }

  private learn({ userList }: IMAllUserRsp): void {
    for (const user of userList) this.names.set(user.userId, user.userRealName);
  }

  private show(message: IMMsgData): void {
    const { fromUserId, msgId, msgType, msgData } = message;
    const text = msgType === MsgType.SINGLE_TEXT ? decrypt(msgData) : "(no text)";
    console.log(`${this.nameOf(fromUserId)} #${msgId}: ${text}`);
    if (fromUserId === this.me) return; // one's own come from one's other devices
    this.received += 1;
    const ack = { userId: this.me, sessionId: fromUserId, msgId, sessionType: SessionType.SINGLE };
    this.send(MessageCmdID.CID_MSG_DATA_ACK, IMMsgDataAckSchema, ack);
  }

  private nameOf(userId: number): string {
    return this.names.get(userId) ?? `user ${userId}`;
  }

  async login(userName: string, typed: string): Promise<void> {
    const password = createHash("md5").update(typed).digest("hex");
    const request = { userName, password, onlineStatus: UserStatType.USER_STATUS_ONLINE, clientType: ClientType.WINDOWS };
    const answer = await this.ask(LoginCmdID.CID_LOGIN_REQ_USERLOGIN, IMLoginReqSchema, request, IMLoginResSchema);
    if (answer.resultCode !== ResultType.REFUSE_REASON_NONE || !answer.userInfo) {
      throw new Error(`login refused: ${answer.resultString} (code ${answer.resultCode})`);
    }
    this.me = answer.userInfo.userId;
    const since = { userId: this.me, latestUpdateTime: 0 };
    this.learn(await this.ask(BuddyListCmdID.CID_BUDDY_LIST_ALL_USER_REQUEST, IMAllUserReqSchema, since, IMAllUserRspSchema));
    console.log(`logged in as ${userName}, user ${this.me}`);
  }

  /** The id of a user, from the address book or written as a number. */
  async find(name: string): Promise<number> {
    for (;;) {
      for (const [userId, known] of this.names) if (known === name) return userId;
      if (/^\d+$/.test(name)) return Number(name);
      await within(FIND_SECONDS, `nobody has the name ${name}`, once(this, "news"));
    }
  }

  async say(toSessionId: number, text: string): Promise<void> {
    const message = {
      fromUserId: this.me, toSessionId, msgId: 0, createTime: 0, msgType: MsgType.SINGLE_TEXT,
      msgData: encrypt(text), clientMsgId: randomBytes(16),
    };
    const ack = await this.ask(MessageCmdID.CID_MSG_DATA, IMMsgDataSchema, message, IMMsgDataAckSchema);
    if (ack.msgId === 0) throw new Error("the message was refused");
    console.log(`✓ #${ack.msgId} to ${this.nameOf(toSessionId)}`);
  }
}

/** What a promise becomes, or an error if that takes longer. */
async function within<T>(seconds: number, late: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const alarm = new Promise<never>((_, reject) => {
    if (seconds < Infinity) timer = setTimeout(() => reject(new Error(late)), seconds * 1000);
  });
  return Promise.race([promise, alarm]).finally(() => clearTimeout(timer));
}

async function firstLine(input: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface(input)) return line;
  return "";
}

async function main(): Promise<void> {
  const text = { type: "string" } as const;
  const { values, positionals } = parseArgs({
    options: { login: text, user: text, "password-env": text, to: text, wait: text, deadline: text, help: { type: "boolean" } },
    allowPositionals: true,
  });
  if (values.help) return console.log(USAGE);
  const [message] = positionals;
  if (!values.user || positionals.length > 1 || (message !== undefined && !values.to)) throw new Error(USAGE);
  const password = process.env[values["password-env"] ?? "FERROTALK_PASSWORD"] ?? (await firstLine(process.stdin));

  const chat = new Chat(await connect(values.login ?? "http://127.0.0.1:8080"));
  const talk = async (): Promise<void> => {
    await chat.login(values.user!, password);
    if (message !== undefined) await chat.say(await chat.find(values.to!), message);
    while (chat.received < Number(values.wait ?? Infinity)) await once(chat, "news");
  };
  await within(Number(values.deadline ?? Infinity), "nothing came in time", Promise.race([chat.read(), talk()]));
}

main().then(
  () => process.exit(0),
  (error: Error) => {
    console.error(`chat.js: ${error.message}`);
    process.exit(1);
  },
);
