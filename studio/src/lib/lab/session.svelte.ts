// The page's side of a lab session: its latest frame, loss curves and clock. The next frame is
// requested when the previous frame has arrived, so no queue builds up.
import { slice, updateAddress } from "../address.svelte";
import { waitForServer } from "../connection";
import { rememberError, type ServerError } from "../serverText.svelte";
import { socketAddress } from "../socketAddress";

/** The state that is kept in the address; `did` lists the steps done so far. */
export const labState = slice("l.", {
  name: "ring", drawing: "", seed: 0, speed: "normal", field: true, push: true, mesh: true, did: "",
});

/** One model in a frame. */
export interface ModelFrame {
  /** flat lists of x and y */
  samples: number[];
  losses: Record<string, number | null>;
  quality: { near: number; found: number };
}

/** The state of all three models at one step. */
export interface LabFrame {
  step: number;
  gaussian: ModelFrame & { mean: number[]; covariance: number[] };
  vae: ModelFrame & { codes: number[] };
  gan: ModelFrame & { field: number[]; pushes: number[]; mesh: number[] };
}

/** The distribution to learn. */
export interface Real {
  points: number[];
  modes: number | null;
  /** negative log-likelihood of held-out points under the true density, in nats; null: unknown */
  nll: number | null;
  /** the data is in the square from -edge to edge */
  edge: number;
  equilibrium: { discriminator: number; generator: number };
}

/** Which player moves; empty: all models. */
export type Player = "" | "discriminator" | "generator";
export type ModelName = "gaussian" | "vae" | "gan";
type Reply = ServerError | { frame: LabFrame; real?: Real };

/** For each frame: maximum number of steps, time for steps in ms, and minimum duration in ms. */
const SPEEDS: Record<string, { maxSteps: number; budget: number; minDuration: number }> = {
  slow: { maxSteps: 1, budget: 100, minDuration: 150 },
  normal: { maxSteps: 8, budget: 70, minDuration: 50 },
  fast: { maxSteps: 60, budget: 95, minDuration: 0 },
};
export const SPEED_NAMES = Object.keys(SPEEDS);
/** If a curve has more points, every second point is dropped. */
const MAX_CURVE_POINTS = 300;
/** Steps per request during a replay. */
const REPLAY_STEPS = 50;

/** A number of steps of all models, or of one player of the GAN. */
interface Move {
  steps: number;
  only: Player;
}

/** Encode moves for the address: 300_d1_g2 is 300 steps of all models, 1 of the discriminator, 2 of the generator. */
const encodeMoves = (moves: Move[]): string => moves.map(({ steps, only }) => `${only.slice(0, 1)}${steps}`).join("_");

function decodeMoves(text: string): Move[] {
  const players: Record<string, Player> = { d: "discriminator", g: "generator" };
  return [...text.matchAll(/([dg]?)(\d{1,5})(?=_|$)/g)].map(([, player, steps]) => ({ steps: Number(steps), only: players[player] ?? "" }));
}

export class Session {
  real = $state.raw<Real | null>(null);
  frame = $state.raw<LabFrame | null>(null);
  /** losses of the frames so far */
  curves = $state.raw<{ step: number; losses: Record<ModelName, Record<string, number | null>> }[]>([]);
  playing = $state(false);
  connected = $state(false);
  /** steps that are replayed, after a lost connection or from the address; null: none */
  replay = $state.raw<{ done: number; of: number; secondsLeft: number | null } | null>(null);
  error = $state("");
  /** steps per second */
  rate = $state(0);
  /** moves since the start */
  private moves: Move[] = [];
  private socket: WebSocket | null = null;
  private resolveReply: ((reply: Reply | null) => void) | null = null;
  private lastRequest: Promise<unknown> = Promise.resolve();
  private ended = false;
  private starts = 0;
  private cancelled = false;

  constructor() {
    this.connect();
  }

  end(): void {
    this.ended = true;
    this.playing = false;
    this.socket?.close();
  }

  /** Start from step 0 with the selected distribution and seed. */
  async start(): Promise<void> {
    updateAddress();
    const start = ++this.starts;
    this.error = "";
    if (labState.name === "drawn" && !labState.drawing) {
      this.playing = false;
      this.real = null;
      this.frame = null;
      return;
    }
    const { name, drawing, seed } = labState;
    const reply = await this.request({ start: { name, seed, drawing: name === "drawn" ? drawing : "" } });
    if (!reply || start !== this.starts) return;
    this.moves = [];
    labState.did = "";
    updateAddress();
    this.curves = [];
    this.rate = 0;
    this.handle(reply);
  }

  async step(steps = 1, only: Player = ""): Promise<void> {
    const start = this.starts;
    const reply = await this.request({ steps, only });
    if (!reply || start !== this.starts) return;
    if (!("error" in reply)) {
      const last = this.moves[this.moves.length - 1];
      if (last?.only === only) last.steps += steps;
      else this.moves.push({ steps, only });
      labState.did = encodeMoves(this.moves);
      updateAddress();
    }
    this.handle(reply);
  }

  /** Start, and replay the moves in the address: the same seed and moves give the same models. */
  private async repeatMoves(): Promise<void> {
    const did = labState.did;
    const moves = decodeMoves(did).flatMap(({ steps, only }) =>
      Array.from({ length: Math.ceil(steps / REPLAY_STEPS) }, (_, i) => ({ steps: Math.min(REPLAY_STEPS, steps - i * REPLAY_STEPS), only })),
    );
    const of = moves.reduce((sum, move) => sum + move.steps, 0);
    this.cancelled = false;
    if (of) this.replay = { done: 0, of, secondsLeft: null };
    await this.start();
    const start = this.starts;
    const begun = performance.now();
    let done = 0;
    for (const { steps, only } of moves) {
      if (!this.connected || start !== this.starts || this.error || this.cancelled) break;
      await this.step(steps, only);
      done += steps;
      this.replay = { done, of, secondsLeft: ((performance.now() - begun) / 1000 / done) * (of - done) };
    }
    if (!this.connected) labState.did = did; // replay everything after the next connection
    this.replay = null;
  }

  /** End a replay at the step that it has reached. */
  cancelReplay(): void {
    this.cancelled = true;
  }

  toggle(): void {
    this.playing = !this.playing;
    if (this.playing) this.play();
  }

  private async play(): Promise<void> {
    let stepTime = 10; // ms
    while (this.playing && !this.ended) {
      const begun = performance.now();
      const { maxSteps, budget, minDuration } = SPEEDS[labState.speed] ?? SPEEDS.normal;
      const steps = Math.max(1, Math.min(maxSteps, Math.floor(budget / stepTime)));
      if (this.connected && this.frame && !this.replay) await this.step(steps);
      stepTime = 0.7 * stepTime + (0.3 * (performance.now() - begun)) / steps;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, begun + minDuration - performance.now())));
      if (document.hidden) await new Promise(requestAnimationFrame); // pause in a hidden tab
      const rate = (1000 * steps) / (performance.now() - begun);
      this.rate = this.rate ? 0.9 * this.rate + 0.1 * rate : rate;
    }
  }

  private handle(reply: Reply): void {
    if ("error" in reply) {
      this.error = rememberError(reply);
      this.playing = false;
      return;
    }
    if (reply.real) this.real = reply.real;
    this.frame = reply.frame;
    const { step, gaussian, vae, gan } = reply.frame;
    if (step === 0) return;
    const row = { step, losses: { gaussian: gaussian.losses, vae: vae.losses, gan: gan.losses } };
    const rows = [...this.curves, row];
    this.curves = rows.length > MAX_CURVE_POINTS ? rows.filter((_, i) => i % 2 === 1) : rows;
  }

  /** Send a message after the reply to the previous one; null if the connection is lost. */
  private request(message: object): Promise<Reply | null> {
    const request = this.lastRequest.then(
      () =>
        new Promise<Reply | null>((resolve) => {
          if (!this.socket) return resolve(null);
          this.resolveReply = resolve;
          this.socket.send(JSON.stringify(message));
        }),
    );
    this.lastRequest = request;
    return request;
  }

  private connect(): void {
    const socket = new WebSocket(socketAddress("lab"));
    socket.onopen = () => {
      this.socket = socket;
      this.connected = true;
      this.repeatMoves();
    };
    socket.onmessage = (event) => {
      this.resolveReply?.(JSON.parse(event.data as string) as Reply);
      this.resolveReply = null;
    };
    socket.onclose = () => {
      this.socket = null;
      this.resolveReply?.(null);
      this.resolveReply = null;
      if (this.ended) return;
      this.connected = false;
      waitForServer().then(() => this.ended || this.connect());
    };
  }

  /** Python code that repeats the session step for step. */
  get code(): string {
    const drawing = labState.name === "drawn" ? `, drawing=${JSON.stringify(labState.drawing)}` : "";
    void this.frame; // `moves` isn't reactive, but changes with every frame
    return [
      "import latentarium as la",
      "",
      `lab = la.Lab(${JSON.stringify(labState.name)}${drawing}, seed=${labState.seed})`,
      ...this.moves.map(({ steps, only }) => `lab.advance(${steps}${only ? `, only="${only}"` : ""})`),
      "points = lab.samples(\"gan\")  # or gaussian, vae",
      "lab.save_picture(\"lab.svg\")",
    ].join("\n");
  }
}
