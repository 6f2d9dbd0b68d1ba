// What the whole page shares: the models on show, and the sockets over which they decode.
import type { Model } from "./api";
import { shared } from "./address.svelte";
import { named } from "./compare/named";
import { again, found, lost, pause, there } from "./connection";
import { withAll } from "./returning";
import { DecodeSocket } from "./socket";

export const studio = $state({
  models: [] as Model[],
  connected: true,
  trouble: "",
  /** the model of the address is not on show, and why, where that is known */
  gone: false,
  why: "",
  /** goes up when numbers stand for other models than before */
  epoch: 0,
});

const scheme = location.protocol === "https:" ? "wss" : "ws";
const address = `${scheme}://${location.host}/decode`;
const SOON = 250;
const LATE = 2000;
let delay = SOON;

/** Follows the pointer; and finds out for the whole page whether the server is there. */
export const socket = new DecodeSocket(
  address,
  async () => {
    if (!studio.connected) await look(); // it may show other models than before
    delay = SOON;
    studio.connected = true;
    found();
  },
  async () => {
    studio.connected = false;
    lost();
    await pause(delay);
    delay = Math.min(LATE, 2 * delay);
  },
);

/** A socket for one part of the page, which closes it in the end. */
export const ownSocket = (): DecodeSocket => new DecodeSocket(address, there, again);
/** What fills maps and grids must not wait before what follows the pointer. */
export const tiles = ownSocket();

/** Puts a model in the middle of the page. */
export function choose(index: number): void {
  shared.model = index;
  shared.of = studio.models[index]?.folder ?? "";
}

/** Asks anew which models there are: one may have joined. */
export async function refresh(): Promise<void> {
  try {
    await look();
  } catch (error) {
    // of a server that is gone the socket says so, and looks when it is back
    if (!(error instanceof TypeError)) studio.trouble = (error as Error).message;
  }
}

async function look(): Promise<void> {
  const before = studio.models.map((model) => model.folder);
  const { models, why } = await withAll([...before, shared.of, ...named()]);
  if (before.some((folder, index) => folder !== models[index]?.folder)) studio.epoch += 1;
  studio.models = models;
  studio.trouble = "";
  const here = models.findIndex((model) => model.folder === shared.of);
  const known = shared.of ? here >= 0 : shared.model in models;
  studio.gone = !known && models.length > 0;
  studio.why = studio.gone ? why : "";
  choose(known ? (shared.of ? here : shared.model) : 0);
}
