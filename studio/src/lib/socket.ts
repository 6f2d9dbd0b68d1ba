// The decode socket: one request in flight and one waiting; a newer one takes the waiting one's
// place, so what is shown is never behind the pointer by more than one answer.
import { COLUMNS, trustOf, type Trust } from "./trust";

export const LATENTS = 0;
export const POINTS = 1;
/** numbers of images on the map: encoded, and decoded again */
export const IMAGES = 2;
/** places on the lattice of seeds, which every model has */
export const SEEDS = 3;
const HEADER = 12;
const REPLY_HEADER = 16;

export interface Ask {
  model: number;
  kind: typeof LATENTS | typeof POINTS | typeof IMAGES | typeof SEEDS;
  /** n rows, one after the other */
  rows: Float32Array;
  n: number;
  /** n rows of class weights, for a model that is asked for a class */
  labels?: Float32Array;
  /** 0 or none: as it is; else the number, from 1, of a moment of its training */
  moment?: number;
}

export interface Answer {
  ask: Ask;
  height: number;
  width: number;
  channels: number;
  /** n images, row by row, channels last */
  pixels: Uint8Array;
  trust: Trust[];
}

export type Outcome = Answer | { sentence: string };

interface Waiting {
  ask: Ask;
  done: (outcome: Outcome | null) => void;
}

export class DecodeSocket {
  private socket: WebSocket | null = null;
  private ready = false;
  private flying: (Waiting & { id: number }) | null = null;
  private waiting: Waiting | null = null;
  private id = 0;
  private ended = false;

  /** @param opened it is connected: waits until it may ask
   * @param closed the connection is lost: waits until it may try again */
  constructor(
    private readonly address: string,
    private readonly opened: () => Promise<void>,
    private readonly closed: () => Promise<void>,
  ) {
    this.connect();
  }

  /** The answer; null where a newer request took its place. */
  ask(ask: Ask): Promise<Outcome | null> {
    return new Promise((done) => {
      this.waiting?.done(null);
      this.waiting = { ask, done };
      this.send();
    });
  }

  /** The connection's end, for a socket that not the whole page shares. */
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
        socket.close(); // it answers nothing: once more
      }
      this.ready = socket.readyState === WebSocket.OPEN;
      this.send();
    };
    socket.onmessage = (event) => this.receive(event.data as ArrayBuffer);
    socket.onclose = async () => {
      this.ready = false;
      // what was asked is asked again, unless something newer waits
      if (this.flying) {
        if (this.waiting) this.flying.done(null);
        else this.waiting = this.flying;
        this.flying = null;
      }
      if (this.ended) return;
      await this.closed();
      this.connect();
    };
  }

  private send(): void {
    if (!this.ready || this.flying || !this.waiting) return;
    const { ask, done } = this.waiting;
    this.waiting = null;
    this.id = (this.id + 1) >>> 0;
    this.flying = { ask, done, id: this.id };
    this.socket!.send(frame(this.id, ask));
  }

  private receive(content: ArrayBuffer): void {
    const flying = this.flying;
    if (!flying) return;
    this.flying = null;
    flying.done(read(content, flying.ask));
    this.send();
  }
}

/** A class asked for, n times, as rows of weights. */
export function oneHot(label: number, n: number, classes: number): Float32Array {
  const rows = new Float32Array(n * classes);
  for (let i = 0; i < n; i++) rows[i * classes + Math.min(label, classes - 1)] = 1;
  return rows;
}

/** The pixels of one image of an answer. */
export function pixelsOf(answer: Answer, i: number): Uint8Array {
  const one = answer.height * answer.width * answer.channels;
  return answer.pixels.subarray(one * i, one * (i + 1));
}

/** The shape of an answer's images, as `paint` takes it. */
export const shapeOf = (answer: Answer): [number, number, number] => [answer.channels, answer.height, answer.width];

function frame(id: number, ask: Ask): ArrayBuffer {
  const labels = ask.labels?.length ?? 0;
  const content = new ArrayBuffer(HEADER + 4 * (ask.rows.length + labels));
  const view = new DataView(content);
  view.setUint32(0, id, true);
  view.setUint8(4, ask.model);
  view.setUint8(5, ask.kind);
  view.setUint16(6, ask.n, true);
  view.setUint8(8, labels ? 1 : 0);
  view.setUint16(10, ask.moment ?? 0, true);
  const values = new Float32Array(content, HEADER);
  values.set(ask.rows);
  if (ask.labels) values.set(ask.labels, ask.rows.length);
  return content;
}

function read(content: ArrayBuffer, ask: Ask): Outcome {
  const view = new DataView(content);
  if (view.getUint8(4) === 0) {
    return { sentence: new TextDecoder().decode(new Uint8Array(content, REPLY_HEADER)) };
  }
  const n = view.getUint16(6, true);
  const height = view.getUint16(8, true);
  const width = view.getUint16(10, true);
  const channels = view.getUint8(12);
  const size = n * height * width * channels;
  const values = new Float32Array(content, REPLY_HEADER + size + ((4 - (size % 4)) % 4));
  const trust: Trust[] = [];
  for (let i = 0; i < n; i++) trust.push(trustOf(values.subarray(COLUMNS * i, COLUMNS * (i + 1))));
  return { ask, height, width, channels, pixels: new Uint8Array(content, REPLY_HEADER, size), trust };
}
