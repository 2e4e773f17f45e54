// What chat.ts stands on: finding a server, frames, requests and replies, heartbeats, the cipher of texts.
// See docs/PROTOCOL.md, "Finding a msg_server", "Frame", "Sequence numbers", "Heartbeats", "Message text".

import { createCipheriv, createDecipheriv } from "node:crypto";
import { once } from "node:events";
import { createConnection } from "node:net";
import { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";

const HEADER = 16;
const HEARTBEAT = 0x0701;
const KICK = 0x0107;
const CONNECT_MS = 10_000;
const HEARTBEAT_MS = 30_000;
const REPLY_MS = 10_000; // until a request has its reply
const NEXT_REPLY_MS = 3_000; // until it has the next one; only the address book and groups come in several
const KEY = "12345678901234567890123456789012"; // every client has it

export function encrypt(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const plain = Buffer.alloc(Math.ceil((length + 4) / 16) * 16);
  plain.write(text);
  plain.writeUInt32BE(length, plain.length - 4);
  const cipher = createCipheriv("aes-256-ecb", KEY, null).setAutoPadding(false);
  return Buffer.from(Buffer.concat([cipher.update(plain), cipher.final()]).toString("base64"));
}

export function decrypt(field: Uint8Array): string {
  const sealed = Buffer.from(Buffer.from(field).toString(), "base64");
  if (sealed.length === 0 || sealed.length % 16 !== 0) return "(no text)";
  const cipher = createDecipheriv("aes-256-ecb", KEY, null).setAutoPadding(false);
  const plain = Buffer.concat([cipher.update(sealed), cipher.final()]);
  // Not every client writes the right length into the last four bytes, so the zeros say where the text ends.
  return plain.subarray(0, -4).toString().replace(/\0+$/, "").replace(/\p{Cc}/gu, " ");
}

interface Answer {
  code: number;
  msg: string;
  priorIP: string;
  backupIP: string;
  port: string;
}

/** Connects to the msg_server that login_server names. A ws:// URL is that of a msg_server itself. */
export async function connect(loginUrl: string): Promise<Connection> {
  if (/^wss?:/.test(loginUrl)) return new Connection(await overWebSocket(loginUrl));
  const url = `${loginUrl.replace(/\/+$/, "")}/msg_server`;
  const response = await fetch(url, { signal: AbortSignal.timeout(CONNECT_MS) }).catch((error: Error) => {
    throw new Error(`${url}: ${error.cause ?? error.message}`);
  });
  const { code, msg, priorIP, backupIP, port } = (await response.json()) as Answer;
  if (code !== 0) throw new Error(msg);
  return new Connection(await overTcp(priorIP, port).catch(() => overTcp(backupIP, port)));
}

async function overTcp(host: string, port: string): Promise<Duplex> {
  const socket = createConnection({ host, port: Number(port) });
  await once(socket, "connect", { signal: AbortSignal.timeout(CONNECT_MS) });
  return socket;
}

/** Every frame is a binary message: docs/PROTOCOL.md, "WebSocket". */
async function overWebSocket(url: string): Promise<Duplex> {
  if (typeof WebSocket === "undefined") throw new Error("this Node.js has no WebSocket; version 22 has");
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const stream = new Duplex({
    read: () => {},
    write: (frame: Buffer, _encoding, done) => done(void socket.send(frame)),
    final: (done) => done(void socket.close()),
  });
  socket.onmessage = ({ data }) => stream.push(Buffer.from(data as ArrayBuffer));
  socket.onclose = () => stream.push(null);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error(`${url}: no WebSocket there`));
  });
  return stream;
}

interface Frame {
  command: number;
  seq: number;
  body: Uint8Array;
}

export class Connection {
  private seq = 0;
  private readonly frames = this.read();
  private coming: Promise<IteratorResult<Frame, never>> | undefined; // the frame that is waited for
  private readonly pushed: Frame[] = []; // those that came while a reply was waited for
  private readonly heart = setInterval(() => this.write(HEARTBEAT), HEARTBEAT_MS);

  constructor(private readonly stream: Duplex) {}

  close(): void {
    clearInterval(this.heart);
    this.stream.end(() => this.stream.destroy());
  }

  /** Sends a frame and returns its number; the reply will have the same one. */
  send<T extends DescMessage>(command: number, schema: T, message: MessageInitShape<T>): number {
    return this.write(command, toBinary(schema, create(schema, message)));
  }

  /** The reply to a request. */
  async ask<Q extends DescMessage, A extends DescMessage>(
    command: number, question: Q, request: MessageInitShape<Q>, answer: A,
  ): Promise<MessageShape<A>> {
    for await (const reply of this.replies(command, question, request, answer)) return reply;
    throw new Error("no answer in time");
  }

  /** All replies to a request. None is marked as the last one, so they end when no more come. */
  async *replies<Q extends DescMessage, A extends DescMessage>(
    command: number, question: Q, request: MessageInitShape<Q>, answer: A,
  ): AsyncGenerator<MessageShape<A>> {
    const seq = this.send(command, question, request);
    let until = Date.now() + REPLY_MS;
    for (let frame; (frame = await this.nextFrame(until)); ) {
      if (frame.seq === seq) {
        yield fromBinary(answer, frame.body);
        until = Date.now() + NEXT_REPLY_MS;
      } else {
        this.pushed.push(frame);
      }
    }
  }

  /** The next message that the server sends by itself under a command. Other commands are skipped. */
  async receive<T extends DescMessage>(command: number, schema: T): Promise<MessageShape<T>> {
    for (;;) {
      const frame = this.pushed.shift() ?? (await this.nextFrame());
      if (frame?.command === command) return fromBinary(schema, frame.body);
    }
  }

  private write(command: number, body: Uint8Array = new Uint8Array()): number {
    this.seq = (this.seq % 0xffff) + 1;
    const header = Buffer.alloc(HEADER);
    header.writeUInt32BE(HEADER + body.length, 0);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(command >> 8, 8);
    header.writeUInt16BE(command, 10);
    header.writeUInt16BE(this.seq, 12);
    this.stream.write(Buffer.concat([header, body]));
    return this.seq;
  }

  /** The next frame; undefined if there is none at Date.now() === until. */
  private async nextFrame(until?: number): Promise<Frame | undefined> {
    this.coming ??= this.frames.next();
    const late = until === undefined ? [] : [sleep(until - Date.now(), undefined, { ref: false })];
    const next = await Promise.race([this.coming, ...late]);
    if (!next) return undefined; // whoever waits again waits for the same one
    this.coming = undefined;
    return next.value;
  }

  private async *read(): AsyncGenerator<Frame, never> {
    let unread = Buffer.alloc(0);
    for await (const chunk of this.stream) {
      unread = Buffer.concat([unread, chunk as Buffer]);
      while (unread.length >= HEADER && unread.length >= unread.readUInt32BE(0)) {
        const length = unread.readUInt32BE(0);
        const command = unread.readUInt16BE(10);
        const seq = unread.readUInt16BE(12);
        // One is to hang up now, and not to log in again by oneself.
        if (command === KICK) throw new Error("logged in elsewhere");
        yield { command, seq, body: unread.subarray(HEADER, length) };
        unread = unread.subarray(length);
      }
    }
    throw new Error("the server closed the connection");
  }
}

/** Says what went wrong, and ends the program. */
export function fail(error: Error): never {
  console.error(error.message);
  process.exit(1);
}
