// A plane through three latents: images, or means of classes.
import type { Model, Plane } from "../api";
import { words } from "../face.svelte";
import { LATENTS, type DecodeReply, type DecodeSocket } from "../socket";
import type { Explorer } from "./explorer.svelte";

/** What people call an anchor. */
export function nameOf(anchor: string, model: Model): string {
  const number = Number(anchor.slice(1));
  const say = words().planes;
  return anchor.startsWith("c") ? say.meanOf(model.classes[number]) : say.image(number);
}

/** What people call a plane. */
export function captionOf(name: string, share: string, model: Model): string {
  const say = words().planes;
  return say.caption(name.split("_").map((anchor) => nameOf(anchor, model)).join(say.and), share);
}

export class Planes {
  answer = $state.raw<DecodeReply | null>(null);
  trouble = $state("");

  constructor(
    private readonly here: Explorer,
    private readonly socket: DecodeSocket,
  ) {}

  get anchors(): string[] {
    return this.here.plane.split("_");
  }

  /** Begins with the first three classes, or images where there are none. */
  open(): void {
    const kind = (this.here.flat?.ellipses[0]?.length ?? 0) >= 3 ? "c" : "i";
    if (!this.here.plane) this.here.turn([0, 1, 2].map((number) => kind + number).join("_"));
  }

  put(i: number, anchor: string): Promise<void> {
    return this.here.turn(this.anchors.map((one, j) => (j === i ? anchor : one)).join("_"));
  }

  /** Decodes the anchors. */
  async show(flat: Plane): Promise<void> {
    if (!flat.anchors.length) return;
    const rows = Float32Array.from(flat.anchors.flat());
    const found = await this.socket.decode({ model: this.here.model.id, kind: LATENTS, n: flat.anchors.length, rows });
    if (found && "sentence" in found) this.trouble = found.sentence;
    else if (found) this.answer = found;
  }
}
