// The state of the page lives in its address, so that a copied link opens the same view. Each part of
// the page owns a slice of it.

type Value = string | number | boolean;
type Values = Record<string, Value>;

const slices: { prefix: string; defaults: Values; values: Values }[] = [];

/** Read a part of the address as reactive values; invalid values become the defaults.
 *
 * @param prefix prefix of its keys, which no other slice may use for the same keys
 * @param defaults values that are left out of the address
 * @param allowed the values of keys that allow only some */
export function slice<T extends Values>(prefix: string, defaults: T, allowed: { [K in keyof T]?: readonly string[] } = {}): T {
  const taken = slices.flatMap((other) => Object.keys(other.defaults).map((key) => other.prefix + key));
  const duplicate = Object.keys(defaults).find((key) => taken.includes(prefix + key));
  if (duplicate) throw new Error(`The key ${prefix}${duplicate} of the address is used twice.`);
  const parameters = new URLSearchParams(location.hash.slice(1));
  const parsed = Object.entries(defaults).map(([key, value]): [string, Value] => {
    const text = parameters.get(prefix + key);
    return [key, parse(text !== null && allowed[key]?.includes(text) === false ? null : text, value)];
  });
  const values = $state(Object.fromEntries(parsed) as T);
  slices.push({ prefix, defaults, values });
  return values;
}

function parse(text: string | null, fallback: Value): Value {
  if (text === null) return fallback;
  if (typeof fallback === "boolean") return text === "1";
  if (typeof fallback === "string") return text;
  return Number.isFinite(Number(text)) && text.trim() !== "" ? Number(text) : fallback;
}

/** The shortest decimal that rounds to the same float32, which is what the server computes with. */
export function formatFloat32(value: number): string {
  const rounded = Math.fround(value);
  for (let digits = 1; digits < 9; digits++) {
    const text = Number(rounded.toPrecision(digits));
    if (Math.fround(text) === rounded) return String(text);
  }
  return String(Number(rounded.toPrecision(9)));
}

/** The same decimal as `formatFloat32`, as a Python float literal. */
export function pythonFloat(value: number): string {
  const text = formatFloat32(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function format(value: Value): string {
  if (typeof value === "boolean") return value ? "1" : "0";
  if (typeof value === "string") return value;
  return Number.isInteger(value) ? String(value) : formatFloat32(value);
}

/** Milliseconds between two writes: Safari allows 100 writes in 30 s. */
const MIN_INTERVAL = 310;
let timer = 0;
let lastWrite = -MIN_INTERVAL;
let isStep = false;

/** Write the state to the address, immediately or as soon as the browser's limit allows, so that
 * leaving the page loses nothing. */
export function updateAddress(): void {
  if (timer) return;
  timer = window.setTimeout(writeAddress, Math.max(0, lastWrite + MIN_INTERVAL - performance.now()));
}

/** Write the state to the address as a new step of the browser's history, so that the Back button
 * returns to the state before. */
export function addHistoryStep(): void {
  isStep = true;
  updateAddress();
}

/** Write the state to the address immediately, for a rare change that must not be lost. */
export function writeAddress(): void {
  clearTimeout(timer);
  timer = 0;
  lastWrite = performance.now();
  const parameters = new URLSearchParams();
  for (const { prefix, defaults, values } of slices)
    for (const [key, value] of Object.entries(values)) if (value !== defaults[key]) parameters.set(prefix + key, format(value));
  if (isStep) history.pushState(null, "", `#${parameters}`);
  else history.replaceState(null, "", `#${parameters}`);
  isStep = false;
}

// load an address that was edited by hand, instead of overwriting it
addEventListener("hashchange", () => {
  clearTimeout(timer);
  location.reload();
});

/** State that all parts share. `of` is the folder of the model, since its number can change when the
 * server restarts. */
export const TABS = ["explore", "compare", "generate", "train"];
export const shared = slice("", { tab: "explore", model: 0, of: "", lang: "" }, { tab: TABS, lang: ["en", "zh", "zh-TW"] });
