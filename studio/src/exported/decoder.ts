// The decoder of the page, in a worker that is made from a Blob, since a page that is opened from a disk may load no
// file. Images are decoded one at a time, those at the cursor first.
import DecodingWorker from "./worker?worker&inline";
import type { Inputs, Reply, Setup } from "./worker";

/** The purposes of images, most urgent first. */
export type Lane = "cursor" | "console" | "samples" | "tiles";
const LANES: Lane[] = ["cursor", "console", "samples", "tiles"];

interface Job {
  images: Inputs[];
  decoded: Float32Array[];
  resolve: (images: Float32Array[] | null) => void;
  reject: (error: Error) => void;
}

export class Decoder {
  private readonly worker = new DecodingWorker();
  private readonly waiting: Partial<Record<Lane, Job>> = {};
  private running: Job | null = null;
  private failure: Error | null = null;

  constructor(setup: Setup) {
    this.worker.onmessage = ({ data }: MessageEvent<Reply>) => this.receive(data);
    this.worker.onerror = (event) => this.fail(event.message || "The worker can't start.");
    this.worker.postMessage(setup);
  }

  /** Decode latents into images in [-1, 1]; null if a newer request of the same purpose replaced this one. */
  decode(lane: Lane, images: Inputs[]): Promise<Float32Array[] | null> {
    return new Promise((resolve, reject) => {
      this.waiting[lane]?.resolve(null);
      this.waiting[lane] = { images, decoded: [], resolve, reject };
      if (this.failure) this.fail(this.failure.message);
      else this.send();
    });
  }

  private send(): void {
    if (this.running) return;
    const lane = LANES.find((name) => this.waiting[name]);
    if (!lane) return;
    const job = (this.running = this.waiting[lane]!);
    this.worker.postMessage(job.images[job.decoded.length]);
  }

  private receive(reply: Reply): void {
    if (typeof reply === "string") return this.fail(reply);
    const job = this.running!;
    this.running = null;
    job.decoded.push(reply);
    if (job.decoded.length === job.images.length) {
      for (const lane of LANES) if (this.waiting[lane] === job) delete this.waiting[lane];
      job.resolve(job.decoded);
    }
    this.send();
  }

  private fail(message: string): void {
    this.failure = new Error(message);
    for (const lane of LANES) {
      this.waiting[lane]?.reject(this.failure);
      delete this.waiting[lane];
    }
  }
}

/** Convert an image in [-1, 1], channels first, to pixels, channels last. */
export function toPixels(image: Float32Array, [channels, height, width]: [number, number, number]): Uint8Array {
  const pixels = new Uint8ClampedArray(image.length); // rounds
  for (let channel = 0; channel < channels; channel++)
    for (let i = 0; i < height * width; i++) pixels[i * channels + channel] = (image[channel * height * width + i] + 1) * 127.5;
  return new Uint8Array(pixels.buffer);
}
