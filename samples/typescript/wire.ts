// Frames, the cipher of texts, and where to connect: docs/PROTOCOL.md, "Frame", "Message text", "Finding a msg_server".

import { createCipheriv, createDecipheriv } from "node:crypto";
import { once } from "node:events";
import { createConnection } from "node:net";
import { PassThrough, type Readable } from "node:stream";

const HEADER = 16;
const HEARTBEAT = 0x0701;
const HEARTBEAT_MS = 30_000;
const CONNECT_MS = 10_000;
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

/** Asks login_server, and connects to the msg_server that it names. A ws:// URL is that of a msg_server itself. */
export async function connect(loginUrl: string): Promise<Connection> {
  if (/^wss?:/.test(loginUrl)) return new Connection(...(await overWebSocket(loginUrl)));
  const url = `${loginUrl.replace(/\/+$/, "")}/msg_server`;
  const response = await fetch(url, { signal: AbortSignal.timeout(CONNECT_MS) }).catch((error: Error) => {
    throw new Error(`${url}: ${error.cause ?? error.message}`);
  });
  const answer = (await response.json()) as { code: number; msg: string; priorIP: string; backupIP: string; port: string };
  if (answer.code !== 0) throw new Error(answer.msg);
  const dial = async (host: string): Promise<Connection> => {
    const socket = createConnection({ host, port: Number(answer.port) });
    await once(socket, "connect", { signal: AbortSignal.timeout(CONNECT_MS) });
    return new Connection(socket, (frame) => socket.write(frame));
  };
  return dial(answer.priorIP).catch(() => dial(answer.backupIP));
}

/** What arrives, and how to send: every frame is a binary message (docs/PROTOCOL.md, "WebSocket"). */
async function overWebSocket(url: string): Promise<[Readable, (frame: Buffer) => void]> {
  if (typeof WebSocket === "undefined") throw new Error("this Node.js has no WebSocket; version 22 has");
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const arrived = new PassThrough();
  socket.onmessage = ({ data }) => arrived.write(Buffer.from(data as ArrayBuffer));
  socket.onclose = () => arrived.end();
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error(`${url}: no WebSocket there`));
  });
  return [arrived, (frame) => socket.send(frame)];
}

export interface Frame {
  command: number;
  seq: number;
  body: Uint8Array;
}

export class Connection {
  private seq = 0;

  constructor(
    private readonly arrived: Readable,
    private readonly write: (frame: Buffer) => void,
  ) {
    setInterval(() => this.send(HEARTBEAT), HEARTBEAT_MS).unref();
  }

  /** Sends a frame and returns its number; the reply will have the same one. */
  send(command: number, body: Uint8Array = new Uint8Array()): number {
    this.seq = (this.seq % 0xffff) + 1;
    const header = Buffer.alloc(HEADER);
    header.writeUInt32BE(HEADER + body.length, 0);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(command >> 8, 8);
    header.writeUInt16BE(command, 10);
    header.writeUInt16BE(this.seq, 12);
    this.write(Buffer.concat([header, body]));
    return this.seq;
  }

  /** Every frame that arrives; ends with the connection. */
  async *frames(): AsyncGenerator<Frame> {
    let unread = Buffer.alloc(0);
    for await (const chunk of this.arrived) {
      unread = Buffer.concat([unread, chunk as Buffer]);
      while (unread.length >= HEADER && unread.length >= unread.readUInt32BE(0)) {
        const length = unread.readUInt32BE(0);
        yield { command: unread.readUInt16BE(10), seq: unread.readUInt16BE(12), body: unread.subarray(HEADER, length) };
        unread = unread.subarray(length);
      }
    }
  }
}
