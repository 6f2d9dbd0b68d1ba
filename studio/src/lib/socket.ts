// WebSocket for decoding: one request in flight and one pending. A newer request replaces the
// pending one, so the display is never more than one reply behind the pointer.
import { remember, type ServerText } from "./serverText.svelte";
import { SCORE_COLUMNS, parseScores, type Scores } from "./scores";

export const LATENTS = 0;
export const POINTS = 1;
/** numbers of images on the map, to encode and decode */
export const IMAGES = 2;
/** coordinates on the lattice of seeds, which every model has */
export const SEEDS = 3;
const HEADER_BYTES = 12;
const REPLY_HEADER_BYTES = 16;
/** Milliseconds without a reply after which the server is asked whether it is there. */
const MAX_SILENCE = 3000;

export interface DecodeRequest {
  model: number;
  kind: typeof LATENTS | typeof POINTS | typeof IMAGES | typeof SEEDS;
  /** n rows, concatenated */
  rows: Float32Array;
  n: number;
  /** n rows of class weights, for a conditional model */
  labels?: Float32Array;
  /** number of a training snapshot, from 1; 0 or absent: the finished model */
  snapshot?: number;
}

export interface DecodeReply {
  request: DecodeRequest;
  height: number;
  width: number;
  channels: number;
  /** n images, row by row, channels last */
  pixels: Uint8Array;
  scores: Scores[];
}

export type DecodeResult = DecodeReply | { error: string };

interface PendingRequest {
  request: DecodeRequest;
  resolve: (result: DecodeResult | null) => void;
}

export class DecodeSocket {
  private socket: WebSocket | null = null;
  private ready = false;
  private inFlight: (PendingRequest & { id: number }) | null = null;
  private pending: PendingRequest | null = null;
  private id = 0;
  private ended = false;

  /** @param opened called once connected; requests wait for its promise
   * @param closed called when the connection is lost; reconnecting waits for its promise
   * @param reachable returns whether the server can be reached; called when a reply is late */
  constructor(
    private readonly address: string,
    private readonly opened: () => Promise<void>,
    private readonly closed: () => Promise<void>,
    private readonly reachable: () => Promise<boolean>,
  ) {
    this.connect();
  }

  /** Decode on the server; null if a newer request replaced this one. */
  decode(request: DecodeRequest): Promise<DecodeResult | null> {
    return new Promise((resolve) => {
      this.pending?.resolve(null);
      this.pending = { request, resolve };
      this.send();
    });
  }

  /** Disconnect for good. */
  close(): void {
    this.ended = true;
    this.socket?.close();
  }

  private connect(): void {
    if (this.ended) return;
    const socket = (this.socket = new WebSocket(this.address));
    socket.binaryType = "arraybuffer";
    socket.onopen = async () => {
      try {
        await this.opened();
      } catch {
        socket.close(); // connected, but the server doesn't respond: reconnect
      }
      this.ready = socket.readyState === WebSocket.OPEN;
      this.send();
    };
    socket.onmessage = (event) => this.receive(event.data as ArrayBuffer);
    socket.onclose = () => this.reconnect();
  }

  private async reconnect(): Promise<void> {
    this.ready = false;
    // repeat the lost request, unless a newer one is pending
    if (this.inFlight) {
      if (this.pending) this.inFlight.resolve(null);
      else this.pending = this.inFlight;
      this.inFlight = null;
    }
    if (this.ended) return;
    await this.closed();
    this.connect();
  }

  /** Without a network, a socket stays open and silent: reconnect if the server can't be reached. */
  private watch(id: number): void {
    setTimeout(async () => {
      if (this.inFlight?.id !== id) return;
      if (await this.reachable()) return this.watch(id);
      if (this.inFlight?.id !== id) return;
      const socket = this.socket!;
      socket.onmessage = socket.onclose = null;
      socket.close();
      void this.reconnect();
    }, MAX_SILENCE);
  }

  private send(): void {
    if (!this.ready || this.inFlight || !this.pending) return;
    const { request, resolve } = this.pending;
    this.pending = null;
    this.id = (this.id + 1) >>> 0;
    this.inFlight = { request, resolve, id: this.id };
    this.socket!.send(encodeRequest(this.id, request));
    this.watch(this.id);
  }

  private receive(content: ArrayBuffer): void {
    const { inFlight } = this;
    if (!inFlight) return;
    this.inFlight = null;
    inFlight.resolve(parseReply(content, inFlight.request));
    this.send();
  }
}

/** One-hot rows for n images of one class. */
export function oneHot(label: number, n: number, classes: number): Float32Array {
  const rows = new Float32Array(n * classes);
  for (let i = 0; i < n; i++) rows[i * classes + Math.min(label, classes - 1)] = 1;
  return rows;
}

/** Pixels of image i of a reply. */
export function pixelsOf(reply: DecodeReply, i: number): Uint8Array {
  const size = reply.height * reply.width * reply.channels;
  return reply.pixels.subarray(size * i, size * (i + 1));
}

/** Channels, height and width of a reply's images, as `paint` takes them. */
export const shapeOf = (reply: DecodeReply): [number, number, number] => [reply.channels, reply.height, reply.width];

function encodeRequest(id: number, request: DecodeRequest): ArrayBuffer {
  const labels = request.labels?.length ?? 0;
  const content = new ArrayBuffer(HEADER_BYTES + 4 * (request.rows.length + labels));
  const view = new DataView(content);
  view.setUint32(0, id, true);
  view.setUint8(4, request.model);
  view.setUint8(5, request.kind);
  view.setUint16(6, request.n, true);
  view.setUint8(8, labels ? 1 : 0);
  view.setUint16(10, request.snapshot ?? 0, true);
  const values = new Float32Array(content, HEADER_BYTES);
  values.set(request.rows);
  if (request.labels) values.set(request.labels, request.rows.length);
  return content;
}

function parseReply(content: ArrayBuffer, request: DecodeRequest): DecodeResult {
  const view = new DataView(content);
  if (view.getUint8(4) === 0) {
    return { error: remember(JSON.parse(new TextDecoder().decode(new Uint8Array(content, REPLY_HEADER_BYTES))) as ServerText) };
  }
  const n = view.getUint16(6, true);
  const height = view.getUint16(8, true);
  const width = view.getUint16(10, true);
  const channels = view.getUint8(12);
  const size = n * height * width * channels;
  const padding = (4 - (size % 4)) % 4;
  const values = new Float32Array(content, REPLY_HEADER_BYTES + size + padding);
  const scores: Scores[] = [];
  for (let i = 0; i < n; i++) scores.push(parseScores(values.subarray(SCORE_COLUMNS * i, SCORE_COLUMNS * (i + 1))));
  return { request, height, width, channels, pixels: new Uint8Array(content, REPLY_HEADER_BYTES, size), scores };
}
