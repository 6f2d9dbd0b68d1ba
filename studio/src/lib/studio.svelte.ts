// State that the whole page shares: the open models, and the sockets that decode them.
import type { Model } from "./api";
import { shared } from "./address.svelte";
import { comparedFolders } from "./compare/folders";
import { markConnected, markDisconnected, sleep, waitForServer, whenConnected } from "./connection";
import { openModels, restoreModels } from "./reconnect";
import { DecodeSocket } from "./socket";
import { socketAddress } from "./socketAddress";

export const studio = $state({
  models: [] as Model[],
  connected: true,
  errorMessage: "",
  /** the model that the address names is not open; `reason` tells why, if the server knows */
  notOpen: false,
  reason: "",
  /** incremented when the model numbers are reassigned */
  epoch: 0,
});

/** Milliseconds after which a server that doesn't answer counts as unreachable. */
const MAX_ANSWER_TIME = 5000;
const reachable = (): Promise<boolean> =>
  fetch("api/models", { cache: "no-store", signal: AbortSignal.timeout(MAX_ANSWER_TIME) }).then(
    () => true,
    () => false,
  );

const MIN_DELAY = 250;
const MAX_DELAY = 2000;
let delay = MIN_DELAY;

/** A socket that decodes at the cursor, and detects for the whole page whether the server responds. */
export const socket = new DecodeSocket(
  socketAddress("decode"),
  async () => {
    if (!studio.connected) await loadModels(); // a restarted server may have other models open
    delay = MIN_DELAY;
    studio.connected = true;
    markConnected();
  },
  async () => {
    studio.connected = false;
    markDisconnected();
    await sleep(delay);
    delay = Math.min(MAX_DELAY, 2 * delay);
  },
  reachable,
);

/** A socket for one part of the page, which must close it. */
export const ownSocket = (): DecodeSocket => new DecodeSocket(socketAddress("decode"), whenConnected, waitForServer, reachable);
/** A second socket, so that tiles of maps and grids don't delay the image at the cursor. */
export const tiles = ownSocket();

/** Select the model that Explore and Generate show. */
export function choose(index: number): void {
  shared.model = index;
  shared.of = studio.models[index]?.folder ?? "";
}

/** Reload the list of open models. */
export async function refresh(): Promise<void> {
  try {
    await loadModels();
  } catch (error) {
    // the socket reports a lost connection, and reloads the list afterwards
    if (!(error instanceof TypeError)) studio.errorMessage = (error as Error).message;
  }
}

/** Milliseconds between two looks at the progress of the networks that scores need. */
const LEARNING_INTERVAL = 2000;
let polling = false;

/** Follow the training of these networks, and reload the parts of the page when scores are available. */
async function followLearning(): Promise<void> {
  if (polling) return;
  polling = true;
  while (studio.models.some((model) => model.learning)) {
    await sleep(LEARNING_INTERVAL);
    const models = await openModels().catch(() => []); // without a connection, the socket reloads the list
    for (const { id, folder, learning } of models) {
      const shown = studio.models[id];
      if (shown?.folder !== folder || !shown.learning) continue;
      shown.learning = learning;
      if (!learning) studio.epoch += 1;
    }
  }
  polling = false;
}

async function loadModels(): Promise<void> {
  const before = studio.models.map((model) => model.folder);
  const { models, reason } = await restoreModels([...before, shared.of, ...comparedFolders()]);
  if (before.some((folder, index) => folder !== models[index]?.folder)) studio.epoch += 1;
  studio.models = models;
  studio.errorMessage = "";
  const current = models.findIndex((model) => model.folder === shared.of);
  const known = shared.of ? current >= 0 : shared.model in models;
  studio.notOpen = !known && models.length > 0;
  studio.reason = studio.notOpen ? reason : "";
  choose(known ? (shared.of ? current : shared.model) : 0);
  void followLearning();
}
