// What the whole page shares: the models on show, and the sockets over which they decode.
import { models, type Model } from "./api";
import { shared } from "./address.svelte";
import { DecodeSocket } from "./socket";

export const studio = $state({ models: [] as Model[], connected: true, trouble: "", gone: false });

const scheme = location.protocol === "https:" ? "wss" : "ws";
const address = `${scheme}://${location.host}/decode`;
/** Follows the pointer. */
export const socket = new DecodeSocket(address, (now) => {
  if (now && !studio.connected) refresh(); // it may show other models than before
  studio.connected = now;
});
/** What fills maps and grids must not wait before what follows the pointer. */
export const tiles = new DecodeSocket(address, () => {});

/** A socket for one part of the page, which closes it in the end. */
export const ownSocket = (): DecodeSocket => new DecodeSocket(address, () => {});

/** Puts a model in the middle of the page. */
export function choose(index: number): void {
  shared.model = index;
  shared.of = studio.models[index]?.folder ?? "";
}

/** Asks anew which models there are: one may have joined. */
export async function refresh(): Promise<void> {
  try {
    studio.models = await models();
    const named = studio.models.findIndex((model) => model.folder === shared.of);
    const there = shared.of ? named >= 0 : shared.model in studio.models;
    studio.gone = !there && studio.models.length > 0;
    choose(there ? (shared.of ? named : shared.model) : 0);
    studio.trouble = "";
  } catch (error) {
    studio.trouble = (error as Error).message;
  }
}
