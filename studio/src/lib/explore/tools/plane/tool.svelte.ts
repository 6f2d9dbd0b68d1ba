// A plane through three latents: images, or means of classes.
import type { Plane } from "../../../api";
import { LATENTS, type DecodeReply, type DecodeSocket } from "../../../socket";
import type { Explorer } from "../../explorer.svelte";
import type { Tool, ToolState } from "../../tools";
import Marks from "./Marks.svelte";
import Panel from "./Panel.svelte";

export class Planes implements ToolState {
  answer = $state.raw<DecodeReply | null>(null);
  errorMessage = $state("");

  constructor(
    private readonly here: Explorer,
    private readonly socket: DecodeSocket,
  ) {}

  get anchors(): string[] {
    return this.here.planeName.split("_");
  }

  /** Switch from the PCA plane to one through the first three classes, or images without classes. */
  open(): void {
    const kind = (this.here.plane?.ellipses[0]?.length ?? 0) >= 3 ? "c" : "i";
    if (!this.here.planeName) this.here.setPlane([0, 1, 2].map((number) => kind + number).join("_"));
  }

  setAnchor(i: number, anchor: string): Promise<void> {
    return this.here.setPlane(this.anchors.map((other, j) => (j === i ? anchor : other)).join("_"));
  }

  async decodeAnchors(plane: Plane): Promise<void> {
    if (!plane.anchors.length) return;
    const rows = Float32Array.from(plane.anchors.flat());
    const reply = await this.socket.decode({ model: this.here.model.id, kind: LATENTS, n: plane.anchors.length, rows });
    if (reply && "error" in reply) this.errorMessage = reply.error;
    else if (reply) this.answer = reply;
  }
}

export default {
  name: "plane",
  order: 5,
  supports: (model) => model.has_map && model.latent_dim > 2,
  createState: ({ here, socket }) => new Planes(here, socket),
  Panel,
  Marks,
  marksStay: true,
} satisfies Tool<Planes>;
