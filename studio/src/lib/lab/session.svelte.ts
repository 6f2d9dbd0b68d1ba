// The lab as the page sees it: what is learned, the last frame, and the clock. The next frame is
// asked for when the last one has come, so nothing queues.
import { slice, toAddress } from "../address.svelte";
import { again } from "../connection";

/** The part of the address that the lab has. */
export const chosen = slice("l.", {
  name: "ring", drawing: "", seed: 0, speed: "normal", field: true, push: true, mesh: true, did: "",
});

export interface Learned {
  /** flat lists of x and y */
  samples: number[];
  losses: Record<string, number | null>;
  quality: { near: number; found: number };
}

export interface LabFrame {
  step: number;
  gaussian: Learned & { mean: number[]; covariance: number[] };
  vae: Learned & { codes: number[] };
  gan: Learned & { field: number[]; pushes: number[]; mesh: number[] };
}

export interface Real {
  points: number[];
  modes: number | null;
  /** of held-out points under the true density, in nats; null where it is not known */
  nll: number | null;
  /** the square reaches from -edge to edge */
  edge: number;
  equilibrium: { discriminator: number; generator: number };
}

export type Solo = "" | "discriminator" | "generator";
export type Name = "gaussian" | "vae" | "gan";
type Reply = { sentence: string } | { frame: LabFrame; real?: Real };

/** Steps between two frames at most; the time that they may take, and must. */
const SPEEDS: Record<string, { most: number; may: number; must: number }> = {
  slow: { most: 1, may: 100, must: 150 },
  normal: { most: 8, may: 70, must: 50 },
  fast: { most: 60, may: 95, must: 0 },
};
export const SPEED_NAMES = Object.keys(SPEEDS);
const KEPT = 300;
/** Steps of one request, where what was done is done again. */
const AT_ONCE = 50;

interface Done {
  steps: number;
  only: Solo;
}

/** What was done, as the address has it: 300_d1_g2, 300 steps of all, then of one player. */
const written = (done: Done[]): string => done.map(({ steps, only }) => `${only.slice(0, 1)}${steps}`).join("_");

function read(text: string): Done[] {
  const players: Record<string, Solo> = { d: "discriminator", g: "generator" };
  return [...text.matchAll(/([dg]?)(\d{1,5})(?=_|$)/g)].map((one) => ({ steps: Number(one[2]), only: players[one[1]] ?? "" }));
}

export class Session {
  real = $state.raw<Real | null>(null);
  frame = $state.raw<LabFrame | null>(null);
  /** losses so far, a row for each frame */
  curves = $state.raw<{ step: number; losses: Record<Name, Record<string, number | null>> }[]>([]);
  playing = $state(false);
  connected = $state(false);
  /** steps that are done again: the server was lost, or the address names them; 0: none */
  again = $state(0);
  trouble = $state("");
  rate = $state(0);
  /** what was done since the start: so many steps of all, or of one player */
  private done: Done[] = [];
  private socket: WebSocket | null = null;
  private reply: ((found: Reply | null) => void) | null = null;
  private busy: Promise<unknown> = Promise.resolve();
  private ended = false;
  private starts = 0;

  constructor() {
    this.connect();
  }

  end(): void {
    this.ended = true;
    this.playing = false;
    this.socket?.close();
  }

  /** Learns what is chosen, from the beginning. */
  async start(): Promise<void> {
    toAddress();
    const number = ++this.starts;
    this.trouble = "";
    if (chosen.name === "drawn" && !chosen.drawing) {
      this.playing = false;
      this.real = null;
      this.frame = null;
      return;
    }
    const { name, drawing, seed } = chosen;
    const found = await this.say({ start: { name, seed, drawing: name === "drawn" ? drawing : "" } });
    if (!found || number !== this.starts) return;
    this.done = [];
    chosen.did = "";
    toAddress();
    this.curves = [];
    this.rate = 0;
    this.take(found);
  }

  async step(steps = 1, only: Solo = ""): Promise<void> {
    const number = this.starts;
    const found = await this.say({ steps, only });
    if (!found || number !== this.starts) return;
    if (!("sentence" in found)) {
      const last = this.done[this.done.length - 1];
      if (last?.only === only) last.steps += steps;
      else this.done.push({ steps, only });
      chosen.did = written(this.done);
      toAddress();
    }
    this.take(found);
  }

  /** Begins, and does again what was done: the same seed and steps give the same models. */
  private async resume(): Promise<void> {
    const whole = chosen.did;
    const steps = read(whole).flatMap(({ steps, only }) =>
      Array.from({ length: Math.ceil(steps / AT_ONCE) }, (_, i) => ({ steps: Math.min(AT_ONCE, steps - i * AT_ONCE), only })),
    );
    this.again = steps.reduce((sum, one) => sum + one.steps, 0);
    await this.start();
    const number = this.starts;
    for (const one of steps) {
      if (!this.connected) chosen.did = whole; // lost once more: it is done again after that
      if (!this.connected || number !== this.starts || this.trouble) break;
      await this.step(one.steps, one.only);
    }
    if (!this.connected) chosen.did = whole;
    this.again = 0;
  }

  toggle(): void {
    this.playing = !this.playing;
    if (this.playing) this.play();
  }

  private async play(): Promise<void> {
    let cost = 10; // of a step, in ms
    while (this.playing && !this.ended) {
      const begun = performance.now();
      const { most, may, must } = SPEEDS[chosen.speed] ?? SPEEDS.normal;
      const steps = Math.max(1, Math.min(most, Math.floor(may / cost)));
      if (this.connected && this.frame && !this.again) await this.step(steps);
      cost = 0.7 * cost + (0.3 * (performance.now() - begun)) / steps;
      await new Promise((done) => setTimeout(done, Math.max(0, begun + must - performance.now())));
      if (document.hidden) await new Promise(requestAnimationFrame); // a tab that nobody sees rests
      const rate = (1000 * steps) / (performance.now() - begun);
      this.rate = this.rate ? 0.9 * this.rate + 0.1 * rate : rate;
    }
  }

  private take(found: Reply): void {
    if ("sentence" in found) {
      this.trouble = found.sentence;
      this.playing = false;
      return;
    }
    if (found.real) this.real = found.real;
    this.frame = found.frame;
    const { step, gaussian, vae, gan } = found.frame;
    if (step === 0) return;
    const row = { step, losses: { gaussian: gaussian.losses, vae: vae.losses, gan: gan.losses } };
    const rows = [...this.curves, row];
    this.curves = rows.length > KEPT ? rows.filter((_, i) => i % 2 === 1) : rows;
  }

  /** One message after the other; null where the server is lost meanwhile. */
  private say(message: object): Promise<Reply | null> {
    const turn = this.busy.then(
      () =>
        new Promise<Reply | null>((done) => {
          if (!this.socket) return done(null);
          this.reply = done;
          this.socket.send(JSON.stringify(message));
        }),
    );
    this.busy = turn;
    return turn;
  }

  private connect(): void {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/lab`);
    socket.onopen = () => {
      this.socket = socket;
      this.connected = true;
      this.resume();
    };
    socket.onmessage = (event) => {
      this.reply?.(JSON.parse(event.data as string) as Reply);
      this.reply = null;
    };
    socket.onclose = () => {
      this.socket = null;
      this.reply?.(null);
      this.reply = null;
      if (this.ended) return;
      this.connected = false;
      again().then(() => this.ended || this.connect());
    };
  }

  /** Python that does the same, step for step. */
  get code(): string {
    const drawing = chosen.name === "drawn" ? `, drawing=${JSON.stringify(chosen.drawing)}` : "";
    void this.frame; // what was done is not reactive, but a frame comes with it
    return [
      "from latentarium.studio.lab.lab import Lab",
      "",
      `lab = Lab(${JSON.stringify(chosen.name)}${drawing}, seed=${chosen.seed})`,
      ...this.done.map(({ steps, only }) => `lab.advance(${steps}${only ? `, only="${only}"` : ""})`),
      "points = lab.samples(\"gan\")  # or gaussian, vae",
      "print(lab.vae.config, lab.gan.config)",
    ].join("\n");
  }
}
